"""RFC 9293 3.10.1 to 3.10.6 and 3.10.8, the user calls and the timeouts, as tables written from the text alone. Not here: how tern is
driven (tests/exhaustive/calls.c) and SEGMENT ARRIVES (segment_arrives.py).

A row of CALLS is (call, condition on the connection, allowed results, allowed next states, allowed segments, where). Results are
classes of what tern_* returned: 'ok' (0 or more), 'wait' (nothing yet: the call is queued in the RFC's words), 'end' (0 bytes: the RFC's
"connection closing" of RECEIVE), 'none' (no such connection), 'exists', 'state' (the RFC's "connection closing" and the like). A next
state '=' is the same. Segments are classes too, see `segment_class`. Every condition is tried in order; the first that holds counts."""

SYNCHRONIZED = {'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'}
RECEIVING = {'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'}
SENDING = {'ESTABLISHED', 'CLOSE-WAIT'}
CLOSED_BY_US = {'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'}
WANT_RST = {'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT'}  # 3.10.5 ABORT sends <SEQ=SND.NXT><CTL=RST>
FORGOTTEN = 'tern.h 6: after tern_close the handle is gone; the RFC: the user has no such connection'


def state(*names):
    return lambda t: t.state in names


def listener(t):
    return t.state == 'LISTEN' or t.state == 'SYN-RECEIVED' and t.passive  # a half-open connection has no handle yet


def always(t):
    return True


def fresh(t):
    return t.state == 'CLOSED'


