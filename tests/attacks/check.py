"""Holds table.txt against the tests: every entry has tests that exist and are run, or a reason; no number is left out."""
import pathlib
import re
import sys

tests = pathlib.Path(sys.argv[1])
errors, names, found = [], [], 0


def runs(path, name):
    """Is there such a test, and does main name it?"""
    text = path.read_text(encoding='utf-8')
    defined = re.search(r'static void %s\(' % re.escape(name), text)
    return defined and len(re.findall(r'\b%s\b' % re.escape(name), text)) > 1


for number, line in enumerate((tests / 'attacks/table.txt').read_text(encoding='utf-8').splitlines(), 1):
    if not line or line.startswith('#'):
        continue
    where = f'table.txt:{number}'
    cells = [cell.strip() for cell in line.split('|')]
    if len(cells) != 3 or not re.match(r'[A-E]\d+ ', cells[0]) or not cells[1]:
        errors.append(f'{where}: not "name | known as | tests"')
        continue
    names.append(cells[0].split()[0])
    if cells[2].startswith('no:'):
        if len(cells[2]) < 10:
            errors.append(f'{where}: no reason')
        continue
    for reference in cells[2].split():
        name, _, test = reference.partition(':')
        path = tests / (name if '/' in name else 'unit/' + name)
        found += 1
        built = path.parent / 'meson.build'
        if not path.is_file() or path.stem.removeprefix('test_') not in built.read_text(encoding='utf-8'):
            errors.append(f'{where}: {name} is not among the tests')
        elif not runs(path, test):
            errors.append(f'{where}: {name} does not run {test}')
for letter, last in (('A', 16), ('B', 15), ('C', 19), ('D', 8), ('E', 3)):
    want = [f'{letter}{i}' for i in range(1, last + 1)]
    if [n for n in names if n[0] == letter] != want:
        errors.append(f'entries {letter}1 to {letter}{last}: one is missing, double or out of place')
print('\n'.join(errors) or f'{len(names)} entries, {found} tests named')
sys.exit(bool(errors))
