#!/usr/bin/env python3
"""Holds every line of calls.c against the tables of tests/oracle/calls_and_timeouts.py.

    compare_calls.py CALLS     runs the program CALLS; exit 1 when an outcome is not in the tables
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'oracle'))
import calls_and_timeouts as oracle  # noqa: E402


def problem_of(t, fields, after):
    if fields[0] == 'call':
        segments = [] if after[3] == '-' else after[3:]
        return oracle.call_problem(t, fields[1], after[0], after[1], segments)
    sent = after[2] != '-'
    first_ms = int(after[4]) if sent else None
    return oracle.time_problem(t, fields[1], int(fields[2]), after[0], after[1], first_ms, after[2] if sent else '')


def main(argv):
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    lines = subprocess.run([argv[1]], stdout=subprocess.PIPE, text=True, encoding='ascii', check=True).stdout.splitlines()
    t, cells, bad = None, 0, 0
    for line in lines:
        if line.startswith('T '):
            t = oracle.Tcb(**dict(f.split('=', 1) for f in line.split()[1:]))
            continue
        stimulus, after = line.split(' > ')
        cells += 1
        problem = problem_of(t, stimulus.split(), after.split())
        if problem:
            bad += 1
            print(f'{t.name}: {line}\n    {problem}')
    print(f'{cells} cells, {bad} unexplained differences')
    return 1 if bad or not cells else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
