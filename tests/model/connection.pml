/* connection.pml - connection management of two TCP hosts (RFC 9293 3.5, 3.6, 3.10) for the model checker Spin: the line
 * between them loses, repeats and reorders, segments of older connections turn up late, and an outsider who knows the
 * sockets but not the numbers (RFC 5961) sends what he likes. Windows, options, congestion and time are not in it.
 *
 * Numbers. An octet is named by the opening that chose its ISN (FOREIGN: nobody who lives) and by its place: 0 SYN, then at most
 * one octet of text, then FIN. An outsider may hit the window (GUESS), but not the next number, and finds no acceptable ACK:
 * that is what RFC 5961 assumes. OVERLAP drops the ISN from comparisons in the synchronized states, as if the ISNs of two
 * openings lay so near that only TIME-WAIT keeps their octets apart.
 *
 * Time. A retransmission timer may go off whenever something is not acknowledged; in a calm line, in turn, when nothing is
 * under way. 2 MSL are over when nothing is under way and the peer repeats nothing.
 *
 * Claims. Assertions with their names in comments; that nobody is left without a next step short of the end; and at the bottom, of
 * liveness. Not claimed, because it is not so: that an opening which a stranger disturbs comes about, or that who was left
 * alone in ESTABLISHED by it notices while he is silent (keepalive is for that); that two ends which disagree agree again before
 * one gives up.
 *
 * The environment variable HOW holds the bits below that say what may happen; BROKEN is the number of a rule that is switched
 * off, to see the claims fail. check.py does all of it, and holds each move() against src/tcp/transition.def. By hand:
 *   spin -a connection.pml; cc -O2 -w -DNOREDUCE -DNOCLAIM -DSAFETY -o safe pan.c; cc -O2 -w -DNOREDUCE -o live pan.c
 *   HOW=6 ./safe -m2000000; HOW=2048 ./live -a -m2000000; and what led to a failure: HOW=6 ./safe -r connection.pml.trail */
#ifndef SLOTS
#define SLOTS 2
#endif
#define BOTH_OPEN (how >> 0 & 1)    /* both open actively; else host 1 listens */
#define OLD (how >> 1 & 1)          /* a segment of an older connection turns up */
#define FORGED (how >> 2 & 1)       /* an outsider sends segments with guessed numbers */
#define COPIES (how >> 3 & 1)       /* the line repeats */
#define TEXT (how >> 4 & 1)         /* either end may send an octet */
#define ABORTS (how >> 5 & 1)       /* applications may abort; the line may die for good */
#define AGAIN (how >> 6 & 1)        /* either end may open a second time */
#define OVERLAP (how >> 7 & 1)
#define STAY (how >> 8 & 1)         /* applications never close */
#define TWICE (how >> 9 & 1)        /* two strange segments instead of one */
#define SPEAKS_UP (how >> 10 & 1)   /* an end that listens may open actively after all */
#define FAIR (how >> 11 & 1)        /* the line becomes calm some time */
#define ORDERLY (how >> 12 & 1)     /* AGAIN only after an orderly end */

/* Rules to switch off. */
#define TWO_WAY_HANDSHAKE (broken == 1)
#define OPENING_ACK_UNCHECKED (broken == 2)
#define RST_ANYWHERE_IN_WINDOW (broken == 3)
#define SYN_IN_WINDOW_RESETS (broken == 4)
#define ACK_UNCHECKED (broken == 5)
#define NO_TIME_WAIT (broken == 6)
#define TIME_WAIT_HEEDS_RST (broken == 7)
#define NO_RETRANSMISSION (broken == 8)
#define CLOSED_IS_SILENT (broken == 9)
#define SEQUENCE_UNCHECKED (broken == 10)

/* The order matters: from ESTABLISHED on the states are synchronized. */
#define CLOSED 0
#define LISTEN 1
#define SYN_SENT 2
#define SYN_RECEIVED 3
#define ESTABLISHED 4
#define FIN_WAIT_1 5
#define FIN_WAIT_2 6
#define CLOSE_WAIT 7
#define CLOSING 8
#define LAST_ACK 9
#define TIME_WAIT 10

