#!/bin/sh
# `tern demo --mem`: the same output every time, in every look; the capture as tshark reads it. Needs no privileges.
set -eu
export LC_ALL=C.UTF-8
unset NO_COLOR CLICOLOR_FORCE COLUMNS
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; exit 1; }
demo() { "$TERN" demo --mem --fast "$@"; }

demo >one 2>err || fail "exit $?"
[ ! -s err ] || fail "something on standard error: $(cat err)"
demo >two
cmp one two || fail "two runs differ"
for state in LISTEN SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSE-WAIT LAST-ACK TIME-WAIT CLOSED; do
    grep -q "$state" one || fail "state $state does not show"
done
grep -q 'ack = 0 + 1 (SYN) = 1' one || fail "the SYN's sum is missing"
grep -q '+ 1 (FIN) = ' one || fail "the FIN's sum is missing"
grep -q 'bytes = 66' one || fail "the request's sum is missing"
grep -q 'MSL' one || fail "no word of 2 MSL"
grep -q 'Opened in three segments' one && grep -q 'Closed in three segments.*server closed first' one || fail "summary"
grep -q '+3000 ms CLOSED' one || fail "TIME-WAIT did not last 2 MSL"
! grep -q "$(printf '\033')" one || fail "colours in a file"
demo --lang zh | has '三次握手' || fail "no Chinese"
demo --color always | has "$(printf '\033')" || fail "--color always"
CLICOLOR_FORCE=1 demo | has "$(printf '\033')" || fail "CLICOLOR_FORCE"
! CLICOLOR_FORCE=1 NO_COLOR=1 demo | has "$(printf '\033')" || fail "NO_COLOR"
demo --ascii --absolute >ascii
! LC_ALL=C grep -q '[^ -~]' ascii || fail "--ascii is not ASCII"
grep -Eq 'SYN Seq=[0-9]{5,} ' ascii || fail "--absolute"
for width in 80 100 132 200; do
    COLUMNS=$width demo --lang zh >wide
    python3 - $width <<'END' || fail "wider than $width columns"
import sys, unicodedata
for line in open('wide', encoding='utf-8'):
    if line.startswith(' ') or line.startswith('+'):
        width = sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line.rstrip('\n'))
        assert width <= int(sys.argv[1]), line
END
done

# The pictures: the same bytes every time, well-formed, without the network.
for lang in en zh; do
    demo --lang $lang --svg one.svg --mermaid one.mmd --html one.html >/dev/null
    demo --lang $lang --svg two.svg --mermaid two.mmd --html two.html >/dev/null
    for kind in svg mmd html; do cmp one.$kind two.$kind || fail "two $kind differ"; done
    python3 - <<'END' || fail "the pictures ($lang)"
import html.parser, json, re, xml.etree.ElementTree as ET
text = ''.join(ET.parse('one.svg').getroot().itertext())
for word in ('SYN-SENT', 'TIME-WAIT', 'FIN,ACK', '10.0.0.2:80'):
    assert word in text, word
page = open('one.html', encoding='utf-8').read()
assert not re.search(r'(src|href)=|https?://(?!www.w3.org/2000/svg)', page)
class Parser(html.parser.HTMLParser):
    void = {'meta', 'input'}
    stack = []
    def handle_starttag(self, tag, attrs):
        if tag not in self.void: self.stack.append(tag)
    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, tag
parser = Parser()
parser.feed(page)
assert parser.stack == [], parser.stack
steps = json.loads(re.search(r'const steps=(\[.*?\]);\n', page, re.S).group(1))
assert len(steps) > 10 and steps[-1]['state'] == ['CLOSED', 'CLOSED'], steps[-1]
assert any('9293 3.' in rfc for s in steps for rfc in s['rfc'])
assert open('one.mmd', encoding='utf-8').readline() == 'sequenceDiagram\n'
END
done
status=0
demo --svg /nonexistent/x >out 2>err || status=$?
[ $status = 1 ] && grep -q /nonexistent/x err || fail "the picture cannot be written: exit $status"

# Paced, it takes as long as it says: more than the three seconds of 2 MSL.
start=$(date +%s)
"$TERN" demo --mem -o paced.pcapng >paced
[ $(($(date +%s) - start)) -ge 3 ] || fail "not paced"
cmp one paced >/dev/null && fail "the name of the capture is not told"
sed 's/paced.pcapng/demo.pcapng/' paced | cmp - one || fail "pacing changes what happens"

status=0
"$TERN" demo --mem --fast -o /nonexistent/x >out 2>err || status=$?
[ $status = 1 ] && grep -q /nonexistent/x err || fail "the capture cannot be written: exit $status"
if [ -e /dev/full ]; then
    status=0
    "$TERN" demo --mem --fast -o /dev/full >out 2>err || status=$?
    [ $status = 1 ] && [ "$(grep -c /dev/full err)" = 1 ] || fail "full disk: exit $status: $(cat err)"
fi

command -v tshark >/dev/null 2>&1 || exit 0
tshark -r demo.pcapng -T fields -e frame.comment 2>/dev/null >comments
[ "$(wc -l <comments)" = "$(tshark -r demo.pcapng 2>/dev/null | wc -l)" ] || fail "packets without a comment"
grep -q '^LISTEN → SYN-RECEIVED' comments || fail "the comments do not tell of LISTEN"
grep -q '^ESTABLISHED → FIN-WAIT-1' comments || fail "the comments do not tell of FIN-WAIT-1"
grep -q '^FIN-WAIT-1 → TIME-WAIT' comments || fail "the comments do not tell of TIME-WAIT"
tshark -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -r demo.pcapng \
    -Y '_ws.malformed || _ws.expert.severity >= 0x600000' 2>/dev/null >bad
[ ! -s bad ] || fail "tshark complains: $(cat bad)"
# Wireshark prints the states by itself.
tshark -r demo.pcapng -V -Y bblog 2>/dev/null | sed -n 's/^ *TCP State: //p' | tr '\n' ' ' >states
[ "$(cat states)" = "SYN RECEIVED (3) ESTABLISHED (4) FIN WAIT 1 (6) TIME WAIT (10) CLOSED (0) " ] || fail "the states: $(cat states)"

# Interrupted in TIME-WAIT: the capture is whole, to the last segment.
"$TERN" demo --mem -o cut.pcapng >cut.out &
pid=$!
i=0
until grep -q 'TIME-WAIT: ' cut.out; do
    i=$((i + 1))
    [ $i -lt 1200 ] || fail "TIME-WAIT does not begin"
    sleep 0.1
done
kill -KILL "$pid"
wait "$pid" 2>/dev/null || :
"$TERN" explain --exit-code cut.pcapng >out 2>err || fail "the capture of an interrupted demo: $(cat err)"
[ ! -s err ] || fail "the capture of an interrupted demo: $(cat err)"
grep -q '^packets: 6,' out || fail "the capture of an interrupted demo: $(cat out)"
