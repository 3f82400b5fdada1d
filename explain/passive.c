/* passive.c - see passive.h. The moves are those of tcp/transition.def; what is here says which of them may have
 * happened, and which states can have sent a segment (RFC 9293 3.10.7). */
#include "explain/passive.h"

#include "tcp/move.h"

#define IN_ALL ((uint16_t)((1u << TERN_STATES) - 1))
#define BIT(s) ((uint16_t)(1u << TERN_##s))
#define NO_CONNECTION (BIT(CLOSED) | BIT(LISTEN))
#define OPENING (BIT(SYN_SENT) | BIT(SYN_RECEIVED))

enum {
    /* After so long in silence an end may have given up, or its TIME-WAIT may be over, whatever its settings. */
    SILENT_MS = 1000,
    REOPEN_MS = 500, /* what opens is repeated after a second [RFC6298 2.1]; the way there may take its part of that */
    /* An ACK may leave before bytes that wait for their turn: so long the pace of sending may hold them back. */
    PACED_MS = 200
};

/* The table, the other way to look it up: the state that a move leads to, + 1; 0: none. */
static const uint8_t next_of[MOVES][TERN_STATES] = {
#define TRANSITION(from, event, to, drawn, cause, action, rfc) [MOVE_##event][TERN_##from] = TERN_##to + 1,
#include "tcp/transition.def"
#undef TRANSITION
};

/* The same as a set. */
static unsigned leads(unsigned state, int move) { return 1u << next_of[move][state] >> 1; }

/* Where the states of a set go that have this move; `stay`: those that have not are kept. */
static uint16_t moved(uint16_t set, enum move m, bool stay) {
    uint16_t out = 0;
    for (unsigned rest = set; rest != 0; rest &= rest - 1) {
        unsigned s = (unsigned)__builtin_ctz(rest), to = next_of[m][s];
        if (to != 0)
            out |= (uint16_t)(1u << (to - 1));
        else if (stay)
            out |= (uint16_t)(1u << s);
    }
    return out;
}
static uint16_t must(uint16_t set, enum move m) { return moved(set, m, true); }
static uint16_t may(uint16_t set, enum move m) { return set | moved(set, m, false); }

/* Does every packet that it sends or gets appear in the capture as it does so? */
static bool near(const struct passive *v, int e) {
    return !v->gaps && v->vantage == (e == END_A ? VANTAGE_A : VANTAGE_B);
}
static bool one(uint16_t set) { return set != 0 && (set & (set - 1)) == 0; }

/* ---- what an end may do while no packet of its own is seen ---- */

/* The moves that packets towards an end, captured so far but `except` this one, may have caused. */
static unsigned witnessed(const struct passive *v, const struct track *t, int e, const struct sight *except) {
    const struct track_end *self = &t->end[e], *peer = &t->end[!e];
    unsigned moves = 0;
    bool syn = peer->syn || peer->syn_ack, fin = peer->fin != KNOWN_NO;
    bool syn_acked = track_syn_acked(self), fin_acked = track_fin_acked(self) || self->fin == KNOWN_MAYBE;
    if (v->gaps) syn = fin = syn_acked = fin_acked = true;
    if (except != NULL && !v->gaps && except->ack_new) {
        if (except->syn_acked && !except->repeated) syn_acked = false;
        if (except->fin_acked) fin_acked = false;
    }
    if (syn) moves |= 1u << MOVE_SYN;
    if (fin) moves |= 1u << MOVE_FIN;
    if (syn_acked) moves |= 1u << MOVE_SYN_ACKED;
    if (fin_acked) moves |= 1u << MOVE_FIN_ACKED;
    if (v->end[e].resets) moves |= 1u << MOVE_RESET | 1u << MOVE_BACK_TO_LISTEN;
    return moves;
}

/* It has sent a FIN, and now an ACK alone: was its own acknowledged in between by a packet that the
 * capture missed? Then nothing would show it. The same with its SYN. Told where it was taken, the capture is taken to
 * be whole. */