#define ACTIVE_OPEN 0
#define PASSIVE_OPEN 1
#define SYN_COMES 2
#define SYN_ACKED 3
#define BACK_TO_LISTEN 4
#define CLOSE 5
#define FIN_COMES 6
#define FIN_ACKED 7
#define FIN_AND_ACKED 8
#define TWO_MSL 9
#define REUSED 10
#define RESET 11
#define ABORT 12
#define GIVE_UP 13

/* What an end does beside CLOSE, ABORT, GIVE_UP and TWO_MSL, and what a segment leads to. */
#define ARRIVES 14
#define REPEAT 15
#define OPEN 16
#define SPEAK_UP 17
#define WRITE 18
#define COMES_AGAIN 19 /* ARRIVES, and a copy stays on the line */

#define NOTHING 0
#define ANSWER 1 /* with an ACK */
#define REFUSE 2 /* with a RST */
#define STOP 3
#define GOOD 4

#define SYN 1
#define ACK 2
#define FIN 4
#define RST 8
#define TXT 16
#define seg(flags, num, isn, upto, of) ((flags) | (num) << 5 | (isn) << 8 | (upto) << 11 | (of) << 14)
#define FOREIGN 7
#define GUESS 6
#define NOBODY 2

typedef Way { int at[SLOTS] }; /* from the front, in falling order, none twice; 0: none */
typedef Host {
    unsigned state : 4;
    unsigned isn : 3;   /* which opening chose our numbers */
    unsigned irs : 3;   /* which one the peer's */
    unsigned una : 2;   /* our octets before it are acknowledged */
    unsigned nxt : 2;   /* and before it sent */
    unsigned rcv : 2;   /* the peer's octets before it are taken */
    unsigned opens : 2; /* how often it may still open */
    bool passive;
    bool fin            /* our last octet is a FIN */
};
Host h[2];
Way to[2]; /* towards host i */
short how;
byte broken;
unsigned strange : 2; /* segments that are still to turn up */
unsigned closer : 2 = NOBODY; /* who sent the first FIN */
bool crossed;         /* FINs crossed */
bool met;             /* both were synchronized */
bool waited;          /* one was in TIME-WAIT */
bool parted;          /* at any time */
bool broken_off;      /* somebody aborted or gave up, or the line died */
bool dead;            /* the line */
bit turn;             /* whose timer goes off next, then */
bool calm;            /* from now on the line loses and repeats nothing */

hidden int s, reply; /* the segment that is looked at, and what is said */
hidden byte f, n, g, a, ag, octets, whom, place, act, verdict, event_, from_;
hidden byte fine, acked, took;

#define synchronized(i) (h[i].state >= ESTABLISHED && h[i].una > 0) /* who closes in SYN-RECEIVED is not yet */
#define waits(i) (h[i].una < h[i].nxt)
#define empty (to[0].at[0] == 0 && to[1].at[0] == 0)
#define may_be_renewed(i) (i == 1 && h[i].opens > 0 && !BOTH_OPEN && !OVERLAP)
#define gone(i) (h[i].state == CLOSED || (STAY && h[i].state == LISTEN))
#define settled (gone(0) && gone(1) || STAY && h[0].state == ESTABLISHED && h[1].state == ESTABLISHED)
#define idle (empty && !waits(0) && !waits(1))
#define over (settled && idle && strange == 0 && !may_open(0) && !may_open(1))

