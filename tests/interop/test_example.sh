#!/bin/sh
# examples/tun/echo.c, built as its first comment says, gives the kernel's TCP back what it sends; a reset does not stop it.
set -eu
fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "skipped: $*"; exit 77; }

if [ "${1:-}" != inside ]; then
    command -v unshare >/dev/null 2>&1 || skip "no unshare"
    [ -w /dev/net/tun ] || skip "no /dev/net/tun, or no access to it"
    user=
    [ "$(id -u)" = 0 ] || user=-r
    unshare $user -n true 2>/dev/null || skip "no network namespaces"
    gcc -Wall -Wextra -Werror -I"$TERN_SRC/include" "$TERN_SRC/examples/tun/echo.c" "$TERN_BUILD/src/libtern.a" -o echo
    exec unshare $user -n sh "$0" inside
fi

ip tuntap add dev tern0 mode tun
ip addr add 10.9.0.1/24 dev tern0
ip link set tern0 up
./echo tern0 10.9.0.2/24 7 &
server=$!
trap 'kill -KILL $server 2>/dev/null' EXIT
python3 - <<'END' || fail "the bytes did not come back"
import os, socket, struct, threading
def open_one():
    s = socket.create_connection(('10.9.0.2', 7), 600)
    s.settimeout(600)
    return s
gone = open_one()
gone.sendall(b'x' * 1000)
gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
gone.close()
sent = os.urandom(1000000)
s = open_one()
def send():
    s.sendall(sent)
    s.shutdown(socket.SHUT_WR)
writer = threading.Thread(target=send)
writer.start()
got = b''
while piece := s.recv(65536):
    got += piece
writer.join()
assert got == sent
END
kill -0 "$server" || fail "the server is gone"
