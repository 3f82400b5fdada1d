#!/bin/sh
# The language of tern drill, construct by construct, both dialects, and its errors with their places.
set -eu
export LC_ALL=C.UTF-8
exec python3 "$TERN_SRC/tests/drill/language.py"