static unsigned unwitnessed(const struct passive *v, const struct track *t, int e, const struct sight *own) {
    const struct track_end *self = &t->end[e];
    unsigned moves = 0;
    if (own == NULL || v->vantage != VANTAGE_UNKNOWN) return 0;
    if (own->takes == 0 && self->fin == KNOWN_YES) moves |= 1u << MOVE_FIN_ACKED;
    if (self->based && !track_syn_acked(self)) moves |= 1u << MOVE_SYN | 1u << MOVE_SYN_ACKED;
    return moves;
}

/* Could a FIN wait behind bytes that were not yet sent? Not when all that was sent is acknowledged and the window is
 * open; `own` is a segment of this end, NULL: none. */
static bool may_queue(const struct passive *v, const struct track *t, int e, const struct sight *own) {
    const struct track_end *self = &t->end[e], *peer = &t->end[!e];
    bool closes = own != NULL && own->fresh && self->fin == KNOWN_YES && seq_eq(own->stop, seq_add(self->fin_at, 1));
    if (self->fin == KNOWN_YES) return closes;
    if ((own != NULL && own->takes > 0) || track_flight(self) > 0 || !self->acked_any || peer->window < 3000)
        return true;
    /* What the other end sends behind this one's window is not heeded, its ACKs neither [3.10.7.4]. */
    if (seq_gt(peer->next, seq_add(peer->acked, self->window)) && peer->acked_any) return true;
    bool sent = seq_gt(self->next, seq_add(self->isn, 1)) || self->guessed;
    if (!sent && self->syn && peer->syn) return true; /* a CLOSE may have waited for the ACK of its SYN [3.10.4] */
    if (own != NULL && sent && own->quiet_ns < PACED_MS * MS_NS) return true;
    if (own == NULL && v->end[e].now & OPENING) return true; /* written before the connection was there */
    return !near(v, e) && !track_quiet(t, e);
}

/* The first ACK of a FIN: an application that closes at once may have done so before it left. */
static bool answers_fin(const struct sight *own) { return own != NULL && own->fin_acked && own->ack_new; }

static uint16_t given_up(const struct passive *v, int e, uint16_t set, uint64_t now_ns) {
    const struct passive_end *s = &v->end[e];
    if (now_ns > s->heard_ns + SILENT_MS * MS_NS) set |= BIT(CLOSED); /* or its host is gone, without a word */
    if (set & BIT(TIME_WAIT) && now_ns > s->wait_ns + SILENT_MS * MS_NS) set = may(set, MOVE_TWO_MSL);
    return set;
}

/* Where an end may have come to by itself, and by what is under way to it. `own`: up to a segment of its own; `except`:
 * without what this one brings. */
static uint16_t drift(const struct passive *v, const struct track *t, int e, uint64_t now_ns, const struct sight *own,
                      const struct sight *except) {
    uint16_t set = v->end[e].now;
    bool far = !near(v, e), queue = may_queue(v, t, e, own);
    unsigned moves = far ? witnessed(v, t, e, except) | 1u << MOVE_ABORT : 0;
    moves |= unwitnessed(v, t, e, own);
    uint16_t closes = BIT(SYN_SENT) | BIT(LISTEN);
    if (far || queue) closes |= BIT(SYN_RECEIVED) | BIT(ESTABLISHED) | BIT(CLOSE_WAIT);
    if (answers_fin(own)) closes |= BIT(CLOSE_WAIT);
    uint16_t silent = BIT(SYN_SENT) | BIT(CLOSING) | BIT(LAST_ACK) | BIT(TIME_WAIT); /* [3.10.5] no RST tells of it */
    for (unsigned fresh = set; fresh != 0;) { /* each state once, with all that leads on from it */
        unsigned s = (unsigned)__builtin_ctz(fresh), to = 0;
        unsigned own_moves = (closes >> s & 1u) << MOVE_CLOSE | (silent >> s & 1u) << MOVE_ABORT;
        for (unsigned rest = moves | own_moves; rest != 0; rest &= rest - 1) to |= leads(s, __builtin_ctz(rest));
        fresh = (fresh & (fresh - 1)) | (to & ~set);
        set |= (uint16_t)to;
    }
    return given_up(v, e, set, now_ns);
}

/* ---- what a segment says of its sender ---- */

