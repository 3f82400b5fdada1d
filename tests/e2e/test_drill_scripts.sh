#!/bin/sh
# All scripts of tests/drill hold, to the millisecond and with no packet too many; and a script with one number changed
# does not: of some scripts, every number that stands behind '>' or '=' is made another one, one at a time.
set -eu
cd "$TERN_SRC"
exact='--strict --tolerance_usecs=1000 --tolerance_percent=0 --jobs 2'
# Word splitting is meant.
# shellcheck disable=SC2086
"$TERN" drill $exact --json="$OLDPWD/results.json" tests/drill >"$OLDPWD/output" || {
    cat "$OLDPWD/output"
    exit 1
}
tail -n 1 "$OLDPWD/output"
"$TERN" drill examples/drill | tail -n 1
[ "$(grep -c '"kind":"script"' "$OLDPWD/results.json")" -ge 300 ]
python3 tests/drill/grid.py --check
cd "$OLDPWD"
python3 "$TERN_SRC/tests/drill/mutate.py" "$TERN_SRC/tests/drill" mutants
status=0
# shellcheck disable=SC2086
"$TERN" drill $exact --json mutants >mutants.json || status=$?
[ $status -eq 1 ]
if grep '"verdict":"pass"' mutants.json || grep '"verdict":"bad"' mutants.json; then
    echo 'these mutants were not noticed, or could not be read'
    exit 1
fi
echo "$(grep -c '"kind":"script"' mutants.json) mutants, none of them passed"
