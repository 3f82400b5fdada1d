/* clocks.c - see clocks.h: a sample of each file's packets, those that two files share, and which files belong to one
 * place. Of all packets those with the smallest keyed hashes are kept, so that the samples of two files meet. What
 * segmentation offload cuts or joins is found by where it ends. */
#include <stdlib.h>
#include <sys/random.h>

#include "explain/clocks_inner.h"
#include "explain/places.h"

/* Of all files together, and of each. */
enum { SAMPLE_ALL = 1 << 20, SAMPLE_MOST = 1 << 17, SAMPLE_LEAST = 256 };
/* Of one packet so many files are compared. */
enum { SHARED = 8 };

struct kept {
    uint64_t what, time_ns;
    uint32_t flow, file;
    uint16_t id;
    uint8_t ttl, forth;
};

struct sample {
    struct kept *at;
    uint32_t n, room;
    uint64_t below; /* hashes below this are kept */
    struct clock_fit fit;
};

struct clocks {
    size_t files;
    uint32_t most;   /* kept of each file */
    uint32_t places; /* at most CLOCK_PLACES */
    siphash_key key;
    struct sample sample[];
};

struct clocks *clocks_new(size_t files) {
    uint8_t random[16];
    struct clocks *c = calloc(1, sizeof *c + files * sizeof c->sample[0]);
    if (c == NULL) return NULL;
    c->files = files;
    c->places = 1;
    c->most = max_u32(SAMPLE_LEAST, min_u32(SAMPLE_MOST, (uint32_t)(SAMPLE_ALL / max_u64(files, 1))));
    if (getrandom(random, sizeof random, 0) != sizeof random) memset(random, 0x5a, sizeof random);
    c->key = siphash_key_of(random);
    for (size_t i = 0; i < files; i++) c->sample[i].below = UINT64_MAX;
    return c;
}

void clocks_free(struct clocks *c) {
    if (c == NULL) return;
    for (size_t i = 0; i < c->files; i++) free(c->sample[i].at);
    free(c);
}

/* ---- the sample ---- */

