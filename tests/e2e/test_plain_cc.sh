#!/bin/sh
# One plain line builds the core, with either compiler and no build system.
set -eu
for compiler in gcc clang; do
    mkdir "$compiler"
    (cd "$compiler" && "$compiler" -O2 -I"$TERN_SRC/include" -I"$TERN_SRC/src" -c "$TERN_SRC"/src/*/*.c)
    echo "$compiler: $(find "$compiler" -name '*.o' | wc -l) objects"
done
