#!/bin/sh
# One plain line builds the core, with either compiler and no build system, and a program can use what comes out.
set -eu
for compiler in gcc clang; do
    "$compiler" -O2 -I"$TERN_SRC/include" -I"$TERN_SRC/src" -r -o tern.o "$TERN_SRC"/src/*/*.c
    "$compiler" -I"$TERN_SRC/include" "$TERN_SRC/tests/e2e/example.c" tern.o -o example
    ./example | grep -qx 'the server read: hello, world'
done
