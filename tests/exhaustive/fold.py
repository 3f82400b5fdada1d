"""Folds the sweep into a table that a person can review: numbers become names, and what makes no difference is left out.
The table is tests/exhaustive/expected.txt. Not here: what is right (tests/oracle)."""
from itertools import permutations

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MASK = 0xFFFFFFFF
SIGNED = 0x80000000

SEQ = ['far-old', 'old', 'NXT-1', 'NXT', 'inside', 'last', 'edge', 'beyond']
ACKS = ['off', 'far-old', 'oldest', 'UNA-1', 'UNA', 'NXT-1', 'NXT', 'NXT+1', 'opposite']
LEN = ['0', '1', 'to-edge', 'over-edge']
TS = ['none', 'newer', 'equal', 'older']

# What depends on little is folded by itself.
ASPECTS = ['', 'our side', 'timestamp']
ASPECT_OF = {'una': 1, 'wnd': 1, '!sent': 1, 'ts': 2}


def signed(n):
    return (n & MASK) - (1 << 32) if n & SIGNED else n & MASK


# ---- a stimulus as words -------------------------------------------------------------------------------------------

def brings(text, room, fin):
    """What of a segment that begins at RCV.NXT, or ahead of it, lies inside the window."""
    if text > room:
        return 'cut-text' if room else 'nothing-fits'
    words = (['text'] if text else []) + (['fin'] if fin and text < room else [])
    if fin and text == room:
        words.append('fin-at-edge')
    return '+'.join(words) or 'empty'


def place(t, s, seq_name):
    """Where the segment lies: the name says all that SEQ, LEN and FIN mean for this state."""
    fin = bool(s.flags & FIN)
    if t.state == 'CLOSED':
        return ''
    if t.state == 'LISTEN':
        return '' if not s.flags & SYN else 'fin' if fin else 'no-fin'
    if t.state == 'SYN-SENT':
        return brings(s.len, t.syn_wnd, fin) if s.flags & SYN else ''
    if s.flags & RST:
        return seq_name
    first, last = signed(s.seq - t.rcv_nxt), signed(s.seq + s.seg_len() - 1 - t.rcv_nxt)
    inside = 0 <= first < t.rcv_wnd or first == 0 and s.seg_len() == 0
    if s.flags & SYN:
        if t.state == 'TIME-WAIT':
            return seq_name + ('+fin' if fin else '')
        if t.state == 'SYN-RECEIVED' and s.seq == t.irs:
            return 'IRS:' + brings(s.len, t.rcv_wnd, fin) if not t.passive else 'IRS' if not 0 <= last < t.rcv_wnd else 'IRS..'
        return 'inside' if inside else 'reaching-in' if 0 <= last < t.rcv_wnd else 'outside'
    if first == 0 and not t.rcv_wnd and s.seg_len():
        return 'NXT:' + brings(s.len, 0, fin)
    if inside and first > 0:
        return 'ahead:' + brings(s.len, t.rcv_wnd - first, fin)
    if inside or t.rcv_wnd and s.seg_len() and 0 <= last < t.rcv_wnd:
        return 'NXT:' + brings(max(0, s.len + min(first, 0)), t.rcv_wnd, fin)
    if t.state == 'TIME-WAIT' and fin and last == -1:
        return 'FIN-again'
    return 'before' if first < 0 else 'beyond'


# ---- an outcome as words -------------------------------------------------------------------------------------------

def reply_name(t, s, after):
    """`after`: [state, kind, seq, ack, rcv_nxt, una, wnd, ts, held, restart, signals]"""
    kind, number, ack = after[1], int(after[2]), int(after[3])
    if kind in ('none', 'several', 'other'):
        return '' if kind == 'none' else kind
    rcv_nxt = after[4] if after[4] != '-' else None
    if kind in ('ACK', 'later') and number == signed(t.nxt) and rcv_nxt is not None and ack == int(rcv_nxt):
        return 'ACK' if kind == 'ACK' else 'ACK-later'
    if kind == 'RST' and number & MASK == s.ack:
        return 'RST<SEG.ACK>'
    if kind == 'RST,ACK' and number == 0 and signed(ack) == signed(s.seq + s.seg_len()):
        return 'RST<0>ACK<SEG.SEQ+LEN>'
    if kind == 'RST,ACK' and number == signed(t.nxt) and ack == signed(t.rcv_nxt):
        return 'RST<SND.NXT>'
    if kind == 'SYN,ACK' and rcv_nxt is not None and ack == int(rcv_nxt):
        return 'SYN,ACK' if t.state != 'TIME-WAIT' else 'SYN,ACK<new-ISS>'
    return f'{kind}<{number}><{ack}>'


