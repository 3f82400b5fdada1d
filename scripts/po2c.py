#!/usr/bin/python3
"""po2c.py IN.po OUT.c - compiles a translation into the sorted C table that po/i18n.c searches.

Only what the program uses: msgid and msgstr, no contexts and no plurals. Entries that are fuzzy or not translated are
left out. Why not gettext's own loader: docs/decisions/0006-compiled-translations.md.
"""
import ast
import sys


def entries(text):
    """Yields (msgid, msgstr, fuzzy) of a .po file."""
    entry, fuzzy, field = {}, False, None
    for line in text.splitlines() + [""]:
        line = line.strip()
        if line.startswith("#,") and "fuzzy" in line:
            fuzzy = True
        elif line.startswith("#"):
            continue
        elif line.startswith('"'):
            entry[field] += ast.literal_eval(line)
        elif line.startswith(("msgid ", "msgstr ")):
            field, value = line.split(" ", 1)
            entry[field] = ast.literal_eval(value)
        elif line:
            sys.exit(f"po2c.py: what is this line: {line}")
        elif entry:
            yield entry["msgid"], entry["msgstr"], fuzzy
            entry, fuzzy, field = {}, False, None


def c_string(text):
    escaped = "".join({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\033": "\\033"}.get(c, c) for c in text)
    return f'"{escaped}"'


def main(source, target):
    with open(source, encoding="utf-8") as f:
        table = [(i, s) for i, s, fuzzy in entries(f.read()) if i and s and not fuzzy]
    if any("<PRI" in i for i, _ in table):
        sys.exit("po2c.py: what PRIu64 and its kin stand for is not known here: use %llu and a cast")
    table.sort(key=lambda pair: pair[0].encode())
    with open(target, "w", encoding="utf-8") as f:
        f.write('/* Made by scripts/po2c.py. */\n#include "po/catalogue.h"\n\n')
        f.write("const struct catalogue_entry catalogue_zh[] = {\n")
        for msgid, msgstr in table:
            f.write(f"    {{{c_string(msgid)}, {c_string(msgstr)}}},\n")
        f.write('    {"", ""},\n};\n')
        f.write("const size_t catalogue_zh_count = sizeof catalogue_zh / sizeof catalogue_zh[0] - 1;\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
