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
# So does each that the opening sentence of a source names, as the place of what is not in it.
dirs='include src drivers lens explain play cli drill posix'
# shellcheck disable=SC2086 # several directories
find $dirs docs -type f | sed 's,.*/,,' | sort -u >"$OLDPWD/names"
# shellcheck disable=SC2086
find $dirs -name '*.[ch]' -exec awk '
    FNR == 1 { head = 1 }
    head { while (match($0, /[a-z0-9_.\/-]*[a-z0-9_]\.(c|h|def|md|scd|csv)([^a-z0-9_]|$)/)) {
        name = substr($0, RSTART, RLENGTH); sub(/[^a-z]$/, "", name); $0 = substr($0, RSTART + RLENGTH)
        print name " " FILENAME } }
    /\*\// { head = 0 }' {} + | sort -u >"$OLDPWD/named"
awk 'NR == FNR { is[$1] = 1; next } { base = $1; sub(/.*\//, "", base) }
    !(base in is) || ($1 ~ /^docs\// && system("test -e " $1)) { print $2 ": no such file: " $1 }' \
    "$OLDPWD/names" "$OLDPWD/named" >"$OLDPWD/missing"
[ ! -s "$OLDPWD/missing" ] || {
    cat "$OLDPWD/missing"
    status=1
}
# The windows that the READMEs show are scaled as those of the program are.
scale=$("$TERN" demo --mem --fast -o "$OLDPWD/demo.pcapng" | sed -n '/ SYN,ACK /{n;s/.*\(ws=[0-9]*\).*/\1/p;}')
for readme in README.md README.zh-CN.md; do
    sed -n '/ SYN,ACK /{n;p;}' "$readme" | grep -q "${scale:-nothing} " || {
        echo "$readme: tern's SYN,ACK has $scale"
        status=1
    }
done
exit $status