/* The states that send such a segment, but RST. `stale`: it may have been sent long before others of its sender. */
static uint16_t senders(const struct passive *v, const struct track *t, int e, const struct flow_packet *p,
                        const struct sight *l, bool stale) {
    const struct track_end *self = &t->end[e], *peer = &t->end[!e];
    if (p->tcp.flags & TCP_SYN) { /* both opened at once: the other SYN-ACK may come before this one leaves */
        uint16_t crossed = self->syn ? BIT(ESTABLISHED) | BIT(FIN_WAIT_1) : 0;
        /* Repeated, or perhaps so: a CLOSE may have come in between, and its FIN waits [3.10.4]. */
        if (l->repeated || v->midstream || p->time_ns >= v->end[e].heard_ns + REOPEN_MS * MS_NS)
            crossed |= BIT(FIN_WAIT_1);
        return p->tcp.flags & TCP_ACK ? BIT(SYN_RECEIVED) | crossed : BIT(SYN_SENT);
    }
    if (l->ack_foreign) /* it answers a new SYN out of an old connection [RFC5961 4.2] */
        return (uint16_t)(IN_ALL & ~(NO_CONNECTION | OPENING));
    uint8_t own = self->fin, other = peer->fin;
    if (other == KNOWN_YES && !l->fin_acked) other = KNOWN_NO;
    if (stale && own == KNOWN_YES && seq_le(l->stop, self->fin_at)) own = KNOWN_MAYBE;
    if (!(p->tcp.flags & TCP_ACK)) other = KNOWN_MAYBE;
    bool queue = stale || may_queue(v, t, e, l);
    uint16_t set = 0;
    if (own != KNOWN_YES && other != KNOWN_YES) {
        set |= BIT(ESTABLISHED) | (queue ? BIT(FIN_WAIT_1) : 0);
        bool opens =
            self->guessed ? seq_eq(self->next, seq_add(self->isn, 1)) : self->syn_ack; /* for all that is known */
        bool nothing_yet = opens && (peer->syn_data || seq_le(p->tcp.ack_no, seq_add(peer->isn, 1)));
        if (nothing_yet && (p->len == 0 || peer->syn_data)) set |= BIT(SYN_RECEIVED);
    }
    if (own != KNOWN_YES && other != KNOWN_NO)
        set |= BIT(CLOSE_WAIT) | (queue ? BIT(LAST_ACK) | BIT(CLOSING) : answers_fin(l) ? BIT(LAST_ACK) : 0);
    if (own != KNOWN_NO && other != KNOWN_YES) set |= BIT(FIN_WAIT_1) | BIT(FIN_WAIT_2);
    if (own != KNOWN_NO && other != KNOWN_NO) set |= BIT(CLOSING) | BIT(LAST_ACK) | BIT(TIME_WAIT);
    /* What still wants to be acknowledged is not sent any more once the FIN is. */
    if (l->takes > 0 && !l->probe) set &= (uint16_t) ~(BIT(FIN_WAIT_2) | BIT(TIME_WAIT));
    return set;
}

/* A RST leaves: mostly there is no connection any more. */
static uint16_t reset_sender(const struct track *t, int e, const struct flow_packet *p, uint16_t prior) {
    const struct track_end *self = &t->end[e];
    uint16_t opening = prior & (OPENING | BIT(LISTEN));
    bool answers = !(p->tcp.flags & TCP_ACK); /* [3.10.7.1] a RST without ACK answers an ACK, with the number of that */
    if (!self->based) return BIT(CLOSED) | BIT(LISTEN) | (answers ? opening : 0);
    bool fits = seq_eq(p->tcp.seq_no, self->next) || (self->acked_any && seq_eq(p->tcp.seq_no, self->acked));
    if (fits) return BIT(CLOSED) | (answers ? opening : 0);
    return prior | BIT(CLOSED); /* it answered a stranger, or somebody else made it */
}

/* ---- what a segment does to its receiver, if it arrives ---- */

