#!/bin/sh
# `tern play`: the list, a file of one's own, what is said of one that is wrong, every way to look at a run.
set -eu
export LC_ALL=C.UTF-8
unset NO_COLOR CLICOLOR_FORCE COLUMNS
has() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
fail() { echo "FAILED: $*" >&2; exit 1; }

"$TERN" play >list || fail "the list: exit $?"
has '^  open-basic ' <list || fail "open-basic is not listed"
"$TERN" play --lang zh | has '三次握手' || fail "the list in Chinese"
python3 - "$TERN" <<'END' || fail "the list as JSON"
import json, subprocess, sys
listed = json.loads(subprocess.run([sys.argv[1], "play", "--json"], capture_output=True, check=True).stdout)
assert listed["schema"] == "tern.scenarios/1" and listed["version"] and any(s["name"] == "open-basic" for s in listed["scenarios"])
for s in listed["scenarios"]:
    assert s["title"] and s["title_zh"], s["name"] + " lacks a title"
END

# The numbers of the notes: 1234567 and 7654321 are acknowledged by 1234568 and 7654322.
"$TERN" play open-basic --absolute >basic
has 'SYN,ACK Seq=7654321 Ack=1234568' <basic && has ' ACK Seq=1234568 Ack=7654322' <basic || fail "the numbers"
has 'ack = 1234567 + 1 (SYN) = 1234568' <basic || fail "the sum"

# The example of docs/scenarios.md is one.
awk '/^    /{print substr($0, 5); next} /^Each line/{exit}' "$TERN_SRC/docs/scenarios.md" >example.scn
"$TERN" play example.scn >out || fail "the example of docs/scenarios.md: $(cat out)"
has lost <out || fail "the lost SYN is not shown lost"

# What is not true is said, with its place.
sed 's/received 100/received 99/' example.scn >false.scn
status=0
"$TERN" play false.scn >out || status=$?
[ $status = 1 ] && has "false.scn:$(sed -n '/received/=' false.scn): A received 100 bytes" <out || fail "a false expectation: exit $status: $(cat out)"

# What is of one scenario is not silently left out when none is named.
for option in '--svg all.svg' '--pcap all.pcapng' '--run notes'; do
    status=0
    # shellcheck disable=SC2086 # an option and its value
    "$TERN" play $option >out 2>err || status=$?
    [ $status = 2 ] && [ ! -s out ] && has 'which scenario' <err || fail "play $option without a name: exit $status: $(cat out err)"
done

# What cannot be read is said, with line and column and what was expected.
wrong() {
    where=$1 what=$2 status=0
    printf '%s\n' 'title x' 'at 0s A connect 80' "$3" >wrong.scn
    "$TERN" play wrong.scn >out 2>err || status=$?
    [ $status = 1 ] && [ ! -s out ] && has "wrong.scn:$where: .*$what" <err || fail "$3: exit $status: $(cat err)"
}
wrong 3:1 "expected title, .*found 'tile'" 'tile y'
wrong 3:4 "expected a time like .*found 'soon'" 'at soon A close'
wrong 3:6 "expected a time like .*end of the line" 'until'
wrong 3:7 "expected a host with .*found 'C'" 'at 1s C close'
wrong 3:9 "expected listen, connect.*found 'dance'" 'at 1s A dance'
wrong 3:17 "expected a port.*found '65536'" 'at 1s A connect 65536'
wrong 3:15 "expected the end of the line, found 'now'" 'at 1s A close now'
wrong 3:10 "expected flags like SYN,ACK, found 'SYM'" 'lose A>B SYM'
wrong 3:18 "expected which of them.*found '0'" 'lose A>B SYN nth 0'
wrong 3:6 "expected a direction.*found 'A>A'" 'lose A>A SYN'
wrong 3:12 "expected a setting.*found 'nix'" 'host A set nix 1'
wrong 3:19 "expected a value.*found '0'" 'host A set msl_ms 0'
wrong 3:18 "expected which of them.*found '0'" 'lose A>B SYN nth 0'
wrong 3:6 "expected a direction.*found 'A>A'" 'lose A>A SYN'
wrong 3:12 "expected a setting.*found 'nix'" 'host A set nix 1'
wrong 3:19 "expected a value.*found '0'" 'host A set msl_ms 0'
wrong 3:18 "expected a state.*found 'OPENED'" 'expect A>B SYN A=OPENED'
wrong 3:20 "expected a number.*found '4294967296'" 'expect A>B SYN seq=4294967296'
printf 'title \001\n' >wrong.scn
"$TERN" play wrong.scn 2>err && fail "a control character"
has 'wrong.scn:1:7: a control character' <err || fail "$(cat err)"
printf 'title \377\n' >wrong.scn
"$TERN" play wrong.scn 2>err && fail "a byte that is not UTF-8"
has 'wrong.scn:1:7: a byte that is not UTF-8' <err || fail "$(cat err)"
: >wrong.scn
"$TERN" play wrong.scn 2>err && fail "an empty file"
has 'no title' <err || fail "$(cat err)"
head -c 70000 /dev/zero | tr '\0' '\n' >wrong.scn
"$TERN" play wrong.scn 2>err && fail "a long file"
has 'longer than 65536 bytes' <err || fail "$(cat err)"

