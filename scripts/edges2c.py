#!/usr/bin/python3
"""edges2c.py EDGES.csv OUT.c - which scenario walks which move of the state machine, as a C table for cli/cards.h."""
import csv
import sys


def main(source, target):
    with open(source, encoding="utf-8", newline="") as f:
        rows = [(r["from"], r["event"], r["to"], r["scenarios"].split()) for r in csv.DictReader(f)]
    with open(target, "w", encoding="utf-8") as out:
        out.write('/* Made by scripts/edges2c.py. */\n#include "cli/cards.h"\n\nconst struct walked_edge walked_edges[] = {\n')
        for before, event, after, scenarios in rows:
            if scenarios:
                out.write(f'    {{"{before}", "{event}", "{after}", "{scenarios[0]}"}},\n')
        out.write("};\nconst size_t walked_edges_n = sizeof walked_edges / sizeof walked_edges[0];\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