/* Which moves were made, for check.py. */
c_decl {
    static unsigned char taken[16][16];
    static void tell(void) {
        for (int i = 0; i < 16; i++)
            for (int k = 0; k < 16; k++)
                if (taken[i][k]) printf("taken %d %d\n", i, k);
    }
}
/* The story of a failure; ISNs; the line, which when full or dead loses. */
c_code {
    extern int readtrail;
    static void tell_segment(const char *verb, int what) {
        printf(" %s%s%s%s%s%s %d.%d", verb, what & SYN ? " SYN" : "", what & ACK ? " ACK" : "", what & FIN ? " FIN" : "",
               what & RST ? " RST" : "", what & TXT ? " TEXT" : "", what >> 8 & 7, what >> 5 & 7);
        if (what & ACK) printf(" up to %d.%d", what >> 14 & 7, what >> 11 & 7);
    }
    static void tell_arrival(void) {
        if (!readtrail) return;
        printf("host %d", 1 - whom);
        tell_segment("takes", s);
        printf("\n");
    }
    static void tell_step(void) {
        static const char *const states[] = {"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
                                             "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"};
        if (!readtrail) return;
        printf("host %d", 1 - whom);
        if (reply) tell_segment("says", reply);
        printf(": %s, %s\n", states[now.h[0].state], states[now.h[1].state]);
    }
    static void tell_stranger(void) {
        if (!readtrail) return;
        printf("to host %d", whom);
        tell_segment("a stranger says", reply);
        printf("\n");
    }
    /* RFC 6528: the next ISN of host 0 is a larger one; host 1, which may try often, takes any that is nowhere in use. */
    static int used(int isn) {
        int n = now.h[1].isn == isn || now.h[0].irs == isn;
        for (int j = 0; j < SLOTS; j++) n |= (now.to[0].at[j] >> 8 & 7) == isn || (now.to[1].at[j] >> 14 & 7) == isn;
        return n;
    }
    static void choose_isn(void) {
        int isn = now.h[0].isn + 1;
        if (whom == 0)
            for (isn = 1; used(isn); isn++) {}
        now.h[1 - whom].isn = isn;
    }
    static void say(void) {
        int *at = now.to[whom].at;
        int j = 0, k = SLOTS - 1;
        if (reply == 0 || now.dead || at[k]) return;
        while (at[j] > reply) j++;
        if (at[j] == reply) return;
        for (; k > j; k--) at[k] = at[k - 1];
        at[j] = reply;
    }
    static void take_away(void) {
        int *at = now.to[1 - whom].at;
        for (int j = place; j < SLOTS - 1; j++) at[j] = at[j + 1];
        at[SLOTS - 1] = 0;
    }
}

inline new_isn(i) {
    c_code { choose_isn(); };
    assert(h[i].isn < FOREIGN)
}
inline move(i, from, event, next) {
    assert(h[i].state == from);
    h[i].state = next;
    from_ = from;
    event_ = event;
    c_code { taken[from_][event_] = 1; }
}

/* ---- what a host says ---- */

#define syn_of(i) seg(SYN, 0, h[i].isn, 0, 0)
#define ack_of(i) seg(ACK, h[i].nxt, h[i].isn, h[i].rcv, h[i].irs)
#define syn_ack_of(i) seg(SYN | ACK, 0, h[i].isn, 1, h[i].irs)
#define fin_of(i) seg(FIN | ACK, h[i].nxt - 1, h[i].isn, h[i].rcv, h[i].irs)
#define text_of(i) seg(TXT | ACK, 1, h[i].isn, h[i].rcv, h[i].irs)
#define rst_of(i) seg(RST | ACK, h[i].nxt, h[i].isn, h[i].rcv, h[i].irs)

inline repeat(i) {
    if
    :: h[i].una == 0 && h[i].state == SYN_SENT -> reply = syn_of(i)
    :: h[i].una == 0 && h[i].state != SYN_SENT -> reply = syn_ack_of(i)
    :: h[i].una > 0 && h[i].fin && h[i].una == h[i].nxt - 1 -> reply = fin_of(i)
    :: else -> reply = text_of(i)
    fi
}

/* ---- CLOSE (3.10.4) ---- */

inline send_fin(i) {
    h[i].fin = true;
    h[i].nxt = h[i].nxt + 1;
    reply = fin_of(i)
}
inline count_closer(i) {
    if
    :: closer == NOBODY -> closer = i
    :: else -> crossed = true
    fi
}
inline close_call(i) {
    if
    :: h[i].state == LISTEN -> move(i, LISTEN, CLOSE, CLOSED)
    :: h[i].state == SYN_SENT -> move(i, SYN_SENT, CLOSE, CLOSED)
    :: h[i].state == SYN_RECEIVED -> move(i, SYN_RECEIVED, CLOSE, FIN_WAIT_1); count_closer(i); send_fin(i)
    :: h[i].state == ESTABLISHED -> move(i, ESTABLISHED, CLOSE, FIN_WAIT_1); count_closer(i); send_fin(i)
    :: else -> move(i, CLOSE_WAIT, CLOSE, LAST_ACK); send_fin(i)
    fi
}

