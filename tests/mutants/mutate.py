#!/usr/bin/python3
"""mutate.py - tests the tests: makes small faults in the core, one at a time, and tells which of them no test notices.

mutate.py BUILD [--sample N] [--seed S] [--only PATH-PREFIX] [--again FILE] [--jobs N] [--list]

BUILD is a build directory with -Dmutants=true: the core is a shared library there, so that a mutant costs one compiler
call, one link and the tests that reach its line. A fault is another relation, a constant one more or less, a negated
condition or a statement left out, in src/wire, src/ip and src/tcp. The tree itself is not touched.

Only lines that some test reaches take part; those tests run, the likeliest first, until one fails, crashes or takes too
long. When none does, the quick ones run once more under AddressSanitizer and UBSan, as in ./dev test. A fault that does not compile, or compiles to the same code, does not count; nor does one that changes nothing that
anybody could see, for the reason written in equal.txt. Exits 1 below 85 % noticed.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIRS = ("src/wire", "src/ip", "src/tcp")
EQUAL = pathlib.Path(__file__).with_name("equal.txt")
AIM = 85
CPU_MAX = 20.0  # a test that takes longer would take most of the time of all
SANITIZED_MAX = 1.0  # the same once more under sanitizers
MEMORY_MAX = 4 << 30
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
UNIT = re.compile(r"test_(base|wire|ip|core|tcp|rfc9293|cc|lens|posix_calls|explain_scenarios|drivers_(memlink|sim))")
RELATIONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&",
             "seq_lt": "seq_le", "seq_le": "seq_lt", "seq_gt": "seq_ge", "seq_ge": "seq_gt"}
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[A-Za-z_]\w*|0[xX][0-9a-fA-F]+|\d+|->|<<=|>>=|'
                   r'<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&|^]=|\S', re.S)
NO_STATEMENT = {"if", "for", "while", "do", "switch", "case", "default", "else", "return", "goto", "static", "const",
                "struct", "enum", "union", "{", "}", ";"}

Mutant = collections.namedtuple("Mutant", "path line begin end new what")
Token = collections.namedtuple("Token", "text at")


# ---- where faults can be made ----------------------------------------------------------------------------------------

def tokens_of(text):
    text = re.sub(r"(?m)^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    return [Token(m[0], m.start()) for m in TOKEN.finditer(text) if not m[0].startswith(("/*", "//"))]


def closing(tokens, i):
    """The index of the parenthesis that closes the one at i."""
    depth = 0
    for k in range(i, len(tokens)):
        depth += (tokens[k].text == "(") - (tokens[k].text == ")")
        if depth == 0:
            return k
    return len(tokens) - 1


def asserted(tokens):
    """The indices inside of ASSERT(...)."""
    inside = set()
    for i, t in enumerate(tokens):
        if t.text == "ASSERT":
            inside.update(range(i, closing(tokens, i + 1) + 1))
    return inside


def statement_starts(tokens):
    """The indices at which a statement begins, and whether it is an if's or loop's only one."""
    headers = {closing(tokens, i + 1) for i, t in enumerate(tokens) if t.text in ("if", "for", "while", "switch")}
    depth = labelled = 0
    for i, t in enumerate(tokens[:-1]):
        depth += (t.text == "(") - (t.text == ")")
        labelled = labelled or t.text in ("case", "default")
        if i in headers or t.text == "else":
            yield i + 1, True
        elif depth == 0 and (t.text in (";", "{", "}") or (t.text == ":" and labelled)):
            labelled = 0
            yield i + 1, False


def deletions(tokens):
    for i, only in statement_starts(tokens):
        word = tokens[i].text
        if word in NO_STATEMENT and not (only and word == "return"):
            continue
        end, depth = i, 0
        while end < len(tokens) and (depth or tokens[end].text != ";"):
            depth += (tokens[end].text in "([{") - (tokens[end].text in ")]}")
            if depth < 0:
                break
            end += 1
        declares = re.match(r"[A-Za-z_]", word) and re.match(r"[A-Za-z_]", tokens[i + 1].text) and word != "return"
        if end < len(tokens) and depth == 0 and end > i and not declares:
            yield i, tokens[i].at, tokens[end].at, None, "left out"


def changes(text, tokens):
    """(index, begin, end, new text, what) of everything that can be changed."""
    for i, t in enumerate(tokens):
        end = t.at + len(t.text)
        if t.text in RELATIONS:
            yield i, t.at, end, RELATIONS[t.text], "relation"
        elif re.match(r"\d", t.text):
            hexed, value = t.text[:2] in ("0x", "0X"), int(t.text, 0)
            for other in (value + 1, value - 1):
                if other >= 0:
                    yield i, t.at, end, hex(other) if hexed else str(other), "constant"
        elif t.text in ("if", "while") and tokens[i + 1].text == "(":
            last = tokens[closing(tokens, i + 1)].at + 1
            yield i, tokens[i + 1].at, last, "(!" + text[tokens[i + 1].at:last] + ")", "negated"
    yield from deletions(tokens)


def mutants_of(path, lines):
    text = (ROOT / path).read_text(encoding="utf-8")
    tokens = tokens_of(text)
    exempt = asserted(tokens)
    for i, begin, end, new, what in changes(text, tokens):
        line = text.count("\n", 0, begin) + 1
        if i in exempt or line not in lines:
            continue
        if new is None:
            new = "\n" * text.count("\n", begin, end)
        yield Mutant(path, line, begin, end, new, what)


# ---- building ----------------------------------------------------------------------------------------------------------

class Library:
    """The core's objects and how each is made."""

    def __init__(self, build):
        self.build = build
        self.commands = {}
        for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
            words = shlex.split(entry["command"])
            if "libtern-core.so.p" in entry["output"]:
                path = os.path.relpath(build / entry["file"], ROOT)
                words = words[:words.index("-MD")]  # behind it: the files to make and to read
                self.commands[path] = [w for w in words if w not in ("ccache", "-Werror")], entry["output"]

    def compile(self, path, source, target, flags=()):
        words = self.commands[path][0] + ["-w", "-g0", *flags, "-o", target, "-c", str(source)]
        return subprocess.run(words, cwd=self.build, capture_output=True).returncode == 0

    def link(self, objects, target, flags=()):
        subprocess.run(["gcc", "-shared", "-Wl,-soname,libtern-core.so", "-o", str(target), *flags,
                        *(str(self.build / objects.get(path, output)) for path, (_, output) in self.commands.items())],
                       cwd=self.build, check=True)


