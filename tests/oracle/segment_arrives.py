"""RFC 9293 3.10.7, SEGMENT ARRIVES, read a second time: from the text alone, in another language, sharing nothing with src/tcp.

Not here: how tern is driven (tests/exhaustive/sweep.c), what tern decided where the text leaves a choice (decisions.py), and
congestion control, retransmission and options other than timestamps.

`segment_arrives(tcb, segment)` returns a list of `Allowed`. What happened is right when one of them admits it. Each field of an
`Allowed` is the set of values that the text admits, and `why` names the sentences. A list longer than one, or a set larger
than one, is a place where the text leaves a choice or says two things.

"[9293 Fifth]" is the fifth check of 3.10.7.4; "[5961 3.2]" is section 3.2 of RFC 5961.
"""

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MASK = 0xFFFFFFFF

CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED = 'CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED'
ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT = 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT'
CLOSING, LAST_ACK, TIME_WAIT = 'CLOSING', 'LAST-ACK', 'TIME-WAIT'

# Replies are tuples: (kind, SEQ, ACK). Only one segment answers one segment.
NONE = ('none', 0, 0)
ANY = 'any'  # a number that the text does not determine, such as a fresh ISS


def ack_of(seq, ack):
    return ('ACK', seq & MASK, ack & MASK)


def later(seq, ack):
    """The same acknowledgment, owed but delayed [9293 3.8.6.3 SHLD-18]."""
    return ('later', seq & MASK, ack & MASK)


def rst_for(s):
    """The reset that 3.5.2 forms from the offending segment."""
    if s.flags & ACK:
        return ('RST', s.ack, 0)
    return ('RST,ACK', 0, (s.seq + s.seg_len()) & MASK)


# ---- sequence arithmetic, modulo 2^32 [9293 3.4] ----------------------------------------------------------------

def lt(a, b):
    return 0 < ((b - a) & MASK) < 0x80000000


def le(a, b):
    return ((b - a) & MASK) < 0x80000000


# ---- the two inputs ----------------------------------------------------------------------------------------------

class Tcb:
    """An abstract connection. Numbers are absolute; windows are in bytes, scaling applied."""
    __slots__ = ('name', 'state', 'passive', 'listener', 'iss', 'una', 'nxt', 'wnd', 'max_wnd', 'wl1', 'wl2', 'irs',
                 'rcv_nxt', 'rcv_wnd', 'wnd_shift', 'unread', 'fin_sent', 'closed', 'ts', 'ts_recent', 'last_ack',
                 'offer_ts', 'syn_wnd')
    TEXT = ('name', 'state')

    def __init__(self, **fields):
        for name in self.__slots__:
            setattr(self, name, '' if name in self.TEXT else 0)
        for name, value in fields.items():
            setattr(self, name, value if name in self.TEXT else int(value))

    def but(self, **fields):
        other = Tcb(**{name: getattr(self, name) for name in self.__slots__})
        for name, value in fields.items():
            setattr(other, name, value)
        return other


class Segment:
    """`len` is text only; `wnd` is the field as on the wire; `ts` is SEG.TSval or None; `up` the urgent pointer field."""
    __slots__ = ('flags', 'seq', 'len', 'ack', 'wnd', 'ts', 'up')

    def __init__(self, flags, seq, length, ack, wnd, ts, up):
        self.flags, self.seq, self.len, self.ack, self.wnd, self.ts, self.up = flags, seq, length, ack, wnd, ts, up

    def seg_len(self):
        return self.len + (1 if self.flags & SYN else 0) + (1 if self.flags & FIN else 0)


# ---- the output --------------------------------------------------------------------------------------------------

class Allowed:
    """Sets of admitted values. `must` are the user signals that have to come, `may` those that can."""
    __slots__ = ('state', 'reply', 'rcv_nxt', 'una', 'wnd', 'ts', 'held', 'restart', 'must', 'may', 'why')

    def __init__(self, t):
        self.state = {t.state}
        self.reply = {NONE}
        self.rcv_nxt = {t.rcv_nxt}
        self.una = {t.una}
        self.wnd = {t.wnd}
        self.ts = {t.ts_recent}
        self.held = {0}          # bytes kept out of order
        self.restart = {False}   # 2 MSL begins again
        self.must = set()
        self.may = set()
        self.why = []

    def copy(self):
        other = Allowed.__new__(Allowed)
        for name in self.__slots__:
            value = getattr(self, name)
            setattr(other, name, type(value)(value))
        return other

    def gone(self, state):
        """The TCB is deleted: its variables no longer exist."""
        self.state = {state}
        for name in ('rcv_nxt', 'una', 'wnd', 'ts', 'held'):
            setattr(self, name, {ANY})
        self.restart = {False}
        return self

    def because(self, *why):
        self.why.extend(why)
        return self

    def admits(self, o):
        """`o` has the same fields with one value each, `reply` a tuple and `signals` a set."""
        for name in ('state', 'rcv_nxt', 'una', 'wnd', 'ts', 'held', 'restart'):
            admitted = getattr(self, name)
            value = getattr(o, name)
            if value not in admitted and value != ANY and ANY not in admitted:
                return False
        if not self.must <= o.signals or not o.signals <= self.must | self.may:
            return False
        return o.reply in self.reply or any(
            r[0] == o.reply[0] and r[1] in (ANY, o.reply[1]) and r[2] in (ANY, o.reply[2]) for r in self.reply if ANY in r)