inline abort_call(i) {
    broken_off = true;
    if
    :: SYN_RECEIVED <= h[i].state && h[i].state <= CLOSE_WAIT -> reply = rst_of(i)
    :: else -> skip
    fi;
    if
    :: h[i].state == SYN_SENT -> move(i, SYN_SENT, ABORT, CLOSED)
    :: h[i].state == SYN_RECEIVED -> move(i, SYN_RECEIVED, ABORT, CLOSED)
    :: h[i].state == ESTABLISHED -> move(i, ESTABLISHED, ABORT, CLOSED)
    :: h[i].state == FIN_WAIT_1 -> move(i, FIN_WAIT_1, ABORT, CLOSED)
    :: h[i].state == FIN_WAIT_2 -> move(i, FIN_WAIT_2, ABORT, CLOSED)
    :: h[i].state == CLOSE_WAIT -> move(i, CLOSE_WAIT, ABORT, CLOSED)
    :: h[i].state == CLOSING -> move(i, CLOSING, ABORT, CLOSED)
    :: h[i].state == LAST_ACK -> move(i, LAST_ACK, ABORT, CLOSED)
    :: else -> move(i, TIME_WAIT, ABORT, CLOSED)
    fi
}

inline give_up(i) { /* 3.8.3, 3.8.4, 3.10.8: nobody answers */
    broken_off = true;
    if
    :: h[i].state == SYN_SENT -> move(i, SYN_SENT, GIVE_UP, CLOSED)
    :: h[i].state == SYN_RECEIVED -> move(i, SYN_RECEIVED, GIVE_UP, CLOSED)
    :: h[i].state == ESTABLISHED -> move(i, ESTABLISHED, GIVE_UP, CLOSED)
    :: h[i].state == FIN_WAIT_1 -> move(i, FIN_WAIT_1, GIVE_UP, CLOSED)
    :: h[i].state == FIN_WAIT_2 -> move(i, FIN_WAIT_2, GIVE_UP, CLOSED)
    :: h[i].state == CLOSE_WAIT -> move(i, CLOSE_WAIT, GIVE_UP, CLOSED)
    :: h[i].state == CLOSING -> move(i, CLOSING, GIVE_UP, CLOSED)
    :: else -> move(i, LAST_ACK, GIVE_UP, CLOSED)
    fi
}

inline open(i, listens) {
    h[i].opens = h[i].opens - 1;
    closer = NOBODY;
    crossed = false;
    met = false;
    waited = false;
    broken_off = dead;
    if
    :: listens -> h[i].passive = true; move(i, CLOSED, PASSIVE_OPEN, LISTEN)
    :: else ->
        new_isn(i);
        h[i].nxt = 1;
        move(i, CLOSED, ACTIVE_OPEN, SYN_SENT);
        reply = syn_of(i)
    fi
}

/* What is of no use any more is forgotten, but for the ISN: what was said may still be on the line. */
inline tidy(i) {
    if
    :: h[i].state <= LISTEN ->
        h[i].una = 0;
        h[i].nxt = 0;
        h[i].rcv = 0;
        h[i].irs = 0;
        h[i].fin = false;
        h[i].passive = h[i].state == LISTEN
    :: else -> skip
    fi
}

/* ---- SEGMENT ARRIVES (3.10.7) ---- */

inline arrives_listen(i) {
    if
    :: (f & RST) -> skip
    :: !(f & RST) && (f & ACK) -> verdict = REFUSE
    :: !(f & (RST | ACK)) && (f & SYN) ->
        new_isn(i);
        h[i].irs = g;
        h[i].rcv = 1;
        h[i].nxt = 1;
        move(i, LISTEN, SYN_COMES, SYN_RECEIVED);
        reply = syn_ack_of(i);
        if
        :: TWO_WAY_HANDSHAKE -> h[i].una = 1; move(i, SYN_RECEIVED, SYN_ACKED, ESTABLISHED)
        :: else -> skip
        fi
    :: else -> skip
    fi
}

