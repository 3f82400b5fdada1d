#!/bin/sh
# `tern play --against linux`: the scenarios in which one end can be the kernel, played against it, in real time.
set -eu
export LC_ALL=C.UTF-8
unset NO_COLOR CLICOLOR_FORCE COLUMNS
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; exit 1; }

# Which ends can be the kernel is marked; what cannot is said, with its place.
"$TERN" play | has '^  close-4 *L ' || fail "close-4 is not marked"
"$TERN" play | has '^  open-self *A' || fail "open-self is marked, or not there"
wrong() { # PLACE, WHAT, LINE...
    where=$1 what=$2 status=0
    shift 2
    printf '%s\n' 'title x' 'at 0s A connect 80' "$@" >wrong.scn
    "$TERN" play wrong.scn >out 2>err || status=$?
    [ $status = 1 ] && has "wrong.scn:$where: .*$what" <err || fail "$*: exit $status: $(cat err)"
}
wrong 3:7 "expected a host: A or B.*found 'C'" 'linux C'
wrong 3:6 'expected a host: A or B.*end of the line' 'linux'
wrong 3:7 'A cannot be the Linux kernel: it crashes' 'linux A' 'at 1s A crash'
wrong 3:7 'B cannot be the Linux kernel: it has settings' 'linux A B' 'host B set msl_ms 1000'
wrong 3:7 'A cannot be the Linux kernel: a rule is altered' 'linux A' 'host B alter two-way'
wrong 3:7 'A cannot be the Linux kernel: it connects to itself' 'linux A' 'at 1s A connect self 4000'
usage() {
    status=0
    "$TERN" play "$@" >out 2>err || status=$?
    [ $status = 2 ] && [ ! -s out ] || fail "play $*: exit $status: $(cat out err)"
}
usage open-self --against linux
usage open-data-on-syn --against linux:A
usage close-3 --against windows
usage --against linux --json
usage close-3 --against linux --svg x.svg

status=0
"$TERN" play close-3 --against linux:B >out 2>err || status=$?
if [ $status = 77 ]; then
    [ -s err ] || fail "refused without a reason"
    echo "skipped: $(head -1 err)"
    exit 77
fi
[ $status = 0 ] || fail "close-3: exit $status: $(cat out err)"
has 'B Linux 10.0.0.2:80' <out && has '◀─* FIN,ACK Seq=1 Ack=2 .*LAST-ACK' <out && has 'close  CLOSE-WAIT → LAST-ACK ┤' <out ||
    fail "close-3: $(cat out)"

# Where namespaces are refused it says so.
if unshare -rn sh -c 'echo 0 >/proc/sys/user/max_net_namespaces' 2>/dev/null; then
    for name in close-3 ''; do
        status=0
        # shellcheck disable=SC2016
        unshare -rn sh -c 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$0" play $1 --against linux' "$TERN" "$name" \
            >out 2>err || status=$?
        [ $status = 77 ] && has 'cannot make a network namespace' <err || fail "refused: exit $status: $(cat out err)"
    done
fi

# All of them. On a machine that is far too busy one may need another try.
"$TERN" play --against linux >all 2>err || true
[ ! -s err ] || fail "$(cat err)"
plays=$(grep -c '^[✓✗]' all)
[ "$plays" -ge 90 ] || fail "only $plays plays: $(cat all)"
[ "$(sed -n 's,^[✓✗] \([^ /]*\).*,\1,p' all | sort -u | wc -l)" -ge 30 ] || fail "too few scenarios: $(cat all)"
sed -n 's,^✗ \([^ /]*\)\(/\([^ ]*\)\)* .*\([AB]\) is Linux.*,\1 \4 \3,p' all >again
[ "$(wc -l <again)" -le 10 ] || fail "$(grep -v '^✓' all)"
while read -r name end run; do
    "$TERN" play "$name" --against "linux:$end" ${run:+--run "$run"} >out 2>err || fail "$name: $(grep -A3 "^✗ $name" all; cat out err)"
done <again

# The test can fail: an expectation that is false, of the kernel's end and of tern's; a path unlike that of tern.
cat >unlike.scn <<'END'
title Linux keeps one more than the backlog says
linux B
link delay 10ms
at 0s B listen 80 backlog 1 unaccepted
at 0s A connect 80 from 40001
at 100ms A connect 80 from 40002
until 900ms
END
n=0
for change in 's/^\(expect B path .*\) LAST-ACK CLOSED/\1 CLOSED/' 's/expect B CLOSE-WAIT/expect B ESTABLISHED/' \
    's/ack=@301 at 1.6s/ack=@302 at 1.6s/' 's/^expect B>A ACK     seq=@300 ack=@101 at 1.05s.*/expect B>A ACK seq=@301 ack=@101/'; do
    n=$((n + 1))
    sed "$change" "$TERN_SRC/scenarios/close-4.scn" >false$n.scn
    ! cmp -s false$n.scn "$TERN_SRC/scenarios/close-4.scn" || fail "$change changes nothing"
    { "$TERN" play false$n.scn --run figure-12 --against linux:B >false$n.out || echo "exit $?" >>false$n.out; } &
done
{ "$TERN" play unlike.scn --against linux >unlike.out || echo "exit $?" >>unlike.out; } &
{ "$TERN" play close-4 --run figure-12 --against linux:A --json >json || echo "exit $?" >>json; } &
{ "$TERN" play close-4 --run bytes --against linux:A --pcap linux.pcapng --svg linux.svg >true.out || echo "exit $?" >>true.out; } &
wait
for i in 1 2 3 4; do
    has '^exit 1$' <false$i.out && has "✗ false$i.scn:" <false$i.out || fail "false$i: $(cat false$i.out)"
done
has 'unlike.scn:2: the path of A is SYN-SENT ESTABLISHED; between two hosts of tern it is SYN-SENT$' <unlike.out ||
    fail "another path: $(cat unlike.out)"

# The other outputs are as always.
python3 -c '
import json
lines = [json.loads(line) for line in open("json", encoding="utf-8")]
assert lines[1]["linux"] == "A" and lines[-1]["failed"] == 0
states = [line["state"] for line in lines if line["kind"] == "state" and line["host"] == "A"]
assert states == ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"], states
' || fail "the JSON"
! has '^exit' <true.out || fail "close-4: $(cat true.out)"
has 'A Linux' <linux.svg || fail "the picture"
if command -v tshark >/dev/null 2>&1; then
    tshark -r linux.pcapng -Y bblog -T fields -e frame.comment 2>bad | has '^A: FIN-WAIT-1 → FIN-WAIT-2' || fail "the states in the capture"
    grep -v 'Running as user' bad && fail "tshark complains: $(cat bad)" || true
fi