# ---- 3.10.7.1 to 3.10.7.3 ----------------------------------------------------------------------------------------

def closed(t, s):
    out = Allowed(t).gone(CLOSED).because('[9293 3.10.7.1]')
    if not s.flags & RST:
        out.reply = {rst_for(s)}
    return [out]


def listen(t, s):
    out = Allowed(t).gone(LISTEN)
    if s.flags & RST:
        return [out.because('[9293 3.10.7.2 First]')]
    if s.flags & ACK:
        out.reply = {rst_for(s)}
        return [out.because('[9293 3.10.7.2 Second]')]
    if not s.flags & SYN:
        return [out.because('[9293 3.10.7.2 Fourth]')]
    return [connection_request(t, s).because('[9293 3.10.7.2 Third]')]


def connection_request(t, s):
    """Text and FIN that came with the SYN are to be queued; the SYN-ACK acknowledges the SYN alone."""
    out = Allowed(t).gone(SYN_RECEIVED)
    out.rcv_nxt = {(s.seq + 1) & MASK}
    out.reply = {('SYN,ACK', ANY, (s.seq + 1) & MASK)}
    return out


def syn_sent(t, s):
    out = Allowed(t)
    acceptable = False
    if s.flags & ACK:
        if le(s.ack, t.iss) or lt(t.nxt, s.ack):
            if not s.flags & RST:
                out.reply = {rst_for(s)}
            return [out.because('[9293 3.10.7.3 First]')]
        acceptable = lt(t.una, s.ack) and le(s.ack, t.nxt)
    if s.flags & RST:
        if acceptable:
            out.gone(CLOSED)
            # 3.10.7.3 names the signal "connection reset", 3.10.7.4 and 3.9.1 "refused" for a SYN answered by RST.
            out.must = {'refused'}
        return [out.because('[9293 3.10.7.3 Second]', '[5961 3.2] RCV.NXT does not exist yet: the ACK decides')]
    if not s.flags & SYN:
        return [out.because('[9293 3.10.7.3 Fifth]')]
    out.because('[9293 3.10.7.3 Fourth]')
    out.rcv_nxt = {(s.seq + 1) & MASK}
    out.wnd = {s.wnd}  # the window of a SYN is never scaled [7323 2.2]
    agreed = bool(t.offer_ts and s.ts is not None)
    if agreed:
        out.ts = {s.ts}  # [7323 App. D]
    if not acceptable:
        out.state = {SYN_RECEIVED}
        out.reply = {('SYN,ACK', t.iss, (s.seq + 1) & MASK)}
        return [out]
    now = t.but(state=ESTABLISHED, una=s.ack, irs=s.seq, rcv_nxt=(s.seq + 1) & MASK, wnd=s.wnd, ts=agreed,
                ts_recent=s.ts if agreed else t.ts_recent, rcv_wnd=t.syn_wnd)
    out.state = {ESTABLISHED}
    out.una = {s.ack}
    out.must = {'connected'}
    if s.ack == t.nxt:
        out.may = {'sent'}
    out.reply = {ack_of(t.nxt, now.rcv_nxt)}
    rest = Segment(s.flags & ~SYN, (s.seq + 1) & MASK, s.len, s.ack, s.wnd, s.ts, s.up)
    outs = sixth_to_eighth(now, rest, out)
    for o in outs:
        # The SYN is to be acknowledged at once; the acknowledgment of the text may be that one.
        o.reply = {r for r in o.reply if r[0] == 'ACK'}
    return outs


# ---- 3.10.7.4 ----------------------------------------------------------------------------------------------------

