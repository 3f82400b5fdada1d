"""Where tern does otherwise than a plain reading of 3.10.7: each function is one choice of
docs/decisions/0010-where-segment-arrives-leaves-a-choice.md, narrow enough that nothing else passes with it. `explain` names the
choice, or gives False."""
import segment_arrives as rfc


def syn_with_fin(t, s, seen, allowed):
    """SYN with FIN opens nothing. [9293 Eighth] has the FIN dropped with its segment in LISTEN."""
    if s.flags & (rfc.SYN | rfc.FIN | rfc.ACK | rfc.RST) != rfc.SYN | rfc.FIN:
        return False
    if t.state == rfc.LISTEN:
        return seen.state == rfc.LISTEN and seen.reply == rfc.NONE and not seen.signals
    if t.state != rfc.TIME_WAIT:
        return False
    as_if = rfc.Allowed(t)
    as_if.reply = {rfc.NONE, rfc.ack_of(t.nxt, t.rcv_nxt)}
    return as_if.admits(seen)


def syn_repeated(t, s, seen, allowed):
    """The SYN that began a connection in SYN-RECEIVED is answered by the SYN-ACK again, not by an ACK: 3.8.1 lets a
    segment on the retransmission queue be sent again at any time, and <SEQ=ISS><CTL=SYN,ACK> is the one there."""
    if t.state != rfc.SYN_RECEIVED or s.seq != t.irs or s.flags & (rfc.SYN | rfc.ACK | rfc.RST) != rfc.SYN:
        return False
    as_if = rfc.Allowed(t)
    as_if.reply = {('SYN,ACK', t.iss, t.rcv_nxt)}
    if t.ts and s.ts is not None:
        as_if.ts = {t.ts_recent, s.ts}
    return as_if.admits(seen)


def reset_within_the_window(t, s, seen, allowed):
    """A RST that ends a connection whose peer has shut its window before SND.NXT has the number at that edge: the peer would
    drop SND.NXT as outside its window, 3.10.7.4 First."""
    if s.wnd != 0 or seen.state != rfc.CLOSED or seen.reply[0] != 'RST,ACK' or seen.reply[1] not in (t.una, s.ack):
        return False
    for a in allowed:
        if ('RST', t.nxt, 0) not in a.reply:
            continue
        as_if = a.copy()
        as_if.reply = {('RST,ACK', seen.reply[1], rfc.ANY)}
        if as_if.admits(seen):
            return True
    return False


DECISIONS = {
    'SYN with FIN opens nothing': syn_with_fin,
    'the same SYN gets the SYN-ACK again': syn_repeated,
    'a RST lies within the window of the peer': reset_within_the_window,
}


def explain(t, s, seen, allowed):
    for name, holds in DECISIONS.items():
        if holds(t, s, seen, allowed):
            return name
    return False
