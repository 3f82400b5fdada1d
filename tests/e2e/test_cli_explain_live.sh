#!/bin/sh
# `tern explain --live`: a connection over the loopback interface is told of while the capture goes on, and an
# interrupt ends it with the totals. Needs the right to capture.
set -eu
export LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; exit 1; }
"$TERN" explain --live lo --filter 'tcp' --conn-log=conn.log >out 2>err &
tern=$!
"$TERN" explain --live any >any 2>any.err & # without link headers of its own, so without tags
any=$!
trap 'kill "$tern" "$any" 2>/dev/null || true' EXIT
for _ in $(seq 600); do
    grep -q 'listening on lo' err && break
    kill -0 "$tern" 2>/dev/null || { echo "cannot capture here: $(cat err)"; exit 77; }
    sleep 0.1
done
grep -q 'listening on lo' err || fail "it does not begin to listen: $(cat err)"
for _ in $(seq 600); do
    grep -q 'listening on any' any.err && break
    kill -0 "$any" 2>/dev/null || break
    sleep 0.1
done
grep -q 'listening on any' any.err || fail "all interfaces: $(cat any.err)"
port=$(python3 - <<'END'
import socket
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen()
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
client.sendall(b'x' * 1234)
client.shutdown(socket.SHUT_WR)
while server.recv(4096): pass
server.close()
client.recv(1)
print(listener.getsockname()[1])
END
)
for _ in $(seq 600); do
    grep -q "127.0.0.1:$port " out && break
    sleep 0.1
done
grep -q "127.0.0.1:$port .*1.23.kB.*three-way handshake.*A first" out || fail "the connection is not told of: $(cat out err)"
for _ in $(seq 600); do
    grep -q "127.0.0.1:$port " any && break
    sleep 0.1
done
grep -q "127.0.0.1:$port .*three-way handshake.*A first" any || fail "all interfaces: $(cat any any.err)"
! grep -q '^packets: ' out || fail "it ended by itself"
kill -INT "$tern"
wait "$tern" || fail "exit $? after an interrupt: $(cat err)"
grep -q '^packets: ' out || fail "no totals: $(cat out)"
grep -q "	$port	tcp	" conn.log || fail "conn.log: $(cat conn.log)"