def acceptable(t, s):
    """Table 6."""
    length = s.seg_len()
    edge = (t.rcv_nxt + t.rcv_wnd) & MASK

    def inside(n):
        return le(t.rcv_nxt, n) and lt(n, edge)

    if length == 0:
        return s.seq == t.rcv_nxt if t.rcv_wnd == 0 else inside(s.seq)
    if t.rcv_wnd == 0:
        return False
    return inside(s.seq) or inside((s.seq + length - 1) & MASK)


def other_states(t, s):
    if t.state == TIME_WAIT and s.flags & (SYN | ACK | RST) == SYN:
        return time_wait_syn(t, s)
    outs = []
    recorded = None
    if t.ts and not s.flags & RST:
        if s.ts is None:
            outs.append(Allowed(t).because('[7323 3.2] a segment without the option SHOULD be dropped silently'))
            why = '[7323 3.2] "if a receiver chooses to accept a segment without an expected Timestamps option"'
            return outs + [o.because(why) for o in first(t, s, None)]
        if lt(s.ts, t.ts_recent):
            out = Allowed(t).because('[7323 5.3 R1]')
            out.reply = {ack_of(t.nxt, t.rcv_nxt)}
            if t.state != SYN_RECEIVED:
                return [out]
            # 5.3 speaks of "a synchronized connection", Appendix D has SYN-RECEIVED too.
            return [out] + first(t, s, None)
        if le(s.seq, t.last_ack):
            recorded = s.ts
    return first(t, s, recorded)


def first(t, s, recorded):
    """`recorded`: SEG.TSval if R3 would copy it to TS.Recent."""
    challenge = ack_of(t.nxt, t.rcv_nxt)
    dropped = Allowed(t)
    if recorded is not None:
        # R2 rejects before R3 records; Appendix D records first.
        dropped.ts = {t.ts_recent, recorded}
    if s.flags & RST:
        return second(t, s)
    if t.state == SYN_RECEIVED and not t.passive and s.flags & SYN and s.flags & ACK and s.seq == t.irs:
        # The SYN that we have, outside the window and trimmed off, with the ACK that completes a simultaneous open.
        rest = Segment(s.flags & ~SYN, t.rcv_nxt, s.len, s.ack, s.wnd, s.ts, s.up)
        # [7323 2.2] the window of a segment with SYN is not scaled.
        now = t.but(wnd_shift=0, ts_recent=t.ts_recent if recorded is None else recorded)
        outs = fifth(now, rest, dropped)
        for o in outs:
            o.reply = {challenge if r == NONE else r for r in o.reply} | o.reply
            o.because('[9293 3.5 Figure 7 line 6, MUST-10] the SYN-ACK of a simultaneous open establishes')
        return outs
    if not acceptable(t, s):
        return not_acceptable(t, s, recorded, dropped, challenge)
    if s.flags & SYN:
        return fourth(t, s, dropped, challenge)
    now = t if recorded is None else t.but(ts_recent=recorded)
    return fifth(now, s, dropped)


def not_acceptable(t, s, recorded, dropped, challenge):
    dropped.reply = {challenge}
    dropped.because('[9293 First]')
    if t.state == TIME_WAIT:
        dropped.restart = {False, True} if s.flags & FIN else {False}
        if s.flags & FIN and not s.flags & SYN and s.flags & ACK and ack_in_range(t, s) \
                and (s.seq + s.len) & MASK == (t.rcv_nxt - 1) & MASK:
            dropped.restart = {True}
            dropped.because('[9293 Fifth] a retransmission of the remote FIN: acknowledge it and restart 2 MSL')
        return [dropped]
    outs = [dropped]
    if not s.flags & ACK or s.flags & SYN:
        return outs
    bare = Segment(s.flags & ~(SYN | FIN), t.rcv_nxt, 0, s.ack, s.wnd, s.ts, s.up)
    now = t if recorded is None else t.but(ts_recent=recorded)
    if t.rcv_wnd == 0 and s.seq == t.rcv_nxt:
        why = '[9293 First] zero window: "special allowance should be made to accept valid ACKs, URGs, and RSTs"'
        extra = fifth(now, bare, dropped)
        # MUST-66: here the URG has to be processed, so the plain drop is no longer right.
        outs = [] if s.flags & URG else outs
    else:
        return outs
    for o in extra:
        if o.reply == {NONE}:
            o.reply = {challenge}
        o.ts = dropped.ts | o.ts
        o.because(why)
    return outs + extra