CALLS = [
    # 3.10.1
    ('OPEN-active', state('CLOSED'), 'ok', 'SYN-SENT', 'SYN', '3.10.1 CLOSED'),
    ('OPEN-active', state('LISTEN'), 'ok', 'SYN-SENT', 'SYN', '3.10.1 LISTEN; the listener itself stays [MUST-41]'),
    ('OPEN-active', always, 'exists', '=', 'none', '3.10.1 "connection already exists"'),
    ('OPEN-passive', fresh, 'ok', 'LISTEN', 'none', '3.10.1 CLOSED'),
    ('OPEN-passive', listener, 'exists', '=', 'none', '3.10.1 "connection already exists"'),
    ('OPEN-passive', always, 'ok', '=', 'none', '3.9.1.1 MUST-41: a new record in LISTEN, nothing else is touched'),
    # 3.10.2
    ('SEND', state('CLOSED'), 'none', '=', 'none', '3.10.2 CLOSED'),
    ('SEND', listener, 'none state', '=', 'none', '3.10.2 LISTEN "remote socket unspecified"'),
    ('SEND', lambda t: t.closed, 'none state', '=', 'none', FORGOTTEN),
    ('SEND', state('SYN-SENT', 'SYN-RECEIVED'), 'ok', '=', 'none', '3.10.2: queued'),
    ('SEND', lambda t: t.state in SENDING and t.idle, 'ok', '=', 'data', '3.10.2 ESTABLISHED, CLOSE-WAIT'),
    ('SEND', state(*SENDING), 'ok', '=', 'none data', '3.10.2; Nagle or the window may hold it back [SHLD-7]'),
    ('SEND', always, 'state', '=', 'none', '3.10.2 "connection closing"'),
    # 3.10.3
    ('RECEIVE', state('CLOSED'), 'none', '=', 'none', '3.10.3 CLOSED'),
    ('RECEIVE', listener, 'none wait', '=', 'none', '3.10.3 LISTEN'),
    ('RECEIVE', lambda t: t.closed, 'none', '=', 'none', FORGOTTEN),
    ('RECEIVE', state('SYN-SENT', 'SYN-RECEIVED'), 'wait', '=', 'none', '3.10.3: queued'),
    ('RECEIVE', lambda t: t.unread, 'ok', '=', 'none ACK',
     '3.10.3; in CLOSING to TIME-WAIT too: 3.6 "may continue to RECEIVE until the TCP receiver is told that the remote peer has '
     'CLOSED also", and this is told after the data'),
    ('RECEIVE', state(*RECEIVING), 'wait', '=', 'none', '3.10.3: queued'),
    ('RECEIVE', always, 'end', '=', 'none', '3.10.3 CLOSE-WAIT to TIME-WAIT "connection closing"'),
    # 3.10.4, half of it: 3.6.1
    ('SHUTDOWN', state('CLOSED'), 'none', '=', 'none', '3.10.4 CLOSED'),
    ('SHUTDOWN', listener, 'none state', '=', 'none', '3.6.1: half-close is of a connection'),
    ('SHUTDOWN', lambda t: t.closed, 'none', '=', 'none', FORGOTTEN),
    ('SHUTDOWN', state('SYN-SENT'), 'state', '=', 'none', '3.6.1: there is no connection to close half of; CLOSE ends it'),
    ('SHUTDOWN', state('SYN-RECEIVED'), 'ok', 'FIN-WAIT-1', 'FIN none', '3.10.4 SYN-RECEIVED; the FIN waits for the ACK of the SYN: decision 10'),
    ('SHUTDOWN', lambda t: t.state == 'ESTABLISHED' and t.unsent, 'ok', 'FIN-WAIT-1', 'none', '3.10.4: "queue this until all preceding SENDs"'),
    ('SHUTDOWN', state('ESTABLISHED'), 'ok', 'FIN-WAIT-1', 'FIN', '3.10.4 ESTABLISHED'),
    ('SHUTDOWN', lambda t: t.state == 'CLOSE-WAIT' and t.unsent, 'ok', 'LAST-ACK', 'none', '3.10.4: "queue this until all preceding SENDs"'),
    ('SHUTDOWN', state('CLOSE-WAIT'), 'ok', 'LAST-ACK', 'FIN', '3.10.4 CLOSE-WAIT'),
    ('SHUTDOWN', always, 'state', '=', 'none', '3.10.4 "connection closing", and no second FIN'),
    # 3.10.4
    ('CLOSE', state('CLOSED'), 'none', '=', 'none', '3.10.4 CLOSED'),
    ('CLOSE', state('LISTEN'), 'ok', 'CLOSED', 'none', '3.10.4 LISTEN'),
    ('CLOSE', listener, 'ok', 'CLOSED', 'RST none', '3.10.4 LISTEN; what it had begun is reset (tern.h 6)'),
    ('CLOSE', lambda t: t.closed, 'none', '=', 'none', FORGOTTEN),
    ('CLOSE', state('SYN-SENT'), 'ok', 'CLOSED', 'none', '3.10.4 SYN-SENT'),
    ('CLOSE', lambda t: t.unread and t.state != 'TIME-WAIT', 'ok', 'CLOSED', 'RST', '3.6.1 SHLD-3: unread data is lost, and a RST says so'),
    ('CLOSE', state('SYN-RECEIVED'), 'ok', 'FIN-WAIT-1', 'FIN none', '3.10.4 SYN-RECEIVED; the FIN waits for the ACK of the SYN: decision 10'),
    ('CLOSE', lambda t: t.state == 'ESTABLISHED' and t.unsent, 'ok', 'FIN-WAIT-1', 'none', '3.10.4: "queue this until all preceding SENDs"'),
    ('CLOSE', state('ESTABLISHED'), 'ok', 'FIN-WAIT-1', 'FIN', '3.10.4 ESTABLISHED'),
    ('CLOSE', lambda t: t.state == 'CLOSE-WAIT' and t.unsent, 'ok', 'LAST-ACK', 'none', '3.10.4: "queue this until all preceding SENDs"'),
    ('CLOSE', state('CLOSE-WAIT'), 'ok', 'LAST-ACK', 'FIN', '3.10.4 CLOSE-WAIT'),
    ('CLOSE', state('FIN-WAIT-1', 'FIN-WAIT-2'), 'ok state', '=', 'none', '3.10.4 FIN-WAIT-1: "an ok response would be acceptable, too", no second FIN'),
    ('CLOSE', always, 'ok state', '=', 'none', '3.10.4 "connection closing"; ok gives the handle back: decision 10'),
    # SEND and then CLOSE before anything could leave
    ('SEND-CLOSE', state('CLOSED'), 'none', '=', 'none', '3.10.2'),
    ('SEND-CLOSE', listener, 'none state', '=', 'none', '3.10.2 LISTEN'),
    ('SEND-CLOSE', lambda t: t.state in CLOSED_BY_US, 'none state', '=', 'none', '3.10.2 "connection closing"'),
    ('SEND-CLOSE', state('SYN-SENT'), 'ok', 'CLOSED', 'none', '3.10.4 SYN-SENT'),
    ('SEND-CLOSE', state('SYN-RECEIVED'), 'ok', '=', 'none', '3.10.4 SYN-RECEIVED: queued until ESTABLISHED'),
    ('SEND-CLOSE', lambda t: t.unread, 'ok', 'CLOSED', 'RST', '3.6.1 SHLD-3'),
    ('SEND-CLOSE', lambda t: t.state == 'ESTABLISHED' and t.unsent, 'ok', 'FIN-WAIT-1', 'none', '3.10.4'),
    ('SEND-CLOSE', state('ESTABLISHED'), 'ok', 'FIN-WAIT-1', 'data+FIN', '3.10.4: the SEND first, then the FIN'),
    ('SEND-CLOSE', lambda t: t.unsent, 'ok', 'LAST-ACK', 'none', '3.10.4'),
    ('SEND-CLOSE', always, 'ok', 'LAST-ACK', 'data+FIN', '3.10.4'),
    # 3.10.5
    ('ABORT', state('CLOSED'), 'none', '=', 'none', '3.10.5 CLOSED'),
    ('ABORT', state('LISTEN'), 'ok', 'CLOSED', 'none', '3.10.5 LISTEN'),
    ('ABORT', listener, 'ok', 'CLOSED', 'RST', '3.10.5 SYN-RECEIVED'),
    ('ABORT', lambda t: t.closed and t.state == 'TIME-WAIT', 'none', '=', 'none', FORGOTTEN),
    ('ABORT', lambda t: t.closed and t.state in WANT_RST, 'ok none', '= CLOSED', 'RST none', FORGOTTEN + '; it may still know it'),
    ('ABORT', lambda t: t.closed, 'ok none', '= CLOSED', 'none', FORGOTTEN + '; it may still know it'),
    ('ABORT', lambda t: t.state in WANT_RST, 'ok', 'CLOSED', 'RST', '3.10.5 SYN-RECEIVED to CLOSE-WAIT'),
    ('ABORT', always, 'ok', 'CLOSED', 'none', '3.10.5 SYN-SENT; CLOSING to TIME-WAIT'),
    # 3.10.6
    ('STATUS', state('CLOSED'), 'none', '=', 'none', '3.10.6 CLOSED'),
    ('STATUS', lambda t: t.closed and t.state == 'TIME-WAIT', 'none', '=', 'none', FORGOTTEN),
    ('STATUS', always, 'ok', '=', 'none', '3.10.6'),
]

