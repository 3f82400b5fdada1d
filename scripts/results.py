#!/usr/bin/python3
"""results.py - which of meson's tests to run, and what became of them.

names DIR KIND [WORD...]   the names of DIR's tests whose suite or name contains one of the words. KIND says which are left
                           out: `all` none; `binary` those that do not depend on the compiler; `virtual` also those
                           that wait for a kernel or another program
show DIR WORD              prints what the tests of the suite WORD said
sum DIR...                 reads DIR/meson-logs/dev.json, prints failures and the final line
"""
import json
import pathlib
import subprocess
import sys


LEFT_OUT = {"all": set(), "binary": {"house"}, "virtual": {"house", "e2e", "interop"}}


def names(build, kind, words):
    tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", build]))
    for test in tests:
        suites = [s.split(":")[-1] for s in test["suite"]]
        if LEFT_OUT[kind].intersection(suites):
            continue
        text = " ".join(suites + [test["name"]])
        if not words or any(w in text for w in words):
            print(test["name"])
    return 0


def results(build):
    path = pathlib.Path(build, "meson-logs", "dev.json")
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def show(build, word):
    for test in results(build):
        suites = test["name"].split(" / ")[0].split(":")[-1].split("+")
        if word in suites:
            print(test.get("stdout", ""), end="")
    return 0


def total(builds):
    passed = failed = skipped = 0
    for build in builds:
        for test in results(build):
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif test["result"] == "SKIP":
                skipped += 1
                print(f"skipped: {build} {test['name']}: {last_line(test)}")
            else:
                failed += 1
                print(f"FAILED: {build} {test['name']} ({test['result'].lower()})")
    line = f"{passed} passed, {failed} failed"
    print(line + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


def last_line(test):
    lines = (test.get("stdout", "") + test.get("stderr", "")).strip().splitlines()
    return lines[-1] if lines else "no reason given"


if __name__ == "__main__":
    if sys.argv[1] == "names":
        sys.exit(names(sys.argv[2], sys.argv[3], sys.argv[4:]))
    if sys.argv[1] == "show":
        sys.exit(show(sys.argv[2], sys.argv[3]))
    sys.exit(total(sys.argv[2:]))
