#!/bin/sh
# ./dev from outside: it is plain POSIX shell, refuses what it does not know, finds its tree from any directory, and the
# line that it ends its tests with tells the truth about failures.
set -eu
status=0
fail() {
    echo "$*"
    status=1
}
dev=$TERN_SRC/dev
if command -v dash >/dev/null; then dash -n "$dev" || fail 'not POSIX shell'; fi
"$dev" help >help
for word in demo test bench soak fuzz coverage mutants analyze build fmt clean help; do
    grep -q "^\./dev $word" help || fail "help does not name $word"
done
code=0
"$dev" frobnicate >/dev/null 2>&1 || code=$?
[ "$code" -eq 2 ] || fail "an unknown command gave $code"
"$dev" frobnicate 2>&1 >/dev/null | grep -q "no command is called 'frobnicate'" || fail 'the command is not named'
# Whoever has no package manager is told what to install, in his language.
mkdir bare
for tool in dirname cat rm id grep sed tr; do ln -s "$(command -v $tool)" bare/; done
for lang in C.UTF-8 zh_CN.UTF-8; do
    code=0
    LC_ALL=$lang PATH=$PWD/bare "$dev" demo >said 2>&1 || code=$?
    [ "$code" -eq 2 ] || fail "without packages: $code, $(cat said)"
    grep -q meson said || fail "what is missing is not said: $(cat said)"
done
grep -q 缺少所需的软件包 said || fail "not in Chinese: $(cat said)"
ln -s "$TERN_SRC" 'a tree'
'./a tree/dev' help | cmp - help || fail 'not found through a path with a space'

mkdir -p 'b 1/meson-logs' b2/meson-logs
cat >'b 1/meson-logs/dev.json' <<'END'
{"name": "one", "result": "OK", "stdout": ""}
{"name": "two", "result": "SKIP", "stdout": "something\nno TUN here\n"}
END
sum() { python3 "$TERN_SRC/scripts/results.py" sum "$@"; }
sum 'b 1' >sum || fail 'passed and skipped counts as failure'
tail -n 1 sum | grep -qx '1 passed, 0 failed, 1 skipped' || fail "wrong sum: $(cat sum)"
grep -q 'no TUN here' sum || fail 'the reason of the skip is lost'
for result in FAIL TIMEOUT ERROR INTERRUPT UNEXPECTEDPASS; do
    echo "{\"name\": \"three\", \"result\": \"$result\"}" >b2/meson-logs/dev.json
    sum 'b 1' b2 >sum && fail "$result counts as passed"
    tail -n 1 sum | grep -qx '1 passed, 1 failed, 1 skipped' || fail "wrong sum: $(cat sum)"
done
sum nowhere >/dev/null && fail 'no result at all counts as passed'
exit "$status"