# ---- the tests ---------------------------------------------------------------------------------------------------------

Test = collections.namedtuple("Test", "name cmd")


def tests_of(build):
    def absolute(word):
        return str(build / word) if (build / word).exists() else word

    found = []
    for test in json.loads(subprocess.check_output(["meson", "introspect", "--tests", str(build)])):
        suite = test["suite"][0].split(":")[-1]
        if (suite == "unit" and UNIT.match(test["name"])) or suite in ("conformance", "fuzz", "scenarios"):
            found.append(Test(test["name"], [absolute(word) for word in test["cmd"]]))
        elif test["name"] in ("blind", "noninterference", "wraps"):
            found.append(Test("attacks_" + test["name"], test["cmd"]))
    tern = str(build / "cli/tern")
    exact = ["--strict", "--tolerance_usecs=1000", "--tolerance_percent=0"]
    for folder in sorted(ROOT.glob("tests/drill/*/")):
        found.append(Test("drill_" + folder.name, [tern, "drill", *exact, str(folder)]))
    for name, seeds in (("soak", "12"), ("soak_more", "200")):
        found.append(Test(name, [str(build / "tests/sim/soak"), "--from", "1", "--seeds", seeds]))
    return found


def limits(seconds, memory):
    def apply():
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return apply


def passes(test, library, scratch, cpu, extra=None, memory=MEMORY_MAX):
    env = dict(os.environ, LD_LIBRARY_PATH=str(library.parent), TERN_TEST_SCALE="small", **(extra or {}))
    try:
        run = subprocess.run(test.cmd, cwd=scratch, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, preexec_fn=limits(cpu, memory), timeout=60 + 10 * cpu,
                             start_new_session=True)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0


