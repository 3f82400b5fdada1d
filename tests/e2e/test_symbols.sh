#!/bin/sh
# What the libraries need and show: nothing but mem* comes in, nothing but what tern.h declares goes out.
set -eu
status=0
fail() {
    echo "$*"
    status=1
}
lib=$TERN_BUILD/src

for archive in libtern.a libtern-core.a; do
    nm -A "$lib/$archive" | awk '$(NF-1) == "U" { print $NF }' | sort -u >undefined
    nm -A "$lib/$archive" | awk '$(NF-1) ~ /^[TDBRVWC]$/ { print $NF }' | sort -u >defined
    comm -23 undefined defined | grep -vxE 'memcpy|memmove|memset|memcmp' >foreign || true
    [ ! -s foreign ] || fail "$archive needs: $(tr '\n' ' ' <foreign)"
done

# The list is the header's, once and for all to see; a new function is added to symbols.txt by hand.
awk '/^TERN_API/ { text = "" ; taking = 1 }
     taking { text = text " " $0 }
     taking && /;/ { sub(/\(.*/, "", text); sub(/.*[ *]/, "", text); print text; taking = 0 }' \
    "$TERN_SRC"/include/*.h | LC_ALL=C sort >header
cmp -s header "$TERN_SRC/tests/e2e/symbols.txt" || fail "symbols.txt differs from the header: $(diff header "$TERN_SRC/tests/e2e/symbols.txt")"

nm -D --defined-only "$lib/libtern.so" | awk '{ print $NF }' | LC_ALL=C sort >shared
diff header shared >difference || fail "libtern.so shows other names than the header declares: $(cat difference)"
nm --defined-only --extern-only "$lib/libtern.a" | awk 'NF == 3 { print $NF }' | LC_ALL=C sort >static
diff header static >difference || fail "libtern.a shows other names than the header declares: $(cat difference)"

# No variable of the core ever changes: there is nothing in .data or .bss.
size -A "$lib/libtern.a" | awk '$1 ~ /^\.(data|bss)$/ && $2 > 0 { print $1, $2 }' >writable
[ ! -s writable ] || fail "the core has variables: $(cat writable)"
exit "$status"
