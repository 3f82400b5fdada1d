#!/bin/sh
# The core is for other processors too, without an operating system or a C library: each file is read for a narrow one
# that aligns little and a narrow one that stores the high byte first; sizes and layouts are asserted.
set -eu
cd "$TERN_SRC"
for target in i386 mips; do
    clang --target="$target-unknown-unknown" -std=c11 -Wall -Wextra -Wconversion -Wno-sign-conversion -Werror \
        -ffreestanding -fsyntax-only -Iinclude -Isrc src/*/*.c
done