def lines_of(directory, objects):
    """Which lines of which file the counters in this directory have seen."""
    seen = collections.defaultdict(set)
    counters = sorted(str(p) for p in directory.glob("*.gcda"))
    if not counters:  # a test of headers only
        return seen
    text = subprocess.run(["gcov", "--json-format", "--stdout", *counters], cwd=directory, capture_output=True, check=True).stdout
    for part in text.decode().splitlines():
        for file in json.loads(part)["files"]:
            path = os.path.relpath(os.path.join(objects, file["file"]), ROOT)
            if path.startswith(DIRS) and path.endswith(".c"):
                seen[path].update(line["line_number"] for line in file["lines"] if line["count"])
    return seen


def digest_of(paths, more=""):
    state = hashlib.sha256(more.encode())
    for path in sorted(p for path in paths for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file()):
        state.update(str(path).encode() + path.read_bytes())
    return state.hexdigest()


def reach_of(library, tests, jobs):
    """{test: [seconds, {path: lines}]}. Kept in the build directory: a test is measured again when it, or the core, is
    another; one that is too slow is left out."""
    core = digest_of([ROOT / "src", ROOT / "include"])
    states = {t.name: digest_of([p for p in map(pathlib.Path, t.cmd) if p.is_absolute()], json.dumps(t.cmd)) for t in tests}
    cache = library.build / "mutants-reach.json"
    kept = json.loads(cache.read_text(encoding="utf-8")) if cache.exists() else {}
    known = kept.get("tests", {}) if kept.get("core") == core else {}
    known = {n: entry for n, entry in known.items() if states.get(n) == entry["state"]}
    missing = [t for t in tests if t.name not in known]
    if missing:
        print(f"finding out which lines are reached by {len(missing)} tests", file=sys.stderr)
        measure_all(library, missing, jobs, lambda t, seconds, lines: known.update({t.name: {
            "state": states[t.name], "seconds": seconds, "lines": {p: sorted(v) for p, v in lines.items()}}}))
        cache.write_text(json.dumps({"core": core, "tests": known}), encoding="utf-8")
    left = [n for n, entry in known.items() if entry["seconds"] > CPU_MAX]
    if left:
        print("too slow, not used:", *left, file=sys.stderr)
    return {n: (e["seconds"], {p: set(v) for p, v in e["lines"].items()}) for n, e in known.items() if n not in left}


def measure_all(library, tests, jobs, tell):
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        objects = pathlib.Path(scratch, "objects")
        objects.mkdir()
        made = {path: objects / (path.replace("/", "_") + ".o") for path in library.commands}
        if not all(pool.map(lambda p: library.compile(p, ROOT / p, str(made[p]), ["--coverage", "-O0"]), made)):
            sys.exit("the core does not compile with counters")
        library.link(made, objects / "libtern-core.so", ["--coverage"])
        for test in tests:  # one after the other: the time that a test takes is measured by that of all children
            where = pathlib.Path(scratch, test.name)
            where.mkdir()
            begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            good = passes(test, library.build / "src/libtern-core.so", where, 120)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin
            if not good:
                sys.exit(f"{test.name} fails without any fault: {shlex.join(test.cmd)}")
            if spent > CPU_MAX:
                tell(test, spent, {})
                continue
            strip = str(len(objects.parts) - 1)
            passes(test, objects / "libtern-core.so", where, 240, {"GCOV_PREFIX": str(where), "GCOV_PREFIX_STRIP": strip})
            for note in objects.glob("*.gcno"):
                (where / note.name).symlink_to(note)
            tell(test, spent, lines_of(where, library.build))


