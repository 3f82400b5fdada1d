/* clock_line.c - from packets that two files share to a line: offset and drift of one clock against the other. Above
 * the line lie the packets that the earlier file saw first, below it the others; the line in the middle of the widest
 * gap is the answer, and half the gap its uncertainty (the reasoning of RFC 5905 8). */
#include <stdlib.h>

#include "explain/clocks_inner.h"

/* Times are no finer than this in most files; and what a gap may be too narrow by. */
static const int64_t fine_ns = 2000, tight_ns = 20000;
/* Nothing is as far as that from a line. */
static const double far_off = 1e19;
/* So much time no packet spends on its way. */
static const int64_t transit_most_ns = 10 * (int64_t)SEC_NS;

enum {
    BINS = 256,         /* of the time that the pairs cover */
    KEPT = 4,           /* packets of each that come closest to the line */
    STRAYS = 64,        /* so many at most are passed over that fit no line: they were lost and sent again unseen */
    STEEPEST = 1000000, /* ns a second; no clock in use is worse */
    QUARTERS = 4,
    DRIFT_SPAN_S = 4,
    DRIFT_LEAST = 100 /* ns a second: less is not said */
};

struct point {
    double x, v; /* seconds; ns above the line, or below it */
};

/* One side of the line. */
struct side {
    struct point at[BINS][KEPT];
    uint8_t n[BINS];
    size_t all;
};

struct fitting {
    struct side side[2]; /* above, below */
    double span;
};

/* ---- which packets are the same ---- */

/* Hosts number their packets; where that number mostly comes through unchanged, a pair with two is none. */
static size_t same_identity(struct clock_pair *p, size_t n) {
    size_t same = 0, other = 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i].id[0] == 0 || p[i].id[1] == 0) continue;
        (*(p[i].id[0] == p[i].id[1] ? &same : &other))++;
    }
    if (same < 4 * other) return n;
    for (size_t i = 0; i < n; i++) {
        if (p[i].id[0] != 0 && p[i].id[1] != 0 && p[i].id[0] != p[i].id[1]) continue;
        p[kept++] = p[i];
    }
    return kept;
}

/* ---- which place they passed first ---- */

static int by_flow(const void *a, const void *b) {
    const struct clock_pair *x = a, *y = b;
    if (x->flow != y->flow) return x->flow < y->flow ? -1 : 1;
    return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

/* Of one connection: two packets in opposite directions soon after one another tell, for drift is slow; the hops that
 * are left tell where there is one direction only. */
static void order_flow(struct clock_pair *p, size_t n) {
    int64_t seen = 0, hops = 0;
    for (size_t i = 0; i < n; i++) {
        int way = p[i].forth ? 1 : -1;
        if (p[i].ttl[0] != p[i].ttl[1]) hops += p[i].ttl[0] > p[i].ttl[1] ? way : -way;
        if (i == 0 || p[i].forth == p[i - 1].forth) continue;
        int64_t longer = way * (p[i].lead_ns - p[i - 1].lead_ns);
        if (longer > fine_ns || longer < -fine_ns) seen += longer > 0 ? 1 : -1;
    }
    int64_t votes = seen != 0 ? seen : hops;
    for (size_t i = 0; i < n; i++) p[i].first = (int8_t)(votes == 0 ? 0 : (votes > 0) == (p[i].forth != 0) ? 1 : -1);
}

static void order_flows(struct clock_pair *p, size_t n) {
    qsort(p, n, sizeof *p, by_flow);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && p[j].flow == p[i].flow;) j++;
        order_flow(p + i, j - i);
    }
}

/* ---- the gap ---- */

static void side_add(struct side *s, unsigned bin, struct point p) {
    struct point *at = s->at[bin];
    unsigned n = s->n[bin], i = n < KEPT ? n : KEPT;
    s->all++;
    while (i > 0 && at[i - 1].v > p.v) {
        if (i < KEPT) at[i] = at[i - 1];
        i--;
    }
    if (i == KEPT) return;
    at[i] = p;
    if (n < KEPT) s->n[bin]++;
}

