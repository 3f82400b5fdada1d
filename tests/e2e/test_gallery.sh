#!/bin/sh
# docs/gallery.md and its pictures are what the scenarios show today.
set -eu
exec "$TERN_SRC/scripts/gallery.py" "$TERN" --check