def moves_of_rcv_nxt(t, s, after):
    """RCV.NXT as words: SYN, text (all that was new), part (of it), FIN."""
    base = signed(t.rcv_nxt)
    words = []
    if t.state in ('LISTEN', 'SYN-SENT') or after[0] == 'SYN-RECEIVED' and t.state != 'SYN-RECEIVED':
        words.append('irs')
        base = signed(s.seq + 1)
    moved = signed(int(after[4]) - base)
    if 'eof' in after[10] or t.closed and after[0] in ('CLOSING', 'TIME-WAIT') and after[0] != t.state and moved and s.flags & FIN:
        moved -= 1
        words.append('fin')
    new = s.len - max(0, signed(base - s.seq) - (1 if s.flags & SYN else 0))
    if moved:
        words.insert(-1 if 'fin' in words else len(words), 'text' if moved == new else 'part' if 0 < moved < new else f'{moved}!')
    return words


def outcome_name(t, s, text):
    after = text.split()
    words = ['=' if after[0] == t.state else after[0]]
    reply = reply_name(t, s, after)
    if reply:
        words.append(reply)
    if after[4] != '-' and not (after[0] == t.state and int(after[4]) == signed(t.rcv_nxt)):
        words += moves_of_rcv_nxt(t, s, after)
    if after[8] not in ('-', '0'):
        words.append('holds' if int(after[8]) == s.len else 'holds-part')
    if after[5] != '-' and signed(t.una) != int(after[5]) and after[0] != 'SYN-RECEIVED':
        words.append('una' if int(after[5]) & MASK == s.ack else f'una={after[5]}')
    if after[6] != '-' and int(after[6]) != t.wnd and t.name != '' and after[0] != 'SYN-RECEIVED':
        shift = 0 if s.flags & SYN else t.wnd_shift
        words.append('wnd' if int(after[6]) == s.wnd << shift else f'wnd={after[6]}')
    if after[7] != '-' and int(after[7]) != t.ts_recent and after[0] != 'SYN-RECEIVED':
        words.append('ts' if int(after[7]) == s.ts else f'ts={after[7]}')
    if after[9] == '1' and t.state == 'TIME-WAIT':
        words.append('2MSL-again')
    if after[10] != '-':
        words += ['!' + name for name in after[10].split(',')]
    return tuple(' '.join(w for w in words if ASPECT_OF.get(w, 0) == i) for i in range(len(ASPECTS)))


class Table:
    """All cells of one connection. A cell is found by (kind, timestamp, ACK, place)."""
    KINDS = ['RST', 'SYN', 'neither']
    AXES = ['TS', 'ACK', 'segment']

    def __init__(self, t):
        self.t = t
        self.main = {}      # kind -> {(ts, ack, place): outcome}
        self.extra = {}     # cells with URG, PSH or the peer's window shut

    def add(self, dims, flags, s, outcome):
        seq, ack, _, wnd, ts = (int(c) for c in dims)
        kind = 'RST' if flags & RST else 'SYN' if flags & SYN else 'neither'
        at = (TS[ts], ACKS[ack + 1 if flags & ACK else 0], place(self.t, s, SEQ[seq]))
        if flags & (PSH | URG) or wnd:
            self.extra.setdefault((kind, at, wnd, flags & URG, flags & PSH), set()).add(outcome)
            return
        cells = self.main.setdefault(kind, {})
        if cells.setdefault(at, outcome) != outcome:
            cells[at] = tuple(a if a == b or b in a.split(' OR ') else f'{a} OR {b}' for a, b in zip(cells[at], outcome))

    def rows(self, kind, order, aspect):
        cells = self.main[kind]
        axes = [list(dict.fromkeys(at[i] for at in cells)) for i in range(3)]
        names = [TS, ACKS, axes[2]]
        axes = [[v for v in names[i] if v in axes[i]] for i in range(3)]
        at = [''] * 3

        def build(depth):
            if depth == 3:
                return cells[tuple(at)][aspect]
            i = self.AXES.index(order[depth])
            groups = {}
            for value in axes[i]:
                at[i] = value
                groups.setdefault(build(depth + 1), []).append(value)
            if len(groups) == 1:
                return next(iter(groups))
            return (i, tuple((tuple(values), sub) for sub, values in groups.items()))

        return list(flatten(build(0), axes, ()))

    def differences(self):
        """What PSH changes in a segment, then URG, then a window that is shut: word by word, with the number of cases."""
        found = {}
        for (kind, at, wnd, urg, psh), outcomes in self.extra.items():
            who = 'PSH' if psh else 'URG' if urg else 'WND=0'
            plain = [self.main[kind][at]] if not psh or not urg else self.extra[(kind, at, wnd, urg, 0)]
            for outcome in outcomes:
                if outcome in plain:
                    continue
                a, b = (' '.join(next(iter(plain)))).split(), ' '.join(outcome).split()
                what = f'{" ".join(w for w in a if w not in b) or "nothing"} becomes {" ".join(w for w in b if w not in a) or "nothing"}'
                found[(who, what)] = found.get((who, what), 0) + 1
        return sorted(found.items())


