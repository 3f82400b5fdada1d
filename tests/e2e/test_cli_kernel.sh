#!/bin/sh
# The program against the Linux kernel: `tern demo` as it is meant to be seen, and serve, connect, ping over TUN and TAP.
set -eu
export LC_ALL=C.UTF-8
unset NO_COLOR CLICOLOR_FORCE COLUMNS
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "skipped: $*"; exit 77; }

# Everything else happens in a network namespace of its own.
if [ "${1:-}" != inside ]; then
    command -v curl >/dev/null 2>&1 || skip "no curl"
    command -v unshare >/dev/null 2>&1 || skip "no unshare"
    [ -c /dev/net/tun ] || skip "no /dev/net/tun"
    # On a machine that stands still in the middle the kernel repeats its segments: that is another connection to show.
    for try in 1 2 3 4 5; do
        "$TERN" demo >demo.out 2>demo.err || fail "demo: exit $?: $(cat demo.err)"
        if grep -q 'in memory' demo.out; then
            skip "$(head -1 demo.out)"
        fi
        wrong=
        for text in 'read from the kernel' 'SYN-RECEIVED ◀' '▶ ESTABLISHED' '▶ CLOSE-WAIT' '── LAST-ACK' 'TIME-WAIT' \
            'ack = 0 + 1 (SYN) = 1' 'Opened in three segments' 'tern closed first' 'demo.pcapng' 'as Linux measured it'; do
            grep -qF -- "$text" demo.out || wrong="demo does not show '$text'"
        done
        ! grep -q "$(printf '\033')" demo.out || fail "colours in a file"
        grep -Eq '^ \+(29|30|31)[0-9]{2} ms CLOSED ' demo.out || wrong="TIME-WAIT is not 2 MSL long"
        [ -n "$wrong" ] || break
        [ $try -lt 5 ] || fail "$wrong: $(cat demo.out)"
    done
    if command -v tshark >/dev/null 2>&1; then
        tshark -r demo.pcapng -Y http -T fields -e http.request.method -e http.response.code 2>/dev/null | tr -d '\t\n' |
            grep -q GET200 || fail "no HTTP in the capture"
        tshark -r demo.pcapng -T fields -e frame.comment 2>/dev/null | has '^FIN-WAIT-1 → ' || fail "comments"
    fi
    user=
    [ "$(id -u)" = 0 ] || user=-r
    exec unshare $user -n sh "$0" inside
fi

server=
trap '[ -z "$server" ] || kill -KILL $server 2>/dev/null' EXIT
size=100000000
[ "${TERN_TEST_SCALE:-}" != small ] || size=10000000
ip link set lo up
ip -6 addr show dev lo | has ::1 || skip "no IPv6"
[ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -gt 400000 ] || size=10000000 # there are two of it
mkdir www
head -c $size /dev/urandom >www/big
sum=$(sha256sum <www/big)

serve() { # LINK OPTIONS...
    rm -f serve.log
    # shellcheck disable=SC2086
    "$TERN" serve --link "$1" --addr 10.9.0.2/24 --addr fd09::2/64 --peer-addr 10.9.0.1/24 --peer-addr fd09::1/64 \
        --echo 7 --discard 9 --chargen 19:$size --http 80:www $2 2>serve.log &
    server=$!
    i=0
    while ! grep -q 'http 80' serve.log 2>/dev/null; do
        i=$((i + 1))
        [ $i -lt 1200 ] && kill -0 $server || fail "serve: $(cat serve.log)"
        sleep 0.05
    done
    # A neighbour who is slow to answer is still there.
    for v in 4 6; do echo 60 2>/dev/null >"/proc/sys/net/ipv$v/neigh/${1#*:}/mcast_solicit" || :; done
}
stop() {
    kill -TERM $server
    wait $server || fail "serve: exit $?: $(cat serve.log)"
    server=
}

for link in tun:tern0 tap:tern1; do
    for options in '' --no-offload '--mtu 9000' '--mtu 1500 --pcap cap.pcapng'; do
        serve $link "$options"
        for host in 10.9.0.2 '[fd09::2]'; do
            got=$(curl -q -gsS --noproxy '*' -m 600 "http://$host/big" | sha256sum)
            [ "$got" = "$sum" ] || fail "$link $options $host: other bytes"
        done
        code=$(curl -q -gsS --noproxy '*' -m 600 -T www/big -o /dev/null -w '%{http_code}' http://10.9.0.2/x || true)
        [ "$code" = 405 ] || fail "PUT: $code"
        stop
    done
done
if command -v tshark >/dev/null 2>&1; then
    tshark -c 2000 -r cap.pcapng 2>&1 >/dev/null | grep -v 'Running as user' >bad || true
    [ ! -s bad ] || fail "tshark complains: $(cat bad)"
fi

# The other way round: the kernel serves.
link="--link tun:tern2 --addr 10.9.0.2/24 --addr fd09::2/64 --peer-addr 10.9.0.1/24 --peer-addr fd09::1/64"
"$TERN" ping $link -c 2 -i 0.01 -W 60 10.9.0.1 >out || fail "ping"
"$TERN" ping $link -c 2 -i 0.01 -W 60 fd09::1 >out || fail "ping over IPv6"
command -v socat >/dev/null 2>&1 || exit 0
listens() {
    until ss -Htln 'sport = :7000' | has .; do
        kill -0 $socat || fail "socat does not listen"
        sleep 0.05
    done
}
for options in '' --no-offload; do
    for host in 10.9.0.1 fd09::1; do
        socat -b 262144 -u FILE:www/big TCP6-LISTEN:7000,reuseaddr,ipv6only=0 &
        socat=$!
        listens
        got=$("$TERN" connect $link $options $host 7000 </dev/null | sha256sum) || fail "connect"
        wait $socat
        [ "$got" = "$sum" ] || fail "receiving from $host $options: other bytes"
        socat -b 262144 -u TCP6-LISTEN:7000,reuseaddr,ipv6only=0 CREATE:got &
        socat=$!
        listens
        "$TERN" connect $link $options $host 7000 <www/big || fail "connect"
        wait $socat
        cmp got www/big || fail "sending to $host $options: other bytes"
    done
done
