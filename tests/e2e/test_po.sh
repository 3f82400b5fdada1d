#!/bin/sh
# Every text of the program is in po/tern.pot and has a Chinese translation with the same format.
set -eu
exec "$TERN_SRC/scripts/po.sh" --check
