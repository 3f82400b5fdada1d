#!/bin/sh
# What the compiler and the linker can do against an exploit is in what they built: position independence, relocations
# read-only from the start, no executable stack, no page both writable and executable, checked calls of libc and stack
# protectors in the program, marks for shadow stacks in the library. Which names are visible: test_symbols.sh.
set -eu
status=0
fail() {
    echo "$*"
    status=1
}
optimization=$(meson introspect --buildoptions "$TERN_BUILD" |
    python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "optimization"))')
machine=$(readelf -hW "$TERN" | sed -n 's/ *Machine: *//p')

for file in "$TERN" "$TERN_BUILD/src/libtern.so"; do
    readelf -hlW "$file" >headers
    readelf -dW "$file" >dynamic
    grep -q '^ *Type: *DYN ' headers || fail "$file is not position-independent"
    grep -q GNU_RELRO headers || fail "$file has no read-only relocations"
    grep -Eq 'BIND_NOW|Flags:.*NOW' dynamic || fail "$file binds lazily, so its table of functions stays writable"
    grep -q TEXTREL dynamic && fail "$file has relocations in its code"
    awk '$1 == "GNU_STACK" { found = 1; if ($7 != "RW") bad = 1 } END { exit !found || bad }' headers || fail "$file has an executable stack"
    awk '$1 == "LOAD" && $7 ~ /W/ && $0 ~ / RWE /' headers | grep -q . && fail "$file has a page that is writable and executable"
done
readelf -dW "$TERN" | grep -q 'Flags:.* PIE' || fail 'tern is not an executable that moves'

readelf --dyn-syms -W "$TERN" >names
grep -q ' __stack_chk_fail' names || fail 'tern has no stack protector'
case $optimization in
0 | g) ;;
*) [ "$(grep -c '_chk@' names)" -ge 3 ] || fail 'tern calls none of the checked functions of libc' ;;
esac

# A reason not to protect the core's stacks: it must need nothing but mem*, see meson.build. What it may have, it has.
case $machine in
*X86-64*)
    readelf -nW "$TERN_BUILD/src/libtern.a" | grep -q SHSTK || fail 'libtern.a is not marked for shadow stacks'
    readelf -nW "$TERN_BUILD/cli/tern.p/main.c.o" | grep -q 'IBT.*SHSTK' || fail 'the program is not marked for indirect jumps'
    ;;
esac
exit "$status"