# JSON Lines are JSON, pictures are the same each time.
"$TERN" play example.scn --json >one
"$TERN" play example.scn --json >two
cmp one two || fail "two runs differ"
python3 -c '
import json
lines = [json.loads(line) for line in open("one", encoding="utf-8")]
assert lines[0]["schema"] == "tern.play/1" and lines[1]["kind"] == "run" and lines[-1]["kind"] == "verdict"
assert lines[-1]["failed"] == 0 and lines[-1]["edges"] and any(line["kind"] == "lost" for line in lines)
' || fail "the JSON"

# The altered rules of the what-if scenarios are the player's. It sees the stacks through tern.h alone, and no source of
# libtern knows of them.
grep -rnE 'alter|two.way|counted.isn|no.time.wait' "$TERN_SRC/src" "$TERN_SRC/include" >out || true
[ ! -s out ] || fail "libtern knows an altered rule: $(cat out)"
grep -hoE '#include "[^"]+"' "$TERN_SRC"/play/*.[ch] | sort -u | grep -vE '"(play|lens|po|drivers)/|"tern.h"|"wire/wire.h"' >out || true
[ ! -s out ] || fail "the player includes $(cat out)"
grep -l '"wire/wire.h"' "$TERN_SRC"/play/*.[ch] | grep -v '/forge.c$' >out || true
[ ! -s out ] || fail "only forge.c makes packets, but $(cat out)"
for name in open-two-way timewait-off isn-predictable; do
    "$TERN" play $name >out || fail "$name: exit $?"
    has 'things that must be true' <out || fail "$name says nothing"
    runs=$(grep -c 'things that must be true here are true' out)
    [ "$runs" -ge 2 ] || fail "$name shows only $runs runs"
done

# A step a key; q ends it.
steps=$(printf '          ' | "$TERN" play example.scn --step 2>/dev/null | wc -l)
few=$(printf '  q' | "$TERN" play example.scn --step 2>/dev/null | wc -l)
[ "$few" -lt "$steps" ] || fail "--step: $few and $steps lines"
start=$(date +%s%N)
"$TERN" play open-basic --speed 0.5 >out
[ $((($(date +%s%N) - start) / 1000000)) -ge 550 ] || fail "--speed 0.5 is too fast"
cmp out - <<END || fail "pace changes what is shown"
$("$TERN" play open-basic)
END

# Wireshark prints the states of both ends by itself, in the order of time, and has nothing to complain of.
"$TERN" play open-basic --run notes --pcap states.pcapng >/dev/null
if command -v tshark >/dev/null 2>&1; then
    tshark -r states.pcapng -Y bblog -T fields -e bblog.state -e frame.comment 2>/dev/null >states
    printf '%s\t%s\n' 2 'A: CLOSED → SYN-SENT (ACTIVE_OPEN)' 3 'B: LISTEN → SYN-RECEIVED' 4 'A: SYN-SENT → ESTABLISHED (SYN_ACKED)' \
        4 'B: SYN-RECEIVED → ESTABLISHED (SYN_ACKED)' | cmp - states || fail "the states in the capture: $(cat states)"
    tshark -r states.pcapng 2>&1 >/dev/null | grep -v 'Running as user' >bad || true
    [ ! -s bad ] || fail "tshark complains: $(cat bad)"
fi

# tshark reads every capture of the catalogue without a complaint, finds a comment on each packet, and prints the states. A
# pcapng may have many sections, so that all are one file to it.
command -v tshark >/dev/null 2>&1 || exit 0
python3 - "$TERN" <<'END' || fail "tshark complains"
import json, subprocess, sys
tern = sys.argv[1]
scenarios = json.loads(subprocess.run([tern, "play", "--json"], capture_output=True, check=True).stdout)["scenarios"]
names, packets = [scenario["name"] for scenario in scenarios], 0
with open("all.pcapng", "wb") as out:
    for name in names:
        subprocess.run([tern, "play", name, "--pcap", "one.pcapng"], capture_output=True, check=True)
        with open("one.pcapng", "rb") as one:
            out.write(one.read())
        played = subprocess.run([tern, "play", name, "--json"], capture_output=True, text=True, check=True).stdout
        packets += sum(json.loads(line)["kind"] in ("packet_out", "foreign") for line in played.splitlines())
read = ["tshark", "-n", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-r", "all.pcapng", "-T", "fields"]
fields = ["frame.comment", "_ws.malformed", "bblog.state", "ip.checksum.status", "tcp.checksum.status"]
done = subprocess.run(read + ["-E", "separator=|", *(word for field in fields for word in ("-e", field))],
                      capture_output=True, text=True, check=False)
rows = [line.split("|") for line in done.stdout.splitlines()]
moves = [row for row in rows if row[2]]
wrong = [line for line in done.stderr.splitlines() if "Running as user" not in line]
wrong += ["|".join(row) for row in rows if not row[0] or row[1] or (row[3:] != ["1", "1"] and not row[2])]
if done.returncode != 0 or len(rows) - len(moves) != packets or len(moves) < 2 * len(names):
    wrong.append(f"exit {done.returncode}, {len(rows)} frames of {packets} packets and {len(moves)} moves")
print("\n".join(wrong[:20]))
sys.exit(1 if wrong else 0)
END