/* 0 before the receiver's window, 1 touching what it has, 2 new to it, 3 behind the window: what its ACKs so far tell. */
static int place(const struct track *t, int to, const struct sight *l) {
    const struct track_end *from = &t->end[!to];
    if (!from->acked_any || l->first) return 2;
    int32_t d = seq_diff(l->stop, from->acked), begin = seq_diff(l->start, from->acked);
    if (d < 0) return 0;
    if (begin > 0 && (uint32_t)begin >= t->end[to].window) return 3;
    return d == 0 && l->takes > 0 ? 1 : 2;
}

static uint16_t syn_arrives(uint16_t set, const struct flow_packet *p, const struct sight *l, bool far) {
    if (!(p->tcp.flags & TCP_ACK)) {
        uint16_t out = may(set, MOVE_SYN);                                              /* a full backlog drops it */
        if (set & BIT(TIME_WAIT)) out |= BIT(CLOSED) | BIT(LISTEN) | BIT(SYN_RECEIVED); /* [RFC6191 2] */
        if (set & BIT(SYN_RECEIVED)) out |= BIT(LISTEN);
        return out;
    }
    if (l->ack_foreign || l->foreign) return set;
    uint16_t opening = set & OPENING;
    uint16_t then = (uint16_t)(set & ~opening) | must(opening, MOVE_SYN_ACKED);
    return far ? set | then : then; /* the SYN that it answers may have been an old duplicate */
}

static uint16_t ack_arrives(const struct passive *v, const struct track *t, int to, uint16_t set, const struct sight *l,
                            int at) {
    const struct track_end *self = &t->end[to];
    if (set & BIT(SYN_RECEIVED) && l->syn_acked) set = may(set, MOVE_SYN_ACKED); /* a full accept queue drops it */
    if (at == 0) return set;
    /* What does not fit is dropped; some take its ACK all the same [3.10.7.4]. */
    bool old =
        l->repeated || (l->takes == 0 && seq_lt(l->start, t->end[!to].next)); /* all of it may be there already */
    bool unsure = at == 1 || at == 3 || old || l->outdated || v->gaps || self->fin == KNOWN_MAYBE;
    if (l->fin_acked || self->fin == KNOWN_MAYBE) {
        uint16_t then = must(set, MOVE_FIN_ACKED);
        set = unsure ? set | then : then;
    }
    return set;
}

/* Has its receiver all that was captured up to the edge? A capture from mid-stream does not show a hole before its
 * beginning, and a receiver may drop what has come. */
static bool gapless(const struct track_end *from) {
    if (from->blurred) return false;
    return !from->guessed || (from->heard && from->acked_any && seq_gt(from->acked, from->isn));
}

/* The FIN is taken when all before it is there, which a later segment may bring. */
static uint16_t fin_arrives(const struct passive *v, const struct track *t, int to, uint16_t set, int at) {
    const struct track_end *from = &t->end[!to], *self = &t->end[to];
    if (at == 0 || from->fin == KNOWN_NO) return set;
    bool known = from->fin == KNOWN_YES && at == 2 && !v->gaps;
    bool room = !from->acked_any || seq_le(from->next, seq_add(from->acked, max_u32(self->window, 1)));
    bool all = near(v, to) && gapless(from) ? seq_gt(from->edge, from->fin_at)
                                            : from->acked_any && seq_ge(from->acked, from->fin_at);
    uint16_t then = must(set, MOVE_FIN);
    return known && room && all ? then | (set & BIT(SYN_RECEIVED)) : set | then; /* a full accept queue drops it */
}