inline arrives_synsent(i) {
    fine = (a == 1 && ag == h[i].isn) || OPENING_ACK_UNCHECKED;
    if
    :: (f & ACK) && !fine ->
        if
        :: (f & RST) -> skip
        :: else -> verdict = REFUSE
        fi
    :: (!(f & ACK) || fine) && (f & RST) ->
        if
        :: (f & ACK) -> move(i, SYN_SENT, RESET, CLOSED)
        :: else -> skip
        fi
    :: (f & ACK) && fine && !(f & RST) && (f & SYN) ->
        h[i].irs = g;
        h[i].rcv = 1;
        h[i].una = 1;
        move(i, SYN_SENT, SYN_ACKED, ESTABLISHED);
        verdict = ANSWER
    :: !(f & ACK) && !(f & RST) && (f & SYN) ->
        h[i].irs = g;
        h[i].rcv = 1;
        move(i, SYN_SENT, SYN_COMES, SYN_RECEIVED);
        reply = syn_ack_of(i)
    :: else -> skip
    fi
}

/* Second, with the exact number. */
inline reset_arrives(i) {
    if
    :: h[i].state >= ESTABLISHED && h[i].state < TIME_WAIT ->
        assert(n == h[i].rcv && g == h[i].irs); /* claim EXACT: only the next number resets */
        assert(!met || broken_off)              /* claim LASTS: nobody is reset whose peer did not break off */
    :: else -> skip
    fi;
    if
    :: h[i].state == SYN_RECEIVED && h[i].passive -> move(i, SYN_RECEIVED, BACK_TO_LISTEN, LISTEN)
    :: h[i].state == SYN_RECEIVED && !h[i].passive -> move(i, SYN_RECEIVED, RESET, CLOSED)
    :: h[i].state == ESTABLISHED -> move(i, ESTABLISHED, RESET, CLOSED)
    :: h[i].state == FIN_WAIT_1 -> move(i, FIN_WAIT_1, RESET, CLOSED)
    :: h[i].state == FIN_WAIT_2 -> move(i, FIN_WAIT_2, RESET, CLOSED)
    :: h[i].state == CLOSE_WAIT -> move(i, CLOSE_WAIT, RESET, CLOSED)
    :: h[i].state == CLOSING -> move(i, CLOSING, RESET, CLOSED)
    :: h[i].state == LAST_ACK -> move(i, LAST_ACK, RESET, CLOSED)
    :: h[i].state == TIME_WAIT && TIME_WAIT_HEEDS_RST -> move(i, TIME_WAIT, TWO_MSL, CLOSED)
    :: else -> skip /* TIME-WAIT: RFC 1337 */
    fi
}

inline into_time_wait(i) {
    assert(closer == i || crossed); /* claim WAITS: only who closed first waits, or both when the FINs crossed */
    waited = true;
    parted = true
}

/* Fifth, seventh and eighth: what of ours arrived, the peer's text and FIN. */
inline ack_text_fin(i) {
    if
    :: h[i].state == SYN_RECEIVED -> move(i, SYN_RECEIVED, SYN_ACKED, ESTABLISHED)
    :: else -> skip
    fi;
    acked = false;
    if
    :: a > h[i].una && a <= h[i].nxt -> h[i].una = a; acked = h[i].fin && a == h[i].nxt
    :: else -> skip
    fi;
    took = false;
    if
    :: (f & (TXT | FIN)) && ESTABLISHED <= h[i].state && h[i].state <= FIN_WAIT_2 ->
        if
        :: n == h[i].rcv || n == GUESS ->
            assert(g == h[i].irs && g != FOREIGN); /* claim OURS: text and FIN are this connection's */
            h[i].rcv = h[i].rcv + 1;
            took = f & FIN
        :: else -> skip /* behind a hole: it will come again */
        fi
    :: else -> skip
    fi;
    if
    :: h[i].state == FIN_WAIT_1 && acked && took -> move(i, FIN_WAIT_1, FIN_AND_ACKED, TIME_WAIT); into_time_wait(i)
    :: h[i].state == FIN_WAIT_1 && acked && !took -> move(i, FIN_WAIT_1, FIN_ACKED, FIN_WAIT_2)
    :: h[i].state == FIN_WAIT_1 && !acked && took -> move(i, FIN_WAIT_1, FIN_COMES, CLOSING)
    :: h[i].state == FIN_WAIT_2 && took -> move(i, FIN_WAIT_2, FIN_COMES, TIME_WAIT); into_time_wait(i)
    :: h[i].state == CLOSING && acked -> move(i, CLOSING, FIN_ACKED, TIME_WAIT); into_time_wait(i)
    :: h[i].state == LAST_ACK && acked -> move(i, LAST_ACK, FIN_ACKED, CLOSED)
    :: h[i].state == ESTABLISHED && took -> move(i, ESTABLISHED, FIN_COMES, CLOSE_WAIT)
    :: else -> skip
    fi;
    if
    :: (f & (TXT | FIN)) && h[i].state != CLOSED -> verdict = ANSWER
    :: else -> skip
    fi
}