static int by_what(const void *a, const void *b) {
    const struct kept *x = a, *y = b;
    if (x->what != y->what) return x->what < y->what ? -1 : 1;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* Half of them go: those with the larger hashes, and all of one hash together. */
static void thin_out(struct sample *s, uint32_t most) {
    qsort(s->at, s->n, sizeof s->at[0], by_what);
    uint32_t n = most;
    s->below = s->at[n].what;
    while (n > 0 && s->at[n - 1].what >= s->below) n--;
    s->n = n;
}

void clocks_packet(struct clocks *c, uint32_t file, const struct decoded *d) {
    const struct flow_packet *p = &d->tcp;
    struct sample *s = &c->sample[file];
    if (p->marks & (FLOW_UNTIMED | FLOW_CUT)) return;
    s->fit.first_ns = s->fit.first_ns == 0 ? p->time_ns : min_u64(s->fit.first_ns, p->time_ns);
    s->fit.last_ns = max_u64(s->fit.last_ns, p->time_ns);
    uint64_t what = places_print(&c->key, d);
    if (what >= s->below) return;
    if (s->n == s->room) {
        uint32_t room = s->room == 0 ? 1024 : min_u32(s->room * 2, c->most * 2);
        struct kept *more = room > s->room ? realloc(s->at, room * sizeof *more) : NULL;
        if (more == NULL && s->n <= c->most) return;
        if (more == NULL) {
            thin_out(s, c->most);
            if (what >= s->below) return;
        } else {
            s->at = more;
            s->room = room;
        }
    }
    bool forth = decoded_forth(d);
    uint32_t ends[2] = {d->src.w[3] ^ (uint32_t)d->src_port << 16, d->dst.w[3] ^ (uint32_t)d->dst_port << 16};
    s->at[s->n++] = (struct kept){.what = what,
                                  .time_ns = p->time_ns,
                                  .flow = ends[!forth] * 31 + ends[forth],
                                  .file = file,
                                  .id = p->ip_id,
                                  .ttl = p->ttl,
                                  .forth = forth};
}

/* ---- what two files share ---- */

struct pairs {
    struct clock_pair *at;
    size_t n, room;
};

static bool pair_add(struct pairs *all, const struct kept *a, const struct kept *b) {
    uint64_t between = a->time_ns > b->time_ns ? a->time_ns - b->time_ns : b->time_ns - a->time_ns;
    if (between > UINT64_C(1) << 60) return true; /* one of them is no time */
    if (all->n == all->room) {
        size_t room = all->room == 0 ? 4096 : all->room * 2;
        struct clock_pair *more = realloc(all->at, room * sizeof *more);
        if (more == NULL) return false;
        all->at = more;
        all->room = room;
    }
    all->at[all->n++] = (struct clock_pair){.at_ns = a->time_ns,
                                            .lead_ns = (int64_t)b->time_ns - (int64_t)a->time_ns,
                                            .flow = a->flow,
                                            .file = {a->file, b->file},
                                            .id = {a->id, b->id},
                                            .ttl = {a->ttl, b->ttl},
                                            .forth = a->forth};
    return true;
}

/* Of one hash, in the order of files: a file that has it twice has nothing to say, the packet was sent twice. */
static bool pairs_of(const struct kept *k, size_t n, struct pairs *all) {
    const struct kept *once[SHARED] = {NULL}; /* for gcc -fanalyzer, which loses count */
    size_t onces = 0;
    for (size_t i = 0, j; i < n && onces < SHARED; i = j) {
        for (j = i + 1; j < n && k[j].file == k[i].file;) j++;
        if (j - i > 1) continue;
        for (size_t o = 0; o < onces; o++)
            if (!pair_add(all, once[o], &k[i])) return false;
        once[onces++] = &k[i];
    }
    return true;
}

static int by_files(const void *a, const void *b) {
    const struct clock_pair *x = a, *y = b;
    if (x->file[1] != y->file[1]) return x->file[1] < y->file[1] ? -1 : 1;
    return x->file[0] < y->file[0] ? -1 : x->file[0] > y->file[0];
}

static bool all_pairs(const struct clocks *c, struct pairs *out) {
    size_t n = 0, at = 0;
    for (size_t i = 0; i < c->files; i++) n += c->sample[i].n;
    struct kept *all = malloc((n + 1) * sizeof *all);
    if (all == NULL) return false;
    for (size_t i = 0; i < c->files; at += c->sample[i++].n)
        if (c->sample[i].n > 0) memcpy(all + at, c->sample[i].at, c->sample[i].n * sizeof *all);
    qsort(all, n, sizeof *all, by_what);
    bool fine = true;
    for (size_t i = 0, j; i < n && fine; i = j) {
        for (j = i + 1; j < n && all[j].what == all[i].what;) j++;
        fine = pairs_of(all + i, j - i, out);
    }
    free(all);
    if (fine && out->n > 0) qsort(out->at, out->n, sizeof out->at[0], by_files);
    return fine;
}

/* ---- one file against those before it ---- */

/* [first, behind) are the pairs of one file with all before it. */
static void compare(struct clocks *c, struct clock_pair *p, size_t n) {
    size_t best = 0, most = 0;
    uint64_t taken = 0;
    bool apart = false;
    struct clock_fit *fit = &c->sample[p[0].file[1]].fit;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && p[j].file[0] == p[i].file[0];) j++;
        if (j - i < CLOCK_PAIRS_LEAST) continue;
        taken |= UINT64_C(1) << c->sample[p[i].file[0]].fit.place;
        if (j - i > most) {
            best = i;
            most = j - i;
        }
    }
    uint32_t against = p[best].file[0];
    if (most < CLOCK_PAIRS_LEAST || !clock_line(p + best, most, fit, &apart)) return;
    fit->against = against;
    fit->place = c->sample[against].fit.place;
    if (!apart || ~taken == 0) return;
    fit->place = (uint32_t)__builtin_ctzll(~taken);
    c->places = max_u32(c->places, fit->place + 1);
}

bool clocks_compare(struct clocks *c) {
    struct pairs all = {NULL, 0, 0};
    bool fine = all_pairs(c, &all);
    for (size_t i = 0, j; fine && i < all.n; i = j) {
        for (j = i + 1; j < all.n && all.at[j].file[1] == all.at[i].file[1];) j++;
        compare(c, all.at + i, j - i);
    }
    free(all.at);
    for (size_t i = 0; i < c->files; i++) {
        free(c->sample[i].at);
        c->sample[i].at = NULL;
        c->sample[i].n = c->sample[i].room = 0;
    }
    return fine;
}

/* ---- what is asked ---- */

const struct clock_fit *clocks_fit(const struct clocks *c, uint32_t file) { return &c->sample[file].fit; }

uint32_t clocks_places(const struct clocks *c) { return c->places; }

uint64_t clocks_corrected(const struct clocks *c, uint32_t file, uint64_t time_ns) {
    const struct clock_fit *f = &c->sample[file].fit;
    for (; f->known; f = &c->sample[f->against].fit) { /* each is against an earlier one */
        if (!f->aligned) continue;
        int64_t there = (int64_t)time_ns - f->offset_ns;
        if (f->drifts)
            there -=
                (int64_t)((double)(there - (int64_t)f->at_ns) / (1e9 + (double)f->drift_ppb) * (double)f->drift_ppb);
        time_ns = there > 0 ? (uint64_t)there : 0;
    }
    return time_ns;
}

int64_t clocks_ahead(const struct clocks *c, uint32_t file) {
    uint64_t last_ns = c->sample[file].fit.last_ns;
    return (int64_t)last_ns - (int64_t)clocks_corrected(c, file, last_ns);
}

uint64_t clocks_within(const struct clocks *c, uint32_t file) {
    const struct clock_fit *f = &c->sample[file].fit;
    uint64_t all = 0;
    for (; f->known; f = &c->sample[f->against].fit) all += f->within_ns;
    return all;
}
