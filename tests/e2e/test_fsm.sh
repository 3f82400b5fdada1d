#!/bin/sh
# docs/fsm.svg is what the transition table prints today.
set -eu
"$TERN" states --lang en --svg >fsm.svg
cmp fsm.svg "$TERN_SRC/docs/fsm.svg" || {
    echo "docs/fsm.svg is stale: build/cli/tern states --lang en --svg > docs/fsm.svg, and look at it"
    exit 1
}