static uint16_t reset_arrives(const struct passive *v, const struct track *t, int to, uint16_t set,
                              const struct flow_packet *p) {
    const struct track_end *self = &t->end[to], *from = &t->end[!to];
    uint16_t out = set & (NO_CONNECTION | BIT(TIME_WAIT));
    if (set & BIT(TIME_WAIT)) out |= BIT(CLOSED); /* [RFC1337 3] some hosts let it end */
    if (set & BIT(SYN_SENT)) {
        bool ours = p->tcp.flags & TCP_ACK && self->based && seq_gt(p->tcp.ack_no, self->isn) &&
                    seq_le(p->tcp.ack_no, self->next);
        out |= ours ? BIT(CLOSED) : BIT(SYN_SENT);
        if (!near(v, to)) out |= BIT(SYN_RECEIVED); /* a SYN sent later may have come before */
    }
    uint16_t rest = set & (uint16_t) ~(NO_CONNECTION | BIT(TIME_WAIT) | BIT(SYN_SENT));
    if (rest == 0) return out;
    bool clear = gapless(from) && (near(v, to) || (from->acked_any && seq_eq(from->acked, from->next)));
    bool exact = from->based && clear && !v->gaps && seq_eq(p->tcp.seq_no, from->edge); /* [RFC5961 3.2] */
    /* It answers an ACK, and nothing shows how its end came to be closed: a FIN may be missing in the capture. */
    bool answers = !(p->tcp.flags & TCP_ACK);
    if (answers && from->fin == KNOWN_NO && v->vantage == VANTAGE_UNKNOWN) exact = false;
    if (rest & BIT(SYN_RECEIVED)) out |= NO_CONNECTION;
    if (rest & (uint16_t)~BIT(SYN_RECEIVED)) out |= BIT(CLOSED);
    return exact ? out : out | rest;
}

static uint16_t arrives(const struct passive *v, const struct track *t, int to, uint16_t set,
                        const struct flow_packet *p, const struct sight *l) {
    if (p->tcp.flags & TCP_RST) return reset_arrives(v, t, to, set, p);
    if (p->tcp.flags & TCP_SYN) return syn_arrives(set, p, l, !near(v, to));
    if (l->foreign) return set;
    int at = place(t, to, l);
    if (p->tcp.flags & TCP_ACK) set = ack_arrives(v, t, to, set, l, at);
    /* Who has closed for good, and not only one direction, resets what comes then [3.6.1]. */
    uint16_t closed = BIT(FIN_WAIT_1) | BIT(FIN_WAIT_2) | BIT(CLOSING);
    bool lost = p->len > 0 && at > 0 && set & closed;
    if (l->takes > 0) set = fin_arrives(v, t, to, set, at);
    return lost ? set | BIT(CLOSED) : set;
}

/* ---- the usual course, and statements ---- */

/* The likeliest of a set, when the usual course is not in it. */
static uint8_t pick(uint16_t set, uint8_t course) {
    static const uint8_t order[] = {TERN_ESTABLISHED, TERN_CLOSE_WAIT, TERN_FIN_WAIT_1, TERN_FIN_WAIT_2,
                                    TERN_TIME_WAIT,   TERN_LAST_ACK,   TERN_CLOSING,    TERN_SYN_RECEIVED,
                                    TERN_SYN_SENT,    TERN_LISTEN,     TERN_CLOSED};
    if (set & 1u << course) return course;
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        if (set & 1u << order[i]) return order[i];
    return TERN_CLOSED;
}

static uint8_t step(uint8_t course, enum move m) {
    uint8_t to = next_of[m][course];
    return to != 0 ? (uint8_t)(to - 1) : course;
}

/* Where the usual course leads an end that gets this segment. */
static uint8_t course_after(const struct track *t, int to, uint8_t course, const struct flow_packet *p,
                            const struct sight *l) {
    unsigned flags = p->tcp.flags;
    if (flags & TCP_RST) return course == TERN_TIME_WAIT || course == TERN_LISTEN ? course : TERN_CLOSED;
    if (flags & TCP_SYN && !(flags & TCP_ACK)) return step(course == TERN_CLOSED ? TERN_LISTEN : course, MOVE_SYN);
    if (l->foreign || l->ack_foreign) return course;
    if (l->syn_acked) course = step(course, MOVE_SYN_ACKED);
    if (l->fin_acked) course = step(course, MOVE_FIN_ACKED);
    const struct track_end *from = &t->end[!to];
    if (from->fin == KNOWN_YES && seq_ge(from->edge, seq_add(from->fin_at, 1))) course = step(course, MOVE_FIN);
    return course;
}

static struct statement state_that(uint16_t set, uint8_t course, enum doubt doubt) {
    struct statement s = {.states = set, .best = pick(set, course), .certainty = CERTAIN, .doubt = DOUBT_NONE};
    if (one(set)) return s;
    s.doubt = (uint8_t)doubt;
    s.certainty = doubt == DOUBT_MIDSTREAM || doubt == DOUBT_GAPS ? UNDECIDABLE : LIKELY;
    return s;
}