/* The ACK field: in SYN-RECEIVED it must acknowledge our SYN, later it must not be of the future (RFC 5961 5.2). */
inline fifth(i) {
    fine = ag == h[i].isn || (OVERLAP && ag != FOREIGN && synchronized(i));
    fine = fine && a <= h[i].nxt && (h[i].state != SYN_RECEIVED || a > h[i].una);
    if
    :: fine || (h[i].state == SYN_RECEIVED && OPENING_ACK_UNCHECKED) || (synchronized(i) && ACK_UNCHECKED) ->
        verdict = GOOD
    :: else ->
        if
        :: h[i].state == SYN_RECEIVED -> verdict = REFUSE
        :: else -> verdict = ANSWER
        fi
    fi
}

inline arrives_later(i) {
    if
    :: h[i].state == SYN_RECEIVED && f == SYN && n == 0 && g == h[i].irs -> f = 0; reply = syn_ack_of(i)
    :: h[i].una == 0 && !h[i].passive && (f & (SYN | ACK | RST)) == (SYN | ACK) && n == 0 && g == h[i].irs ->
        f = f - SYN; /* it crossed ours: figure 7, line 6 */
        n = 1;
        octets = octets - 1
    :: else -> skip
    fi;
    fine = g == h[i].irs || (OVERLAP && g != FOREIGN && synchronized(i));
    fine = fine && (n >= h[i].rcv || (octets > 0 && n + octets > h[i].rcv)) || n == GUESS || SEQUENCE_UNCHECKED;
    if
    :: f == 0 -> skip
    :: f != 0 && !fine ->
        if
        :: (f & RST) -> skip
        :: else -> verdict = ANSWER
        fi
    :: f != 0 && fine && (f & RST) ->
        if
        :: (n == h[i].rcv && g == h[i].irs) || RST_ANYWHERE_IN_WINDOW -> verdict = STOP
        :: else -> verdict = ANSWER /* a challenge: RFC 5961 3.2 */
        fi
    :: f != 0 && fine && !(f & RST) && (f & SYN) ->
        if
        :: h[i].state == SYN_RECEIVED && h[i].passive -> verdict = STOP
        :: SYN_IN_WINDOW_RESETS && synchronized(i) -> verdict = STOP
        :: else -> verdict = ANSWER /* RFC 5961 4.2 */
        fi
    :: f != 0 && fine && !(f & (RST | SYN)) && (f & ACK) -> fifth(i)
    :: else -> skip
    fi
}

/* Claim AGREE: two synchronized ends have the same numbers in mind, and nothing is taken or acknowledged that was not sent. */
inline compare() {
    if
    :: synchronized(0) && synchronized(1) ->
        assert(h[0].irs == h[1].isn && h[1].irs == h[0].isn);
        assert(h[0].rcv <= h[1].nxt && h[1].rcv <= h[0].nxt && h[0].una <= h[1].rcv && h[1].una <= h[0].rcv);
        met = true
    :: else -> skip
    fi
}

