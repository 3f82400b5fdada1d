/* places.c - see places.h. */
#include "explain/places.h"

#include <stdlib.h>
#include <sys/random.h>

#include "explain/clocks.h"

/* A packet has its place among those of a set; so many are under way on a fast and long path. */
enum { SET_BITS = 13, WAYS = 8 };

/* A packet that takes longer has been lost. At the edges of a capture nobody knows what it would have shown. */
static const uint64_t transit_most_ns = 30 * SEC_NS, edge_ns = 100 * MS_NS;

struct passing {
    uint64_t what, time_ns, number;
    uint32_t place;
    uint8_t waits; /* so many of them the other place has not shown yet */
    bool twice;    /* this place has shown more than one */
    bool counts;
};

struct places {
    const struct clocks *clocks;
    size_t files;
    uint64_t edge_ns;
    siphash_key key;
    uint64_t first_ns[CLOCK_PLACES], last_ns[CLOCK_PLACES]; /* of each place, corrected */
    uint32_t file[CLOCK_PLACES];                            /* one of its files */
    struct passing passing[1 << SET_BITS][WAYS];
};

struct places *places_new(const struct clocks *clocks, size_t files) {
    uint8_t random[16];
    struct places *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->clocks = clocks;
    p->files = files;
    if (getrandom(random, sizeof random, 0) != sizeof random) memset(random, 0x5a, sizeof random);
    p->key = siphash_key_of(random);
    p->edge_ns = edge_ns;
    for (uint32_t i = 0; i < files; i++) {
        const struct clock_fit *f = clocks_fit(clocks, i);
        if (f->last_ns == 0) continue;
        uint64_t first = clocks_corrected(clocks, i, f->first_ns), last = clocks_corrected(clocks, i, f->last_ns);
        uint64_t *from = &p->first_ns[f->place], *to = &p->last_ns[f->place];
        *from = *to == 0 ? first : min_u64(*from, first);
        *to = max_u64(*to, last);
        p->file[f->place] = i;
        p->edge_ns = max_u64(p->edge_ns, 4 * clocks_within(clocks, i));
    }
    return p;
}

void places_free(struct places *p) { free(p); }

uint32_t places_of(const struct places *p, uint32_t file) {
    return file < p->files ? clocks_fit(p->clocks, file)->place : 0;
}

/* A segment with data is known by where it ends: pieces and super-segments end alike. One without by all it says. */
uint64_t places_print(const siphash_key *key, const struct decoded *d) {
    const tcp_header *h = &d->tcp.tcp;
    uint16_t flags = h->flags & (TCP_SYN | TCP_FIN | TCP_RST);
    uint32_t takes = d->tcp.len + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
    bool data = d->tcp.len > 0;
    uint64_t what[9] = {ip_half(&d->src, 0),
                        ip_half(&d->src, 1),
                        ip_half(&d->dst, 0),
                        ip_half(&d->dst, 1),
                        (uint64_t)d->src_port << 32 | (uint64_t)d->dst_port << 16 | flags,
                        (uint64_t)(h->seq_no.v + takes) << 32 | (data ? 0 : h->ack_no.v),
                        h->options.has_ts ? (uint64_t)h->options.ts_value << 32 | (data ? 0 : h->options.ts_echo) : 0,
                        data ? 1 : (uint64_t)h->window << 8,
                        0};
    for (unsigned i = 0; !data && i < h->options.sack_count; i++)
        what[8] = what[8] * 31 + ((uint64_t)h->options.sack[i].left.v << 32 | h->options.sack[i].right.v);
    return siphash13(key, what, sizeof what);
}

/* Where it is remembered; otherwise `found` is false, and there is room for it: what the other place has shown, or what
 * has waited longest, gives way. */
static struct passing *look_up(struct places *p, uint64_t what, bool *found) {
    struct passing *set = p->passing[what >> (64 - SET_BITS)], *room = set;
    for (unsigned i = 0; i < WAYS; i++) {
        *found = set[i].what == what;
        if (*found) return &set[i];
        bool settled = set[i].waits == 0, instead = room->waits == 0;
        if (settled != instead ? settled : set[i].time_ns < room->time_ns) room = &set[i];
    }
    return room;
}

bool places_home_ended(struct places *p, const struct explain_flow *f, const struct decoded *d) {
    bool found;
    if (d->tcp.time_ns <= p->last_ns[f->home]) return false;
    const struct passing *s = look_up(p, places_print(&p->key, d), &found);
    return !found || s->place != f->home;
}

/* Did this place capture at the time, and for a while longer? */
static bool captures(const struct places *p, uint32_t place, uint64_t now_ns) {
    return now_ns >= p->first_ns[place] && now_ns + p->edge_ns <= p->last_ns[place];
}

static bool others_capture(const struct places *p, uint32_t place, uint64_t now_ns) {
    for (uint32_t i = 0; i < clocks_places(p->clocks); i++)
        if (i != place && captures(p, i, now_ns)) return true;
    return false;
}

