#!/bin/sh
# One plain line builds the core, with either compiler and no build system, to objects that do not overwrite each other.
set -eu
for compiler in gcc clang; do
    mkdir "$compiler"
    (cd "$compiler" && "$compiler" -O2 -I"$TERN_SRC/include" -I"$TERN_SRC/src" -c "$TERN_SRC"/src/*/*.c)
    basename -a "$TERN_SRC"/src/*/*.c | sed 's/c$/o/' | LC_ALL=C sort >sources
    basename -a "$compiler"/*.o | LC_ALL=C sort >objects
    cmp sources objects || {
        echo "sources with the same name: $(LC_ALL=C uniq -d sources | tr '\n' ' ')"
        exit 1
    }
    "$compiler" -I"$TERN_SRC/include" "$TERN_SRC/tests/e2e/example.c" "$compiler"/*.o -o example
    ./example | grep -qx 'the server read: hello, world'
done
