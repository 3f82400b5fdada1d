#!/bin/sh
# The page of examples/browser: the core runs as WebAssembly, with nothing from outside but what the page gives it. Node stands
# in for the browser: the calls and the losses of a person, the line of 50 ms, and what both hosts say of it.
set -eu
for program in clang wasm-ld node; do
    command -v $program >/dev/null || { echo "skipped: no $program"; exit 77; }
done
sh "$TERN_SRC/examples/browser/build.sh" tern.html
! grep -nE '(src|href)=|@import|url\(|https?:' tern.html | grep -v 'http://www.w3.org/2000/svg' || { echo "the page loads something"; exit 1; }
cat >page.js <<'END'
'use strict';
const assert = require('assert'), html = require('fs').readFileSync('tern.html', 'utf8');
const core = Buffer.from(/<script id="core"[^>]*>([^<]*)</.exec(html)[1], 'base64'), module_ = new WebAssembly.Module(core);
assert(WebAssembly.Module.imports(module_).every((i) => i.module === 'page'), 'only the page is imported from');
const [OPEN, SEND, CLOSE, ABORT] = [0, 1, 2, 3], [A, B] = [0, 1], FIN = 1, SYN = 2, RST = 4, ACK = 16;
let now = 1, line = [], seen = [], told = [], lose = () => false;
const page = {
  random(at, len) { require('crypto').randomFillSync(new Uint8Array(tern.memory.buffer, at, len)); },
  leaves(side, slot, flags, seq, ack, len, reason) {
    seen.push({ side, flags, seq, ack, len, why: text(tern.reason(reason, 1)) });
    if (lose(side, flags, len)) tern.lose(slot); else line.push({ at: now + 50, slot });
  },
  arrived() {},
  told(side, bits, error, bytes) { told.push({ side, bits, error, bytes }); },
};
const tern = new WebAssembly.Instance(module_, { page }).exports;
function text(at) { const b = new Uint8Array(tern.memory.buffer, at); return Buffer.from(b.slice(0, b.indexOf(0))).toString(); }
const states = () => [A, B].map((side) => text(tern.state_name(tern.state(side)))).join(' ');
const ok = (r) => assert.strictEqual(r, 0, r < 0 ? text(tern.error(r, 0)) : '');
function run(until) { /* until nothing happens, or that long */
  const end = until === undefined ? Infinity : now + until;
  for (;;) {
    const due = tern.deadline(), arrival = line.length ? line[0].at : Infinity, at = Math.min(arrival, due < 0 ? Infinity : due);
    if (at > end || at === Infinity) break;
    now = Math.max(now, at);
    if (arrival <= at) tern.arrive(line.shift().slot, now); else tern.run(now);
  }
  if (until !== undefined) now = Math.max(now, end);
}
const what = (s) => `${'AB'[s.side]}${s.flags & SYN ? 'S' : ''}${s.flags & FIN ? 'F' : ''}${s.flags & RST ? 'R' : ''}${s.flags & ACK ? 'A' : ''}${s.len || ''}`;
const flow = () => { const f = seen.map(what).join(' '); seen = []; return f; };
function begin() { now = 1; line = []; seen = []; told = []; lose = () => false; ok(tern.start(now)); assert.strictEqual(states(), 'LISTEN LISTEN'); }

/* Three segments open, four close; the first to close waits. Numbers count from the initial ones. */
begin();
ok(tern.call(A, OPEN, now));
assert.strictEqual(states(), 'SYN-SENT LISTEN');
run(150);
assert.strictEqual(states(), 'ESTABLISHED ESTABLISHED');
assert.deepStrictEqual(seen.map((s) => [s.seq, s.ack]), [[0, 0], [0, 1], [1, 1]]);
assert(/[一-龥]/.test(seen[0].why), 'why, in Chinese: ' + seen[0].why);
assert.strictEqual(flow(), 'AS BSA AA');
ok(tern.call(A, SEND, now));
run();
assert(told.some((t) => t.side === B && t.bytes === 5), 'the bytes are read');
assert.strictEqual(flow(), 'AA5 BA');
ok(tern.call(A, CLOSE, now));
run(100);
assert.strictEqual(states(), 'FIN-WAIT-2 CLOSE-WAIT');
ok(tern.call(B, CLOSE, now));
run(150);
assert.strictEqual(states(), 'TIME-WAIT LISTEN');
assert.strictEqual(flow(), 'AFA BA BFA AA');
const waits = now;
run();
assert.strictEqual(states(), 'LISTEN LISTEN');
assert(now - waits > 1500 && now - waits < 2600, `2MSL took ${now - waits} ms`);

/* A lost SYN is repeated after a second. */
begin();
let losses = 1;
lose = (side, flags) => flags & SYN && losses-- > 0;
ok(tern.call(A, OPEN, now));
run(900);
assert.strictEqual(flow(), 'AS');
run(500);
assert.strictEqual(flow(), 'AS BSA AA');
assert.strictEqual(states(), 'ESTABLISHED ESTABLISHED');

/* Both close at once, then both open at once. */
ok(tern.call(A, CLOSE, now));
ok(tern.call(B, CLOSE, now));
run(60);
assert.strictEqual(states(), 'CLOSING CLOSING');
run();
assert.strictEqual(flow(), 'AFA BFA BA AA');
ok(tern.call(A, OPEN, now));
ok(tern.call(B, OPEN, now));
run(60);
assert.strictEqual(states(), 'SYN-RECEIVED SYN-RECEIVED');
run(200);
assert.strictEqual(states(), 'ESTABLISHED ESTABLISHED');

/* An abort resets; what cannot be done is refused. */
ok(tern.call(A, ABORT, now));
run();
assert.strictEqual(states(), 'LISTEN LISTEN');
assert(told.some((t) => t.side === B && t.error < 0), 'B is told of the reset');
assert(tern.call(A, SEND, now) < 0);

/* As often as one likes: memory comes back. */
for (let i = 0; i < 2000; i++) {
  ok(tern.call(i & 1, OPEN, now));
  run(200);
  ok(tern.call(A, i & 2 ? ABORT : CLOSE, now));
  run(200);
  if (!(i & 2)) ok(tern.call(B, CLOSE, now));
  run();
}
END
node page.js
