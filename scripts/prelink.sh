#!/bin/sh
# Turns the core's archive into an archive of one object in which every name but the public tern_* is local, so that
# names such as ip_input clash with nothing when the library is linked statically.
set -eu
in=$1
out=$2
objcopy=$3
ar=$4
shift 4 # what is left is the compiler and what it needs to join objects
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$@" -r -nostdlib -o "$dir/tern.o" -Wl,--whole-archive "$in"
"$objcopy" --localize-hidden "$dir/tern.o"
rm -f "$out"
"$ar" rcs "$out" "$dir/tern.o"