static enum doubt doubt_of(const struct passive *v, const struct track *t, int e, uint64_t now_ns, bool arrival) {
    const struct passive_end *s = &v->end[e];
    if (v->midstream && !s->seen) return DOUBT_MIDSTREAM;
    if (!s->seen) return DOUBT_BEFORE;
    if (v->gaps) return DOUBT_GAPS;
    if (v->midstream && (t->end[e].fin == KNOWN_MAYBE || t->end[!e].fin == KNOWN_MAYBE)) return DOUBT_MIDSTREAM;
    if (s->resets) return DOUBT_RESET;
    if (now_ns > s->heard_ns + SILENT_MS * MS_NS) return s->course == TERN_TIME_WAIT ? DOUBT_WAIT : DOUBT_SILENCE;
    bool accepts = s->course == TERN_ESTABLISHED && s->now & BIT(SYN_RECEIVED) && !t->end[e].syn;
    if (accepts) return DOUBT_ACCEPT;
    if (near(v, e)) return arrival && t->end[!e].islands > 0 ? DOUBT_HOLE : DOUBT_QUEUED;
    return arrival ? DOUBT_ARRIVAL : may_queue(v, t, e, NULL) ? DOUBT_QUEUED : DOUBT_FAR;
}

static void note_wait(struct passive_end *s, uint64_t now_ns) {
    if (!(s->now & BIT(TIME_WAIT)))
        s->wait_ns = 0;
    else if (s->wait_ns == 0)
        s->wait_ns = now_ns;
}

/* ---- the two events of a packet ---- */

/* The states of `prior` that one move of the sender's own leads to `set` from. */
static uint16_t origin(uint16_t prior, uint16_t set) {
    static const enum move own[] = {MOVE_CLOSE, MOVE_ACTIVE_OPEN, MOVE_ABORT, MOVE_SYN};
    uint16_t out = 0;
    for (unsigned rest = prior; rest != 0; rest &= rest - 1) {
        uint16_t from = (uint16_t)(rest & -rest), to = from;
        for (unsigned i = 0; i < ARRAY_LEN(own); i++) to |= moved(from, own[i], false);
        if (to & set) out |= from;
    }
    return out ? out : prior;
}

/* The sender's states as the segment left, out of those that it may have been in. */
static uint16_t left_from(struct passive *v, const struct track *t, const struct flow_packet *p, const struct sight *l,
                          uint16_t prior, bool stale) {
    int e = p->from;
    const struct track_end *self = &t->end[e];
    bool syn = p->tcp.flags & TCP_SYN, opens = syn && !(p->tcp.flags & TCP_ACK);
    if (p->tcp.flags & TCP_RST) return reset_sender(t, e, p, prior) | (near(v, e) ? 0 : prior); /* it may be forged */
    if (l->foreign && syn && near(v, e)) return BIT(SYN_SENT); /* it has started anew */
    if (l->foreign) return syn ? prior | BIT(SYN_SENT) : prior;
    uint16_t possible = senders(v, t, e, p, l, stale);
    if (opens || stale) return possible;
    bool unheard = self->syn && !self->acked_any && !syn; /* nobody answered its SYN: it may be an old duplicate */
    if (prior & possible) return unheard ? prior | possible : prior & possible;
    if (syn) return possible;
    v->gaps = true; /* what led here was not captured */
    return unheard ? prior | possible : possible;
}

/* May the segment have left before others of its sender that were seen already? Then it tells how things were. */
static bool overtaken(const struct track_end *self, const struct flow_packet *p, const struct sight *l) {
    if (p->tcp.flags & TCP_RST) return false;
    if (p->tcp.flags & TCP_SYN) return l->repeated && seq_gt(self->next, seq_add(self->isn, 1));
    return l->repeated || l->ack_old || (l->takes == 0 && seq_lt(l->start, self->next));
}

