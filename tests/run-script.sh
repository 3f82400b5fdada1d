#!/bin/sh
# Runs one test script in an empty directory of its own, which is removed afterwards.
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/tern-test.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"
status=0
"$@" || status=$?
exit "$status"