class Sanitized:
    """The core with AddressSanitizer and UBSan in a directory of its own, for tests that are built without them."""

    def __init__(self, library, jobs):
        self.library, self.alone = library, {}
        self.where = library.build / "mutants-sanitized"
        self.objects = {path: self.where / (path.replace("/", "_") + ".o") for path in library.commands}
        runtime = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
        self.env = {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"}
        state, known = digest_of([ROOT / "src", ROOT / "include"], str(SANITIZE)), self.where / "of"
        if known.exists() and known.read_text(encoding="utf-8") == state:
            return
        self.where.mkdir(exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            if not all(pool.map(lambda p: library.compile(p, ROOT / p, str(self.objects[p]), SANITIZE), self.objects)):
                sys.exit("the core does not compile with sanitizers")
        library.link(self.objects, self.where / "libtern-core.so", SANITIZE)
        known.write_text(state, encoding="utf-8")

    def passes(self, test, library, scratch, seconds):
        return passes(test, library, scratch, 10 + 20 * seconds, self.env, memory=0)

    def finds(self, mutant, source, scratch, tests):
        """Which of these tests fails with the fault, and does not without; None: none."""
        if not self.library.compile(mutant.path, source, str(scratch / "sanitized.o"), SANITIZE):
            return None
        there = scratch / "sanitized"
        there.mkdir()
        self.library.link({**self.objects, mutant.path: scratch / "sanitized.o"}, there / "libtern-core.so", SANITIZE)
        for test, seconds in tests:
            if self.passes(test, there / "libtern-core.so", scratch, seconds):
                continue
            if test.name not in self.alone:
                self.alone[test.name] = self.passes(test, self.where / "libtern-core.so", scratch, seconds)
            if self.alone[test.name]:
                return test.name
        return None


# ---- one mutant after the other ----------------------------------------------------------------------------------------

class Hunt:
    def __init__(self, library, sanitized, tests, reach):
        self.library, self.sanitized, self.reach = library, sanitized, reach
        self.tests = {t.name: t for t in tests}
        self.kills = collections.Counter()
        self.same = {}
        self.lock = threading.Lock()

    def order(self, mutant):
        """The tests that reach the line: what noticed faults in this file before, then its module's own, then the quick."""
        stem, layer = pathlib.Path(mutant.path).stem, pathlib.Path(mutant.path).parent.name
        names = [n for n, (_, r) in self.reach.items() if mutant.line in r.get(mutant.path, ())]
        with self.lock:
            return sorted(names, key=lambda n: (-self.kills[mutant.path, n], stem not in n, f"_{layer}_" not in n, self.reach[n][0]))

    def digest(self, scratch, path, text):
        source, target = scratch / pathlib.Path(path).name, scratch / "mutant.o"
        source.write_text(text, encoding="utf-8")
        if not self.library.compile(path, source, str(target)):
            return None
        return hashlib.sha256(target.read_bytes()).hexdigest()

    def judge(self, mutant):
        """'killed', 'survived', 'same' or 'invalid', and who noticed."""
        text = (ROOT / mutant.path).read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as name:
            scratch = pathlib.Path(name)
            if mutant.path not in self.same:
                self.same[mutant.path] = self.digest(scratch, mutant.path, text)
            digest = self.digest(scratch, mutant.path, text[:mutant.begin] + mutant.new + text[mutant.end:])
            if digest is None:
                return "invalid", None
            if digest == self.same[mutant.path]:
                return "same", None
            self.library.link({mutant.path: scratch / "mutant.o"}, scratch / "libtern-core.so")
            for test in self.order(mutant):
                if not passes(self.tests[test], scratch / "libtern-core.so", scratch, 2 + 4 * self.reach[test][0]):
                    with self.lock:
                        self.kills[mutant.path, test] += 1
                    return "killed", test
            quick = [(self.tests[n], self.reach[n][0]) for n in self.order(mutant) if self.reach[n][0] <= SANITIZED_MAX]
            test = self.sanitized.finds(mutant, scratch / pathlib.Path(mutant.path).name, scratch, quick)
        return ("killed", f"{test}, sanitized") if test else ("survived", None)


def told(mutant, line=True):
    text = (ROOT / mutant.path).read_text(encoding="utf-8")
    old = " ".join(text[mutant.begin:mutant.end].split())
    new = " ".join(mutant.new.split())
    where = text.splitlines()[mutant.line - 1].strip()
    change = f"'{old}' left out" if mutant.what == "left out" else f"'{old}' became '{new}'"
    return f"{mutant.path}{f':{mutant.line}' if line else ''}: {change} in: {where}"


def equal_ones():
    """{fault, as it is told without its line: why nobody could notice it}, from equal.txt."""
    kept, fault = {}, None
    for number, line in enumerate(EQUAL.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if not line.startswith("    "):
            fault = line
        elif fault is None:
            sys.exit(f"{EQUAL.name}:{number}: a reason without a fault")
        else:
            kept[fault] = line.strip()
            fault = None
    if fault is not None:
        sys.exit(f"{EQUAL.name}: no reason for: {fault}")
    return kept


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("build", type=pathlib.Path)
    words.add_argument("--sample", type=int, default=300, help="how many faults (default 300; 0: all)")
    words.add_argument("--seed", type=int, default=1, help="which ones")
    words.add_argument("--only", default="", help="only files whose path begins so, as src/tcp/rack.c")
    words.add_argument("--again", type=pathlib.Path, help="only those that nobody noticed according to this earlier output")
    words.add_argument("--jobs", type=int, default=os.cpu_count())
    words.add_argument("--list", action="store_true", help="tell of every fault, not only of those that nobody noticed")
    args = words.parse_args()
    library = Library(args.build.resolve())
    tests = tests_of(library.build)
    reach = reach_of(library, tests, args.jobs)
    covered = collections.defaultdict(set)
    for _, files in reach.values():
        for path, lines in files.items():
            covered[path] |= lines
    all_mutants = [m for path in sorted(covered) if path.startswith(args.only) for m in mutants_of(path, covered[path])]
    if args.again:
        before = args.again.read_text(encoding="utf-8")
        all_mutants = [m for m in all_mutants if f"survived: {told(m)}\n" in before]
    equal = equal_ones()
    left_out = {told(m, False) for m in all_mutants if m.path in {e.split(":")[0] for e in equal}} & set(equal)
    if not args.only and not args.again and (stale := set(equal) - left_out):
        sys.exit("\n".join(f"{EQUAL.name}: no such fault any more: {e}" for e in sorted(stale)))
    all_mutants = [m for m in all_mutants if told(m, False) not in left_out]
    random.Random(args.seed).shuffle(all_mutants)
    hunt = Hunt(library, Sanitized(library, args.jobs), tests, reach)
    results, survivors, kinds = collections.Counter(), [], collections.Counter()
    wanted, begin = args.sample or len(all_mutants), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        queue, waiting = iter(all_mutants), {}
        while True:
            open_places = wanted - results["killed"] - results["survived"] - len(waiting)
            while open_places > 0 and len(waiting) < args.jobs and (mutant := next(queue, None)):
                waiting[pool.submit(hunt.judge, mutant)] = mutant
                open_places -= 1
            if not waiting:
                break
            for done in concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED).done:
                mutant, (verdict, who) = waiting.pop(done), done.result()
                results[verdict] += 1
                kinds[mutant.what, verdict] += 1
                if verdict == "survived":
                    survivors.append(mutant)
                if verdict == "survived" or args.list:
                    print(f"{verdict}{' by ' + who if who else ''}: {told(mutant)}", flush=True)
    judged = results["killed"] + results["survived"]
    if not judged:
        sys.exit("no fault could be made there")
    share = 100 * results["killed"] / judged
    for what in ("relation", "constant", "negated", "left out"):
        print(f"{what:10} {kinds[what, 'killed']:4} of {kinds[what, 'killed'] + kinds[what, 'survived']:4} noticed")
    print(f"{len(left_out)} faults that change nothing were left out, see {EQUAL.name}")
    print(f"{judged} of {len(all_mutants)} possible faults, seed {args.seed}: {results['killed']} noticed, {share:.1f} %; "
          f"{results['same']} gave the same code, {results['invalid']} did not compile; {time.monotonic() - begin:.0f} s")
    return share < AIM


sys.exit(main())
