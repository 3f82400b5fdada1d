#!/usr/bin/python3
"""gallery.py TERN [--check] - draws docs/gallery/*.svg and docs/gallery.md with the program TERN: the main scenarios,
each played anew. With --check nothing is written, and stale or surplus files are named.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

# scenario, run ("" where there is one only), absolute numbers
OPENING = [("open-basic", "notes", True), ("open-syn-lost", "", False), ("open-ack-lost", "data", False),
           ("open-old-syn-listen", "", False), ("open-simultaneous", "", False), ("open-refused", "", False),
           ("open-two-way", "off-old-syn", False), ("open-two-way", "on-old-syn", False), ("half-open-crash", "", False)]
CLOSING = [("close-4", "figure-12", False), ("close-4", "bytes", False), ("close-3", "", False),
           ("close-half", "", False), ("close-server-first", "", False), ("close-simultaneous", "", False),
           ("close-last-ack-lost", "", False), ("close-unread-rst", "", False)]
LIFE = [("zero-window", "minute", False), ("keepalive-dead", "hours", False)]
CHAPTERS = [("Opening", "建立连接", OPENING), ("Closing", "释放连接", CLOSING), ("In between", "其间", LIFE)]
CHINESE = [OPENING[0], CLOSING[0]]  # for the Chinese README


def tern(program, *words):
    return subprocess.run([program, *words], check=True, capture_output=True, env={"LC_ALL": "C.UTF-8"}).stdout


def picture(program, scenario, run, absolute, lang):
    words = ["--lang", lang, "play", scenario, "--svg", "-"]
    return tern(program, *words, *(["--run", run] if run else []), *(["--absolute"] if absolute else []))


def name_of(scenario, run, lang):
    return scenario + (f"-{run}" if run else "") + (".zh" if lang == "zh" else "") + ".svg"


def page(listed):
    out = ["# The gallery", "", "Played by `tern play` in virtual time and drawn by the program itself: nothing here was drawn by hand. "
           "`scripts/gallery.py build/cli/tern` draws it anew, and a test says when it is stale.", "",
           "以下图片全部由 `tern play` 在虚拟时间中播放、由程序自己绘制，没有一张是手画的。", ""]
    for chapter, chapter_zh, scenarios in CHAPTERS:
        out += [f"## {chapter} · {chapter_zh}", ""]
        for scenario, run, _absolute in scenarios:
            about = listed[scenario]
            command = f"tern play {scenario}" + (f" --run {run}" if run else "")
            out += [f"### {about['title']} · {about['title_zh']}", "", f"`{command}`", "",
                    f"![{about['title']}](gallery/{name_of(scenario, run, 'en')})", ""]
    out += ["## The states · 状态", "", "`tern states`", "", "![The states of a connection](fsm.svg)", ""]
    return "\n".join(out).encode()


def main(program, check):
    listed = {s["name"]: s for s in json.loads(tern(program, "play", "--json"))["scenarios"]}
    files = {DOCS / "gallery.md": page(listed)}
    for _chapter, _chapter_zh, scenarios in CHAPTERS:
        for scenario, run, absolute in scenarios:
            files[DOCS / "gallery" / name_of(scenario, run, "en")] = picture(program, scenario, run, absolute, "en")
    for scenario, run, absolute in CHINESE:
        files[DOCS / "gallery" / name_of(scenario, run, "zh")] = picture(program, scenario, run, absolute, "zh")
    surplus = [p for p in sorted((DOCS / "gallery").glob("*")) if p not in files]
    if not check:
        (DOCS / "gallery").mkdir(exist_ok=True)
        for path, data in files.items():
            path.write_bytes(data)
        for path in surplus:
            path.unlink()
        return
    stale = surplus + [p for p, data in files.items() if not p.is_file() or p.read_bytes() != data]
    if stale:
        sys.exit("stale: " + " ".join(str(p.relative_to(ROOT)) for p in stale) +
                 "\nscripts/gallery.py build/cli/tern, and look at them")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] == ["--check"])
