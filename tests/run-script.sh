#!/bin/sh
# Runs one test script in an empty directory of its own, which is removed afterwards, and in an environment that is the same
# for everybody: no taste in languages, colours or widths, no habits of a user's, nothing that changes what options mean.
set -eu
for name in $(env | sed -n 's/^\(LC_[A-Z]*\)=.*/\1/p') LANGUAGE COLUMNS LINES NO_COLOR CLICOLOR_FORCE TZ CDPATH \
    POSIXLY_CORRECT PYTHONIOENCODING PYTHONUTF8 PYTHONOPTIMIZE CC CFLAGS CPPFLAGS LDFLAGS GREP_OPTIONS \
    TERN_SEED TERN_SEEDS TERN_TEST_SEEDS; do
    unset "$name"
done
export LC_ALL=C.UTF-8 TERM=xterm
umask 022
dir=$(mktemp -d "${TMPDIR:-/tmp}/tern-test.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
export XDG_CONFIG_HOME="$dir/.config" # of tshark and curl
cd "$dir"
status=0
"$@" || status=$?
exit "$status"
