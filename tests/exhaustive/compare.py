#!/usr/bin/env python3
"""Holds every line of the sweep against the oracle (tests/oracle) and the folded table (expected.txt).

    compare.py SWEEP              runs the program SWEEP; exit 1 when a cell is not admitted or the table is another
    compare.py --show N SWEEP     the same, with N examples of each kind of difference
    compare.py --update SWEEP     writes the table anew: then read what changed
"""
import difflib
import multiprocessing
import os
import subprocess
import sys
from collections import Counter

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
    """Of one connection. It travels between processes: plain values only."""

    def __init__(self, name, show):
        self.name = name
        self.show = show
        self.cells = 0
        self.different = Counter()
        self.examples = {}
        self.decided = Counter()
        self.body = ''

    def note(self, count, dims, flags, verdict, s, after):
        self.cells += count
        if verdict is None:
            return
        if verdict:
            self.decided[verdict] += count
            return
        self.different[after] += count
        examples = self.examples.setdefault(after, [])
        if len(examples) < self.show:
            names = ' '.join(name for bit, name in FLAGS if flags & bit)
            d = [int(c) for c in dims]
            examples.append(f'<{names}> SEQ {fold.SEQ[d[0]]}, ACK {fold.ACKS[d[1] + 1]}, LEN {fold.LEN[d[2]]}, WND {s.wnd}, TS {s.ts}')


def examine(work):
    """`work`: the lines of one connection, and how many examples are wanted."""
    lines, show = work
    t = oracle.Tcb(**{k: v if k in ('name', 'state') else int(v) & oracle.MASK
                      for k, v in (f.split('=', 1) for f in lines[0].split()[1:])})
    report, table = Report(t.name, show), fold.Table(t)
    for line in lines[1:]:
        stimulus, after = line.rstrip('\n').split(' > ')
        _, count, dims, flags, seq, length, ack, wnd, ts = stimulus.split(' ')
        flags = int(flags)
        s = segment_of(flags, seq, length, ack, wnd, ts)
        report.note(int(count), dims, flags, admitted(t, s, Seen(after)), s, after)
        table.add(dims, flags, s, fold.outcome_name(t, s, after))
    report.body = fold.body(table)
    return report


def connections(lines, show):
    """The sweep's lines, a connection at a time."""
    part = []
    for line in lines:
        if not line.endswith('\n'):
            break  # the program died; run() says so
        if line[0] == 'T' and part:
            yield part, show
            part = []
        part.append(line)
    if part:
        yield part, show


def check_table(bodies, update):
    before = ''
    if os.path.exists(EXPECTED):
        with open(EXPECTED, encoding='ascii') as f:
            before = f.read()
    now = fold.document(bodies)
    if update:
        with open(EXPECTED, 'w', encoding='ascii') as f:
            f.write(now)
    elif now != before:
        sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), now.splitlines(True), 'expected.txt', 'now', n=2))
        print('The table is another: if that is meant, run compare.py --update and review expected.txt.')
        return False
    return True


def run(program, show, update):
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True, encoding='ascii') as p, multiprocessing.Pool() as pool:
        reports = list(pool.imap(examine, connections(p.stdout, show)))
    if p.returncode:
        print(f'{program} ended with {p.returncode}', file=sys.stderr)
        return 1
    decided = Counter()
    for r in reports:
        decided.update(r.decided)
        for after, n in r.different.most_common():
            print(f'{r.name}: {n} cells gave "{after}"')
            print(''.join(f'    {e}\n' for e in r.examples[after]), end='')
    for name, n in sorted(decided.items()):
        print(f'{n} cells by decision: {name}')
    table_ok = check_table([(r.name, r.body) for r in reports], update)
    cells, bad = sum(r.cells for r in reports), sum(sum(r.different.values()) for r in reports)
    print(f'{cells} cells, {bad} unexplained differences')
    return 0 if table_ok and not bad and cells else 1


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