/* The least of a side over a line of this slope, within bins [from, to); *at: whose. Infinite: there is none. */
static double side_least(const struct side *s, double slope, unsigned from, unsigned to, unsigned *at) {
    double least = __builtin_inf();
    for (unsigned i = from; i < to; i++) {
        if (s->n[i] == 0) continue;
        for (unsigned k = 0; k < s->n[i]; k++) {
            double v = s->at[i][k].v - slope * s->at[i][k].x;
            if (v >= least) continue;
            least = v;
            *at = i;
        }
    }
    return least;
}

static double gap(const struct fitting *f, double slope) {
    unsigned at;
    return side_least(&f->side[0], slope, 0, BINS, &at) + side_least(&f->side[1], -slope, 0, BINS, &at);
}

/* The slope of the widest gap: its width is concave in the slope. */
static double widest(const struct fitting *f) {
    double low = -STEEPEST, high = STEEPEST;
    for (int i = 0; i < 120; i++) {
        double a = low + (high - low) / 3, b = high - (high - low) / 3;
        if (gap(f, a) < gap(f, b))
            low = a;
        else
            high = b;
    }
    return (low + high) / 2;
}

/* Takes the nearest of a side away; returns how far it stood out from the next; 0: it is the last one. */
static double take_nearest(struct side *s, double slope) {
    unsigned bin = 0, next = 0, k = 0;
    double least = side_least(s, slope, 0, BINS, &bin);
    for (unsigned i = 0; i < s->n[bin]; i++)
        if (s->at[bin][i].v - slope * s->at[bin][i].x <= least) k = i;
    memmove(s->at[bin] + k, s->at[bin] + k + 1, (s->n[bin] - k - 1) * sizeof s->at[bin][0]);
    s->n[bin]--;
    double second = side_least(s, slope, 0, BINS, &next);
    return second < far_off ? second - least : 0;
}

/* Passes over what stands in the way of every line, as long as that is little. */
static double without_strays(struct fitting *f, size_t n) {
    double slope = widest(f);
    size_t most = min_size(STRAYS, n / 50);
    for (size_t i = 0; i < most && gap(f, slope) < (double)-tight_ns; i++) {
        struct side above = f->side[0], below = f->side[1];
        double a = take_nearest(&above, slope), b = take_nearest(&below, -slope);
        if (a == 0 && b == 0) break;
        if (a > b)
            f->side[0] = above;
        else
            f->side[1] = below;
        slope = widest(f);
    }
    return slope;
}

/* ---- drift ---- */

/* Quarter by quarter the middle moves on alike: it is the clock, and not the way. */
static bool drift_shows(const struct fitting *f, double slope) {
    double middle[QUARTERS];
    unsigned at;
    if (f->span < DRIFT_SPAN_S || (slope < DRIFT_LEAST && slope > -DRIFT_LEAST)) return false;
    for (unsigned q = 0; q < QUARTERS; q++) {
        unsigned from = q * BINS / QUARTERS, to = (q + 1) * BINS / QUARTERS;
        double above = side_least(&f->side[0], 0, from, to, &at), below = side_least(&f->side[1], 0, from, to, &at);
        if (above > far_off || below > far_off) return false;
        middle[q] = (above - below) / 2;
    }
    for (unsigned q = 1; q < QUARTERS; q++) {
        double part = (middle[q] - middle[q - 1]) / (f->span / QUARTERS) / slope;
        if (part < 0.5 || part > 1.5) return false;
    }
    double moved = middle[QUARTERS - 1] - middle[0];
    return moved > (double)tight_ns || moved < (double)-tight_ns;
}

/* ---- the line ---- */

