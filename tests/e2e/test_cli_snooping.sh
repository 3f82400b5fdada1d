#!/bin/sh
# tern behind a Linux bridge that forwards multicast only where it was asked for: the bridge learns the groups of tern's
# IPv6 addresses, and keeps them because its questions are answered, in version 2 of MLD and in version 1.
set -eu
export LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "skipped: $*"; exit 77; }

# Everything happens in a network namespace of its own.
if [ "${1:-}" != inside ]; then
    command -v unshare >/dev/null 2>&1 || skip "no unshare"
    [ -c /dev/net/tun ] || skip "no /dev/net/tun"
    user=
    [ "$(id -u)" = 0 ] || user=-r
    unshare $user -n true 2>/dev/null || skip "network namespaces are refused"
    exec unshare $user -n sh "$0" inside
fi

server=
trap '[ -z "$server" ] || kill -KILL $server 2>/dev/null' EXIT
PATH=$PATH:/usr/sbin:/sbin
command -v bridge >/dev/null 2>&1 || skip "no bridge"
ip tuntap add dev tap0 mode tap 2>/dev/null || skip "TAP devices are refused"
ip link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_mld_version 2 mcast_query_interval 200 \
    mcast_startup_query_interval 200 mcast_query_response_interval 100 2>/dev/null || skip "bridges that snoop are refused"
ip link set tap0 master br0
ip link set tap0 up
ip link set br0 up
"$TERN" serve --link tap:tap0 --addr fd09::2/64 --echo 7 >serve.log 2>&1 &
server=$!

# Seconds for which the bridge still believes in tern's group; nothing: it does not.
left() { bridge -s mdb show dev br0 | sed -n 's/.*port tap0 grp ff02::1:ff00:2 .* \([0-9]*\)\.[0-9]*$/\1/p'; }

# Becomes larger again when an answer has come.
answered() {
    before=$(left)
    for _ in $(seq 60); do
        sleep 0.5
        now=$(left)
        if [ -n "$now" ] && [ "$now" -gt "${before:-0}" ]; then return; fi
        before=$now
    done
    fail "MLD version $1: no answer; the bridge knows: $(bridge -d -s mdb show); $(cat serve.log)"
}

answered 2
answered 2
ip link set br0 type bridge mcast_mld_version 1
answered 1
answered 1
