#!/bin/sh
# docs/fsm.svg is what the transition table prints today.
set -eu
"$TERN_BUILD/scripts/fsm" >fsm.svg
cmp fsm.svg "$TERN_SRC/docs/fsm.svg" || {
    echo "docs/fsm.svg is stale: build/scripts/fsm > docs/fsm.svg, and look at it"
    exit 1
}
