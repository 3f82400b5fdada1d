#!/bin/sh
# `tern explain` from outside: what it says of a capture in each of its outputs, which connections its filters choose,
# how it takes files that are packed, several, from a pipe, cut off or changed at random. Needs no privileges.
set -eu
export LC_ALL=C.UTF-8
unset NO_COLOR CLICOLOR_FORCE COLUMNS
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; exit 1; }
explain() { "$TERN" explain "$@"; }
status() { # of a command that may fail
    status=0
    "$@" >out 2>err || status=$?
}

"$TERN" demo --mem --fast -o demo.pcapng >/dev/null 2>&1

# The summary: one connection, how it opened and closed; nothing wrong with it.
explain demo.pcapng >out 2>err || fail "exit $?"
[ ! -s err ] || fail "something on standard error: $(cat err)"
[ "$(grep -c '→ 10.0.0.2:80 ' out)" = 1 ] || fail "not one line a connection: $(cat out)"
grep -q 'three-way handshake; three segments: .*, B first' out || fail "opening and closing: $(cat out)"
grep -q 'connections: 1, with problems: 0, with warnings: 0' out || fail "totals: $(cat out)"
explain --exit-code demo.pcapng >/dev/null || fail "--exit-code without a problem: exit $?"
explain --lang zh demo.pcapng | has '三次握手' || fail "no Chinese"

# One connection in full.
explain --flow 1 demo.pcapng >out || fail "--flow: exit $?"
for word in SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 LAST-ACK 'closed first by *B' 'ack = 0 + 1 (SYN) = 1'; do
    sed 's/ / /g' out | grep -q "$word" || fail "--flow 1 says nothing of $word: $(cat out)"
done
! explain --ascii --flow 1 demo.pcapng | LC_ALL=C grep -q '[^ -~]' || fail "--ascii is not ASCII"
status explain --flow 7 demo.pcapng
[ $status = 1 ] && grep -q 'no connection 7' err || fail "--flow 7: $status $(cat err)"

# For machines.
explain --json=all.json --conn-log=conn.log --metrics=metrics --annotate noted.pcapng demo.pcapng >out || fail "outputs"
explain --json --flow 1 demo.pcapng >flow.json
python3 - <<'END' || fail "JSON, conn.log or metrics"
import json
all = json.load(open('all.json', encoding='utf-8'))
assert all['schema'] == 'tern.explain/1' and len(all['connections']) == 1 and 'packets' not in all['connections'][0]
c = all['connections'][0]
assert c['opening']['form'] == 'THREE_WAY' and c['closing']['form'] == 'THREE', c
assert c['opened_by'] == 'a' and c['closed_first'] == 'b' and c['b']['port'] == 80
assert c['a']['stream_bytes'] == 65 and c['b']['stream_bytes'] == 323, c
assert all['totals']['connections'] == 1 and all['totals']['kinds']['tcp'] == 6
flow = json.load(open('flow.json', encoding='utf-8'))['connections'][0]
assert [p['flags'] for p in flow['packets']][:2] == ['SYN', 'SYN,ACK']
assert flow['packets'][0]['a_after']['possible'] == ['SYN-SENT']
lines = open('conn.log').read().splitlines()
names = next(l for l in lines if l.startswith('#fields')).split('\t')[1:]
kinds = next(l for l in lines if l.startswith('#types')).split('\t')[1:]
rows = [dict(zip(names, l.split('\t'))) for l in lines if not l.startswith('#')]
assert len(rows) == 1 and len(names) == len(kinds) == 21 and len([l for l in lines if l.startswith('#fields')]) == 1
row = rows[0]
assert row['conn_state'] == 'SF' and row['history'] == 'ShDdfFa', row
assert row['id.resp_p'] == '80' and row['orig_bytes'] == '65' and row['resp_bytes'] == '323', row
assert row['orig_pkts'] == '3' and row['resp_pkts'] == '3' and row['missed_bytes'] == '0', row
metrics = open('metrics').read().splitlines()
assert 'tern_explain_connections_total 1' in metrics and metrics[-1] == '# EOF'
assert 'tern_explain_openings_total{form="THREE_WAY"} 1' in metrics
END
if command -v tshark >/dev/null; then
    tshark -r noted.pcapng -T fields -e frame.number -e frame.comment 2>/dev/null >notes || fail "tshark reads no notes"
    [ "$(wc -l <notes)" = 6 ] || fail "packets are missing: $(cat notes)"
    grep -q 'A SYN-SENT' notes && grep -q 'FIN-WAIT-1' notes || fail "states in the notes: $(cat notes)"
fi
explain --svg one.svg --html one.html --mermaid one.mmd --flow 1 demo.pcapng >/dev/null || fail "pictures"
grep -q '<svg' one.svg && grep -q '<html' one.html && grep -q sequenceDiagram one.mmd || fail "pictures"