def second(t, s):
    out = Allowed(t)
    edge = (t.rcv_nxt + t.rcv_wnd) & MASK
    if s.seq != t.rcv_nxt:
        if le(t.rcv_nxt, s.seq) and lt(s.seq, edge):
            out.reply = {ack_of(t.nxt, t.rcv_nxt)}
            return [out.because('[9293 Second 3)]', '[5961 3.2]')]
        return [out.because('[9293 Second 1)]')]
    out.because('[9293 Second 2)]')
    if t.state == SYN_RECEIVED and t.passive:
        return [out.gone(LISTEN)]
    if t.state == SYN_RECEIVED:
        out.gone(CLOSED).must = {'refused'}
        return [out]
    if t.state == TIME_WAIT:
        stays = Allowed(t).because('[1337 3 F1] RST is ignored in TIME-WAIT')
        return [out.gone(CLOSED), stays]
    out.gone(CLOSED)
    if not t.closed:
        out.must = {'reset'}  # 3.5.3: "advises the user", in all these states
    return [out]


def fourth(t, s, dropped, challenge):
    if t.state == SYN_RECEIVED and t.passive:
        return [Allowed(t).gone(LISTEN).because('[9293 Fourth] a passive open returns to LISTEN')]
    dropped.reply = {challenge}
    return [dropped.because('[9293 Fourth]', '[5961 4.2]')]


def ack_in_range(t, s):
    return le((t.una - t.max_wnd) & MASK, s.ack) and le(s.ack, t.nxt)


def fifth(t, s, dropped):
    if not s.flags & ACK:
        return [dropped.because('[9293 Fifth] ACK off')]
    out = Allowed(t)
    wnd = s.wnd << t.wnd_shift
    if t.state == SYN_RECEIVED:
        if not (lt(t.una, s.ack) and le(s.ack, t.nxt)):
            dropped.reply = {rst_for(s)}
            if not ack_in_range(t, s):
                dropped.reply.add(ack_of(t.nxt, t.rcv_nxt))
                dropped.because('[9293 Fifth] the range check answers with ACK, SYN-RECEIVED and 3.5.2 with RST')
            return [dropped.because('[9293 Fifth SYN-RECEIVED]')]
        out.state = {ESTABLISHED}
        out.una = {s.ack}
        out.wnd = {wnd}
        out.must = {'accept'} if t.passive else {'connected'}
        out.may = {'sent'}
        out.because('[9293 Fifth SYN-RECEIVED]')
        return sixth_to_eighth(t.but(state=ESTABLISHED, una=s.ack, wnd=wnd), s, out)
    if not ack_in_range(t, s):
        dropped.reply = {ack_of(t.nxt, t.rcv_nxt)}
        return [dropped.because('[9293 Fifth MAY-12]', '[5961 5.2]')]
    if t.state == TIME_WAIT:
        out.reply = {NONE, ack_of(t.nxt, t.rcv_nxt)}
        out.restart = {False, True} if s.flags & FIN else {False}
        return [out.because('[9293 Fifth TIME-WAIT] nothing but the FIN again is foreseen')]
    una = t.una
    if lt(t.una, s.ack):
        una = s.ack
        if una == t.nxt:
            out.must.add('sent')
    out.una = {una}
    if le(t.una, s.ack):
        if lt(t.wl1, s.seq) or t.wl1 == s.seq and le(t.wl2, s.ack) or lt(t.una, s.ack):
            # What acknowledges more cannot be old; the letter of the check would move the edge beyond what was offered.
            out.wnd = {wnd}
        elif lt(s.seq, t.rcv_nxt) and (lt(t.wl1, t.rcv_nxt) or t.wl1 == t.rcv_nxt and le(t.wl2, s.ack)):
            # [9293 First] "only the new parts are processed": the segment then begins at RCV.NXT.
            out.wnd = {t.wnd, wnd}
    out.because('[9293 Fifth]')
    now = t.but(una=una)
    fin_acked = t.fin_sent and una == t.nxt
    if fin_acked and t.state == FIN_WAIT_1:
        now.state = FIN_WAIT_2
    elif fin_acked and t.state == CLOSING:
        out.state = {TIME_WAIT}
        out.may |= {'closed'}
        out.restart = {True}
        return [out]
    elif fin_acked and t.state == LAST_ACK:
        out.gone(CLOSED)
        if not t.closed:
            out.must.add('closed')
        return [out]
    out.state = {now.state}
    return sixth_to_eighth(now, s, out)


