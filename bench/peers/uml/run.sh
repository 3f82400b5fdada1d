#!/bin/sh
# run.sh OUT PROGRAM ARGUMENTS... - runs a program as root in the Linux that build.sh OUT has made, with this machine's files,
# read and written; as time counts only what is waited for, the same figures come out however busy the machine is.
set -eu
out=$(CDPATH='' cd -- "${1:?"usage: run.sh OUT PROGRAM ARGUMENTS..."}" && pwd -P)
shift
[ -x "$out/linux" ] || {
    printf 'Linux in virtual time: %s/linux is not there; build.sh makes it\n' "$out" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

{
    printf '#!/bin/sh\nmount -t proc proc /proc\ncd %s\n' "$(pwd -P)"
    for word in "$@"; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
    printf '>%s/output 2>&1\necho $? >%s/status\n' "$work" "$work"
} >"$work/init"
chmod +x "$work/init"
: >"$work/output"
tail -n +1 -f "$work/output" &
tail=$!
# The first program's end is a panic there, and panic=-1 ends the kernel. Linux bounds the memory of all its TCP by what the
# machine has: with 1.5 GB that throttled 1 Gbit/s. Here memory is taken as it is used, a few hundred megabytes.
"$out/linux" mem=6000M root=none rootfstype=hostfs rootflags=/ rw time-travel=inf-cpu init="$work/init" \
    con=null con0=null,fd:1 ssl=null loglevel=1 panic=-1 >"$work/boot" 2>&1 </dev/null || true
sleep 1
kill "$tail"
[ -s "$work/status" ] || {
    cat "$work/boot" >&2
    exit 1
}
exit "$(cat "$work/status")"