def flatten(tree, axes, path):
    if isinstance(tree, str):
        yield path, tree or '-'
        return
    i, branches = tree
    for values, sub in branches:
        yield from flatten(sub, axes, path + (condition(i, values, axes[i]),))


def condition(i, values, axis):
    name = ('TS ', 'ACK ', '')[i]
    rest = [v for v in axis if v not in values]
    if len(rest) < len(values):
        return f'{name}not {" ".join(rest)}'
    return f'{name}{" ".join(values)}'


def best(table, kind, aspect):
    return min((table.rows(kind, order, aspect) for order in permutations(Table.AXES)), key=len)


def render(rows, lead):
    """Conditions that a row shares with the one before are left out; outcomes stand in one column."""
    lines, last = [], None
    for path, outcome in rows:
        shared = 0
        while last and shared < min(len(path), len(last)) and path[shared] == last[shared]:
            shared += 1
        left = '  ' * shared + '; '.join(path[shared:])
        lines.append(f'  {lead if last is None else "":<8}{left:<58} {outcome}'.rstrip())
        last = path
    return lines


HEADER = """\
# What tern does when a segment arrives: the sweep (sweep.c), folded. Generated by `compare.py --update`, reviewed by people, compared
# byte by byte. For each connection: segments with RST, with SYN, with neither.
#
# Conditions. TS: the timestamp is newer, equal or older than TS.Recent, or none. ACK: off is the flag; UNA and NXT are SND.UNA and
# SND.NXT; oldest is SND.UNA - MAX.SND.WND, far-old one before it, opposite 2^31 away. The third names the segment's place: for RST
# its SEQ (NXT is RCV.NXT, edge the right edge of the window, last the number before it); for SYN outside, inside, or reaching-in
# (begins before the window), IRS the SYN we know; else before or beyond the window, or beginning at NXT (old text cut off) or ahead
# of it, with what it brings inside the window: empty, text, cut-text (there is more of it than window), fin. What is not named makes
# no difference; an indented row goes on from the conditions above it.
#
# Outcomes: the next state (= the same), the reply, then what changed. irs, text, part, fin: what RCV.NXT moved over (part: text up to
# the edge); holds: text kept out of order; !word: a signal to the application. Replies carry SEQ=SND.NXT and ACK=RCV.NXT unless they
# say otherwise. "our side": una, wnd: SND.UNA and SND.WND were taken from the segment. "timestamp": ts: TS.Recent was taken.
"""


def body(table):
    """One table's lines, without its name."""
    out = []
    for i, aspect in enumerate(ASPECTS):
        part = []
        for kind in Table.KINDS:
            rows = best(table, kind, i)
            if len(rows) > 1 or rows[0][1] != '-':
                part += render(rows, kind)
        if part and aspect:
            out.append(f'  {aspect}')
        out += part
    out += [f'  {who}: {what} ({n})' for (who, what), n in table.differences()]
    return '\n'.join(out)


def document(bodies):
    """`bodies`: (name, body) of each connection; those that are alike stand together."""
    out, groups = [HEADER], {}
    for name, lines in bodies:
        groups.setdefault(lines, []).append(name)
    for lines, names in groups.items():
        out += [', '.join(names), lines, '']
    return '\n'.join(out)