static void departs(struct passive *v, const struct track *t, const struct flow_packet *p, const struct sight *l,
                    struct passive_view *out) {
    int e = p->from;
    struct passive_end *s = &v->end[e];
    uint16_t prior = drift(v, t, e, p->time_ns, l, NULL), set;
    uint16_t idle = out != NULL ? drift(v, t, e, p->time_ns, NULL, NULL) : 0;
    bool syn = p->tcp.flags & TCP_SYN, rst = p->tcp.flags & TCP_RST;
    bool stale = !near(v, e) && (overtaken(&t->end[e], p, l) || (syn && l->repeated && !(s->now & OPENING)));
    if (l->foreign && !rst && !(syn && near(v, e))) stale = !syn;
    set = left_from(v, t, p, l, prior, stale);
    enum doubt doubt = doubt_of(v, t, e, p->time_ns, false);
    if (out != NULL) out->before[e] = state_that(origin(idle, set), s->course, doubt);
    s->seen = true;
    if (!stale) {
        if (syn) s->course = p->tcp.flags & TCP_ACK ? TERN_SYN_RECEIVED : TERN_SYN_SENT;
        if (p->tcp.flags & TCP_FIN && l->fresh) s->course = step(s->course, MOVE_CLOSE);
        if (rst && set & BIT(CLOSED)) s->course = TERN_CLOSED;
        s->now = set;
        s->course = pick(set, s->course);
        s->resets = rst && !near(v, e);
        s->heard_ns = p->time_ns;
        note_wait(s, p->time_ns);
        if (s->wait_ns != 0 && !rst) s->wait_ns = p->time_ns;
    }
    if (out != NULL) out->after[e] = state_that(set, s->course, doubt_of(v, t, e, p->time_ns, false));
}

static void reaches(struct passive *v, const struct track *t, const struct flow_packet *p, const struct sight *l,
                    struct passive_view *out) {
    int e = !p->from;
    struct passive_end *s = &v->end[e];
    uint16_t prior = drift(v, t, e, p->time_ns, NULL, l);
    uint16_t set = arrives(v, t, e, prior, p, l);
    uint16_t opened = set & (uint16_t)~prior & (BIT(ESTABLISHED) | BIT(CLOSE_WAIT)), possible = set;
    if (!near(v, e)) { /* it may have closed just before, and what is sent later may come sooner */
        struct passive later = *v;
        later.end[e].now = set;
        set = drift(&later, t, e, p->time_ns, NULL, l);
        later.end[e].now = set;
        later.gaps = true;
        if (out != NULL) possible = drift(&later, t, e, p->time_ns, NULL, NULL);
    } else if (prior & OPENING) { /* a CLOSE may have waited for this [3.10.4] */
        possible = set |= moved(opened, MOVE_CLOSE, false);
    }
    if (out != NULL) out->before[e] = state_that(prior, s->course, doubt_of(v, t, e, p->time_ns, true));
    s->course = course_after(t, e, s->course, p, l);
    if (near(v, e))
        s->now = set;
    else
        s->now |= set;
    if (p->tcp.flags & TCP_RST && !near(v, e)) s->resets = true;
    s->course = pick(s->now, s->course);
    note_wait(s, p->time_ns);
    if (out != NULL) out->after[e] = state_that(possible, s->course, doubt_of(v, t, e, p->time_ns, true));
}

/* Most packets are data and ACKs in the midst of a connection, and nobody asks: then only FIN-WAIT-1 with a FIN that
 * waits behind bytes can come and go. The same as departs and reaches would do, in no time; false: not that simple. */