/* The same packet at another place; NULL: not yet. Then it is remembered. */
static struct passing *meet(struct places *p, uint32_t place, const struct decoded *d, bool counts) {
    uint64_t what = places_print(&p->key, d), now = d->tcp.time_ns;
    bool found;
    struct passing *s = look_up(p, what, &found);
    bool same = found && now <= s->time_ns + transit_most_ns && s->waits > 0;
    if (same && s->place != place) {
        s->waits--;
        return s;
    }
    bool again = same && s->waits < UINT8_MAX;
    *s = (struct passing){.what = what,
                          .time_ns = now,
                          .number = d->tcp.number,
                          .place = place,
                          .waits = again ? (uint8_t)(s->waits + 1) : 1,
                          .twice = again,
                          .counts = counts};
    return NULL;
}

static void note_transit(struct places_way *w, int64_t later_ns) {
    if (w->timed == 0 || later_ns < w->least_ns) w->least_ns = later_ns;
    if (w->timed == 0 || later_ns > w->most_ns) w->most_ns = later_ns;
    w->timed++;
    w->sum_ns += later_ns;
}

/* What passes while both places capture is counted when it is first seen, and when it is seen again. */
static void follow(struct places *p, struct explain_flow *f, struct decoded *d) {
    struct flow_packet *t = &d->tcp;
    uint32_t place = places_of(p, t->file);
    bool away = place != f->home, counts = others_capture(p, place, t->time_ns);
    if (f->places == NULL && (counts || away)) f->places = calloc(1, sizeof *f->places);
    const struct passing *s = meet(p, place, d, counts);
    t->twin = s != NULL ? s->number : 0;
    t->transit_ns = s != NULL ? t->time_ns - min_u64(s->time_ns, t->time_ns) : 0;
    if (f->places == NULL) return;
    struct places_way *w = &f->places->way[t->from];
    if (t->marks & FLOW_SUPER) f->places->pieces = true;
    if (s != NULL ? s->counts : counts) w->seen[away]++;
    if (s == NULL) return;
    if (s->counts) w->both++;
    if (!s->twice && !f->places->undecided) note_transit(w, away ? (int64_t)t->transit_ns : -(int64_t)t->transit_ns);
}

void places_elsewhere(struct places *p, struct explain_flow *f, struct decoded *d) {
    d->tcp.marks |= FLOW_ELSEWHERE;
    if (f->places != NULL && f->places->met && places_of(p, f->places->other) != places_of(p, d->tcp.file)) return;
    follow(p, f, d);
    if (f->places == NULL) return;
    const tcp_header *h = &d->tcp.tcp;
    if (h->flags & TCP_SYN && h->options.has_mss) f->places->mss[d->tcp.from] = h->options.mss;
    if (f->places->met) return;
    f->places->met = true;
    uint32_t here = p->file[f->home], other = d->tcp.file;
    int64_t apart = clocks_ahead(p->clocks, other) - clocks_ahead(p->clocks, here);
    f->places->other = other;
    f->places->apart_ns = (uint64_t)(apart < 0 ? -apart : apart);
    f->places->within_ns = clocks_within(p->clocks, other) + clocks_within(p->clocks, here);
    f->places->undecided =
        clocks_fit(p->clocks, other)->doubt != CLOCK_FITS || clocks_fit(p->clocks, here)->doubt != CLOCK_FITS;
}

void places_home(struct places *p, struct explain_flow *f, struct decoded *d) { follow(p, f, d); }

/* ---- what is asked ---- */

int places_near(const struct explain_flow *f, int end) {
    if (f->places == NULL || !f->places->met || f->places->undecided) return -1;
    const struct places_way *w = &f->places->way[end], *back = &f->places->way[!end];
    if (w->timed > 0 && w->sum_ns != 0) return w->sum_ns < 0;
    if (back->timed > 0 && back->sum_ns != 0) return back->sum_ns > 0;
    return -1;
}

uint64_t places_lost(const struct explain_flow *f, int end, uint64_t *missed) {
    int near = places_near(f, end);
    *missed = 0;
    if (near < 0 || f->places->pieces) return 0;
    const struct places_way *w = &f->places->way[end];
    *missed = w->seen[!near] - min_u64(w->both, w->seen[!near]);
    return w->seen[near] - min_u64(w->both, w->seen[near]);
}

bool places_transit(const struct explain_flow *f, int end, uint64_t *least_ns, uint64_t *mean_ns, uint64_t *most_ns) {
    int near = places_near(f, end);
    if (near < 0 || f->places->way[end].timed == 0) return false;
    const struct places_way *w = &f->places->way[end];
    int64_t least = near == 0 ? w->least_ns : -w->most_ns, most = near == 0 ? w->most_ns : -w->least_ns;
    int64_t mean = (near == 0 ? w->sum_ns : -w->sum_ns) / (int64_t)w->timed;
    *least_ns = least > 0 ? (uint64_t)least : 0; /* less than nothing is what the clocks are not sure of */
    *mean_ns = mean > 0 ? (uint64_t)mean : 0;
    *most_ns = most > 0 ? (uint64_t)most : 0;
    return true;
}
