#!/bin/sh
# serve, connect and ping against each other over a Unix socket: no kernel, no privileges.
set -eu
export LC_ALL=C.UTF-8
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; cat serve.log >&2 || true; exit 1; }
server= client=
trap '[ -z "$server" ] || kill -KILL $server 2>/dev/null; [ -z "$client" ] || kill -KILL $client 2>/dev/null' EXIT
size=20000000
[ "${TERN_TEST_SCALE:-}" != small ] || size=3000000

mkdir www www/sub
head -c $size /dev/urandom >www/big.bin
echo 'hello, world' >www/index.html
ln -s /etc/passwd www/link
"$TERN" serve --link pipe-listen:link.sock --addr 10.9.0.1/24 --addr fd09::1/64 \
    --echo 7 --discard 9 --chargen 19:$size --chargen 20 --http 80:www 2>serve.log &
server=$!
i=0
while ! grep -q 'http 80' serve.log 2>/dev/null; do
    i=$((i + 1))
    [ $i -lt 1200 ] && kill -0 $server || fail "serve does not start"
    sleep 0.05
done
link="--link pipe:link.sock --addr 10.9.0.2/24 --addr fd09::2/64"
connect() { timeout 600 "$TERN" connect $link "$@"; }

[ "$(echo 'one two' | connect 10.9.0.1 7)" = 'one two' ] || fail "echo"
[ "$(echo 'one two' | connect fd09::1 7)" = 'one two' ] || fail "echo over IPv6"
connect 10.9.0.1 7 <www/big.bin | cmp - www/big.bin || fail "echo changes bytes"
connect 10.9.0.1 9 <www/big.bin >out || fail "discard"
[ ! -s out ] || fail "discard answers"
connect 10.9.0.1 19 </dev/null >out || fail "chargen"
[ "$(wc -c <out)" = $size ] || fail "chargen sends $(wc -c <out) bytes"
[ "$(head -c 74 out)" = "$(printf '%s\r' ' !"#$%&'"'"'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefg')" ] || fail "pattern"
[ "$(sed -n 2p out | head -c 3)" = '!"#' ] || fail "the second line of chargen is not shifted"
# Whoever reads our output leaves: the connection is reset, and nobody waits.
sleep 2 | connect 10.9.0.1 20 2>err | head -c 1000 >out || true
[ "$(wc -c <out)" = 1000 ] || fail "chargen into a short reader"

# HTTP: several requests on one connection; nothing outside the directory.
printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /nix HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' |
    connect 10.9.0.1 80 >out || fail "http"
[ "$(grep -c '^HTTP/1.1 200 OK' out)" = 2 ] && grep -q '^HTTP/1.1 404' out && grep -q '^hello, world' out || fail "http: $(cat out)"
printf 'GET /big.bin HTTP/1.0\r\n\r\n' | connect 10.9.0.1 80 | sed '1,/^\r$/d' | cmp - www/big.bin || fail "http changes bytes"
for path in /../passwd /%2e%2e/passwd /link /sub /sub/../../x; do
    printf 'GET %s HTTP/1.0\r\n\r\n' $path | connect 10.9.0.1 80 | head -1 | has -E ' 40[04] ' || fail "http gives $path"
done
{ printf 'GET /'; head -c 9000 /dev/zero | tr '\0' a; printf ' HTTP/1.0\r\n\r\n'; } | connect 10.9.0.1 80 | has ' 431 ' || fail "long head"

"$TERN" ping $link -c 3 -i 0.01 -W 60 10.9.0.1 >out || fail "ping: exit $?"
[ "$(grep -c '^64 bytes from 10.9.0.1: icmp_seq=' out)" = 3 ] && grep -q '3 sent, 3 received, 0.0% lost' out || fail "ping: $(cat out)"
"$TERN" ping $link -c 1 -W 60 -s 3000 fd09::1 | grep '^3008 bytes from fd09::1' >out || fail "ping of 3000 bytes"
status=0
"$TERN" ping $link -c 1 -W 0.2 10.9.0.77 >out || status=$?
[ $status = 1 ] || fail "ping of nobody: exit $status"

# Refused; no answer; no route: a plain reason and exit status 1.
trouble() {
    reason=$1
    shift
    status=0
    connect "$@" </dev/null >out 2>err || status=$?
    [ $status = 1 ] && [ ! -s out ] && grep -q "$reason" err || fail "connect $*: exit $status: $(cat err)"
}
trouble 'connection refused' 10.9.0.1 81
trouble '连接被拒绝' --lang zh 10.9.0.1 81
trouble 'does not answer' --set syn_retries=1 --set rto_initial_ms=100 10.9.0.77 80
trouble 'no route' 192.0.2.1 80

# Trace, JSON and capture do not touch the data.
echo data | connect --trace --json=trace.jsonl --pcap trace.pcapng 10.9.0.1 7 >out 2>ladder || fail "trace"
[ "$(cat out)" = data ] || fail "the trace is in the data"
for text in SYN-SENT ESTABLISHED FIN-WAIT-1 TIME-WAIT 'Seq=0' 'ack = 0 + 1 (SYN) = 1' 'ack = 1 + 5 bytes'; do
    grep -qF -- "$text" ladder || fail "the ladder lacks $text: $(cat ladder)"
done
python3 - <<'END' || fail "JSON"
import json
lines = [json.loads(line) for line in open('trace.jsonl', encoding='utf-8')]
assert lines[0]['schema'] == 'tern.trace/1'
kinds = {l['kind'] for l in lines}
assert {'start', 'packet_in', 'packet_out', 'segment_in', 'segment_out', 'state', 'call'} <= kinds, kinds
moves = [l['state'] for l in lines if l['kind'] == 'state']
assert moves[0] == 'SYN-SENT' and moves[1] == 'ESTABLISHED' and moves[-1] == 'TIME-WAIT', moves
times = [l['time_ns'] for l in lines[1:]]
assert times == sorted(times)
END
echo data | connect --json 10.9.0.1 7 >out 2>json || fail "--json"
[ "$(cat out)" = data ] && head -1 json | has '^{"schema"' || fail "--json on standard error"
! grep -v '^{' json || fail "notes between the JSON"
if command -v tshark >/dev/null 2>&1; then
    tshark -r trace.pcapng -T fields -e frame.comment 2>/dev/null | has '^SYN-SENT → ESTABLISHED' || fail "capture"
fi

# The first interrupt closes in order: FIN, no RST; the second one resets.
mkfifo held
rm out
"$TERN" connect $link --trace 10.9.0.1 7 <held >out 2>ladder &
client=$!
exec 3>held
printf 'x' >&3
i=0
while [ ! -s out ]; do i=$((i + 1)); [ $i -lt 1200 ] && kill -0 $client || fail "no echo"; sleep 0.05; done
kill -TERM $client # like an interrupt, which a shell keeps from what runs in the background
wait $client || fail "interrupted: exit $?"
client=
exec 3>&-
grep -q 'FIN,ACK' ladder && ! grep -q RST ladder || fail "an interrupt does not close in order: $(cat ladder)"

# The server closes in order too.
rm out
"$TERN" connect $link 10.9.0.1 7 <held >out 2>err &
client=$!
exec 3>held
printf 'y' >&3
i=0
while [ ! -s out ]; do i=$((i + 1)); [ $i -lt 1200 ] && kill -0 $client || fail "no echo"; sleep 0.05; done
kill -TERM $server
sleep 0.3
exec 3>&-
wait $client || fail "the client of a closing server: exit $?: $(cat err)"
client=
wait $server || fail "serve: exit $?"
server=
