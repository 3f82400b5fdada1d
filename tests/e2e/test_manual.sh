#!/bin/sh
# tern(1) in both languages: it names every command and every long option of --help, and is clean for those who show it.
set -eu
grep -q 'docs/man/tern\.1' "$TERN_BUILD/build.ninja" || {
    echo "no scdoc, no pages"
    exit 77
}
export LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

DESTDIR=$PWD/root meson install -C "$TERN_BUILD" --no-rebuild >/dev/null
for lang in en zh; do
    place=
    [ $lang = en ] || place=zh_CN/
    page=$(find root -path "*/share/man/${place}man1/tern.1")
    [ -n "$page" ] || fail "no page in $lang"
    # The text of the page, without markup and escapes.
    sed -e 's/\\f.//g' -e 's/\\[&:]//g' -e 's/\\-/-/g' "$page" >text

    "$TERN" --lang $lang --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >commands
    [ "$(wc -l <commands)" -ge 10 ] || fail "no commands in --help: $(cat commands)"
    while read -r command; do
        # Each where it belongs: the part of the page that is about this command.
        awk -v title="tern $command" '/^\.S[SH]/ { on = $2 " " $3 == title || $2 " " $3 == "\"" title "\"" } on' text >part
        [ -s part ] || fail "$lang: nothing of tern $command"
        COLUMNS=110 "$TERN" "$command" --lang $lang --help >help
        grep -o '^  \(-., \)*--[a-z_-]*' help | grep -o -- '--[a-z_-]*' | grep -vx -e --lang -e --help >options || :
        while read -r option; do
            grep -q -- "^\(-., \)*$option\([[ ]\|\$\)" part || fail "$lang: tern $command: no $option"
        done <options
        # Nothing of an option's text is lost on the way: its line as the page has it.
        sed -n -e "/--lang/d" -e "/--help/d" -e "s/^  \(-., \)*--[a-z_-]*[^ ]*\( [^ ]*\)\{0,1\}   *//p" help >texts
        while read -r line; do
            grep -qF -- "$line" part || fail "$lang: tern $command: not said: $line"
        done <texts
    done <commands
    for option in --lang --help --version; do grep -q -- "^$option" text || fail "$lang: no $option"; done
    ! grep -n '@COMMANDS@' text || fail "$lang: a place was not filled"

    if have groff; then groff -ww -man -Kutf8 -Tutf8 -z "$page" 2>>warnings; fi
    if have man; then MANWIDTH=80 man --warnings -l "$page" >/dev/null 2>>warnings; fi
    # Its warnings are about the style of scdoc: paragraphs begun twice.
    if have mandoc; then mandoc -Tlint -Werror "$page" >>warnings || :; fi
done
[ ! -s warnings ] || fail "$(cat warnings)"
