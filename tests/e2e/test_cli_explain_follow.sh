#!/bin/sh
# `tern explain --follow`: a capture that is still being written, cut within a packet, is read as it grows; an interrupt
# ends it with what the whole file gives; a file that is cut, written anew, replaced or moved away ends it too; what cannot
# be followed is refused.
set -eu
export LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; exit 1; }
tern=
trap '[ -z "$tern" ] || kill "$tern" 2>/dev/null || true' EXIT
await() { # a pattern in a file
    for _ in $(seq 600); do
        grep -q "$1" "$2" && return
        kill -0 "$tern" 2>/dev/null || break
        sleep 0.1
    done
    grep -q "$1" "$2" || fail "no '$1': $(cat out err)"
}
follow() {
    : >out
    : >err
    "$TERN" explain --follow "$@" >out 2>err &
    tern=$!
    await 'following' err
}
ended() { # with this status
    status=0
    wait "$tern" || status=$?
    tern=
    [ "$status" = "$1" ] || fail "exit $status instead of $1: $(cat err)"
}

"$TERN" demo --mem --fast -o whole.pcapng >/dev/null 2>&1
half=$(python3 - <<'END'
import struct
whole = open('whole.pcapng', 'rb').read()
within, at = [], 0
while at < len(whole):
    kind, size = struct.unpack_from('=II', whole, at)
    if kind == 6: within.append(at + size // 2)
    at += size
print(within[len(within) // 2])
END
)

# Grows from a cut packet to the whole: each output is that of the whole file.
head -c "$half" whole.pcapng >growing
follow --json=followed.json growing
tail -c +$((half + 1)) whole.pcapng >>growing
await '→ 10.0.0.2:80 ' out # told of while it waits, once it has been over for a while
! grep -q '^packets: ' out || fail "it ended by itself"
kill -INT "$tern"
ended 0
"$TERN" explain --json=all.json growing >all
cmp out all || fail "$(diff out all)"
cmp followed.json all.json || fail "JSON: $(diff followed.json all.json)"

# Ends within a packet: that is not there yet, and no error.
head -c "$half" whole.pcapng >growing
follow growing
kill -TERM "$tern"
ended 0
grep -q '^packets: ' out || fail "no totals: $(cat out)"
! grep -q 'offset' err || fail "what is not written yet is called wrong: $(cat err)"

# No longer the file that it was. What was read is told.
lost() { # what is said
    await "growing: .*$1" err
    ended 1
    grep -q '^packets: ' out || fail "$1: no totals: $(cat out)"
    [ "$(grep -c growing: err)" = 1 ] || fail "$1: said more than once: $(cat err)"
    cp whole.pcapng growing
}
cp whole.pcapng growing
follow --flow 1 growing
: >growing
lost 'shorter'
follow growing
cp whole.pcapng anew
mv anew growing
lost 'removed or replaced'
follow growing
{ head -c 40 /dev/zero; cat whole.pcapng whole.pcapng; } >anew
dd if=anew of=growing conv=notrunc 2>dd.err || fail "$(cat dd.err)"
lost 'written anew'
follow growing
mv growing elsewhere
await 'growing: .*moved away' err
ended 1

# What cannot be followed.
refused() {
    pattern=$1
    shift
    status=0
    "$TERN" explain --follow "$@" >out 2>err </dev/null || status=$?
    [ "$status" = 1 ] && grep -q "$pattern" err || fail "$*: exit $status: $(cat err)"
}
gzip -c whole.pcapng >packed.gz
refused 'packed.gz: .*packed file cannot be followed' packed.gz
refused '/dev/null: only a regular file' /dev/null
refused 'nothing-there: cannot open' nothing-there
