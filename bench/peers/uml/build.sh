#!/bin/sh
# build.sh OUT - makes OUT/linux from Debian's package of Linux's source: Linux as a program, in virtual time (user-mode Linux,
# "time travel"), for run.sh. It fetches into OUT (1 GB) and changes nothing outside; ten minutes or so. It fails with a
# sentence where something is missing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
out=${1:?"usage: build.sh OUT"}
mkdir -p -- "$out"
out=$(CDPATH='' cd -- "$out" && pwd -P)
die() {
    printf 'Linux in virtual time: %s\n' "$*" >&2
    exit 1
}

[ -x "$out/linux" ] && [ -z "$(find "$here" -newer "$out/linux")" ] && exit 0
[ "$(uname -m)" = x86_64 ] || die 'only for x86-64'
for tool in apt-get dpkg-deb tar xz make gcc flex bison bc; do
    command -v "$tool" >/dev/null || die "$tool is missing"
done
if ! ls "$out"/linux-source-6.1_*.deb >/dev/null 2>&1; then
    (cd "$out" && apt-get -q -o APT::Sandbox::User=root download linux-source-6.1) >"$out/log" 2>&1 ||
        die "no package linux-source-6.1: see $out/log"
fi
rm -rf -- "$out/source" "$out/package"
mkdir "$out/source"
dpkg-deb -x "$out"/linux-source-6.1_*.deb "$out/package"
tar -xf "$out"/package/usr/src/linux-source-6.1.tar.xz -C "$out/source" --strip-components=1 \
    --exclude='*/drivers/gpu/drm/*.[ch]' --exclude='*/sound/*.[ch]' --exclude='*/Documentation/*.rst'
rm -rf -- "$out/package"

# Timers that are exact to a millisecond, as servers have them; the port's own number is 100 a second.
sed -i '/^config HZ$/,/default/s/default 100$/default 1000/' "$out/source/arch/um/Kconfig"
compiler=gcc
command -v ccache >/dev/null && compiler='ccache gcc'
(
    cd "$out/source"
    make ARCH=um tinyconfig
    scripts/kconfig/merge_config.sh -m .config "$here/config"
    make ARCH=um olddefconfig
    nice make ARCH=um CC="$compiler" -j"$(nproc)" linux
) >"$out/log" 2>&1 || die "it does not build: see $out/log"
cp "$out/source/linux" "$out/linux"
