#!/usr/bin/env python3
"""Writes tern(1), through scdoc: the parts by hand of PARTS, and in place of its line @COMMANDS@ what the program says
with --help of each command. Usage: manual.py TERN LANGUAGE SCDOC PARTS OUTPUT"""
import os
import re
import subprocess
import sys
import unicodedata

COLUMNS = 110  # the most that the program uses for running text
TEXT_AT = 30   # where the text of an option begins


def wide(char):
    return unicodedata.east_asian_width(char) in 'WF'


def width(text):
    return sum(2 if wide(char) else 1 for char in text)


def word(text):
    """The text with nothing that scdoc would take for markup inside a line."""
    return re.sub(r'([\\*_`])', r'\\\1', text).replace('++', '+\\+')


def escaped(text):
    """The same at the beginning of a line."""
    return ('\\' if text[:1] in '-.#;[]|~' else '') + word(text)


def gap(before, after):
    """What stood where the program broke a line: Chinese is broken without a space."""
    if wide(before[-1]) and wide(after[0]):
        return ''
    edges = before[-1] + after[0]
    return '' if any(wide(c) and unicodedata.category(c)[0] in 'PS' for c in edges) else ' '


def was_broken(line, following):
    """Did the program break the line here for want of room, rather than end it?"""
    first = following[0] if wide(following[0]) else re.match(r'\S+', following)[0]
    return width(line + gap(line, following) + first) > COLUMNS


def text(lines):
    """Running text, and examples, which are indented."""
    out, said = [], None
    for line in lines + ['']:
        running = line and not line.startswith(' ')
        if said and running and was_broken(said[-1], line):
            said.append(line)
            continue
        if said:
            whole = said[0]
            for part in said[1:]:
                whole += gap(whole, part) + part
            out += ([''] if out and out[-1] == '```' else []) + [escaped(whole), '']
            said = None
        if running:
            said = [line]
        elif line and out and out[-1] == '```':
            out[-1:] = [line[2:], '```']
        elif line:
            out += ['```', line[2:], '```']
    if out and out[-1] == '```':
        out.append('')
    return out


def option(head):
    """'-o, --output FILE' and '--json[=FILE]' in bold and italics."""
    short, name, value = re.fullmatch(r'(?:(-\w), )?(--[\w-]+)(.*)', head).groups()
    out = (f'*{short}*, ' if short else '') + f'*{word(name)}*'
    if value.startswith('[='):
        return f'{out}[=_{word(value[2:-1])}_]'
    return f'{out} _{word(value.strip())}_' if value else out


def options(lines):
    """A title, then options, each with its text to the right or below."""
    out = [escaped(lines[0]), '']
    said = None
    for line in lines[1:] + ['  --end']:
        if line.startswith(' ' * TEXT_AT):
            said = said + gap(said, line.strip()) + line.strip() if said else line.strip()
            continue
        if said:
            out += ['\t' + escaped(said), '']
        head, _, said = (part.strip() for part in re.fullmatch(r'  (.*?)(?:(  +)(.*))?', line).groups(''))
        out.append(option(head))
    return out[:-1]


def command(tern, language, name, summary):
    blocks = [block.split('\n') for block in said_by(tern, language, name, '--help').strip('\n').split('\n\n')]
    usage = blocks[0][0]
    start = f'tern {name}'
    out = [f'## tern {name}', '', escaped(summary), '',
           f'*{start}*{word(usage[usage.index(start) + len(start):])}', '']
    for block in blocks[1:-1]:  # the last one is the exit status, which the page has once
        is_options = len(block) > 1 and re.match(r'  (-\w, )?--\w', block[1])
        if is_options and block[1].startswith('  --lang '):
            continue            # so are the options of all commands
        out += options(block) if is_options else text(block)
    return out


def said_by(tern, language, *words):
    env = dict(os.environ, COLUMNS=str(COLUMNS))
    run = subprocess.run([tern, '--lang', language, *words], env=env, check=True, stdout=subprocess.PIPE,
                         stdin=subprocess.DEVNULL)
    return run.stdout.decode('utf-8')


def breakable(page):
    """Chinese has no spaces; says where a line may end. The name of the page stays as it is, for apropos."""
    may_follow = re.compile(r'[^\W_a-zA-Z0-9]|[a-zA-Z0-9（“《]')
    out, sections = [], 0
    for line in page.split('\n'):
        sections += line.startswith('.SH ')
        if sections > 1 and not line.startswith('.'):
            line = ''.join(c + '\\:' if wide(c) and c not in '（《' and may_follow.match(after) else c
                           for c, after in zip(line, line[1:] + ' '))
        out.append(line)
    return '\n'.join(out)


def main():
    tern, language, scdoc, parts, output = sys.argv[1:]
    commands = re.findall(r'^  (\w+)  +(.*)$', said_by(tern, language, '--help'), re.MULTILINE)
    said = [line for name, summary in commands for line in command(tern, language, name, summary)]
    with open(parts, encoding='utf-8') as file:
        page = file.read()
    if not commands or page.count('\n@COMMANDS@\n') != 1:
        sys.exit(f'{parts}: no place, or no commands to put there')
    source = page.replace('@COMMANDS@\n', '\n'.join(said).rstrip('\n') + '\n')
    page = subprocess.run([scdoc], input=source.encode('utf-8'), stdout=subprocess.PIPE, check=True).stdout
    with open(output, 'w', encoding='utf-8') as file:
        file.write(breakable(page.decode('utf-8')))


if __name__ == '__main__':
    main()
