#!/usr/bin/python3
"""check.py TREE [--long [SECONDS]] - builds the model connection.pml with Spin in the current directory and proves its claims.

1. Each move() of the model is a row of src/tcp/transition.def, and each row is a move of the model, or OUT_OF_SCOPE says why not.
2. In every world of WORLDS no claim fails, and together they take every row.
3. With a rule switched off, a claim fails (MUTANTS): so the claims can fail.
--long: instead of 2 and 3, worlds with three segments a way and more happening, each for at most SECONDS (600).
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

OUT_OF_SCOPE = {
    ("SYN_RECEIVED", "FIN", "CLOSE_WAIT"): "the fifth step leaves SYN-RECEIVED before the eighth sees the FIN",
}
ALIASES = {"SYN_COMES": "SYN", "FIN_COMES": "FIN"}  # the model's SYN and FIN are flags

# What may happen, beside loss and reordering; LIVE: the claims of liveness, else those of safety and dead ends.
WORLDS = [
    "", "BOTH_OPEN", "SPEAKS_UP", "OLD", "FORGED", "COPIES", "ABORTS", "AGAIN ORDERLY OVERLAP", "AGAIN ORDERLY OVERLAP BOTH_OPEN",
    "AGAIN ORDERLY", "LIVE", "LIVE BOTH_OPEN", "LIVE STAY", "LIVE STAY BOTH_OPEN", "LIVE STAY OLD",
]
MUTANTS = [
    ("TWO_WAY_HANDSHAKE", "LIVE STAY OLD"), ("OPENING_ACK_UNCHECKED", "OLD"), ("RST_ANYWHERE_IN_WINDOW", "FORGED"),
    ("SYN_IN_WINDOW_RESETS", "FORGED"), ("ACK_UNCHECKED", "FORGED"), ("NO_TIME_WAIT", ""),
    ("TIME_WAIT_HEEDS_RST", "AGAIN ORDERLY OVERLAP"), ("NO_RETRANSMISSION", "LIVE"), ("CLOSED_IS_SILENT", "LIVE"),
    ("SEQUENCE_UNCHECKED", "OLD TEXT"),
]
LONG = [
    "", "COPIES", "BOTH_OPEN COPIES", "SPEAKS_UP", "OLD TWICE", "FORGED TWICE", "OLD FORGED BOTH_OPEN", "TEXT", "ABORTS", "AGAIN",
    "AGAIN ORDERLY OVERLAP COPIES", "LIVE", "LIVE BOTH_OPEN", "LIVE SPEAKS_UP", "LIVE ABORTS", "LIVE TEXT",
]
failures = []


def fail(text):
    failures.append(text)
    print("FAILED:", text)


def run(*words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode:
        sys.exit(f"{' '.join(words)}:\n{done.stdout}")
    return done.stdout


def table_and_model(tree, source):
    """The moves on both sides; complains of those that only one has."""
    rows = set(re.findall(r"^TRANSITION\((\w+),\s*(\w+),\s*(\w+),", (tree / "src/tcp/transition.def").read_text(), re.M))
    moves = {(a, ALIASES.get(e, e), b): (a, e) for a, e, b in re.findall(r"move\(\w+, ([A-Z]\w+), (\w+), (\w+)\)", source)}
    for move in sorted(set(moves) - rows):
        fail(f"the model moves {' '.join(move)}, which transition.def does not know")
    for row in sorted(rows - set(moves) - set(OUT_OF_SCOPE)):
        fail(f"transition.def's {' '.join(row)} is not in the model")
    for row in sorted(set(OUT_OF_SCOPE) & set(moves) | set(OUT_OF_SCOPE) - rows):
        fail(f"{' '.join(row)} is out of scope no more")
    return moves


def build(model, slots):
    run("spin", "-a", f"-DSLOTS={slots}", str(model))
    more = ["-DMEMLIM=6000", "-DCOLLAPSE"] if slots > 2 else ["-DMEMLIM=1500"]
    flags = ["-O2", "-w", "-DNOREDUCE", *more, "pan.c", "-o"]
    with concurrent.futures.ThreadPoolExecutor(2) as two:
        list(two.map(lambda words: run(*words), [["cc", "-DNOCLAIM", "-DSAFETY", *flags, "safe"], ["cc", *flags, "live"]]))


class Search:
    """One run of the checker; `bits` are the model's own definitions."""

    def __init__(self, bits, world, mutant="", seconds=3000):
        words = set(world.split())
        self.world, self.mutant = world, mutant
        how = sum(1 << bits["FAIR" if w == "LIVE" else w] for w in words)
        command = ["./live", "-a"] if "LIVE" in words else ["./safe"]
        self.env = dict(os.environ, HOW=str(how), BROKEN=str(bits.get(mutant, 0)))
        with subprocess.Popen([*command, "-m2000000", "-n"],
                              env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
            try:
                self.out = p.communicate(timeout=seconds)[0]
                self.whole = not re.search("max search depth too small|out of memory", self.out)
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGINT)  # it still tells how far it came
                self.out = p.communicate()[0]
                self.whole = False
        found = re.search(r"errors: (\d+)", self.out)
        self.wrong = re.search(r"^pan:\d+: (.*)", self.out, re.M)
        self.errors = int(found[1]) if found else None
        self.states = int(float((re.search(r"([\d.e+]+) states, stored", self.out) or [0, "0"])[1]))
        self.taken = {(int(a), int(b)) for a, b in re.findall(r"^taken (\d+) (\d+)$", self.out, re.M)}

    def __str__(self):
        name = " ".join(([f"broken, {self.mutant}:"] if self.mutant else []) + [self.world or "the line loses and reorders"])
        return f"{name}: {self.wrong[1] if self.wrong else 'holds'}, {self.states} states{'' if self.whole else ' of more'}"


def main(arguments):
    if not shutil.which("spin"):
        print("spin is not installed")
        return 77
    tree = pathlib.Path(arguments[0]).resolve()
    model = tree / "tests/model/connection.pml"
    source = model.read_text(encoding="utf-8")
    bits = {n: int(b) for n, b in re.findall(r"^#define (\w+) \(how >> (\d+) & 1\)", source, re.M)}
    bits.update({n: int(b) for n, b in re.findall(r"^#define (\w+) \(broken == (\d+)\)", source, re.M)})
    numbers = {n: int(v) for n, v in re.findall(r"^#define ([A-Z_0-9]+) (\d+)$", source, re.M)}
    moves = table_and_model(tree, source)
    long = "--long" in arguments
    build(model, 3 if long else 2)
    seconds = int(arguments[2]) if len(arguments) > 2 else 600 if long else 3000
    taken, states, searches = set(), 0, [(w, "") for w in LONG] if long else [(w, "") for w in WORLDS] + [(w, m) for m, w in MUTANTS]
    with concurrent.futures.ThreadPoolExecutor(2) as two:
        for s in two.map(lambda a: Search(bits, *a, seconds=seconds), searches):
            print(s, flush=True)
            states += s.states
            if s.errors is None and not long or bool(s.errors) != bool(s.mutant) or not (s.whole or s.mutant or long):
                fail(f"{s}\n{s.out[-2000:]}")
            if not s.mutant:
                taken |= s.taken
    for move, (state, event) in sorted(moves.items()):
        if not long and (numbers[state], numbers[event]) not in taken:
            fail(f"no world takes {' '.join(move)}")
    print(f"{len(moves)} moves, {len(searches)} searches, {states} states, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