# Which connections.
for chosen in '--host 10.0.0.1' '--host 10.0.0.0/24' '--port 80' '--state TIME-WAIT'; do
    explain $chosen demo.pcapng | has '10.0.0.2:80' || fail "$chosen does not choose it"
done
for other in '--host 10.0.0.3' '--host fd00::/8' '--port 81' '--state LISTEN' '--problem' '--problem=warning'; do
    ! explain $other demo.pcapng | has '10.0.0.2:80' || fail "$other chooses it"
done

# Packed, from a pipe, several as one.
gzip -k demo.pcapng
explain demo.pcapng.gz | has 'three-way' || fail "gzip"
explain - <demo.pcapng.gz | has 'three-way' || fail "standard input"
explain demo.pcapng demo.pcapng.gz | has 'packets: 12' || fail "two files"

# A problem: a SYN that nobody answers, three times. Raw IPv4 in pcap, big-endian.
python3 - <<'END'
import struct
def syn(n):
    tcp = struct.pack('>HHIIBBHHH', 40000, 443, 7, 0, 5 << 4, 2, 1000, 0, 0)
    return struct.pack('>BBHHHBBHII', 0x45, 0, 40, n, 0x4000, 64, 6, 0, 0x0a000001, 0x0a000009) + tcp
data = struct.pack('>IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
for n, at in enumerate((0, 1, 3, 7)):
    data += struct.pack('>IIII', 1000 + at, 0, 40, 40) + syn(n + 1)
open('lonely.pcap', 'wb').write(data)
open('cut.pcap', 'wb').write(data[:-7])
END
status explain --exit-code lonely.pcap
[ $status = 3 ] && grep -q 'problem: ' out || fail "--exit-code: $status $(cat out err)"
explain --problem lonely.pcap demo.pcapng | has 'packets: 10' || fail "--problem"
explain --problem lonely.pcap demo.pcapng >out
grep -q '10.0.0.9:443' out && ! grep -q '10.0.0.2:80' out || fail "--problem: $(cat out)"

# SYNs that are signed, and nobody answers: another key, or none. What a SYN offers is named.
python3 - <<'END'
import struct
tcp = struct.pack('>HHIIBBHHH', 40000, 179, 7, 0, 10 << 4, 2, 1000, 0, 0) + b'\x13\x12' + b'M' * 16 + b'\0\0'
ip = struct.pack('>BBHHHBBHII', 0x45, 0, 60, 7, 0x4000, 64, 6, 0, 0x0a000001, 0x0a000009) + tcp
data = struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
for at in (0, 1, 3, 7): data += struct.pack('<IIII', 1000 + at, 0, 60, 60) + ip[:4] + struct.pack('>H', at + 1) + ip[6:]
open('signed.pcap', 'wb').write(data)
END
explain --flow 1 signed.pcap >out
grep -q 'problem: .*signed (TCP MD5 or TCP-AO)' out && grep -q 'offered  *md5$' out || fail "a signed SYN: $(cat out)"
explain --json signed.pcap | has '"signed":"md5"' || fail "a signed SYN, as JSON"

# A socket that connected to itself; a SYN that a host got and did not answer, by the directions that the capture has.
python3 - <<'END'
import struct
def tcp(sport, dport, seq, ack, flags, data=b''):
    return struct.pack('>HHIIBBHHH', sport, dport, seq, ack, 5 << 4, flags, 1000, 0, 0) + data
def ip(src, dst, segment):
    return struct.pack('>BBHHHBBHII', 0x45, 0, 20 + len(segment), 7, 0x4000, 64, 6, 0, src, dst) + segment
def save(name, link, packets):
    with open(name, 'wb') as f:
        f.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, link))
        for at, p in packets: f.write(struct.pack('<IIII', 1000 + at, 0, len(p), len(p)) + p)
me = 0x7f000001
save('self.pcap', 101, list(enumerate(ip(me, me, tcp(5555, 5555, *s)) for s in (
    (7, 0, 2), (7, 8, 18), (8, 8, 24, b'hi'), (10, 10, 16), (10, 10, 17), (11, 11, 16)))))
cooked = struct.pack('>HHiHBB8s', 0x800, 0, 2, 1, 0, 6, b'') # came in
save('arrived.pcap', 276, [(at, cooked + ip(0x0a000001, 0x0a000002, tcp(4000, 80, 7, 0, 2))) for at in (0, 1, 3, 7)])
END
explain --flow 1 self.pcap >out
grep -q 'connected to itself' out && grep -q 'both ends closed at once' out || fail "self-connect: $(cat out)"
! grep -q repeated out || fail "a socket that talks to itself repeats nothing: $(cat out)"
explain arrived.pcap | has '4 SYNs reached B' || fail "SYNs that arrived: $(explain arrived.pcap)"