inline arrives(i) {
    f = s & 31;
    n = s >> 5 & 7;
    g = s >> 8 & 7;
    a = s >> 11 & 7;
    ag = s >> 14 & 7;
    octets = (f & SYN) + ((f & FIN) >> 2) + ((f & TXT) >> 4);
    verdict = NOTHING;
    if
    :: h[i].state == TIME_WAIT && f == SYN && g != FOREIGN && g > h[i].irs && may_be_renewed(i) ->
        move(i, TIME_WAIT, REUSED, CLOSED); /* RFC 6191 */
        tidy(i);
        open(i, true)
    :: else -> skip
    fi;
    if
    :: h[i].state == CLOSED && !(f & RST) && !CLOSED_IS_SILENT -> verdict = REFUSE
    :: h[i].state == LISTEN -> arrives_listen(i)
    :: h[i].state == SYN_SENT -> arrives_synsent(i)
    :: h[i].state >= SYN_RECEIVED -> arrives_later(i)
    :: else -> skip
    fi;
    if
    :: verdict == GOOD -> ack_text_fin(i)
    :: verdict == STOP -> reset_arrives(i)
    :: else -> skip
    fi;
    if
    :: verdict == ANSWER -> reply = ack_of(i)
    :: verdict == REFUSE && (f & ACK) -> reply = seg(RST, a, ag, 0, 0) /* 3.5.2: acceptable to whoever sent it */
    :: verdict == REFUSE && !(f & ACK) -> reply = seg(RST | ACK, 0, 0, n + octets, g)
    :: else -> skip
    fi;
    compare()
}

#define may_close(i) (!STAY && (h[i].state == LISTEN || h[i].state == SYN_SENT || h[i].state == ESTABLISHED || \
                                h[i].state == CLOSE_WAIT || h[i].state == SYN_RECEIVED && !ORDERLY))
#define may_write(i) (TEXT && h[i].nxt == 1 && (h[i].state == ESTABLISHED || h[i].state == CLOSE_WAIT))
#define may_give_up(i) (ABORTS && h[i].state >= SYN_SENT && h[i].state != TIME_WAIT && \
                        (dead || h[i].state == FIN_WAIT_2 && gone(1 - i) && empty))
#define two_msl_over(i) (h[i].state == TIME_WAIT && \
                         (NO_TIME_WAIT || empty && !(synchronized(1 - i) && waits(1 - i))))

#define may_open(i) (h[i].state == CLOSED && h[i].opens > 0 && (!ORDERLY || parted || h[i].opens == 2))
#define may_repeat(i) (waits(i) && !NO_RETRANSMISSION && (!calm || empty && !dead && (turn == i || !waits(1 - i))))
#define may_abort(i) (ABORTS && h[i].state > LISTEN)
#define may_speak_up(i) (SPEAKS_UP && h[i].state == LISTEN)

proctype Tcp(bit me) {
    do
    :: atomic {
        if
        :: to[me].at[0] != 0 -> place = 0; act = ARRIVES
        :: to[me].at[1] != 0 -> place = 1; act = ARRIVES
#if SLOTS > 2
        :: to[me].at[2] != 0 -> place = 2; act = ARRIVES
#endif
        :: COPIES && !calm && to[me].at[0] != 0 -> place = 0; act = COMES_AGAIN
        :: COPIES && !calm && to[me].at[1] != 0 -> place = 1; act = COMES_AGAIN
        :: may_repeat(me) -> act = REPEAT
        :: may_open(me) -> act = OPEN
        :: may_speak_up(me) -> act = SPEAK_UP
        :: may_write(me) -> act = WRITE
        :: may_close(me) -> act = CLOSE
        :: may_abort(me) -> act = ABORT
        :: may_give_up(me) -> act = GIVE_UP
        :: two_msl_over(me) -> act = TWO_MSL
        :: over -> break
        fi;
        d_step {
            reply = 0;
            whom = 1 - me;
            if
            :: act == ARRIVES || act == COMES_AGAIN ->
                s = to[me].at[place];
                if
                :: act == ARRIVES -> c_code { take_away(); }
                :: else -> skip
                fi;
                c_code { tell_arrival(); };
                arrives(me)
            :: act == REPEAT -> repeat(me); turn = calm & (1 - me)
            :: act == OPEN -> open(me, me == 1 && !BOTH_OPEN)
            :: act == SPEAK_UP -> new_isn(me); h[me].nxt = 1; move(me, LISTEN, ACTIVE_OPEN, SYN_SENT); reply = syn_of(me)
            :: act == WRITE -> h[me].nxt = 2; reply = text_of(me)
            :: act == CLOSE -> close_call(me)
            :: act == ABORT -> abort_call(me)
            :: act == GIVE_UP -> give_up(me)
            :: else -> move(me, TIME_WAIT, TWO_MSL, CLOSED)
            fi;
            tidy(me);
            c_code { say(); tell_step(); }
        }
       }
    od;
    /* claim SOMEBODY WAITS: no connection ends in order without TIME-WAIT at one end */
    assert(STAY || !met || broken_off || waited)
}

