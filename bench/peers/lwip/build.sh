#!/bin/sh
# build.sh OUT - makes OUT/lwip-0.so, OUT/lwip-1.so, the same with timestamps, for long paths and with an MTU of 60000, from Debian's source
# package of lwIP, for tern-bench to load; does nothing when they are newer than what they are made from. It fetches into OUT and
# changes nothing outside. It fails with a sentence where the package cannot be had.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(CDPATH='' cd -- "$here/../../.." && pwd -P)
out=${1:?"usage: build.sh OUT"}
mkdir -p -- "$out"
out=$(CDPATH='' cd -- "$out" && pwd -P)
die() {
    printf 'lwIP: %s\n' "$*" >&2
    exit 1
}

fetch() {
    command -v apt-get >/dev/null || die "no apt-get: the source package cannot be had"
    codename=$(. /etc/os-release && [ "$ID" = debian ] && printf '%s' "$VERSION_CODENAME") || die 'this is not Debian'
    mkdir -p "$out/lists/partial"
    printf 'deb-src http://deb.debian.org/debian %s main\n' "$codename" >"$out/sources.list"
    set -- -q -o "Dir::Etc::sourcelist=$out/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$out/lists" \
        -o APT::Sandbox::User=root
    apt-get "$@" update >"$out/log" 2>&1 || die "apt-get update failed: see $out/log"
    (cd "$out" && apt-get "$@" --download-only source lwip >>"$out/log" 2>&1) || die "no source package: see $out/log"
}

[ -z "$(find "$here" "$root/src/base" -newer "$out/lwip-0.so" 2>&1)" ] && exit 0
ls "$out"/lwip_*.orig.tar.* >/dev/null 2>&1 || fetch
rm -rf -- "$out/source"
mkdir "$out/source"
tar -xf "$(ls "$out"/lwip_*.orig.tar.*)" -C "$out/source" --strip-components=1

lwip=$out/source/src
# one SUFFIX TIMESTAMPS MTU PATH
one() {
    ${CC:-cc} -std=gnu11 -O3 -flto -march=native -w -fPIC -shared -fvisibility=hidden -DPEER_TIMESTAMPS="$2" -DPEER_MTU="$3" -DPEER_PATH="$4" \
        -I"$here" -I"$lwip/include" -I"$root/src" -I"$root/include" -o "$out/lwip-1$1.so" "$here/host.c" \
        "$root"/src/base/checksum*.c "$lwip"/core/*.c "$lwip"/core/ipv4/*.c
    rm -f "$out/lwip-0$1.so"
    cp "$out/lwip-1$1.so" "$out/lwip-0$1.so"
}
one -ts 1 1500 0
one -path 1 1500 1
one -big 0 60000 0
one '' 0 1500 0
