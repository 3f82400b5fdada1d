#!/bin/sh
# fuzz.sh PROGRAM SECONDS [afl]: fuzzes with one target for so long, from the inputs that are kept and those of the time
# before. What it finds stays in the build directory's found/TARGET/, and it exits 1. Which targets there are: meson.build.
set -eu
program=$1
seconds=$2
engine=${3:-libFuzzer}
here=$(dirname -- "$0")
build=$(CDPATH='' cd -- "$(dirname -- "$program")/../.." && pwd)
target=${program##*/fuzz_}
corpus=$build/corpus/$target
found=$build/found/$target
# An input is at most so long; one that takes so many seconds is a find, on a machine that does other things as well.
longest=4096
patience=60

mkdir -p "$found"
python3 "$here/pack.py" unpack "$here/corpus/$target.pack" "$corpus"

# Without -entropic=0 libFuzzer's own accounts take most of the time: to read 2,400 inputs of a host 36 s instead of 1 s.
if [ "$engine" = libFuzzer ]; then
    UBSAN_OPTIONS=halt_on_error=1 exec "$program" -entropic=0 -max_total_time="$seconds" -timeout="$patience" -max_len="$longest" \
        -rss_limit_mb=4000 -artifact_prefix="$found/" -print_final_stats=1 "$corpus"
fi

# AFL++ goes on where it was, and keeps what it found among its own files. Its display is for a person.
work=$build/afl/$target
from=$corpus
mkdir -p "$work"
[ ! -d "$work/default/queue" ] || from=-
export AFL_FAST_CAL=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0 UBSAN_OPTIONS=abort_on_error=1:halt_on_error=1:symbolize=0
set -- afl-fuzz -i "$from" -o "$work" -V "$seconds" -G "$longest" -t "${patience}000" -m none -- "$program"
if [ -t 1 ]; then
    "$@"
else
    AFL_NO_UI=1 "$@" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        exit 1
    }
fi
grep 'execs_done\|edges_found\|saved_\|corpus_count' "$work/default/fuzzer_stats"
find "$work/default/crashes" "$work/default/hangs" -name 'id:*' -exec cp -t "$found" {} +
[ -z "$(ls "$found")" ] || {
    printf 'found: see %s\n' "$found" >&2
    exit 1
}