# Who holds TIME-WAIT, until when.
explain --flow 1 demo.pcapng >out
grep -q 'TIME-WAIT  *until 20' out || fail "TIME-WAIT until when: $(cat out)"

# A file that is cut off: what, where; and what was read is reported.
status explain cut.pcap demo.pcapng
[ $status = 1 ] || fail "a cut file: exit $status"
grep -q 'cut.pcap: block 5 at offset 192: ' err || fail "place: $(cat err)"
grep -q '10.0.0.9:443' out && grep -q '10.0.0.2:80' out || fail "the rest is not reported: $(cat out)"
status explain nowhere.pcap
[ $status = 1 ] && grep -q 'nowhere.pcap: ' err || fail "a missing file: $status $(cat err)"
for missing in nowhere.pcap '--flow 1 nowhere.pcap' 'nowhere.pcap nobody.pcap'; do
    # shellcheck disable=SC2086
    status explain $missing
    [ $status = 1 ] || fail "$missing: $status"
    [ ! -s out ] || fail "$missing: nothing was read, yet it reports: $(cat out)"
    [ "$(wc -l <err)" = "$(echo "$missing" | grep -o pcap | wc -l)" ] || fail "$missing: not the error alone: $(cat err)"
done
status explain "$TERN"
[ $status = 1 ] && grep -q 'no capture file' err || fail "no capture: $status $(cat err)"

# Packets in which it finds nothing that it knows are not passed over in silence.
python3 - <<'END'
import struct
def save(name, frame):
    open(name, 'wb').write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) +
                           2 * (struct.pack('<IIII', 1, 0, len(frame), len(frame)) + frame))
save('arp.pcap', b'\2' * 12 + b'\x08\x06' + bytes(46))
tcp = struct.pack('>HHIIBBHHH', 40000, 80, 7, 0, 5 << 4, 2, 1000, 0, 0)
ip = struct.pack('>BBHHHBBHII', 0x45, 0, 40, 1, 0x4000, 64, 6, 0, 0x0a000001, 0x0a000002) + tcp
save('pppoe.pcap', b'\2' * 12 + b'\x81\0\0\7' + b'\x88\x64' + b'\x11\0\0\1\0\x2a\0\x21' + ip)
END
explain arp.pcap >out || fail "no TCP: exit $?"
grep -q 'No TCP was found in these packets: 2;' out || fail "no TCP: $(cat out)"
explain --flow 1 pppoe.pcap >out || fail "PPPoE in a VLAN: exit $?"
grep -q 'carried in  *VLAN, PPP$' out || fail "PPPoE in a VLAN: $(cat out)"
explain --json pppoe.pcap | has '"carried_in":\["vlan","ppp"\]' || fail "PPPoE in a VLAN, as JSON"

# On terminals of 80 columns no line is wider than that, in either language.
python3 - "$TERN" <<'END' || fail "too wide for the terminal"
import fcntl, os, pty, re, struct, sys, termios, unicodedata
def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line)
for lang in ('en', 'zh'):
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    if os.fork() == 0:
        os.dup2(its, 1)
        os.execv(sys.argv[1], ['tern', 'explain', '--lang', lang, 'demo.pcapng'])
    os.close(its)
    out = b''
    try:
        while piece := os.read(ours, 65536): out += piece
    except OSError: pass
    assert os.wait()[1] == 0
    lines = re.sub(r'\x1b\[[0-9;]*[mK]', '', out.decode()).replace('\r', '').split('\n')
    assert any('10.0.0.2:80' in line for line in lines), lines
    for line in lines: assert width(line) <= 80, (width(line), line)
END

# Changed at random: it ends by itself, with a status of its own.
python3 - "$TERN" <<'END' || fail "a changed capture"
import random, subprocess, sys
random.seed(4)
sources = [open('demo.pcapng', 'rb').read(), open('lonely.pcap', 'rb').read(), open('demo.pcapng.gz', 'rb').read()]
for round in range(60):
    data = bytearray(sources[round % 3])
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(data))
        what = random.random()
        if what < 0.6: data[at] = random.choice((0, 1, 0x7f, 0xff, random.randrange(256)))
        elif what < 0.8: del data[at:at + random.randint(1, 40)]
        else: data[at:at] = data[random.randrange(len(data)):][:random.randint(1, 200)]
        if not data: data = bytearray(b'x')
    open('changed', 'wb').write(data)
    outputs = [['--json'], ['--flow', '1'], ['--conn-log'], ['--annotate', 'again.pcapng', '--metrics']][round % 4]
    run = subprocess.run([sys.argv[1], 'explain', *outputs, 'changed'], capture_output=True, timeout=600)
    assert run.returncode in (0, 1), (round, run.returncode, run.stderr[-2000:])
END
