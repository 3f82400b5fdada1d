#!/usr/bin/python3
"""conformance.py - rfc/9293.csv against the code and the tests: every requirement of RFC 9293 has an address.

check BUILD     runs the tests that the table names; fails when a requirement is neither shown nor excepted, a row names
                something that does not exist, a tag in the tree names no row, or docs/conformance.md is stale
generate BUILD  runs them and writes docs/conformance.md

A row is one label. `implemented` and `test` hold any number of FILE:NAME and PROGRAM:NAME, separated by spaces; the
program drill stands for tern drill, and its names are scripts of tests/drill. Without
an exception the requirement is met; with one and an implementation it is met in part; with one alone we do otherwise.
"""
import concurrent.futures
import csv
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "rfc" / "9293.csv"
DRILL = ROOT / "tests" / "drill"
DOCUMENT = ROOT / "docs" / "conformance.md"
FIELDS = ["label", "section", "requirement", "implemented", "test", "exception"]
CLASSES = [("MUST", 69), ("SHLD", 31), ("REC", 1), ("MAY", 18)]
TAGGED = ["include", "src", "drivers", "lens", "cli", "tests"]
BRACKETS = re.compile(r"\[([^\]\n]*\b(?:MUST|SHLD|REC|MAY)-\d[^\]\n]*)\]")
LABEL = re.compile(r"\b(?:MUST|SHLD|REC|MAY)-\d+\b")
RESULT = re.compile(r"^\[\s*(OK|FAILED)\s*\] (\S+)", re.M)
LIMIT_S = 600


def read_table():
    with TABLE.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != FIELDS:
            sys.exit(f"{TABLE.name}: the fields are not {', '.join(FIELDS)}")
        return list(reader)


# ---- the tests -------------------------------------------------------------------------------------------------------


