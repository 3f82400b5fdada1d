#!/bin/sh
# `tern explain` with captures of one connection from two hosts whose clocks differ: offset and drift are found to within
# what packets can tell, times are corrected, the second sighting of a packet is no retransmission, transit times and
# losses between the places are told; and clocks that agree are left alone. Needs no privileges.
set -eu
export LC_ALL=C.UTF-8
unset NO_COLOR CLICOLOR_FORCE COLUMNS
cat >clocks.py <<'END'
import json, random, struct, subprocess, sys
tern = sys.argv[1]

def sum16(data):
    data += b'\0' * (len(data) % 2)
    s = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff

def frame(src, dst, sport, dport, seq, ack, flags, length, ttl, ident, window, ts):
    options = b'\x02\x04\x05\xb4\x04\x02\x03\x03' + b'\x07\x01\x01\x01' if flags & 2 else b''
    if ts is not None: options += b'\x01\x01\x08\x0a' + struct.pack('>II', *ts)
    head = struct.pack('>HHIIBBHHH', sport, dport, seq & 0xffffffff, ack & 0xffffffff, (20 + len(options)) // 4 << 4, flags,
                       window, 0, 0) + options + bytes(length)
    total = 20 + len(head)
    check = sum16(src + dst + struct.pack('>HH', 6, len(head)) + head)
    head = head[:16] + struct.pack('>H', check) + head[18:]
    ip = struct.pack('>BBHHHBBH', 0x45, 0, total, ident, 0x4000, ttl, 6, 0) + src + dst
    return ip[:10] + struct.pack('>H', sum16(ip)) + ip[12:] + head

