#!/usr/bin/python3
"""instructions.py - counts the processor's instructions for fixed amounts of work and compares them with a file.

instructions.py TERN-BENCH FILE            exits 0; 77 with a last line that says what grew by more than 3 %, or why
                                           nothing was compared
instructions.py TERN-BENCH FILE --update   writes the counts into the file

Times depend on who else is on the machine, instruction counts do not: callgrind counts those inside of the bench's
function `counted`. They depend on the compiler and the processor's vector units, so the file has a line for each such
pair and a measure; a pair without lines is not compared.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MEASURES = {"bulk": "a segment", "conn": "a connection", "trip": "a round trip"}
LIMIT = 1.03


def skip(why):
    print(why)
    sys.exit(77)


def kind_of(bench):
    """Compiler and vector unit, in one word."""
    text = subprocess.run([bench, "--fixed", "compiler"], check=True, capture_output=True, text=True).stdout
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return text.strip().replace(" ", "-") + ("-avx2" if re.search(r"\bavx2\b", flags) else "")


def count(bench, measure):
    with tempfile.TemporaryDirectory() as scratch:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={scratch}/out", "--toggle-collect=counted*",
             bench, "--fixed", measure], capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not collected or int(collected[1]) == 0:
        skip(f"callgrind could not count {measure}: {run.stderr.strip()[-200:]}")
    return int(collected[1]) / int(run.stdout)


def read(path):
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [line.split() for line in lines if line and not line.startswith("#")]


def update(path, rows, kind, counts):
    head = "# instructions for one unit of fixed work: compiler and vector unit, measure, count (scripts/instructions.py)\n"
    rows = [row for row in rows if row[0] != kind] + [[kind, m, f"{n:.0f}"] for m, n in counts.items()]
    path.write_text(head + "".join(" ".join(row) + "\n" for row in sorted(rows)), encoding="utf-8")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    bench, path = sys.argv[1], pathlib.Path(sys.argv[2])
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    kind, rows = kind_of(bench), read(path)
    writing = sys.argv[3:] == ["--update"]
    known = {row[1]: int(row[2]) for row in rows if row[0] == kind}
    if not writing and not known:
        skip(f"no counts to compare with for {kind}; --update makes them")
    counts = {m: count(bench, m) for m in MEASURES}
    if writing:
        update(path, rows, kind, counts)
    grown = []
    for m, n in counts.items():
        print(f"{m}: {n:.0f} instructions {MEASURES[m]}; before: {known.get(m, 'not known')}")
        if m in known and n > known[m] * LIMIT:
            grown.append(f"{m} takes {n:.0f} instructions {MEASURES[m]}, {100 * (n / known[m] - 1):.1f} % more than {known[m]}")
    if grown and not writing:
        skip("; ".join(grown))
    return 0


sys.exit(main())
