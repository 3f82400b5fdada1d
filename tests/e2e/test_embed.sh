#!/bin/sh
# Somebody else's project has tern as a subproject: it gets the library, without the program and what that depends on.
set -eu
mkdir -p user/subprojects
ln -s "$TERN_SRC" user/subprojects/tern
cp "$TERN_SRC/tests/e2e/example.c" user/
cat >user/meson.build <<'END'
project('user', 'c', default_options: ['c_std=gnu11', 'default_library=static'])
executable('example', 'example.c', dependencies: dependency('tern', fallback: 'tern'))
END
cd user
if ! { meson setup build && ninja -C build; } >log 2>&1; then
    tail -n 30 log
    exit 1
fi
build/example | grep -qx 'the server read: hello, world'
[ ! -e build/subprojects/tern/cli ]