def save(name, packets):
    packets.sort(key=lambda p: p[0])
    with open(name, 'wb') as f:
        f.write(struct.pack('>IHHIIII', 0xa1b23c4d, 2, 4, 0, 0, 65535, 101))
        for at, data in packets:
            f.write(struct.pack('>IIII', int(at // 10**9), int(at % 10**9), len(data), len(data)) + data)

class World:
    """One connection, seen at both of its ends; times in ns. B's clock shows more than A's."""
    def __init__(self, seed, ahead=0, drift=0, there=10_000_000, back=10_000_000, jitter=300_000, loss=0.0, port=40000,
                 timestamps=True, rewrite=False, start=1_700_000_000_000_000_000, step=None):
        self.rng = random.Random(seed)
        self.ahead, self.drift, self.delay, self.jitter, self.loss = ahead, drift, (there, back), jitter, loss
        self.port, self.timestamps, self.rewrite, self.start, self.step = port, timestamps, rewrite, start, step
        self.now, self.next, self.seen, self.ident, self.lost = start, [1000, 900000], ([], []), [1, 5], [0, 0]
        self.recent = 0

    def clock(self, side, at):
        if side == 0: return at
        ahead = self.ahead if self.step is None or at < self.start + self.step[0] else self.step[1]
        return at + ahead + (at - self.start) * self.drift // 10**9

    def once(self, side, flags, length, seq, lost):
        src, dst = (b'\x0a\0\0\1', b'\x0a\0\0\2')[::1 if side == 0 else -1]
        ports = (self.port, 80)[::1 if side == 0 else -1]
        ack = self.next[1 - side] if flags & 16 else 0
        ts = (self.now // 10**6 & 0xffffffff, 7) if self.timestamps else None
        self.ident[side] += 1
        def made(ttl, ident): return frame(src, dst, *ports, seq, ack, flags, length, ttl, ident & 0xffff, 2000, ts)
        self.seen[side].append((self.clock(side, self.now), made(64, self.ident[side])))
        if lost:
            self.lost[side] += 1
            return
        arrives = self.now + self.delay[side] + int(self.rng.expovariate(1 / self.jitter)) if self.jitter else \
                  self.now + self.delay[side]
        self.seen[1 - side].append((self.clock(1 - side, arrives),
                                    made(58, self.ident[side] + 777 * self.rewrite)))
        self.now = arrives

    def send(self, side, flags, length=0):
        seq = self.next[side]
        self.next[side] += length + (flags & 2 != 0) + (flags & 1)
        if length and self.rng.random() < self.loss:
            self.once(side, flags, length, seq, True)
            self.now += 300_000_000
        self.once(side, flags, length, seq, False)

    def life(self, exchanges, pause):
        self.send(0, 2); self.send(1, 18); self.send(0, 16)
        for _ in range(exchanges):
            self.now += self.rng.randrange(1000, 2 * pause + 1001)
            self.send(0, 24, 100); self.send(1, 24, 1000); self.send(0, 16)
        self.send(0, 17); self.send(1, 17); self.send(0, 16)
        return self

    def save(self, a='a.pcap', b='b.pcap'):
        save(a, self.seen[0]); save(b, self.seen[1])
        return self

def explain(*args, files=('a.pcap', 'b.pcap')):
    run = subprocess.run([tern, 'explain', *args, *files], capture_output=True, timeout=600, encoding='utf-8')
    assert run.returncode == 0, run
    return run.stdout

def told(files=('a.pcap', 'b.pcap'), args=()):
    return json.loads(explain('--json', *args, files=files))

def calm(c):
    assert c['severity'] in ('info', 'note'), c['findings']
    assert c['opening']['form'] == 'THREE_WAY' and c['closing']['form'] == 'THREE', c['closing']

S = 10**9
HOUR = 3600 * S
# Offsets of any size and sign, few packets or many: right to within what is said, and that is half a round trip.
for seed, (ahead, exchanges, delays) in enumerate([(HOUR, 40, (10, 10)), (-HOUR, 40, (10, 10)), (5 * 10**6, 40, (1, 1)),
                                                   (123 * S, 0, (10, 10)), (-7 * S, 40, (3, 30)), (10**8, 40, (40, 2))]):
    there, back = (d * 10**6 for d in delays)
    World(seed, ahead, there=there, back=back).life(exchanges, 20_000_000).save()
    for files, sign in ((('a.pcap', 'b.pcap'), 1), (('b.pcap', 'a.pcap'), -1)):
        out = told(files)
        clock, c = out['clocks'][0], out['connections'][0]
        assert abs(clock['ahead_ns'] - sign * ahead) <= clock['within_ns'] + 2000, (seed, clock)
        assert clock['within_ns'] <= (there + back) / 2 + 500_000, clock
        assert clock['certainty'] == 'certain' and clock['corrected'] and 'gains_ppb' not in clock, clock
        assert len(out['connections']) == 1, out['connections']
        calm(c)
        assert c['a']['packets'] == 4 + 2 * exchanges and c['b']['packets'] == 2 + exchanges, c
        assert sum(c['a']['retransmissions'].values()) == 0 and c['a']['duplicates'] == 0, c
        p = c['places']
        assert p['decided'] and p['a']['in_both'] >= min(exchanges, 8) and p['a']['lost'] == p['b']['lost'] == 0, p
        assert there + back <= p['least_both_ways_ns'] + 1000 and p['least_both_ways_ns'] < there + back + 3_000_000, p
        for end in 'ab':
            t = p[end]['transit_ns']
            assert t['least'] <= t['mean'] <= t['most'], t
        assert abs(p['a']['transit_ns']['least'] - there) <= p['within_ns'] + 2000, p
text = explain('--lang', 'en')
assert 'b.pcap: its clock is' in text and 'ahead of that of a.pcap' in text, text
assert '时钟' in explain('--lang', 'zh')
ladder = explain('--flow', '1', '--lang', 'en')
assert 'between the two captures' in ladder and 'there and back' in ladder, ladder

explain('--annotate', 'noted.pcapng')
noted = open('noted.pcapng', 'rb').read()
assert b'captured at the other place' in noted and b'ms between the two captures' in noted.replace(b'\xc2\xa0', b' ')
assert b'lost on its way' not in noted

# A file named twice, or copied, changes nothing but its copies; with its times moved it is the same place, another clock.
World(1).life(10, 20_000_000).save()
out = told(('a.pcap', 'a.pcap'))
assert not out['clocks'][0]['corrected'] and out['connections'][0]['a']['duplicates'] == 24, out
data = [(at + HOUR, d) for at, d in World(1).life(10, 20_000_000).seen[0]]
save('later.pcap', data)
out = told(('a.pcap', 'later.pcap'))
assert out['clocks'][0]['ahead_ns'] == HOUR and out['connections'][0]['a']['duplicates'] == 24, out
calm(out['connections'][0])

# Clocks that agree stay as they are; packets are still told apart.
World(2, 0).life(30, 20_000_000).save()
out = told()
assert not out['clocks'][0]['corrected'] and out['connections'][0]['places']['a']['in_both'] > 50, out
calm(out['connections'][0])
out = json.loads(explain('--json', '--keep-times'))
assert 'clocks' not in out

# Drift: 40 ppm over ten minutes is 24 ms, more than a way takes.
for drift in (40_000, -40_000, 3_000):
    w = World(3, -5 * S, drift).life(1500, 400_000_000).save()
    clock = told()['clocks'][0]
    assert abs(clock['gains_ppb'] - drift) < 1000 + abs(drift) / 20, (drift, clock)
    assert abs(clock['ahead_ns'] - -5 * S) <= clock['within_ns'] + 200_000, clock
    c = told()['connections'][0]
    calm(c)
    assert c['places']['a']['transit_ns']['least'] < 20_000_000, c['places']
# No drift is none, however much packets are delayed.
World(4, HOUR, jitter=20_000_000).life(1500, 400_000_000).save()
clock = told()['clocks'][0]
assert abs(clock.get('gains_ppb', 0)) < 3000 and abs(clock['ahead_ns'] - HOUR) <= clock['within_ns'] + 2000, clock

# Losses between the places; without timestamps a repeated segment looks like the first; identifications rewritten.
for timestamps in (True, False):
    for rewrite in (False, True):
        w = World(5, 77 * S, loss=0.05, timestamps=timestamps, rewrite=rewrite).life(300, 20_000_000).save()
        out = told()
        clock, c = out['clocks'][0], out['connections'][0]
        assert abs(clock['ahead_ns'] - 77 * S) <= clock['within_ns'] + 2000, (timestamps, rewrite, clock)
        p = c['places']
        assert (p['a']['lost'], p['b']['lost']) == tuple(w.lost), (p, w.lost)
        assert p['a']['missed'] == p['b']['missed'] == 0, p
        assert p['a']['transit_ns']['most'] < 250_000_000 and sum(w.lost) > 10, p
        assert any(f['code'] == 'CAPTURE_PLACES_LOST' for f in c['findings'])
        again = c['a']['retransmissions']
        assert again['rto'] + again['tlp'] + again['unknown'] == w.lost[0], (again, w.lost)

# The MSS is clamped between them, on the SYN of one end; super-segments are known by where they end.
w = World(9, 3 * S).life(20, 20_000_000)
def clamp(data):
    tcp = data[20:36] + b'\0\0' + data[38:]
    if not tcp[13] & 2: return data
    tcp = tcp.replace(b'\x02\x04\x05\xb4', b'\x02\x04\x05\x50')
    check = sum16(data[12:20] + struct.pack('>HH', 6, len(tcp)) + tcp)
    return data[:20] + tcp[:16] + struct.pack('>H', check) + tcp[18:]
save('a.pcap', w.seen[0])
save('b.pcap', [(at, clamp(d) if d[12:16] == b'\x0a\0\0\1' else d) for at, d in w.seen[1]])
out = told()
found = [(f['end'], f['bytes'], f['offered']) for f in out['connections'][0]['findings'] if f['code'] == 'MSS_CLAMPED']
assert found == [('a', 1360, 1460)], found

# A capture that began later, and one that ended sooner.
w = World(6, HOUR).life(100, 20_000_000)
save('a.pcap', w.seen[0]); save('b.pcap', w.seen[1][60:])
c = told()['connections'][0]
calm(c); assert c['places']['a']['lost'] == c['places']['b']['lost'] == 0, c['places']
save('a.pcap', w.seen[0][:150]); save('b.pcap', w.seen[1])
c = told()['connections'][0]
assert c['closing']['form'] == 'THREE' and c['a']['stream_bytes'] == 10000, c
assert c['severity'] in ('info', 'note'), c['findings']

# One direction only: what is transit and what is the clock cannot be told.
w = World(7, HOUR).life(50, 20_000_000)
a, b = ([p for p in side if p[1][12:16] == b'\x0a\0\0\1'] for side in w.seen)
save('a.pcap', a); save('b.pcap', b)
out = told()
clock = out['clocks'][0]
assert clock['certainty'] == 'undecidable' and abs(clock['ahead_ns'] - HOUR) < 20_000_000, clock
assert not out['connections'][0]['places']['decided'] and 'transit_ns' not in out['connections'][0]['places']['a']
# A clock that was set in between.
World(8, HOUR, step=(10 * S, 0)).life(400, 20_000_000).save()
assert told()['clocks'][0]['certainty'] == 'uneven'
assert told()['connections'][0]['severity'] != 'problem', told()['connections'][0]['findings']

# Several connections, both ways; pieces of captures; other connections in only one of them.
w = [World(10 + i, 33 * S, port=40000 + i, start=1_700_000_000_000_000_000 + i * S).life(20, 10_000_000) for i in range(8)]
save('a1.pcap', w[0].seen[0] + w[1].seen[0] + w[2].seen[0] + w[3].seen[0])
save('a2.pcap', w[4].seen[0] + w[5].seen[0] + w[6].seen[0])
save('b1.pcap', w[0].seen[1] + w[1].seen[1] + w[2].seen[1])
save('b2.pcap', w[3].seen[1] + w[4].seen[1] + w[5].seen[1] + w[7].seen[1])
out = told(('a1.pcap', 'a2.pcap', 'b1.pcap', 'b2.pcap'))
assert len(out['connections']) == 8
for c in out['connections']: calm(c)
assert [k['corrected'] for k in out['clocks']] == [True, True], out['clocks']
# Three places; what the third one shows is put on the same clock, and two of them tell transit times.
x = World(21, -50 * S, loss=0.03).life(200, 20_000_000)
sent = b'\x0a\0\0\1'
save('a.pcap', x.seen[0]); save('b.pcap', x.seen[1])
save('m.pcap', [(at + (4_000_000 if d[12:16] == sent else -4_000_000) + 7 * S, d) for at, d in x.seen[0]])
for files in (('a.pcap', 'm.pcap', 'b.pcap'), ('b.pcap', 'a.pcap', 'm.pcap')):
    out = told(files)
    assert len({k['place'] for k in out['clocks']} | {0}) == 3, out['clocks']
    for k in out['clocks']:
        other = {'a.pcap': 0, 'm.pcap': 7 * S, 'b.pcap': -50 * S}
        assert abs(k['ahead_ns'] - (other[k['file']] - other[k['against']])) <= k['within_ns'] + 2000, out['clocks']
    c = out['connections'][0]
    assert len(out['connections']) == 1 and c['places']['a']['missed'] == c['places']['b']['missed'] == 0, c['places']
    assert c['a']['duplicates'] == c['b']['duplicates'] == 0, c
    assert c['places']['a']['lost'] <= x.lost[0] and c['places']['b']['lost'] <= x.lost[1], (c['places'], x.lost)

# Thousands of packets under way at once, as on a fast and long path: each is met again, none is called lost.
fast = World(12, HOUR, there=40_000_000, back=40_000_000, jitter=0)
fast.send(0, 2); fast.send(1, 18); fast.send(0, 16)
burst = fast.now
for i in range(3000):
    fast.now = burst + i * 10_000
    fast.send(0, 16, 10)
for i in range(10):
    fast.send(1, 16, 10); fast.send(0, 16)
fast.send(0, 17); fast.send(1, 17); fast.send(0, 16)
fast.save()
p = told()['connections'][0]['places']
assert p['a']['in_both'] > 3000 and p['a']['lost'] == p['a']['missed'] == p['b']['lost'] == 0, p

# Changed at random, times above all: it ends by itself, with a status of its own.
rng = random.Random(3)
World(11, HOUR).life(12, 20_000_000).save()
good = open('b.pcap', 'rb').read()
for round in range(25):
    data = bytearray(good)
    at = 24
    while at + 16 <= len(data): # each record
        length = struct.unpack('>I', data[at + 8:at + 12])[0]
        if rng.random() < 0.3: data[at:at + 4] = rng.randbytes(4)
        if rng.random() < 0.05: data[at + 8 + rng.randrange(8)] = rng.randrange(256)
        at += 16 + length
    open('changed.pcap', 'wb').write(data)
    for args in (['--json', '--flow', '1'], []):
        run = subprocess.run([tern, 'explain', *args, 'a.pcap', 'changed.pcap'], capture_output=True, timeout=600)
        assert run.returncode in (0, 1), (round, run.returncode, run.stderr[-2000:])

# No packet in both: nothing is said.
save('x.pcap', w[6].seen[0]); save('y.pcap', w[7].seen[1])
assert told(('x.pcap', 'y.pcap'))['clocks'] == []
END
python3 clocks.py "$TERN"
