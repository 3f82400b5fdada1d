#!/bin/sh
# `tern explain --follow`: a capture that is still being written, cut within a packet, is read as it grows; an interrupt
# ends it with what the whole file gives; a file that is cut, written anew, replaced or moved away ends it too; what cannot
# be followed is refused.
set -eu
export LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; exit 1; }
pids=
trap 'for pid in $pids; do kill "$pid" 2>/dev/null || true; done' EXIT
await() { # a pattern in a file that $pid writes
    for _ in $(seq 1200); do
        grep -q "$1" "$2" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    grep -q "$1" "$2" || fail "no '$1' in $2: $(cat "$2")"
}
follow() { # NAME [OPTION]...: the file NAME; what is said goes to NAME.out and NAME.err
    name=$1
    shift
    : >"$name.out"
    : >"$name.err"
    "$TERN" explain --follow "$@" "$name" >"$name.out" 2>"$name.err" &
    pid=$!
    pids="$pids $pid"
    await 'following' "$name.err"
}
ended() { # $pid, which follows NAME, with this status
    status=0
    wait "$pid" || status=$?
    [ "$status" = "$2" ] || fail "$1: exit $status instead of $2: $(cat "$1.err")"
    grep -q '^packets: ' "$1.out" || fail "$1: no totals: $(cat "$1.out")"
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

# These are followed while the others are tried, and change later.
for name in shorter replaced anew moved; do
    cp whole.pcapng $name
    follow $name
    eval "${name}_pid=$pid"
done

# Grows from a cut packet to the whole: each output is that of the whole file.
head -c "$half" whole.pcapng >growing
follow growing --json=followed.json
tail -c +$((half + 1)) whole.pcapng >>growing
await '→ 10.0.0.2:80 ' growing.out # told of while it waits, once it has been over for a while
! grep -q '^packets: ' growing.out || fail "it ended by itself"
kill -INT "$pid"
ended growing 0
"$TERN" explain --json=all.json growing >all
cmp growing.out all || fail "$(diff growing.out all)"
python3 - <<'END' || fail "JSON: $(diff followed.json all.json)"
import json
def known(path):
    all = json.load(open(path, encoding='utf-8'))
    for c in all['connections']: # time goes on while one waits: how long ago it was, and why it ended, may differ
        for part, what in (c, 'record_ended'), (c['a'], 'state'), (c['b'], 'state'): del part[what]
    return all
assert known('followed.json') == known('all.json') and len(known('all.json')['connections']) == 1
END

# Ends within a packet: that is not there yet, and no error.
head -c "$half" whole.pcapng >cut
follow cut
kill -TERM "$pid"
ended cut 0
! grep -q 'offset' cut.err || fail "what is not written yet is called wrong: $(cat cut.err)"

# No longer the file that it was.
lost() { # NAME PATTERN: what is said, once
    await "$1: .*$2" "$1.err"
    ended "$1" 1
    [ "$(grep -c "$1: " "$1.err")" = 1 ] || fail "$1: said more than once: $(cat "$1.err")"
    grep -q 'connections: 1,' "$1.out" || fail "$1: what was read is not told: $(cat "$1.out")"
}
at_end() { # NAME: all of it was read; $pid waits
    eval "pid=\$${1}_pid"
    await '→ 10.0.0.2:80 ' "$1.out"
}
at_end shorter
: >shorter
lost shorter 'became shorter'
at_end replaced
cp whole.pcapng new
mv new replaced
lost replaced 'removed or replaced'
at_end anew
{ head -c 40 /dev/zero; cat whole.pcapng whole.pcapng; } >other
dd if=other of=anew conv=notrunc 2>dd.err || fail "$(cat dd.err)"
lost anew 'written anew'
at_end moved
if ls -l "/proc/$pid/fd" | grep inotify >/dev/null; then # without it a file that moves goes unnoticed
    mv moved elsewhere
    lost moved 'moved away'
fi

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