static void fit(const struct clock_pair *p, size_t n, struct clock_fit *out) {
    struct fitting f;
    uint64_t first = UINT64_MAX, last = 0;
    unsigned at;
    memset(&f, 0, sizeof f);
    for (size_t i = 0; i < n; i++) {
        first = min_u64(first, p[i].at_ns);
        last = max_u64(last, p[i].at_ns);
    }
    f.span = (double)(last - first) / 1e9;
    for (size_t i = 0; i < n; i++) {
        if (p[i].first == 0) continue;
        unsigned bin = (unsigned)((double)(p[i].at_ns - first) / ((double)(last - first) + 1) * BINS);
        double lead = (double)(p[i].lead_ns - p[0].lead_ns);
        struct point point = {(double)(p[i].at_ns - first) / 1e9, p[i].first > 0 ? lead : -lead};
        side_add(&f.side[p[i].first > 0 ? 0 : 1], bin < BINS ? bin : BINS - 1, point);
    }
    double slope = without_strays(&f, n);
    out->drifts = gap(&f, 0) < (double)-tight_ns || drift_shows(&f, slope);
    if (!out->drifts) slope = 0;
    double above = side_least(&f.side[0], slope, 0, BINS, &at), below = side_least(&f.side[1], -slope, 0, BINS, &at);
    double width = above + below;
    out->doubt = width < (double)-tight_ns ? CLOCK_UNEVEN : CLOCK_FITS;
    out->offset_ns = p[0].lead_ns + (int64_t)((above - below) / 2);
    out->drift_ppb = (int64_t)slope;
    out->within_ns = width > 0 ? (uint64_t)(width / 2) : (uint64_t)(-width / 2);
    out->at_ns = first;
    int64_t within = (int64_t)out->within_ns;
    out->aligned = out->drifts || out->doubt == CLOCK_UNEVEN || out->offset_ns > within || out->offset_ns < -within;
}

/* Packets in one direction, or nobody knows in which: the fastest bounds the offset from one side. */
static void bound(const struct clock_pair *p, size_t n, int8_t first, struct clock_fit *out) {
    int64_t least = INT64_MAX, most = INT64_MIN;
    out->at_ns = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        least = p[i].lead_ns < least ? p[i].lead_ns : least;
        most = p[i].lead_ns > most ? p[i].lead_ns : most;
        out->at_ns = min_u64(out->at_ns, p[i].at_ns);
    }
    out->doubt = CLOCK_ONE_WAY;
    out->offset_ns = first < 0 ? most : least;
    out->within_ns = (uint64_t)(most - least);
    bool transit = first > 0 ? least >= 0 : first < 0 ? most <= 0 : least >= -fine_ns;
    bool short_way = out->offset_ns < transit_most_ns && out->offset_ns > -transit_most_ns;
    out->aligned = !(transit && short_way);
}

bool clock_line(struct clock_pair *p, size_t n, struct clock_fit *out, bool *apart) {
    size_t sides[3] = {0, 0, 0}, forth = 0;
    int64_t least = INT64_MAX, most = INT64_MIN;
    n = same_identity(p, n);
    if (n < CLOCK_PAIRS_LEAST) return false;
    order_flows(p, n);
    for (size_t i = 0; i < n; i++) {
        sides[p[i].first + 1]++;
        forth += p[i].forth != 0;
        least = p[i].lead_ns < least ? p[i].lead_ns : least;
        most = p[i].lead_ns > most ? p[i].lead_ns : most;
    }
    out->known = true;
    out->pairs = n;
    *apart = true;
    if (sides[0] > 0 && sides[2] > 0) {
        fit(p, n, out);
    } else {
        bound(p, n, sides[2] > 0 ? 1 : sides[0] > 0 ? -1 : 0, out);
        bool at_once = sides[0] + sides[2] == 0 && most - least <= tight_ns;
        if (at_once && (forth > 0 && forth < n)) { /* both ways alike: the same wire, another clock */
            out->doubt = CLOCK_FITS;
            out->within_ns /= 2;
            out->offset_ns = least + (most - least) / 2;
            out->aligned = out->offset_ns > tight_ns || out->offset_ns < -tight_ns;
        }
        if (at_once && (out->doubt == CLOCK_FITS || !out->aligned)) *apart = false;
    }
    return true;
}
