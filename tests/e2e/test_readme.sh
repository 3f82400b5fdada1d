#!/bin/sh
# Both READMEs show the example that is compiled and run, name the same commands, and point at files that exist.
set -eu
cd "$TERN_SRC"
status=0
for readme in README.md README.zh-CN.md; do
    # shellcheck disable=SC2016
    sed -n '/^```c$/,/^```$/p' "$readme" | sed '1d;$d' | cmp - tests/e2e/example.c || {
        echo "$readme: the C example is not tests/e2e/example.c"
        status=1
    }
    grep -oE '\]\([^)#]+' "$readme" | sed 's/](//' | grep -v '^http' | while read -r path; do
        [ -e "$path" ] || echo "$readme: no such file: $path"
    done >"$OLDPWD/missing"
    [ ! -s "$OLDPWD/missing" ] || {
        cat "$OLDPWD/missing"
        status=1
    }
    grep -oE '^\$ .*' "$readme" >"$OLDPWD/commands.$readme"
done
cmp "$OLDPWD/commands.README.md" "$OLDPWD/commands.README.zh-CN.md" || status=1
for page in docs/*.md docs/decisions/*.md CONTRIBUTING.md; do
    dir=$(dirname "$page")
    { grep -oE '\]\([^)#]+' "$page" || true; } | sed 's/](//' | { grep -v '^http' || true; } | while read -r path; do
        [ -e "$dir/$path" ] || echo "$page: no such file: $path"
    done
done >"$OLDPWD/missing"
[ ! -s "$OLDPWD/missing" ] || {
    cat "$OLDPWD/missing"
    status=1
}
# A file that a document names, with or without its directory, exists.
# shellcheck disable=SC2016
grep -ohE '`[a-z0-9_./-]+\.(c|h|def|md|sh|py|svg|map)`' ./*.md docs/*.md docs/decisions/*.md | tr -d '`' | sort -u | while read -r name; do
    [ -e "$name" ] || find include src drivers lens explain play cli tests scripts docs -name "$(basename "$name")" | grep -q . || echo "no such file: $name"
done >"$OLDPWD/missing"
[ ! -s "$OLDPWD/missing" ] || {
    cat "$OLDPWD/missing"
    status=1
}
exit $status
