#!/usr/bin/python3
"""grid.py - writes the scripts of tests/drill/3.10.7.*: SEGMENT ARRIVES (RFC 9293 3.10.7), every state against every
kind of segment. What must come back stands here, state by state, as the RFC says it; nothing is taken from a run.

grid.py           writes the scripts
grid.py --check   fails when one of them is not what this file writes

A socket whose connection is in TIME-WAIT counts as TCP_CLOSE in TCP_INFO, as on Linux; what answers shows that the
connection still waits.
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
STATES = {}
SCRIPTS = {}

LISTEN = """\
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0   setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0   bind(3, ..., ...) = 0
+0   listen(3, 4) = 0
"""
CONNECT = """\
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0   fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)
+0   fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0   connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0   > S 0:0(0) <...>
"""
ESTABLISHED = LISTEN + """\
+.1  < S 0:0(0) win 32792 <mss 1000>
+0   > S. 0:0(0) ack 1 <...>
+.1  < . 1:1(0) ack 1 win 32792
+0   accept(3, ..., ...) = 4
"""
FIN_WAIT_1 = ESTABLISHED + """\
+.01 shutdown(4, SHUT_WR) = 0
+0   > F. 1:1(0) ack 1
"""
FIN_WAIT_2 = FIN_WAIT_1 + """\
+.01 < . 1:1(0) ack 2 win 32792
"""
CLOSE_WAIT = ESTABLISHED + """\
+.01 < F. 1:1(0) ack 1 win 32792
+0   > . 1:1(0) ack 2
"""
CLOSING = FIN_WAIT_1 + """\
+.01 < F. 1:1(0) ack 1 win 32792
+0   > . 2:2(0) ack 2
"""
LAST_ACK = CLOSE_WAIT + """\
+.01 shutdown(4, SHUT_WR) = 0
+0   > F. 1:1(0) ack 2
"""
TIME_WAIT = FIN_WAIT_2 + """\
+.01 < F. 1:1(0) ack 2 win 32792
+0   > . 2:2(0) ack 2
"""
SIMULTANEOUS = CONNECT + """\
+.01 < S 0:0(0) win 32792 <mss 1000>
+0   > S. 0:0(0) ack 1 <...>
"""


class State:
    """A synchronized state: how to get there, and SND.UNA, SND.NXT, RCV.NXT there."""

    def __init__(self, name, folder, before, una, nxt, rcv, linux, fd=4):
        self.name, self.folder, self.before = name, folder, before
        self.una, self.nxt, self.rcv, self.linux, self.fd = una, nxt, rcv, linux, fd


SYNCHRONIZED = [
    State("ESTABLISHED", "established", ESTABLISHED, 1, 1, 1, "TCP_ESTABLISHED"),
    State("FIN-WAIT-1", "fin-wait-1", FIN_WAIT_1, 1, 2, 1, "TCP_FIN_WAIT1"),
    State("FIN-WAIT-2", "fin-wait-2", FIN_WAIT_2, 2, 2, 1, "TCP_FIN_WAIT2"),
    State("CLOSE-WAIT", "close-wait", CLOSE_WAIT, 1, 1, 2, "TCP_CLOSE_WAIT"),
    State("CLOSING", "closing", CLOSING, 1, 2, 2, "TCP_CLOSING"),
    State("LAST-ACK", "last-ack", LAST_ACK, 1, 2, 2, "TCP_LAST_ACK"),
    State("TIME-WAIT", "time-wait", TIME_WAIT, 2, 2, 2, "TCP_CLOSE"),
]


def number(value):
    return value % (1 << 32)


def put(folder, name, title, labels, lines):
    text = f"// {title}\n// RFC 9293 3.10.7{labels}\n"
    SCRIPTS[f"{folder}/{name}.pkt"] = text + lines


def seg(flags, seq, length=0, ack=None, more=""):
    ack = "" if ack is None else f" ack {number(ack)}"
    return f"{flags} {number(seq)}:{number(seq + length)}({length}){ack}{more}"


def arrives(flags, seq, length=0, ack=None, more=" win 32792"):
    return f"+.01 < {seg(flags, seq, length, ack, more)}\n"


def answer(flags, seq, length=0, ack=None):
    return f"+0   > {seg(flags, seq, length, ack)}\n"


def still(s, rcv=None, nxt=None, linux=None):
    """The connection is there, in this state, with these numbers: one byte from before the window shows it."""
    rcv, nxt, linux = rcv or s.rcv, nxt or s.nxt, linux or s.linux
    there = arrives(".", rcv - 1, 1, nxt) + answer(".", nxt, 0, rcv)
    return f"+0   %{{ assert tcpi_state == {linux} }}%\n" + there


def gone(s, rcv=None, nxt=None):
    """There is no connection any more, and without the listener nobody to answer but CLOSED."""
    rcv, nxt = rcv or s.rcv, nxt or s.nxt
    return "+0   close(3) = 0\n" + arrives(".", rcv, 0, nxt) + answer("R", nxt)


def synchronized(s):
    folder = f"3.10.7.4-{s.folder}"
    una, nxt, rcv = s.una, s.nxt, s.rcv
    ack_now = answer(".", nxt, 0, rcv)

    def case(name, title, labels, lines):
        put(folder, name, f"{s.name}: {title}", f".4{labels}", s.before + lines)

    # first: the sequence number
    case("old-data", "text that was taken before is acknowledged again, and not taken twice", " first",
         arrives("P.", rcv - 1, 1, nxt) + ack_now + still(s))
    case("beyond-window", "text right of the window is not taken; an ACK says where the window is", " first",
         arrives("P.", rcv + 100000, 10, nxt) + ack_now + still(s))
    case("left-of-window", "an empty segment left of the window is answered with an ACK", " first",
         arrives(".", rcv - 10, 0, nxt) + ack_now + still(s))
    # second: RST
    if s.name == "TIME-WAIT":
        case("rst", "a RST does not end the wait early", " second [RFC1337 3 (F1)]", arrives("R.", rcv, 0, nxt)
             + still(s))
    else:
        case("rst", "a RST at exactly RCV.NXT ends the connection", " second [RFC5961 3.2]",
             arrives("R.", rcv, 0, nxt) + gone(s))
    case("rst-in-window", "a RST elsewhere in the window is challenged", " second [RFC5961 3.2]",
         arrives("R", rcv + 10) + ack_now + still(s))
    case("rst-left", "a RST left of the window is dropped", " first", arrives("R", rcv - 1) + still(s))
    case("rst-right", "a RST right of the window is dropped", " first", arrives("R", rcv + 200000) + still(s))
    # fourth: SYN
    case("syn-old", "a SYN from before the window is challenged", " first, fourth [RFC5961 4.2]",
         arrives("S", 0) + ack_now + still(s))
    if s.name != "TIME-WAIT":
        case("syn-in-window", "a SYN in the window is challenged and changes nothing", " fourth [RFC5961 4.2]",
             arrives("S", rcv + 5) + ack_now + still(s))
        case("syn-ack", "a SYN,ACK is challenged and changes nothing", " fourth [RFC5961 4.2]",
             arrives("S.", rcv, 0, nxt) + ack_now + still(s))
    # fifth: ACK
    case("no-ack", "a segment without ACK is dropped", " fifth", arrives("P", rcv, 10) + still(s))
    if s.name not in ("LAST-ACK", "TIME-WAIT"):
        case("ack-unsent", "an ACK of what was never sent is answered and not believed", " fifth",
             arrives(".", rcv, 0, nxt + 10) + ack_now + still(s))
    if s.name not in ("TIME-WAIT",):
        case("ack-too-old", "an ACK older than any window ever was is challenged", " fifth [RFC5961 5.2]",
             arrives(".", rcv, 0, una - 100000) + ack_now + still(s))
        case("ack-old", "an ACK from before says nothing new and is ignored", " fifth",
             arrives(".", rcv, 0, una) + still(s))
    # seventh: text
    if rcv == 1:
        case("text", "text in order is taken and acknowledged", " seventh [MUST-58]",
             arrives("P.", rcv, 100, una) + f"+.04 > {seg('.', nxt, 0, rcv + 100)}\n"
             + f"+0   read(4, ..., 1000) = 100\n" + still(s, rcv=rcv + 100))
        case("text-gap", "text behind a gap is kept; the ACK asks for the gap at once", " seventh [RFC5681 4.2]",
             arrives("P.", rcv + 100, 100, una) + ack_now + arrives(".", rcv, 100, una)
             + answer(".", nxt, 0, rcv + 200) + f"+0   read(4, ..., 1000) = 200\n" + still(s, rcv=rcv + 200))
        case("text-overlap", "of text that is partly old the new part is taken", " first, seventh",
             arrives("P.", rcv, 10, una) + f"+.04 > {seg('.', nxt, 0, rcv + 10)}\n"
             + arrives("P.", rcv + 5, 10, una) + f"+0~+.04 > {seg('.', nxt, 0, rcv + 15)}\n"
             + "+0   read(4, ..., 1000) = 15\n" + still(s, rcv=rcv + 15))
        case("fin-gap", "a FIN behind a gap is not taken yet", " eighth",
             arrives("F.", rcv + 10, 0, una) + ack_now + still(s))
    else:
        case("text", "text behind the peer's FIN cannot be, and is ignored", " seventh",
             arrives("P.", rcv, 100, nxt if s.name in ("CLOSE-WAIT", "TIME-WAIT") else una) + still(s))
        case("fin-again", "the peer's FIN again: our ACK was lost, it is sent again", " first, eighth",
             arrives("F.", rcv - 1, 0, nxt if s.name in ("CLOSE-WAIT", "TIME-WAIT") else una) + ack_now + still(s))


def ends_of_life():
    """Fifth and eighth, where the state moves."""
    by = {s.name: s for s in SYNCHRONIZED}

    def case(s, name, title, labels, lines):
        put(f"3.10.7.4-{s.folder}", name, f"{s.name}: {title}", f".4{labels}", s.before + lines)

    est, fw1, fw2 = by["ESTABLISHED"], by["FIN-WAIT-1"], by["FIN-WAIT-2"]
    case(est, "fin", "a FIN leads to CLOSE-WAIT, is acknowledged, and ends the stream", " eighth",
         arrives("F.", 1, 0, 1) + answer(".", 1, 0, 2) + "+0   read(4, ..., 1000) = 0\n"
         + still(est, rcv=2, linux="TCP_CLOSE_WAIT"))
    case(est, "fin-with-text", "text and FIN in one segment: both are taken", " seventh, eighth",
         arrives("FP.", 1, 100, 1) + answer(".", 1, 0, 102) + "+0   read(4, ..., 1000) = 100\n"
         + "+0   read(4, ..., 1000) = 0\n" + still(est, rcv=102, linux="TCP_CLOSE_WAIT"))
    case(est, "fin-then-gap", "the gap before a FIN closes: the FIN counts now", " eighth",
         arrives("FP.", 101, 100, 1) + answer(".", 1, 0, 1) + arrives("P.", 1, 100, 1) + answer(".", 1, 0, 202)
         + "+0   read(4, ..., 1000) = 200\n+0   read(4, ..., 1000) = 0\n"
         + still(est, rcv=202, linux="TCP_CLOSE_WAIT"))
    case(fw1, "ack-of-fin", "the ACK of our FIN leads to FIN-WAIT-2", " fifth",
         arrives(".", 1, 0, 2) + still(fw1, linux="TCP_FIN_WAIT2"))
    case(fw1, "fin", "the peer's FIN without an ACK of ours leads to CLOSING", " eighth",
         arrives("F.", 1, 0, 1) + answer(".", 2, 0, 2) + still(fw1, rcv=2, linux="TCP_CLOSING"))
    case(fw1, "fin-with-ack-of-fin", "FIN and the ACK of ours in one segment lead to TIME-WAIT", " fifth, eighth",
         arrives("F.", 1, 0, 2) + answer(".", 2, 0, 2) + still(fw1, rcv=2, linux="TCP_CLOSE"))
    case(fw2, "fin", "the peer's FIN leads to TIME-WAIT", " eighth",
         arrives("F.", 1, 0, 2) + answer(".", 2, 0, 2) + still(fw2, rcv=2, linux="TCP_CLOSE"))
    case(by["CLOSING"], "ack-of-fin", "the ACK of our FIN leads to TIME-WAIT", " fifth",
         arrives(".", 2, 0, 2) + still(by["CLOSING"], linux="TCP_CLOSE"))
    case(by["LAST-ACK"], "ack-of-fin", "the ACK of our FIN ends the connection", " fifth",
         arrives(".", 2, 0, 2) + gone(by["LAST-ACK"]))
    tw = by["TIME-WAIT"]
    case(tw, "two-msl", "after 2 MSL the connection is gone, and not before", " fifth; 3.10.8 [MUST-13]",
         "+59.9 < . 1:2(1) ack 2 win 32792\n" + answer(".", 2, 0, 2) + "+0   %{ assert tcpi_state == TCP_CLOSE }%\n"
         + "+.2  close(3) = 0\n+0   < . 2:2(0) ack 2 win 32792\n" + answer("R", 2))
    case(tw, "fin-restarts", "the peer's FIN again starts the 2 MSL anew", " eighth",
         "+40  < F. 1:1(0) ack 2 win 32792\n" + answer(".", 2, 0, 2) + "+0   close(3) = 0\n"
         + "+59.9 < . 1:2(1) ack 2 win 32792\n" + answer(".", 2, 0, 2)
         + "+.2  < . 2:2(0) ack 2 win 32792\n" + answer("R", 2))
    case(tw, "syn-reopens", "a SYN with a higher number opens the pair of sockets again", "; 3.6.1 [MAY-2, RFC6191 2]",
         arrives("S", 1000, more=" win 32792 <mss 1000>") + "+0   > S. 0:0(0) ack 1001 <...>\n"
         + arrives(".", 1, 0, 1) + "+0   accept(3, ..., ...) = 5\n")


def closed():
    start = "0    < "

    def case(name, title, line, reply):
        reply = f"+0   > {reply}\n" if reply else ""
        tail = "+.01 < . 1:1(0) ack 700 win 1000\n+0   > R 700:700(0)\n"
        put("3.10.7.1-closed", name, f"CLOSED: {title}", ".1", f"{start}{line} win 1000\n{reply}{tail}")

    case("syn", "a SYN is answered with RST,ACK that counts the SYN", "S 0:0(0)", "R. 0:0(0) ack 1")
    case("syn-with-text", "text on the SYN is counted, too", "S 0:100(100)", "R. 0:0(0) ack 101")
    case("syn-ack", "a SYN,ACK is answered with a RST at its ACK", "S. 0:0(0) ack 9000", "R 9000:9000(0)")
    case("ack", "an ACK is answered with a RST at its number", ". 0:0(0) ack 500", "R 500:500(0)")
    case("text", "text is answered with a RST at its ACK", "P. 0:100(100) ack 500", "R 500:500(0)")
    case("fin", "a FIN with ACK is answered with a RST at its ACK", "F. 0:0(0) ack 500", "R 500:500(0)")
    case("fin-no-ack", "a FIN without ACK: the RST counts it", "F 0:0(0)", "R. 0:0(0) ack 1")
    case("fin-text-no-ack", "text and FIN without ACK: the RST counts both", "FP 0:10(10)", "R. 0:0(0) ack 11")
    case("nothing", "no flag at all: the RST acknowledges the number", "- 0:0(0)", "R. 0:0(0) ack 0")
    case("text-no-flags", "text without any flag: the RST counts it", "- 0:10(10)", "R. 0:0(0) ack 10")
    case("urgent", "an urgent pointer changes nothing", "UP. 0:10(10) ack 77", "R 77:77(0)")
    case("rst", "a RST is never answered", "R 0:0(0)", None)
    case("rst-ack", "a RST with ACK is not answered either", "R. 0:0(0) ack 500", None)
    case("rst-syn", "nor one with SYN", "SR 0:0(0)", None)
    case("rst-text", "nor one with text", "R. 0:10(10) ack 500", None)


def listen():
    def case(name, title, labels, line, reply):
        reply = f"+0   > {reply}\n" if reply else ""
        tail = "+.01 < S 100:100(0) win 1000 <mss 1000>\n+0   > S. 0:0(0) ack 101 <...>\n"
        put("3.10.7.2-listen", name, f"LISTEN: {title}", f".2{labels}", f"{LISTEN}+.1  < {line} win 1000\n"
            f"{reply}{tail}")

    case("rst", "a RST is ignored", " first", "R 0:0(0)", None)
    case("rst-ack", "a RST with ACK is ignored", " first", "R. 0:0(0) ack 1", None)
    case("rst-syn", "a RST with SYN is ignored", " first", "SR 0:0(0)", None)
    case("ack", "an ACK is answered with a RST", " second", ". 0:0(0) ack 500", "R 500:500(0)")
    case("syn-ack", "a SYN,ACK is answered with a RST", " second", "S. 0:0(0) ack 500", "R 500:500(0)")
    case("fin-ack", "a FIN with ACK is answered with a RST", " second", "F. 0:0(0) ack 500", "R 500:500(0)")
    case("text-ack", "text with ACK is answered with a RST", " second", "P. 0:50(50) ack 500", "R 500:500(0)")
    case("nothing", "a segment without flags is dropped", " fourth", "- 0:0(0)", None)
    case("text", "text without SYN and ACK is dropped", " fourth", "P 0:10(10)", None)
    case("fin", "a FIN without SYN and ACK is dropped", " fourth; eighth of 3.10.7.4", "F 0:0(0)", None)
    case("urgent", "URG alone opens nothing", " fourth", "U 0:10(10)", None)
    put("3.10.7.2-listen", "syn", "LISTEN: a SYN is answered with SYN,ACK; its ACK establishes the connection",
        ".2 third [MUST-20]", LISTEN + "+.1  < S 0:0(0) win 1000 <mss 1000>\n+0   > S. 0:0(0) ack 1 <...>\n"
        "+.1  < . 1:1(0) ack 1 win 1000\n+0   accept(3, ..., ...) = 4\n"
        "+0   %{ assert tcpi_state == TCP_ESTABLISHED }%\n")
    put("3.10.7.2-listen", "syn-isn-at-the-end", "LISTEN: numbers wrap: a SYN with the highest number there is",
        ".2 third; 3.4", LISTEN + "+.1  < S 4294967295:4294967295(0) win 1000 <mss 1000>\n"
        "+0   > S. 0:0(0) ack 0 <...>\n+.1  < . 1:1(0) ack 1 win 1000\n+0   accept(3, ..., ...) = 4\n"
        "+.01 < P. 1:101(100) ack 1 win 1000\n+.04 > . 1:1(0) ack 101\n+0   read(4, ..., 1000) = 100\n")


def syn_sent():
    def case(name, title, labels, lines):
        put("3.10.7.3-syn-sent", name, f"SYN-SENT: {title}", f".3{labels}", CONNECT + lines)

    opens = arrives("S.", 0, 0, 1, " win 32792 <mss 1000>") + answer(".", 1, 0, 1) \
        + "+0   %{ assert tcpi_state == TCP_ESTABLISHED }%\n"
    refused = "+0   getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0\n"
    case("syn-ack", "SYN,ACK: established, and acknowledged", " fourth", opens)
    case("ack-unacceptable", "an ACK of something else is answered with a RST; the open goes on", " first",
         arrives(".", 0, 0, 99) + answer("R", 99) + opens)
    case("ack-of-nothing", "an ACK at ISS acknowledges nothing: a RST, and the open goes on", " first",
         arrives("S.", 0, 0, 0) + answer("R", 0) + opens)
    case("syn-ack-unacceptable", "a SYN,ACK of another SYN is answered with a RST; the open goes on", " first",
         arrives("S.", 0, 0, 12345) + answer("R", 12345) + opens)
    case("rst-unacceptable", "a RST with an ACK of something else is dropped in silence", " first",
         arrives("R.", 0, 0, 99) + opens)
    case("rst-ack", "a RST that acknowledges our SYN refuses the connection", " second [RFC5961 3.2]",
         arrives("R.", 0, 0, 1) + refused + arrives(".", 0, 0, 5) + answer("R", 5))
    case("rst-no-ack", "a RST without ACK is dropped", " second", arrives("R", 0) + opens)
    case("ack-alone", "an acceptable ACK without SYN is dropped", " fifth", arrives(".", 0, 0, 1) + opens)
    case("fin-ack", "a FIN with an acceptable ACK and no SYN is dropped", " fifth; eighth of 3.10.7.4",
         arrives("F.", 0, 0, 1) + opens)
    case("nothing", "a segment with neither SYN nor RST is dropped", " fifth", arrives("-", 0) + opens)
    case("text", "text without SYN is dropped", " fifth", arrives("P", 0, 10) + opens)
    case("syn", "a SYN alone: simultaneous open, SYN,ACK is sent [MUST-10]", " fourth; 3.5 Figure 7",
         arrives("S", 0, more=" win 32792 <mss 1000>") + "+0   > S. 0:0(0) ack 1 <...>\n"
         + arrives(".", 1, 0, 1) + "+0   %{ assert tcpi_state == TCP_ESTABLISHED }%\n")
    case("syn-then-syn-ack", "simultaneous open: the peer's SYN,ACK crosses ours", " fourth; 3.5 Figure 7",
         arrives("S", 0, more=" win 32792 <mss 1000>") + "+0   > S. 0:0(0) ack 1 <...>\n"
         + arrives("S.", 0, 0, 1, " win 32792 <mss 1000>")
         + "+0   %{ assert tcpi_state == TCP_ESTABLISHED }%\n+.01 write(3, ..., 10) = 10\n+0   > P. 1:11(10) ack 1\n")
    case("syn-ack-text", "text on the SYN,ACK is taken", " fourth; seventh of 3.10.7.4",
         arrives("S.", 0, 100, 1, " win 32792 <mss 1000>") + answer(".", 1, 0, 101) + "+0   read(3, ..., 1000) = 100\n")
    case("syn-ack-fin", "SYN,ACK with FIN: established, and the peer has closed already", " fourth; eighth of 3.10.7.4",
         arrives("FS.", 0, 0, 1, " win 32792 <mss 1000>") + answer(".", 1, 0, 2)
         + "+0   %{ assert tcpi_state == TCP_CLOSE_WAIT }%\n+0   read(3, ..., 1000) = 0\n")


def syn_received():
    half = LISTEN + "+.1  < S 0:0(0) win 32792 <mss 1000>\n+0   > S. 0:0(0) ack 1 <...>\n"
    ack_now = answer(".", 1, 0, 1)
    opens = arrives(".", 1, 0, 1) + "+0   accept(3, ..., ...) = 4\n+0   %{ assert tcpi_state == TCP_ESTABLISHED }%\n"

    def case(name, title, labels, lines):
        put("3.10.7.4-syn-received", name, f"SYN-RECEIVED: {title}", f".4{labels}", half + lines)

    case("ack", "the ACK of our SYN establishes the connection", " fifth", opens)
    case("ack-with-text", "text on the ACK is taken", " fifth, seventh",
         arrives("P.", 1, 100, 1) + "+.04 > . 1:1(0) ack 101\n+0   accept(3, ..., ...) = 4\n"
         "+0   read(4, ..., 1000) = 100\n")
    case("ack-with-fin", "a FIN on the ACK leads to CLOSE-WAIT", " fifth, eighth",
         arrives("F.", 1, 0, 1) + answer(".", 1, 0, 2) + "+0   accept(3, ..., ...) = 4\n"
         + "+0   %{ assert tcpi_state == TCP_CLOSE_WAIT }%\n+0   read(4, ..., 1000) = 0\n")
    case("ack-unacceptable", "an ACK of something else is answered with a RST", " fifth",
         arrives(".", 1, 0, 50) + answer("R", 50) + opens)
    case("ack-of-nothing", "an ACK at ISS acknowledges nothing: a RST", " fifth",
         arrives(".", 1, 0, 0) + answer("R", 0) + opens)
    case("no-ack", "a segment without ACK is dropped", " fifth", arrives("P", 1, 10) + opens)
    case("rst", "a RST returns it to LISTEN; nobody is told", " second [MUST-11]",
         arrives("R", 1) + "+0   fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0   accept(3, ..., ...) = -1 EAGAIN\n"
         + arrives("S", 5000, more=" win 32792 <mss 1000>") + "+0   > S. 0:0(0) ack 5001 <...>\n")
    case("rst-in-window", "a RST elsewhere in the window is challenged", " second [RFC5961 3.2]",
         arrives("R", 100) + ack_now + opens)
    case("rst-left", "a RST left of the window is dropped", " first", arrives("R", 0) + opens)
    case("rst-right", "a RST right of the window is dropped", " first", arrives("R", 100000) + opens)
    case("syn-again", "the SYN again: our SYN,ACK was lost, it is sent again", " first; 3.8.1",
         arrives("S", 0, more=" win 32792 <mss 1000>") + "+0   > S. 0:0(0) ack 1 <...>\n" + opens)
    case("beyond-window", "text right of the window is not taken; an ACK says where the window is", " first",
         arrives("P.", 100000, 10, 1) + ack_now + opens)
    case("text-gap", "an ACK behind a gap establishes; the ACK asks for the gap", " fifth, seventh",
         arrives("P.", 101, 100, 1) + ack_now + "+0   accept(3, ..., ...) = 4\n"
         + arrives("P.", 1, 100, 1) + answer(".", 1, 0, 201) + "+0   read(4, ..., 1000) = 200\n")


def simultaneous():
    """SYN-RECEIVED after an active OPEN: as in the synchronized states, and a RST refuses the connection."""
    ack_now = answer(".", 1, 0, 1)
    opens = arrives(".", 1, 0, 1) + "+0   %{ assert tcpi_state == TCP_ESTABLISHED }%\n"

    def case(name, title, labels, lines):
        put("3.10.7.4-syn-received-active", name, f"SYN-RECEIVED after an active OPEN: {title}", f".4{labels}",
            SIMULTANEOUS + lines)

    case("ack", "the ACK of our SYN establishes the connection", " fifth", opens)
    case("rst", "a RST refuses the connection", " second [MUST-11]",
         arrives("R", 1) + "+0   getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0\n"
         + arrives(".", 1, 0, 5) + answer("R", 5))
    case("rst-in-window", "a RST elsewhere in the window is challenged", " second [RFC5961 3.2]",
         arrives("R", 100) + ack_now + opens)
    case("syn-in-window", "another SYN in the window is challenged", " fourth [RFC5961 4.2]",
         arrives("S", 100) + ack_now + opens)
    case("ack-unacceptable", "an ACK of something else is answered with a RST", " fifth",
         arrives(".", 1, 0, 50) + answer("R", 50) + opens)
    case("fin-with-ack", "a FIN with the ACK leads to CLOSE-WAIT", " fifth, eighth",
         arrives("F.", 1, 0, 1) + answer(".", 1, 0, 2) + "+0   %{ assert tcpi_state == TCP_CLOSE_WAIT }%\n")


def main():
    closed()
    listen()
    syn_sent()
    syn_received()
    simultaneous()
    for state in SYNCHRONIZED:
        synchronized(state)
    ends_of_life()
    check = sys.argv[1:] == ["--check"]
    stale = [name for name, text in SCRIPTS.items()
             if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != text]
    if check:
        print("\n".join(f"{name}: not as grid.py writes it" for name in stale) or f"{len(SCRIPTS)} scripts")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(SCRIPTS[name], encoding="utf-8")
    print(f"{len(SCRIPTS)} scripts, {len(stale)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