STATES = ['CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING',
          'LAST-ACK', 'TIME-WAIT']


class Tcb:
    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value if name in ('name', 'state') else int(value))


def segment_class(t, text):
    """A printed segment flags:SEQ:ACK:LEN as a word; '?' and all when its numbers are not those the RFC asks for."""
    flags, seq, ack, length = text.split(':')
    seq, ack, length = int(seq), int(ack), int(length)
    if flags == 'S':
        return 'SYN'
    if ack != t.rcv_nxt:
        return '?' + text
    if flags == 'RA' and seq == t.nxt and length == 0:
        return 'RST'
    if flags == 'A' and length == 0:
        return 'ACK' if seq == t.nxt else 'probe' if seq == t.nxt - 1 else '?' + text
    if flags == 'SA' and seq == t.una:
        return 'SYN,ACK'
    if seq == t.nxt and flags == 'A':
        return 'data'
    if seq == t.nxt and flags == 'FA':
        return 'data+FIN' if length else 'FIN'
    if t.una <= seq < t.nxt and flags in ('A', 'FA'):
        return 'again'
    return '?' + text


def result_class(result, call):
    names = {'TERN_ESTALE': 'none', 'TERN_EADDRINUSE': 'exists', 'TERN_EAGAIN': 'wait', 'TERN_ESTATE': 'state'}
    if result in names:
        return names[result]
    if not result.lstrip('-').isdigit():
        return result
    return 'end' if call == 'RECEIVE' and result == '0' else 'ok'


