#!/bin/sh
# Turns the core's archive into an archive of one object in which every name but the public tern_* is local, so that
# names such as ip_input clash with nothing when the library is linked statically.
set -eu
in=$1
out=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${LD:-ld}" -r -o "$dir/tern.o" --whole-archive "$in"
"${OBJCOPY:-objcopy}" --localize-hidden "$dir/tern.o"
rm -f "$out"
"${AR:-ar}" rcs "$out" "$dir/tern.o"