def sixth_to_eighth(t, s, out):
    """`t` as the ACK left it, `out` filled in so far."""
    edge = (t.rcv_nxt + t.rcv_wnd) & MASK
    fin = bool(s.flags & FIN)
    if t.state not in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2):
        if fin or s.len:
            out.because('[9293 Sixth to Eighth] a FIN has been received: the rest is ignored')
            out.reply = out.reply | {ack_of(t.nxt, t.rcv_nxt)}
        if s.seq != t.rcv_nxt:
            out.reply = out.reply | {ack_of(t.nxt, t.rcv_nxt)}
            out.because('[9293 Seventh MAY-13]')
        return [out]
    in_order = le(s.seq, t.rcv_nxt)
    if s.flags & URG and lt((t.rcv_nxt - t.unread) & MASK, (s.seq + s.up) & MASK):
        (out.must if in_order else out.may).add('urgent')
    if not in_order:
        if s.len and t.closed:
            return [lost(t, out)]
        out.held = {min(s.len, (edge - s.seq) & MASK)}
        out.reply = {ack_of(t.nxt, t.rcv_nxt), NONE} if ('ACK', 0, 0) not in out.reply else out.reply
        return [out.because('[9293 Seventh MAY-13, SHLD-31]')]
    old = (t.rcv_nxt - s.seq) & MASK
    text = max(0, s.len - old)
    taken = min(text, t.rcv_wnd)
    if taken and t.closed:
        return [lost(t, out)]
    rcv_nxt = (t.rcv_nxt + taken) & MASK
    if text:
        out.reply = {ack_of(t.nxt, rcv_nxt), later(t.nxt, rcv_nxt)}
        out.because('[9293 Seventh]')
    if taken:
        out.must.add('data')
    # "trimming off any portions that lie outside the window (including SYN and FIN)"
    if fin and taken == text and (s.seq + s.len) & MASK == rcv_nxt and lt(rcv_nxt, edge):
        rcv_nxt = (rcv_nxt + 1) & MASK
        out.must.add('eof')
        out.reply = {ack_of(t.nxt, rcv_nxt), later(t.nxt, rcv_nxt)}
        out.because('[9293 Eighth]')
        if t.state == ESTABLISHED:
            out.state = {CLOSE_WAIT}
        elif t.state == FIN_WAIT_1:
            out.state = {CLOSING}
        else:
            out.state = {TIME_WAIT}
            out.may.add('closed')
            out.restart = {True}
    elif fin and not text:
        out.reply = out.reply | {ack_of(t.nxt, rcv_nxt)}
    out.rcv_nxt = {rcv_nxt}
    return [out]


def lost(t, out):
    """New data after CLOSE, in order or not: nobody will read it."""
    out.gone(CLOSED)
    out.must.clear()
    out.reply = {('RST', t.nxt, 0), ('RST,ACK', t.nxt, ANY)}
    return out.because('[9293 3.6.1 SHLD-3] data after CLOSE is answered by RST')


def time_wait_syn(t, s):
    """[6191 2], which 3.10.7.4 prefers, and [9293 3.6.1 MAY-2]: is this SYN provably of a new incarnation?"""
    with_ts = bool(t.offer_ts and s.ts is not None)
    newer_seq = le(t.rcv_nxt, s.seq)  # "greater than the last": the FIN's number is RCV.NXT - 1
    if t.ts:
        if with_ts:
            honoured = lt(t.ts_recent, s.ts) or t.ts_recent == s.ts and newer_seq
        else:
            honoured = newer_seq
    else:
        honoured = with_ts or newer_seq
    if honoured and t.listener:
        return [connection_request(t, s).because('[6191 2] honour the connection request', '[9293 3.6.1 MAY-2]')]
    out = Allowed(t)
    out.reply = {NONE, ack_of(t.nxt, t.rcv_nxt)}
    out.because('[6191 2] drop silently', '[9293 First, Fourth] or answer with an ACK')
    if honoured:
        refused = Allowed(t).gone(CLOSED).because('[9293 3.10.7.1] nobody listens')
        refused.reply = {rst_for(s)}
        kept = Allowed(t).because('[9293 3.10.7.1] nobody listens; TIME-WAIT need not end for it')
        kept.reply = {rst_for(s)}
        return [out, refused, kept]
    return [out]


def segment_arrives(t, s):
    if t.state == CLOSED:
        return closed(t, s)
    if t.state == LISTEN:
        return listen(t, s)
    if t.state == SYN_SENT:
        return syn_sent(t, s)
    outs = other_states(t, s)
    for out in outs:
        if t.closed:
            out.must.clear()  # 3.9.1: after CLOSE there is no user left to signal
            out.may.clear()
        elif t.state == TIME_WAIT:
            out.may.add('closed')  # the connection of old ends with what takes its place
    return outs
