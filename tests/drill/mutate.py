#!/usr/bin/python3
"""mutate.py SCRIPTS OUT - copies of a sample of the scripts, each with one expected number changed: a window, a
sequence or acknowledgment number, a length, a result, a time. Every one of them must fail."""
import pathlib
import re
import sys

EVERY = 16  # one script of so many
SOURCE, OUT = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
EXPECTED = re.compile(r"^(\S+\s+> .*|.*\) = .*)$")
# What is compared: the sequence number with its end (but a SYN's only names our first number), the acknowledgment, a
# stated window or MSS, a result, a time.
NUMBERS = [
    (re.compile(r"(?<=[.FRPU-] )(?<!S. )(\d+):(\d+)\("), lambda m: f"{int(m[1]) + 7}:{int(m[2]) + 7}("),
    (re.compile(r"ack (\d+)"), lambda m: f"ack {int(m[1]) + 1}"),
    (re.compile(r"win (\d+)"), lambda m: f"win {int(m[1]) ^ 1}"),
    (re.compile(r"mss (\d+)"), lambda m: f"mss {int(m[1]) + 4}"),
    (re.compile(r"\) = (\d+)(?!x|\d)"), lambda m: f") = {int(m[1]) + 1}"),
    (re.compile(r"^\+(\d*\.?\d+)(?= +>)"), lambda m: f"+{float(m[1]) + 0.017:.3f}"),
]


def mutants(text):
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not EXPECTED.match(line) or "<...>" in line and " S" in line or "socket(" in line or "accept(" in line:
            continue
        for pattern, change in NUMBERS:
            changed = pattern.sub(change, line, count=1)
            if changed != line:
                yield number, "\n".join(lines[:number] + [changed] + lines[number + 1:])


def main():
    OUT.mkdir(exist_ok=True)
    for script in sorted(SOURCE.rglob("*.pkt"))[::EVERY]:
        name = "-".join(script.relative_to(SOURCE).with_suffix("").parts)
        for i, (line, text) in enumerate(mutants(script.read_text(encoding="utf-8"))):
            (OUT / f"{name}-{line + 1}-{i}.pkt").write_text(text, encoding="utf-8")


main()
