#!/usr/bin/env python3
"""Holds every line of the sweep against the oracle (tests/oracle) and the folded table (expected.txt).

    compare.py SWEEP              runs the program SWEEP; exit 1 when a cell is not admitted or the table is another
    compare.py --show N SWEEP     the same, with N examples of each kind of difference
    compare.py --update SWEEP     writes the table anew: then read what changed
"""
import difflib
import os
import subprocess
import sys
from collections import Counter, defaultdict

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'oracle'))
import segment_arrives as oracle  # noqa: E402
import decisions  # noqa: E402
import fold  # noqa: E402

EXPECTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'expected.txt')

FLAGS = [(1, 'FIN'), (2, 'SYN'), (4, 'RST'), (8, 'PSH'), (16, 'ACK'), (32, 'URG')]


class Seen:
    """What tern did: the fields of oracle.Allowed, one value each."""
    __slots__ = ('state', 'reply', 'rcv_nxt', 'una', 'wnd', 'ts', 'held', 'restart', 'signals', 'text')

    def __init__(self, text):
        f = text.split()
        self.text = text
        self.state = f[0]
        self.reply = (f[1], int(f[2]) & oracle.MASK, int(f[3]) & oracle.MASK)
        self.rcv_nxt, self.una, self.wnd, self.ts, self.held = (oracle.ANY if x == '-' else int(x) & oracle.MASK for x in f[4:9])
        self.restart = f[9] == '1'
        self.signals = set() if f[10] == '-' else set(f[10].split(','))


def segment_of(flags, seq, length, ack, wnd, ts):
    up = 10 if flags & oracle.URG else 0
    return oracle.Segment(flags, int(seq) & oracle.MASK, int(length), int(ack) & oracle.MASK, int(wnd),
                          None if ts == '-' else int(ts), up)


def admitted(t, s, seen):
    """None when a plain reading admits it, the name of a decision when one is needed, else False."""
    allowed = oracle.segment_arrives(t, s)
    if any(a.admits(seen) for a in allowed):
        if t.state == oracle.TIME_WAIT and seen.reply[0] == 'SYN,ACK' and not oracle.lt(t.nxt, (seen.reply[1] + 1) & oracle.MASK):
            return False  # 3.6.1 MAY-2 (1): the new ISS is larger than all numbers of the old incarnation
        return None
    return decisions.explain(t, s, seen, allowed)


class Report:
    def __init__(self, show):
        self.show = show
        self.cells = 0
        self.different = Counter()
        self.examples = defaultdict(list)
        self.decided = Counter()
        self.tables = []

    def note(self, t, dims, flags, verdict, s, seen):
        if verdict:
            self.decided[verdict] += 1
            return
        key = (t.name, seen.text)
        self.different[key] += 1
        if len(self.examples[key]) < self.show:
            names = ' '.join(name for bit, name in FLAGS if flags & bit)
            d = [int(c) for c in dims]
            self.examples[key].append(f'<{names}> SEQ {fold.SEQ[d[0]]}, ACK {fold.ACKS[d[1] + 1]}, LEN {fold.LEN[d[2]]}, WND {s.wnd}, TS {s.ts}')


def examine(lines, report):
    t = None
    known = {}
    for line in lines:
        if line[0] == 'T':
            t = oracle.Tcb(**{k: v if k in ('name', 'state') else int(v) & oracle.MASK
                              for k, v in (f.split('=', 1) for f in line.split()[1:])})
            known = {}
            report.tables.append(fold.Table(t))
            continue
        stimulus, after = line.rstrip('\n').split(' > ')
        _, dims, flags, seq, length, ack, wnd, ts = stimulus.split(' ')
        report.cells += 1
        flags = int(flags)
        # PSH plays no part in the oracle, the ACK number none without ACK: judge the rest once.
        key = (flags & ~oracle.PSH, seq, length, ack if flags & oracle.ACK else '', wnd, ts, after)
        before = known.get(key)
        if before is None:
            s, seen = segment_of(flags, seq, length, ack, wnd, ts), Seen(after)
            before = known[key] = (admitted(t, s, seen), fold.outcome_name(t, s, after), s)
        verdict, outcome, s = before
        report.tables[-1].add(dims, flags, s, outcome)
        if verdict is not None:
            report.note(t, dims, flags, verdict, segment_of(flags, seq, length, ack, wnd, ts), Seen(after))


def check_table(tables, update):
    before = ''
    if os.path.exists(EXPECTED):
        with open(EXPECTED, encoding='ascii') as f:
            before = f.read()
    now = fold.document(tables)
    if update:
        with open(EXPECTED, 'w', encoding='ascii') as f:
            f.write(now)
    elif now != before:
        sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), now.splitlines(True), 'expected.txt', 'now', n=2))
        print('The table is another: if that is meant, run compare.py --update and review expected.txt.')
        return False
    return True


def run(program, show, update):
    report = Report(show)
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True, encoding='ascii') as p:
        examine(p.stdout, report)
    if p.returncode:
        print(f'{program} ended with {p.returncode}', file=sys.stderr)
        return 1
    for (name, text), n in sorted(report.different.items(), key=lambda kv: (kv[0][0], -kv[1])):
        print(f'{name}: {n} cells gave "{text}"')
        for e in report.examples[(name, text)]:
            print(f'    {e}')
    for name, n in sorted(report.decided.items()):
        print(f'{n} cells by decision: {name}')
    table_ok = check_table(report.tables, update)
    bad = sum(report.different.values())
    print(f'{report.cells} cells, {bad} unexplained differences')
    return 0 if table_ok and not bad else 1


def main(argv):
    show, update = 0, len(argv) == 3 and argv[1] == '--update'
    if update:
        argv = argv[1:]
    if len(argv) > 2 and argv[1] == '--show':
        show = int(argv[2])
        argv = argv[2:]
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    return run(argv[1], show, update)


if __name__ == '__main__':
    sys.exit(main(sys.argv))
