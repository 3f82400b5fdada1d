#!/bin/sh
# Help, version and misuse of every command: what goes where, with which exit status, in both languages.
set -eu
export LC_ALL=C.UTF-8
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; exit 1; }

# Help goes to standard output, names every option of the command, and is at most 80 columns wide.
for lang in en zh; do
    for command in demo play explain serve connect ping drill states myths ask; do
        "$TERN" "$command" --lang $lang --help >out 2>err || fail "$command --help: exit $?"
        [ ! -s err ] || fail "$command --help wrote to standard error"
        look='--color --absolute --all --ascii'
        case $command in
        drill) look='--color --jobs --json --junit --pcap --shell --strict --ip_version --define' ;;
        states) look='--svg --dot --json --ascii' ;;
        myths | ask) look= ;;
        esac
        for option in --help --lang $look; do
            grep -q -- "$option" out || fail "$command --help says nothing of $option"
        done
        grep -q "tern $command" out || fail "$command --help has no usage line"
        python3 - "$command" <<'END' || fail "$command --help ($lang) is too wide"
import sys, unicodedata
for line in open('out', encoding='utf-8'):
    width = sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line.rstrip('\n'))
    assert width <= 80, line
END
    done
    "$TERN" --lang $lang --help >out 2>err || fail "--help: exit $?"
    for command in demo play explain serve connect ping drill states myths ask; do grep -q "^  $command " out || fail "--help says nothing of $command"; done
done
for option in --link --addr --peer-addr --route --mtu --set --no-offload --pcap --trace --json --keep-privileges; do
    for command in serve connect ping; do
        "$TERN" $command --help | has -- "  $option" || fail "$command --help says nothing of $option"
    done
done
"$TERN" serve --lang zh --help | has 用法 || fail "no Chinese"
LC_ALL=zh_CN.UTF-8 "$TERN" serve --help | has 用法 || fail "the locale is not heeded"
"$TERN" --version | has '^tern [0-9]' || fail "--version"
"$TERN" serve --set help | has '^  msl_ms  *30000, 1 - 600000 ms' || fail "--set help"
"$TERN" serve --lang zh --set help | has 最长报文段寿命 || fail "--set help in Chinese"
if [ -e /dev/full ]; then
    for what in 'serve --help' --help --version; do
        # shellcheck disable=SC2086 # a command and its option
        "$TERN" $what >/dev/full 2>err && fail "$what: a full disk goes unnoticed"
        grep -q . err || fail "$what: nothing is said of a full disk"
    done
fi
# A reader that leaves is no trouble to speak of.
{ sleep 0.2; "$TERN" states 2>err || :; } | :
[ ! -s err ] || fail "a closed pipe: $(cat err)"

# Misuse: exit status 2, nothing on standard output, the culprit is named.
misuse() {
    culprit=$1
    shift
    status=0
    "$TERN" "$@" >out 2>err </dev/null || status=$?
    [ $status = 2 ] || fail "tern $*: exit $status instead of 2"
    [ ! -s out ] || fail "tern $*: wrote to standard output"
    grep -qF -- "$culprit" err || fail "tern $*: does not name $culprit: $(cat err)"
    grep -qF -- "--help" err || fail "tern $*: does not tell of --help"
}
base="--link tun:x --addr 10.9.0.2/24"
misuse demo
misuse nix nix
misuse --live explain
misuse --follow explain --follow -
misuse --follow explain --follow --live x
misuse 'not 2' explain --follow f g
misuse --follow=x explain --follow=x f
misuse x explain --flow x f
misuse 10.0.0.1/33 explain --host 10.0.0.1/33 f
misuse CLOSEDISH explain --state CLOSEDISH f
misuse urgent explain --problem=urgent f
misuse "standard output" explain --json --metrics f
misuse "standard input" explain - -
misuse --nix --nix
misuse xx --lang xx
misuse xx serve --lang xx
misuse --lang serve --lang
misuse --nix serve --nix
misuse -x ping -x
misuse -c ping -c
misuse --trace=x serve --trace=x
misuse --link serve --echo 7 --addr 10.9.0.2/24
misuse --addr serve --echo 7 --link tun:x
misuse --echo serve $base
misuse tin:x serve --echo 7 --link tin:x --addr 10.9.0.2/24
misuse tun: serve --echo 7 --link tun: --addr 10.9.0.2/24
misuse 10.9.0.2/33 serve --echo 7 --link tun:x --addr 10.9.0.2/33
misuse 300.9.0.2/24 serve --addr 300.9.0.2/24
misuse fd00::/x serve --peer-addr fd00::/x
misuse --peer-addr serve --echo 7 --link pipe:x --addr 10.9.0.2/24 --peer-addr 10.9.0.1/24
misuse 67 serve --mtu 67
misuse 65536 serve --mtu 65536
misuse default: serve --route default:
misuse 10.0.0.0/8 serve --route 10.0.0.0/8
misuse "'nix'" serve --set nix=1
misuse msl_ms serve --set msl_ms=0
misuse msl_ms serve --set msl_ms
misuse 70000 serve --echo 70000
misuse 7x serve --echo 7x
misuse 80 serve --http 80
misuse 19: serve --chargen 19:
misuse surplus serve $base --echo 7 surplus
misuse --json serve $base --echo 7 --trace --json
misuse maybe serve --color maybe
misuse HOST connect $base
misuse HOST connect $base 10.9.0.1
misuse example.org connect $base example.org 80
misuse 0 connect $base 10.9.0.1 0
misuse surplus connect $base 10.9.0.1 80 surplus
misuse pipe:- connect --link pipe:- --addr 10.9.0.2/24 10.9.0.1 80
misuse 99999 connect --from-port 99999
misuse HOST ping $base
misuse "'0'" ping -c 0
misuse 0.0001 ping -i 0.0001
misuse 65001 ping -s 65001
misuse surplus demo surplus
misuse --fast demo --fast
misuse "'x'" states x
misuse --json states --svg --json
misuse surplus states LISTEN surplus
misuse 17 myths 17
misuse surplus myths 1 surplus
misuse --nix ask --nix
misuse nix play nix
misuse surplus play open-basic surplus
misuse fast play open-basic --speed fast
misuse --step play open-basic --step --fast
misuse nix play open-basic --run nix
misuse "standard output" demo --mem --svg -

# Trouble is exit status 1.
status=0
"$TERN" serve --link pipe:/nonexistent/socket --addr 10.9.0.2/24 --echo 7 >out 2>err || status=$?
[ $status = 1 ] && grep -q /nonexistent/socket err || fail "no socket: exit $status"
status=0
"$TERN" serve --http 80:/nonexistent >out 2>err || status=$?
[ $status = 1 ] && grep -q /nonexistent err || fail "no directory: exit $status"

# The system's own errors are in Chinese as well, without any locale installed.
"$TERN" explain --lang zh /nonexistent >out 2>err && fail "no such capture: exit 0"
grep -q '/nonexistent：无法打开：没有那个文件或目录' err || fail "no such capture: $(cat err)"