def call_problem(t, call, result, next_state, segments):
    """None, or what is wrong with the outcome of a user call."""
    row = next((r for r in CALLS if r[0] == call and r[1](t)), None)
    if row is None:
        return 'no row'
    _, _, results, states, allowed, where = row
    words = [segment_class(t, x) for x in segments] or ['none']
    if result_class(result, call) not in results.split():
        return f'result {result} is not {results}: {where}'
    if call == 'STATUS' and 'ok' in results and result.isdigit() and STATES[int(result)] != t.state and not listener(t):
        return f'STATUS says {STATES[int(result)]}: {where}'
    if ('=' if next_state == t.state else next_state) not in states.split() and next_state not in states.split():
        return f'next state {next_state} is not {states}: {where}'
    if len(words) > 1 or words[0] not in allowed.split():
        return f'segments {words} are not {allowed}: {where}'
    return None


# ---- 3.10.8 ------------------------------------------------------------------------------------------------------

def outstanding(t):
    return t.una != t.nxt and t.state != 'TIME-WAIT'


def expected_time(t, kind, seconds):
    """(allowed next states, allowed first segments, must the user hear of an error, where)"""
    two_msl, r2_syn, r2 = 60, 180, 924  # decision 5; MUST-23; tern.h r2_ms, at least 100 s [SHLD-11]
    gone = 'LISTEN' if t.passive else 'CLOSED'
    waits = t.state in ('ESTABLISHED', 'CLOSE-WAIT') or (t.state == 'FIN-WAIT-2' and not t.closed)
    if kind == 'keepalive' and not outstanding(t) and waits:
        if seconds < 7200:
            return {t.state}, {'none'}, False, '3.8.4 MUST-28: no probe before two hours'
        if seconds < 7200 + 8 * 75:
            return {t.state}, {'probe'}, False, '3.8.4 MUST-29: one unanswered probe proves nothing'
        return {'CLOSED'}, {'probe'}, True, '3.8.4: many do'
    if kind == 'persist':
        if seconds < 100:
            return {t.state}, {'again', 'data'}, False, '3.8.6.1 MUST-35, MUST-36'
        return {'CLOSED', t.state}, {'again', 'data'}, None, '3.8.6.1 MUST-37 protects a peer that answers; this one is silent'
    if kind == 'delayed-ack':
        return {t.state, 'FIN-WAIT-2'}, {'ACK', 'data'}, None, '3.8.6.3 MUST-40'
    if kind == 'user-timeout' and outstanding(t) and not listener(t):
        if seconds < 30:
            return {t.state}, None, None, '3.10.8 USER TIMEOUT: not yet'
        return {'CLOSED'}, None, not t.closed, '3.10.8 USER TIMEOUT'
    if t.state == 'TIME-WAIT':
        over = seconds >= two_msl
        return {'CLOSED' if over else 'TIME-WAIT'}, {'none'}, False, '3.10.8 TIME-WAIT TIMEOUT'
    if t.state == 'FIN-WAIT-2' and t.closed:
        over = seconds >= 60
        return {'CLOSED' if over else 'FIN-WAIT-2'}, {'RST', 'none'} if over else {'none'}, False, '3.6.1: an orphan in FIN-WAIT-2 (tern.h fin_wait_2_ms)'
    if not outstanding(t):
        return {t.state}, {'none'}, False, '3.10.8: no timer runs; 3.8.4 MUST-25: keepalive is off'
    first = {'SYN-SENT': 'SYN', 'SYN-RECEIVED': 'SYN,ACK'}.get(t.state, 'again')
    if seconds < (r2_syn if t.state in ('SYN-SENT', 'SYN-RECEIVED') else r2):
        return {t.state}, {first}, False, '3.10.8 RETRANSMISSION TIMEOUT; 3.8.3 MUST-23, SHLD-11'
    return {gone}, {first}, not t.closed and not listener(t), '3.8.3 MUST-20: R2'


def time_problem(t, kind, seconds, next_state, signals, first, first_text):
    states, firsts, told, where = expected_time(t, kind, seconds)
    word = segment_class(t, first_text) if first_text else 'none'
    if next_state not in states:
        return f'state {next_state} is not {"|".join(states)}: {where}'
    if firsts is not None and word not in firsts and not (kind in ('persist', 'delayed-ack') and first_text):
        return f'first segment {word} is not {"|".join(sorted(firsts))}: {where}'
    if kind == 'delayed-ack' and first and first > 500:
        return f'the ACK came after {first} ms: {where}'
    heard = 'TERN_ETIMEDOUT' in signals
    if told is not None and heard != told:
        return f'the user was {"" if heard else "not "}told: {where}'
    return None
