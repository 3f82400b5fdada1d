#!/bin/sh
# Brings po/ up to date with the sources: POTFILES, tern.pot and, by msgmerge, zh_CN.po. With --check it changes nothing
# and fails when something is stale, not translated or wrong.
set -eu
cd -- "$(dirname -- "$0")/.."
check=
[ "${1:-}" != --check ] || check=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

LC_ALL=C grep -lE '(^|[^A-Za-z0-9_])(N?_\("|driver_fail\()' cli/*.c drill/*.c explain/*.c lens/*.c drivers/*.c play/*.c po/*.c 2>/dev/null | LC_ALL=C sort >"$work/POTFILES" || true
# Without line numbers and date, so that the file changes only when a text does.
xgettext --from-code=UTF-8 --language=C --keyword=_ --keyword=N_ \
    --keyword=driver_fail:3 --flag=_:1:pass-c-format --flag=driver_fail:3:c-format --sort-output --no-location --no-wrap \
    --package-name=tern --copyright-holder='the tern authors' --files-from="$work/POTFILES" --force-po -o "$work/all.pot"
sed -e '/^"POT-Creation-Date:/d' -e 's/charset=CHARSET/charset=UTF-8/' "$work/all.pot" >"$work/tern.pot"

if [ -z "$check" ]; then
    cp "$work/POTFILES" po/POTFILES
    cp "$work/tern.pot" po/tern.pot
    msgmerge --quiet --update --backup=none --sort-output --no-wrap --no-fuzzy-matching po/zh_CN.po po/tern.pot
    msgattrib --no-obsolete --sort-output --no-wrap -o po/zh_CN.po po/zh_CN.po
    msgattrib --untranslated --no-wrap po/zh_CN.po | grep '^msgid' | tail -n +2 || true
    exit 0
fi

status=0
for file in POTFILES tern.pot; do
    if ! cmp -s "$work/$file" "po/$file"; then
        diff -u "po/$file" "$work/$file" || true
        echo "po/$file is stale: run scripts/po.sh"
        status=1
    fi
done
msgfmt --check -o /dev/null po/zh_CN.po || status=1
msgcmp po/zh_CN.po po/tern.pot || status=1
exit $status
