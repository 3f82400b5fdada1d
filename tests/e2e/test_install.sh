#!/bin/sh
# What gets installed serves a stranger: the README's example, built through pkg-config against the shared library and
# against the archive, runs and prints what it should.
set -eu
DESTDIR=$PWD/root meson install -C "$TERN_BUILD" --no-rebuild >/dev/null
pc=$(find root -name tern.pc)
libdir=$(pkg-config --with-path="$(dirname "$pc")" --variable=libdir tern)
PKG_CONFIG_SYSROOT_DIR=$PWD/root
PKG_CONFIG_PATH=$PWD/$(dirname "$pc")
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
# Word splitting is meant.
# shellcheck disable=SC2046
gcc -Wall -Wextra -Werror "$TERN_SRC/tests/e2e/example.c" -o shared $(pkg-config --cflags --libs tern)
# shellcheck disable=SC2046
gcc -Wall -Wextra -Werror "$TERN_SRC/tests/e2e/example.c" -o static $(pkg-config --cflags tern) "root$libdir/libtern.a"
LD_LIBRARY_PATH="$PWD/root$libdir" ./shared | tee output
./static | cmp - output
ldd shared | grep -q "root$libdir/libtern.so" || LD_LIBRARY_PATH="$PWD/root$libdir" ldd shared | grep -q libtern.so
grep -qx 'the server read: hello, world' output
# The manual, where scdoc was there to make it.
if grep -q tern-drill.1 "$TERN_BUILD/build.ninja"; then
    find root -path '*/man1/tern-drill.1*' | grep -q .
fi
