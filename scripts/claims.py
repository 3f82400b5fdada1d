#!/usr/bin/python3
"""claims.py BUILD - docs/claims.csv against the scenarios and the tests: what study notes say of TCP, claim by claim.

Every claim 1 to 71 is there once and is shown by at least one scenario that plays as it must, and by the unit tests and
the cards that it names. A scenario says which claims it shows, and the table says the same. Prints the table.
"""
import csv
import json
import pathlib
import re
import subprocess
import sys

import conformance

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "claims.csv"
FIELDS = ["claim", "statement", "verdict", "scenarios", "tests", "cards"]
VERDICTS = ["holds", "loose", "wrong", "missing"]
CLAIMS = 71
CARDS = ["cli/questions.def", "cli/myths.def"]
TITLE = re.compile(r'^[A-Z]+\("((?:[^"\\]|\\.)*)"', re.M)


def tern(build, *args):
    done = subprocess.run([pathlib.Path(build, "cli", "tern"), "play", *args], capture_output=True, text=True,
                          timeout=600, check=False)
    return done.returncode, done.stdout


def catalogue(build):
    return {scenario["name"]: scenario for scenario in json.loads(tern(build, "--json")[1])["scenarios"]}


def play_all(build, rows):
    """Which of the scenarios and runs that the table names play as they must."""
    names = {name for row in rows for name in row["scenarios"].split()}
    return {name: tern(build, name.split("/")[0], "--fast", *(["--run", name.split("/")[1]] if "/" in name else []))[0] == 0
            for name in sorted(names)}


def titles():
    return {title.replace('\\"', '"') for name in CARDS if (ROOT / name).exists()
            for title in TITLE.findall((ROOT / name).read_text(encoding="utf-8"))}


def cards(row):
    return [card.strip() for card in row["cards"].split(";") if card.strip()]


def problems(rows, scenarios, plays, results):
    known = titles()
    if [row["claim"] for row in rows] != [str(i) for i in range(1, CLAIMS + 1)]:
        yield f"{TABLE.name}: not each claim from 1 to {CLAIMS} once and in order"
    for row in rows:
        where = f"{TABLE.name}: claim {row['claim']}"
        if row["verdict"] not in VERDICTS or not row["statement"]:
            yield f"{where}: the verdict is none of {', '.join(VERDICTS)}, or nothing is stated"
        if not row["scenarios"].split():
            yield f"{where}: no scenario"
        for name in row["scenarios"].split():
            if not plays[name]:
                yield f"{where}: scenario {name} does not play as it must"
            elif row["claim"] not in scenarios[name.split("/")[0]]["claims"].split():
                yield f"{where}: scenario {name} does not know that it shows this"
        for test in row["tests"].split():
            if not conformance.passed(results, test):
                yield f"{where}: test {test} does not pass, or there is none"
        for card in cards(row):
            if known and card not in known:
                yield f"{where}: no card has the title '{card}'"
    for name, scenario in scenarios.items():
        for claim in scenario["claims"].split():
            if not any(row["claim"] == claim and name in [s.split("/")[0] for s in row["scenarios"].split()] for row in rows):
                yield f"scenario {name} claims {claim}, and {TABLE.name} does not know it"


def print_table(rows, plays, results):
    for row in rows:
        tests = row["tests"].split()
        green = all(plays[name] for name in row["scenarios"].split()) and all(conformance.passed(results, t) for t in tests)
        print(f"{row['claim']:>3} {'ok ' if green else 'BAD'} {row['verdict']:<8}{row['statement']}")
        print(f"{'':8}tern play {row['scenarios']}" + (f"; {row['tests']}" if tests else ""))
        for card in cards(row):
            print(f"{'':8}card: {card}")


def main(build):
    with TABLE.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != FIELDS:
            sys.exit(f"{TABLE.name}: the fields are not {', '.join(FIELDS)}")
        rows = list(reader)
    row_tests = [{"test": row["tests"]} for row in rows]
    plays, results, scenarios = play_all(build, rows), conformance.run_all(build, row_tests), catalogue(build)
    print_table(rows, plays, results)
    found = list(problems(rows, scenarios, plays, results))
    for problem in found:
        print(problem)
    print(f"{len(rows)} claims, {len(plays)} runs, {len({t for row in rows for t in row['tests'].split()})} unit tests, "
          f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
