#!/bin/sh
# tern's services and client against programs on the kernel's TCP: many at once, half-closed by either side, through
# both families; and real curl for 10 MB. The program's own behaviour is tests/e2e's.
set -eu
export LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; cat serve.log >&2 2>/dev/null || true; exit 1; }
skip() { echo "skipped: $*"; exit 77; }

if [ "${1:-}" != inside ]; then
    command -v curl >/dev/null 2>&1 || skip "no curl"
    command -v python3 >/dev/null 2>&1 || skip "no python3"
    command -v unshare >/dev/null 2>&1 || skip "no unshare"
    [ -w /dev/net/tun ] || skip "no /dev/net/tun, or no access to it"
    user=
    [ "$(id -u)" = 0 ] || user=-r
    unshare $user -n true 2>/dev/null || skip "no network namespaces"
    exec unshare $user -n sh "$0" inside
fi

server=
trap '[ -z "$server" ] || kill -KILL $server 2>/dev/null' EXIT
ip link set lo up
ip -6 addr show dev lo | grep ::1 >/dev/null || skip "no IPv6"
mkdir www
head -c 10000000 /dev/urandom >www/ten
sum=$(sha256sum <www/ten)

for link in 'tun:tern0' 'tap:tern1' 'tun:tern2 --no-offload'; do
    : >serve.log # or the loop below may still read what the server before has said
    # shellcheck disable=SC2086
    "$TERN" serve --link $link --addr 10.9.0.2/24 --addr fd09::2/64 --peer-addr 10.9.0.1/24 --peer-addr fd09::1/64 \
        --echo 7 --discard 9 --chargen 19:200000 --http 80:www --set msl_ms=200 2>serve.log &
    server=$!
    i=0
    while ! grep -q 'http 80' serve.log 2>/dev/null; do
        i=$((i + 1))
        [ $i -lt 1200 ] && kill -0 $server || fail "serve does not start"
        sleep 0.05
    done
    name=${link#*:}
    # A neighbour who is slow to answer is still there.
    for v in 4 6; do echo 60 2>/dev/null >"/proc/sys/net/ipv$v/neigh/${name%% *}/mcast_solicit" || :; done
    for host in 10.9.0.2 '[fd09::2]'; do
        got=$(curl -q -gsS --noproxy '*' -m 600 "http://$host/ten" | sha256sum)
        [ "$got" = "$sum" ] || fail "$link $host: other bytes"
        # Ten at once.
        # shellcheck disable=SC2046
        curl -q -gsS --noproxy '*' -m 600 --parallel --parallel-max 10 \
            $(for i in 1 2 3 4 5 6 7 8 9 10; do echo "http://$host/ten -o got$i"; done) 2>curl.err ||
            fail "$link $host: curl: $(cat curl.err)"
        for i in 1 2 3 4 5 6 7 8 9 10; do cmp -s got$i www/ten || fail "$link $host: other bytes in $i"; done
    done
    python3 - 10.9.0.2 fd09::2 <<'END' || fail "$link: services"
import hashlib, os, socket, sys, threading

def connect(host, port):
    return socket.create_connection((host, port), timeout=300)

def everything(s):
    parts = []
    while part := s.recv(65536):
        parts.append(part)
    return b''.join(parts)

def echo(host, n):
    data = os.urandom(50000 + n * 1000)
    with connect(host, 7) as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        assert everything(s) == data, 'echo'
        sender.join()

def discard(host, n):
    with connect(host, 9) as s:
        s.sendall(bytes(300000))
        s.shutdown(socket.SHUT_WR)
        assert everything(s) == b'', 'discard'

def chargen(host, n):
    with connect(host, 19) as s:
        data = everything(s)
        assert len(data) == 200000, len(data)
        return hashlib.sha256(data).hexdigest()

failures = []
def run(job, host, n):
    try:
        job(host, n)
    except Exception as e:
        failures.append(f'{job.__name__} {host}: {e!r}')

threads = [threading.Thread(target=run, args=(job, host, n))
           for host in sys.argv[1:] for job in (echo, discard, chargen) for n in range(20)]
for t in threads: t.start()
for t in threads: t.join()
if failures: sys.exit('\n'.join(failures))
END
    i=0
    until [ "$(ss -Htan state close-wait state fin-wait-1 state last-ack state closing state established | wc -l)" = 0 ]; do
        i=$((i + 1))
        [ $i -lt 1200 ] || fail "$link: the kernel has leftovers: $(ss -tan)"
        sleep 0.05
    done
    kill -TERM $server
    wait $server || fail "$link: serve: exit $?"
    server=
done

# The other way round: tern is the client of a program on the kernel's TCP.
link="--link tun:tern3 --addr 10.9.0.2/24 --addr fd09::2/64 --peer-addr 10.9.0.1/24 --peer-addr fd09::1/64"
cat >server.py <<'END'
import socket, sys
s = socket.create_server(('::', 7000), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
for i in range(int(sys.argv[1])):
    c, _ = s.accept()
    while data := c.recv(65536): # sends back what it gets, and closes last
        c.sendall(data)
    c.close()
END
mkfifo ready
python3 server.py 2 >ready &
server=$!
read -r _ <ready
head -c 3000000 www/ten >three
for host in 10.9.0.1 fd09::1; do
    # shellcheck disable=SC2086
    "$TERN" connect $link $host 7000 <three >back || fail "connect to $host"
    cmp -s three back || fail "connect to $host: other bytes"
    # shellcheck disable=SC2086
    "$TERN" ping $link -c 2 -i 0.01 -W 60 -s 3000 $host >out || fail "ping $host"
done
wait $server || fail "the kernel's server: exit $?"
server=