def run_drill(build):
    """The outcome of each script, by its name below tests/drill without its suffix."""
    command = [pathlib.Path(build, "cli", "tern"), "drill", "--strict", "--json", DRILL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {str(pathlib.Path(r["path"]).relative_to(DRILL).with_suffix("")): r["verdict"] == "pass"
            for r in records if r["kind"] == "script"}


def run(build, program):
    """The outcome of each test function of a program; what a program with "/v6" behind a name says counts for the name."""
    if program == "drill":
        return run_drill(build)
    path = pathlib.Path(build, "tests", "unit", program)
    if not path.exists():
        return {}
    try:
        done = subprocess.run([path], capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return {}
    outcome = {}
    for verdict, name in RESULT.findall(done.stdout + "\n" + done.stderr):
        function = name.split("/")[0]
        outcome[function] = outcome.get(function, True) and verdict == "OK"
    return outcome


def run_all(build, rows):
    programs = sorted({test.split(":")[0] for row in rows for test in row["test"].split()})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip(programs, pool.map(lambda p: run(build, p), programs)))


def passed(results, test):
    program, _, function = test.partition(":")
    return results.get(program, {}).get(function)


# ---- what may be wrong -----------------------------------------------------------------------------------------------


def check_labels(rows):
    wanted = [f"{kind}-{i}" for kind, count in CLASSES for i in range(1, count + 1)]
    have = [row["label"] for row in rows]
    if have != wanted:
        missing = [label for label in wanted if label not in have]
        yield f"{TABLE.name}: not each label once and in order; missing: {' '.join(missing) or 'none'}"
    for row in rows:
        for field in ("section", "requirement"):
            if not row[field].strip():
                yield f"{row['label']}: no {field}"


def is_there(place):
    """FILE:NAME: a function defined in a .c file, or any other name that stands in the file."""
    file, _, name = place.partition(":")
    path = ROOT / file
    if not name or not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".c":
        return re.search(rf"^[a-z][^;={{}}\n]*\b{re.escape(name)}\(", text, re.M) is not None
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def check_places(row, results):
    for place in row["implemented"].split():
        if not is_there(place):
            yield f"{row['label']}: {place} does not exist"
    for test in row["test"].split():
        verdict = passed(results, test)
        if verdict is None:
            yield f"{row['label']}: the test {test} does not exist or did not end"
        elif not verdict:
            yield f"{row['label']}: the test {test} fails"
    for document in re.findall(r"docs/\S+?\.md", row["exception"]):
        if not (ROOT / document).is_file():
            yield f"{row['label']}: {document} does not exist"


def check_address(row):
    if row["exception"].strip():
        return
    if not row["implemented"].split():
        yield f"{row['label']}: neither implemented nor excepted"
    if not row["test"].split():
        yield f"{row['label']}: no test and no exception"


def source_of(test):
    """Where a test stands, from the top of the tree."""
    program, _, name = test.partition(":")
    return f"tests/drill/{name}.pkt" if program == "drill" else f"tests/unit/{program}.c"


def tags_of(path):
    labels = set()
    for inside in BRACKETS.findall(path.read_text(encoding="utf-8")):
        labels.update(LABEL.findall(inside))
    return labels


def check_tags(rows):
    """Both ways: what a tag names is a row, and where a row points the tag stands."""
    files = [p for top in TAGGED for p in sorted((ROOT / top).rglob("*")) if p.suffix in (".c", ".h", ".def", ".pkt")]
    tags = {path: tags_of(path) for path in files}
    known = {row["label"] for row in rows}
    for path, labels in tags.items():
        for label in sorted(labels - known):
            yield f"{path.relative_to(ROOT)}: {label} is no requirement of {TABLE.name}"
    for row in rows:
        for field, place in (("implemented", lambda entry: entry.split(":")[0]), ("test", source_of)):
            at = {ROOT / place(entry) for entry in row[field].split()}
            if at and not any(row["label"] in tags.get(path, ()) for path in at):
                names = ", ".join(sorted(str(p.relative_to(ROOT)) for p in at))
                yield f"{row['label']}: its tag stands nowhere in {names}"


# ---- the document ----------------------------------------------------------------------------------------------------


def status(row, results):
    if any(not passed(results, test) for test in row["test"].split()):
        return "fails"
    if not row["exception"].strip():
        return "met" if row["test"].split() and row["implemented"].split() else "open"
    return "in part" if row["implemented"].split() else "otherwise"


ADDRESSED = ("met", "in part", "otherwise")
NAMES = {"MUST": "MUST", "SHLD": "SHOULD", "REC": "RECOMMENDED", "MAY": "MAY"}


def counts(rows, results):
    for kind, _ in CLASSES:
        of_kind = [status(row, results) for row in rows if row["label"].startswith(kind + "-")]
        yield NAMES[kind], len(of_kind), [of_kind.count(s) for s in ADDRESSED]


def last_line(rows, results):
    n = sum(status(row, results) in ADDRESSED for row in rows)
    tests = {test for row in rows for test in row["test"].split()}
    good = sum(bool(passed(results, test)) for test in tests)
    return f"{n} of {len(rows)} requirements addressed, {good} of {len(tests)} tests pass"


def link(place):
    file, _, name = place.partition(":")
    return f"[{name}](../{file})"


def test_link(test):
    return f"[{test.partition(':')[2]}](../{source_of(test)})"


def document_row(row, results):
    where = " ".join(link(p) for p in row["implemented"].split())
    tests = " ".join(test_link(t) for t in row["test"].split())
    why = re.sub(r"docs/(\S+?\.md)", r"[\1](\1)", row["exception"].strip())
    return f"| {row['label']} | {row['section']} | {row['requirement']} | {status(row, results)} | {where} | {tests} | {why} |"


def document(rows, results):
    lines = [
        "# RFC 9293, requirement by requirement",
        "",
        "Printed by `scripts/conformance.py` from [rfc/9293.csv](../rfc/9293.csv) and a run of the tests; `./dev test conformance`",
        "prints it again and fails when it is not true any more. The labels are those of RFC 9293, Appendix B; the words are ours.",
        "*met*: code and a test that passes. *in part*: the same, and what we leave out and why. *otherwise*: we do not, and why.",
        "",
        f"{last_line(rows, results)}.",
        "",
        "| | all | met | in part | otherwise |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    total = [0, 0, 0, 0]
    for name, number, by_status in counts(rows, results):
        lines.append(f"| {name} | {number} | {' | '.join(map(str, by_status))} |")
        total = [a + b for a, b in zip(total, [number] + by_status)]
    lines.append(f"| all | {' | '.join(map(str, total))} |")
    heads = ["label", "section", "requirement", "", "where", "tests", "why not, or not quite"]
    lines += ["", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [document_row(row, results) for row in rows]
    return "\n".join(lines) + "\n"


def print_table(rows, results):
    for row in rows:
        print(f"{row['label']:8} {row['section']:9} {status(row, results):10} {row['requirement']}")
        if row["exception"].strip():
            print(f"{'':29} {row['exception'].strip()}")
    for name, number, (met, part, otherwise) in counts(rows, results):
        print(f"{name}: {number}, of which {met} met, {part} in part, {otherwise} otherwise")


# ----------------------------------------------------------------------------------------------------------------------


def problems(rows, results):
    yield from check_labels(rows)
    for row in rows:
        yield from check_places(row, results)
        yield from check_address(row)
    yield from check_tags(rows)
    if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != document(rows, results):
        yield "docs/conformance.md is stale: python3 scripts/conformance.py generate build"


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("check", "generate"):
        sys.exit(__doc__)
    rows = read_table()
    results = run_all(sys.argv[2], rows)
    if sys.argv[1] == "generate":
        DOCUMENT.write_text(document(rows, results), encoding="utf-8")
    print_table(rows, results)
    found = list(problems(rows, results))
    for problem in found:
        print(problem)
    print(last_line(rows, results))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
