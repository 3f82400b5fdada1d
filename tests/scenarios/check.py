#!/usr/bin/python3
"""check.py TERN [--update] - plays the whole catalogue and holds it against tests/scenarios.

Every scenario's own expectations hold; its output is that of golden/NAME.txt, byte by byte; scenarios/edges.csv says
which of them walk which edge of src/tcp/transition.def, and leaves no edge out that a segment, a call or a timer can walk. With --update the goldens and edges.csv
are written anew: look at the difference before it is committed.
"""
import csv
import io
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GOLDEN = HERE / "golden"
EDGES = ROOT / "scenarios" / "edges.csv"
IN_CHINESE = ["open-basic", "close-4", "open-two-way"]
STARTS = 40  # a run of a scenario takes at most as long as the program needs to start so often
SHOWN = 4  # scenarios for an edge
OPENING = ["CLOSED", "LISTEN", "SYN_SENT", "SYN_RECEIVED"]
# No segment can walk these: {edge: why}.
IMPOSSIBLE = {
    ("SYN-RECEIVED", "FIN", "CLOSE-WAIT"): "a FIN needs an ACK, and the ACK completes the opening first",
}
ROW = re.compile(r"^TRANSITION\((\w+),\s*(\w+),\s*(\w+),", re.M)


def play(tern, *args):
    environment = dict(os.environ, COLUMNS="132", LC_ALL="C.UTF-8")
    for name in ("NO_COLOR", "CLICOLOR_FORCE"):
        environment.pop(name, None)
    done = subprocess.run([tern, "play", *args], capture_output=True, env=environment, timeout=600, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def spent():
    """Of the processor, by the programs that have run: others may keep it from us."""
    times = os.times()
    return times.children_user + times.children_system


def start_of(tern):
    """What it takes to start the program and say little."""
    before = spent()
    for _ in range(50):
        subprocess.run([tern, "--version"], capture_output=True, check=True)
    return max((spent() - before) / 50, 0.0005)


def compare(path, text, update):
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
    elif not path.exists():
        yield f"{path.relative_to(ROOT)} is missing"
    elif path.read_bytes() != text:
        was, now = path.read_bytes().decode().splitlines(), text.decode().splitlines()
        at = next((i for i, pair in enumerate(zip(was, now)) if pair[0] != pair[1]), min(len(was), len(now)))
        yield f"{path.relative_to(ROOT)}:{at + 1}: the output differs:"
        yield f"  was: {was[at] if at < len(was) else '(the end)'}"
        yield f"  now: {now[at] if at < len(now) else '(the end)'}"


def check_outputs(tern, names, update):
    for name in names:
        for lang in ["en"] + ["zh"] * (name in IN_CHINESE):
            code, out, err = play(tern, name, "--fast", "--lang", lang)
            if code != 0 or err:
                yield f"tern play {name} --lang {lang}: exit {code}: {err}{out.decode()[-600:]}"
            yield from compare(GOLDEN / f"{name}{'.zh' if lang == 'zh' else ''}.txt", out, update)


def walked(tern, names):
    edges = {}
    for name in names:
        _, out, _ = play(tern, name, "--json")
        for line in out.decode().splitlines():
            record = json.loads(line)
            for edge in record.get("edges", []):
                edges.setdefault(tuple(edge), []).append(name)
    return {edge: sorted(set(by), key=by.index) for edge, by in edges.items()}


def check_edges(tern, scenarios, update):
    table = ROW.findall((ROOT / "src" / "tcp" / "transition.def").read_text(encoding="utf-8"))
    edges = walked(tern, [scenario["name"] for scenario in scenarios])
    chapter = {scenario["name"]: scenario["chapter"] for scenario in scenarios}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["from", "event", "to", "scenarios"])
    for before, event, after in table:
        edge = (before.replace("_", "-"), event, after.replace("_", "-"))
        if edge in IMPOSSIBLE and edge in edges:
            yield f"{edge[0]} -> {edge[2]} ({event}) was walked, though {IMPOSSIBLE[edge]}"
        if edge not in edges and edge not in IMPOSSIBLE:
            yield f"no scenario walks {edge[0]} -> {edge[2]} ({event})"
        fitting = "opening" if before in OPENING else "closing"
        best = sorted(edges.get(edge, []), key=lambda name: chapter[name] != fitting)
        writer.writerow([*edge, " ".join(best[:SHOWN])])
    yield from compare(EDGES, out.getvalue().encode(), update)


def main(tern, update):
    _, out, _ = play(tern, "--json")
    scenarios = json.loads(out)["scenarios"]
    names = [scenario["name"] for scenario in scenarios]
    start, before = start_of(tern), spent()
    found = list(check_outputs(tern, names, update))
    took = spent() - before
    found += check_edges(tern, scenarios, update)
    golden = {path.name.split(".")[0] for path in GOLDEN.glob("*.txt")}
    found += [f"tests/scenarios/golden/{name}.txt belongs to no scenario" for name in sorted(golden - set(names))]
    if took > STARTS * start * len(names):
        found.append(f"the catalogue took {took:.1f} s; the program starts in {start:.4f} s")
    for problem in found[:60]:
        print(problem)
    if any(": the output differs" in problem for problem in found):
        print("if that is meant, tests/scenarios/check.py TERN --update writes it anew")
    print(f"{len(names)} scenarios in {took:.1f} s, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--update" in sys.argv))
