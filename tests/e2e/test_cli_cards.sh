#!/bin/sh
# `tern states`, `tern myths`, `tern ask`: what they print, in both languages and all forms.
set -eu
export LC_ALL=C.UTF-8
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; exit 1; }

# The drawing and the list agree: every numbered move has its number in the drawing once, and every state its box.
"$TERN" states >out
python3 - <<'END' || fail "states"
import re
drawing, moves = open('out', encoding='utf-8').read().split('\n\n', 1)
numbers = sorted(int(n) for n in re.findall(r'(?<![-\w])(\d+)(?![-\w])', drawing))
listed = sorted(int(n) for n in re.findall(r'^ +(\d+) →', moves, re.M))
assert max(map(len, moves.split('\n'))) <= 80
assert numbers == listed == list(range(1, len(listed) + 1)), (numbers, listed)
states = 'CLOSED LISTEN SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT CLOSING LAST-ACK TIME-WAIT'
for state in states.split():
    assert re.search(r'│ +' + state + r' +│', drawing), state
END
"$TERN" states --ascii >ascii
! LC_ALL=C grep -q '[^ -~]' ascii || fail "--ascii is not ASCII"
"$TERN" states --json >states.json
python3 - <<'END' || fail "states --json"
import json
d = json.load(open('states.json', encoding='utf-8'))
assert d['schema'] == 'tern.states/1' and d['version'] and len(d['states']) == 11 and len(d['moves']) > 45
assert sum(m['scenario'] != '' for m in d['moves']) > 40
assert all(s[k][lang] for s in d['states'] for k in ('who', 'look', 'many') for lang in ('en', 'zh'))
END
for lang in en zh; do
    "$TERN" states --lang $lang --svg >states.svg
    python3 -c 'import xml.etree.ElementTree as ET; ET.parse("states.svg")' || fail "states --svg ($lang)"
done
"$TERN" states --dot | has '"FIN-WAIT-1" -> "TIME-WAIT"' || fail "states --dot"

# Any spelling; the parts of a card.
for name in FIN-WAIT-1 fin_wait1 FIN_WAIT_1 fin-wait-1; do
    "$TERN" states $name >card
    grep -q '^FIN-WAIT-1 (ss: FIN-WAIT-1, netstat: FIN_WAIT1)' card || fail "states $name"
    grep -q '→ CLOSING .* 3.10.7.4 .*close-simultaneous' card || fail "states $name: what ends it"
    grep -q '← ESTABLISHED' card || fail "states $name: what leads to it"
    grep -q 'ss -tanop state fin-wait-1' card || fail "states $name: ss"
done
"$TERN" --lang zh states CLOSED-WAIT | has 文件描述符 || fail "states in Chinese"

"$TERN" myths >out
[ "$(grep -c '^ *[0-9]' out)" = 16 ] || fail "16 corrections"
"$TERN" myths 1 | has '1234568' || fail "myths 1"
"$TERN" myths 1 | has 'tern play open-basic$' || fail "the scenario of myths 1"
[ "$("$TERN" myths all | grep -c '^  RFC ')" = 16 ] || fail "myths all"
"$TERN" --lang zh myths 7 | has 先关闭的一方 || fail "myths in Chinese"

"$TERN" ask | has '^ *1  How does the three-way handshake go' || fail "ask"
"$TERN" ask why three segments, not two >out
head -1 out | has 'Why three segments and not two' || fail "ask why three"
"$TERN" ask 为什么是三次握手 | head -1 | has '为什么是三次握手' || fail "a Chinese question"
"$TERN" --lang zh ask syn flood | head -1 | has 'SYN 洪泛' || fail "ask in Chinese"
[ "$("$TERN" ask 2 | head -1)" = "$(head -1 out)" ] || fail "ask by number"
status=0
"$TERN" ask zzz >out 2>err || status=$?
[ $status = 1 ] && [ ! -s out ] && grep -q zzz err || fail "nothing known: exit $status"

# No line is wider than the page.
for lang in en zh; do
    for state in LISTEN SYN-SENT SYN-RECV ESTAB FIN-WAIT-2 CLOSE-WAIT TIME-WAIT; do "$TERN" states --lang $lang $state; done >wide
    "$TERN" myths --lang $lang all >>wide
    python3 - <<'END' || fail "too wide ($lang)"
import unicodedata
for line in open('wide', encoding='utf-8'):
    width = sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line.rstrip('\n'))
    assert width <= 80, line
END
done