proctype Line() { /* loses, and dies */
    do
    :: d_step { !calm && to[0].at[0] != 0 -> whom = 1; place = 0; c_code { take_away(); } }
    :: d_step { !calm && to[0].at[1] != 0 -> whom = 1; place = 1; c_code { take_away(); } }
    :: d_step { !calm && to[1].at[0] != 0 -> whom = 0; place = 0; c_code { take_away(); } }
    :: d_step { !calm && to[1].at[1] != 0 -> whom = 0; place = 1; c_code { take_away(); } }
#if SLOTS > 2
    :: d_step { !calm && to[0].at[2] != 0 -> whom = 1; place = 2; c_code { take_away(); } }
    :: d_step { !calm && to[1].at[2] != 0 -> whom = 0; place = 2; c_code { take_away(); } }
#endif
    :: d_step { ABORTS && !dead && empty -> dead = true; broken_off = true }
    :: FAIR && !calm -> calm = true
    :: over -> break
    od
}

/* Segments whose sender is no part of all this: older connections', or an outsider's. */
inline strangers_segment(which) {
    d_step {
        strange--;
        whom = which & 1;
        if
        :: which >> 1 == 0 -> reply = seg(SYN, 0, FOREIGN, 0, 0)
        :: which >> 1 == 1 -> reply = seg(SYN | ACK, 0, FOREIGN, 1, FOREIGN)
        :: which >> 1 == 2 -> reply = seg(ACK, 1, FOREIGN, 1, FOREIGN)
        :: which >> 1 == 3 -> reply = seg(TXT | ACK, 1, FOREIGN, 1, FOREIGN)
        :: which >> 1 == 4 -> reply = seg(FIN | ACK, 1, FOREIGN, 1, FOREIGN)
        :: which >> 1 == 5 -> reply = seg(RST, 1, FOREIGN, 0, 0)
        :: which >> 1 == 6 -> reply = seg(RST, GUESS, FOREIGN, 0, 0)
        :: which >> 1 == 7 -> reply = seg(SYN, GUESS, FOREIGN, 0, 0)
        :: which >> 1 == 8 -> reply = seg(SYN | ACK, GUESS, FOREIGN, GUESS, FOREIGN)
        :: which >> 1 == 9 -> reply = seg(ACK, GUESS, FOREIGN, GUESS, FOREIGN)
        :: which >> 1 == 10 -> reply = seg(TXT | ACK, GUESS, FOREIGN, GUESS, FOREIGN)
        :: else -> reply = seg(FIN | ACK, GUESS, FOREIGN, GUESS, FOREIGN)
        fi;
        which = 0;
        c_code { say(); tell_stranger(); }
    }
}
proctype Stranger() {
    byte which;
    do
    :: strange == 0 -> break
    :: atomic {
        strange > 0 && OLD -> select(which : 0 .. 11);
        strangers_segment(which)
       }
    :: atomic {
        strange > 0 && FORGED -> select(which : 12 .. 23);
        strangers_segment(which)
       }
    od
}

init {
    atomic {
        c_code {
            atexit(tell);
            now.how = atoi(getenv("HOW") ? getenv("HOW") : "0");
            now.broken = atoi(getenv("BROKEN") ? getenv("BROKEN") : "0");
        };
        h[0].opens = 1 + AGAIN;
        h[1].opens = 1 + AGAIN;
        strange = (OLD || FORGED) * (1 + TWICE);
        run Tcp(0);
        run Tcp(1);
        run Line();
        run Stranger()
    }
}

/* Claims ENDS and OPENS: wherever they are when the line becomes reliable, it does not go on for ever before both are CLOSED; or,
 * with STAY, before both are ESTABLISHED or neither has a connection. */
never lives {
first:
    if
    :: calm && !settled -> goto accept
    :: else -> goto first
    fi;
accept:
    goto first
}
