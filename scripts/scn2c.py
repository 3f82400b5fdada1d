#!/usr/bin/python3
"""scn2c.py OUT.c FILE.scn... - the catalogue of scenarios as a C table for play/scenario.h, in the order given.

--names DIR prints DIR's files in the order of its order.txt, which lists each of them once.
"""
import pathlib
import sys


def names(directory):
    directory = pathlib.Path(directory)
    wanted = [line for line in (directory / "order.txt").read_text(encoding="utf-8").split() if line]
    have = sorted(path.stem for path in directory.glob("*.scn"))
    if sorted(wanted) != have:
        odd = sorted(set(wanted) ^ set(have))
        sys.exit(f"scenarios/order.txt and scenarios/*.scn differ: {' '.join(odd) or 'a name stands there twice'}")
    return [name + ".scn" for name in wanted]


def c_string(data):
    lines = []
    for line in data.decode("utf-8").splitlines(keepends=True):
        escaped = "".join({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}.get(c, c) for c in line)
        lines.append(f'    "{escaped}"')
    return "\n".join(lines)


def main(target, files):
    with open(target, "w", encoding="utf-8") as out:
        out.write('/* Made by scripts/scn2c.py. */\n#include "play/scenario.h"\n\n')
        for i, name in enumerate(files):
            out.write(f"static const char text_{i}[] =\n{c_string(pathlib.Path(name).read_bytes())};\n\n")
        out.write("const struct catalogue_scenario catalogue_scenarios[] = {\n")
        for i, name in enumerate(files):
            stem = pathlib.Path(name).stem
            out.write(f'    {{"{stem}", "scenarios/{stem}.scn", text_{i}, sizeof text_{i} - 1}},\n')
        out.write("};\nconst size_t catalogue_scenarios_count = sizeof catalogue_scenarios / sizeof catalogue_scenarios[0];\n")


if __name__ == "__main__":
    if sys.argv[1] == "--names":
        print("\n".join(names(sys.argv[2])))
    else:
        main(sys.argv[1], sys.argv[2:])