static bool steady(struct passive *v, const struct track *t, const struct flow_packet *p, const struct sight *l) {
    int e = p->from;
    const struct track_end *self = &t->end[e], *peer = &t->end[!e];
    struct passive_end *s = &v->end[e], *r = &v->end[!e];
    bool plain = (p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_ACK && !l->foreign;
    bool open = s->now & r->now & BIT(ESTABLISHED) && s->course == TERN_ESTABLISHED && r->course == TERN_ESTABLISHED;
    if (!plain || !open || v->gaps || s->resets || self->fin != KNOWN_NO || peer->fin != KNOWN_NO) return false;
    if ((s->now | r->now) & BIT(SYN_RECEIVED) || !self->acked_any || !peer->acked_any) return false;
    bool stale = !near(v, e) && overtaken(self, p, l);
    if (!stale) {
        s->now = BIT(ESTABLISHED) | (may_queue(v, t, e, l) ? BIT(FIN_WAIT_1) : 0);
        s->heard_ns = p->time_ns;
        s->seen = true;
    }
    if (near(v, !e) && may_queue(v, t, !e, NULL)) r->now |= BIT(FIN_WAIT_1);
    if (p->len > 0 && r->now & BIT(FIN_WAIT_1)) r->now |= BIT(CLOSED);
    return true;
}

void passive_start(struct passive *v, const struct flow_packet *p, enum vantage vantage) {
    memset(v, 0, sizeof *v);
    v->vantage = (uint8_t)vantage;
    bool syn = p->tcp.flags & TCP_SYN, ack = p->tcp.flags & TCP_ACK;
    v->midstream = !(syn && !ack);
    for (int e = 0; e < 2; e++) {
        v->end[e].now = IN_ALL; /* it may still have anything to do with these sockets */
        v->end[e].course = v->midstream ? TERN_ESTABLISHED : e == p->from ? TERN_CLOSED : TERN_LISTEN;
        v->end[e].heard_ns = p->time_ns;
    }
    if (syn && ack) {
        v->end[p->from].course = TERN_SYN_RECEIVED;
        v->end[!p->from].course = TERN_SYN_SENT;
    }
}

void passive_follow(struct passive *v, const struct track *t, const struct flow_packet *p, const struct sight *l,
                    struct passive_view *out) {
    const struct track_end *self = &t->end[p->from];
    bool later = (p->tcp.flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK;
    if (later && l->ack_beyond && !l->first) v->gaps = true;
    bool alone = !v->end[!p->from].seen && (!v->midstream || (v->end[p->from].seen && !self->guessed));
    if (later && alone) v->gaps = true; /* it acknowledges what nobody saw */
    if (later && l->takes > 0 && !self->guessed && !self->acked_any && !self->syn_data) v->gaps = true;
    if (out == NULL && steady(v, t, p, l)) return;
    departs(v, t, p, l, out);
    reaches(v, t, p, l, out);
}

struct statement passive_now(const struct passive *v, const struct track *t, int end, uint64_t now_ns) {
    return state_that(drift(v, t, end, now_ns, NULL, NULL), v->end[end].course, doubt_of(v, t, end, now_ns, false));
}

uint16_t passive_hindsight(uint16_t earlier, uint16_t later) {
    uint16_t out = 0;
    for (unsigned rest = earlier; rest != 0; rest &= rest - 1) {
        uint16_t from = (uint16_t)(rest & -rest), reach = from, before;
        /* An opening shows in a packet of its own. */
        if (from & NO_CONNECTION) reach = NO_CONNECTION | OPENING;
        do {
            before = reach;
            for (int m = MOVE_SYN; m < MOVES && !(from & NO_CONNECTION); m++) reach = may(reach, (enum move)m);
        } while (reach != before);
        if (reach & later) out |= from;
    }
    return out ? out : earlier;
}

/* ---- words ---- */

const char *passive_doubt_text(enum doubt doubt, enum tern_lang lang) {
    static const char *const words[DOUBTS][2] = {
#define DOUBT(name, en, zh) {en, zh},
#include "explain/doubt.def"
#undef DOUBT
    };
    return (unsigned)doubt < DOUBTS ? words[doubt][lang == TERN_ZH] : "";
}

const char *passive_vantage_text(enum vantage vantage, enum tern_lang lang) {
    static const char *const words[][2] = {
        [VANTAGE_UNKNOWN] = {"somewhere on the way", "路径上某处"},
        [VANTAGE_A] = {"at A", "在 A 端"},
        [VANTAGE_B] = {"at B", "在 B 端"},
        [VANTAGE_BETWEEN] = {"between A and B", "在 A 与 B 之间"},
    };
    return (unsigned)vantage < ARRAY_LEN(words) ? words[vantage][lang == TERN_ZH] : "";
}
