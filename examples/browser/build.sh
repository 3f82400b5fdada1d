#!/bin/sh
# build.sh OUT.html - one page that needs nothing else, to be opened by any browser: page.html with page.c and tern's core in it.
# Needs clang and wasm-ld (Debian: clang, lld).
set -eu
out=${1:-tern.html}
here=$(cd -- "$(dirname -- "$0")" && pwd)
wasm=$(mktemp)
trap 'rm -f -- "$wasm"' EXIT
cd -- "$here/../.."
clang --target=wasm32 -mbulk-memory -O2 -std=c11 -ffreestanding -nostdlib -Iinclude -Isrc -Wl,--no-entry -Wl,--strip-all \
    src/*/*.c examples/browser/page.c -o "$wasm"
cd -- "$OLDPWD"
{
    sed '/@core@/,$d' "$here/page.html"
    base64 "$wasm"
    sed '1,/@core@/d' "$here/page.html"
} >"$out"
