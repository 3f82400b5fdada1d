/* trouble.c - which links, settings and misfortunes a world has, and when. */
#include <stdio.h>
#include <string.h>

#include "world.h"

/* Bits are flipped on the way to the switch only: two flips can make up for each other in a checksum. */
static void impair(struct world *w, struct memlink_path *p, bool up, struct chance *c) {
    const struct plan *k = &w->plan;
    p->seed = chance_u64(c);
    p->mtu = 1700;
    p->packets_max = 16384;
    p->delay_ns = chance_below(c, 60) * MSEC;
    if (one_in(c, 2)) p->jitter_ns = chance_below(c, 20) * MSEC;
    if (has(k, F_LOSS)) p->loss_ppm = chance_below(c, 50000);
    if (has(k, F_BURST))
        p->burst_enter_ppm = chance_below(c, 5000), p->burst_leave_ppm = 200000, p->burst_loss_ppm = 700000;
    if (has(k, F_DUPLICATE)) p->duplicate_ppm = chance_below(c, 100000);
    if (has(k, F_REORDER)) p->reorder_ppm = chance_below(c, 200000), p->reorder_ns = chance_below(c, 100) * MSEC;
    if (has(k, F_CORRUPT) && up) p->corrupt_ppm = chance_below(c, 30000);
    if (has(k, F_RATE)) p->rate_bps = 200000 + chance_below(c, 20000000), p->queue_packets = 5 + chance_below(c, 60);
}

static void vary(struct world *w, tern_config *t, struct chance *c) {
    const struct plan *k = &w->plan;
    t->congestion = chance_below(c, 3);
    if (has(k, F_TIGHT)) {
        t->sack = chance_below(c, 2);
        t->timestamps = chance_below(c, 2);
        t->window_scale = chance_below(c, 2);
        t->nagle = chance_below(c, 2);
        t->pacing = chance_below(c, 2);
        t->send_buffer = 1024 + chance_below(c, 30000);
        t->receive_buffer = 1024 + chance_below(c, 30000);
        t->reassembly_islands = 1 + chance_below(c, 8);
        t->delayed_ack_ms = chance_below(c, 400);
        t->initial_window = 1 + chance_below(c, 40);
        t->time_wait_max = chance_below(c, 4);
    }
    if (has(k, F_FAST)) t->fast_open = chance_below(c, 4), t->ecn = chance_below(c, 3);
    if (has(k, F_COOKIES)) t->half_open_max = 1 + chance_below(c, 3);
    if (has(k, F_MEMORY)) t->memory_max = 300000 + chance_below(c, 500000);
    if (plan_deadly(k)) t->r2_ms = 60000;
    t->syn_retries = 10;
}

void trouble_start(struct world *w, struct host *h) {
    struct chance c = chance_of(&w->plan, 200 + h->index);
    impair(w, &h->path[0], true, &c);
    impair(w, &h->path[1], false, &c);
    h->path[1].lend = has(&w->plan, F_LENT) && one_in(&c, 2);
    vary(w, &h->cfg, &c);
    h->heap.c = chance_of(&w->plan, 300 + h->index);
    if (h->index) return;
    w->chance_switch = chance_of(&w->plan, 400);
    w->chance_forge = chance_of(&w->plan, 401);
    w->chance_event = chance_of(&w->plan, 402);
    w->calm_at = 150 * SECOND;
    w->events_left = w->plan.events;
    w->event_at = w->now + chance_below(&w->chance_event, 20000) * MSEC;
    w->chance_iface = chance_of(&w->plan, 403);
    bool changes = has(&w->plan, F_NARROW) || has(&w->plan, F_NIC);
    w->iface_at = changes ? w->now + chance_below(&w->chance_iface, 20000) * MSEC : TERN_NEVER;
    w->forge_at = has(&w->plan, F_FORGED) ? w->now : TERN_NEVER;
}

/* ---- single misfortunes ---- */

static void set_links(struct world *w, struct host *h) {
    struct driver_error err;
    for (int side = 0; side < 2; side++)
        if (memlink_set(h->link, side, &h->path[side], &err) < 0) violation(w, "link: %s", err.text);
}

static void reboot(struct world *w, struct host *h) {
    host_stop(w, h);
    apps_lost(w, h);
    h->heap.fail_at = h->heap.fail_ppm = 0;
    h->heap.fail_on = false;
    if (host_start(w, h) != TERN_OK) violation(w, "host %u does not come up again", h->index);
}

static void rebind(struct world *w, struct host *h) {
    for (int v6 = 0; v6 < 2; v6++) {
        tern_addr old = host_addr(h, v6);
        tern_addr_remove(h->stack, h->iface, &old);
    }
    w->owner[h->last] = 0;
    h->last = (uint8_t)(h->last < 100 ? h->last + 100 : h->last + 16);
    if (h->last >= 240 || w->owner[h->last]) h->last = (uint8_t)(h->index + 17);
    w->owner[h->last] = (uint8_t)(h->index + 1);
    for (int v6 = 0; v6 < 2; v6++) {
        tern_addr now = host_addr(h, v6);
        tern_addr_add(h->stack, h->iface, &now, v6 ? 64 : 24); /* may fail for want of memory */
    }
}

static void fail_memory(struct host *h, struct chance *c) {
    switch (chance_below(c, 4)) {
    case 0: h->heap.fail_ppm = 10000; break;
    case 1: h->heap.fail_on = true; /* fall through */
    case 2: h->heap.fail_at = h->heap.calls + 1 + chance_below(c, 200); break;
    default:
        h->heap.fail_at = h->heap.fail_ppm = 0;
        h->heap.fail_on = false;
        break;
    }
}

static void happen(struct world *w, struct host *h, enum fault f, struct chance *c) {
    switch (f) {
    case F_SPIKE:
        h->spike_until = w->now + chance_below(c, 10000) * MSEC;
        h->path[0].delay_ns += 2 * SECOND;
        set_links(w, h);
        break;
    case F_FLAP:
        h->down = true;
        h->down_until = w->now + chance_below(c, 20000) * MSEC;
        break;
    case F_MTU:
        h->path_mtu = one_in(c, 3) ? 0 : 1280 + chance_below(c, 220);
        h->too_big_told = chance_below(c, 2);
        break;
    case F_BLACKHOLE: h->hole_until[chance_below(c, 2)] = w->now + chance_below(c, 1800000) * MSEC; break;
    case F_CLOCK:
        h->skew += one_in(c, 2) ? chance_below(c, 30 * 86400) * SECOND : chance_below(c, 100000) * MSEC;
        break;
    case F_REBOOT: reboot(w, h); break;
    case F_REBIND: rebind(w, h); break;
    case F_ALLOC: fail_memory(h, c); break;
    default: return;
    }
    w->tally.disturbances++;
    if (w->log) fprintf(w->log, "%13.6f -- host %u: %s\n", (double)w->now / 1e9, h->index, fault_infos[f].name);
}

static void iface_step(struct world *w) {
    struct chance *c = &w->chance_iface;
    struct host *h = &w->host[chance_below(c, w->hosts)];
    bool nic = has(&w->plan, F_NIC) && (!has(&w->plan, F_NARROW) || one_in(c, 2));
    w->iface_at += chance_below(c, 20000) * MSEC;
    if (nic) {
        h->iface_down = !h->iface_down;
        (h->iface_down ? tern_iface_down : tern_iface_up)(h->stack, h->iface);
    } else if (tern_iface_set_mtu(h->stack, h->iface, 1280 + chance_below(c, 221)) != TERN_OK) {
        violation(w, "host %u: its MTU stays", h->index);
    }
    w->tally.disturbances++;
    if (w->log) fprintf(w->log, "%13.6f -- host %u: %s\n", (double)w->now / 1e9, h->index, nic ? "nic" : "narrow");
}

static void spike_over(struct world *w, struct host *h) {
    h->spike_until = 0;
    struct chance c = chance_of(&w->plan, 200 + h->index);
    struct memlink_path fresh = {0};
    impair(w, &fresh, true, &c);
    h->path[0].delay_ns = fresh.delay_ns;
    set_links(w, h);
}

void trouble_step(struct world *w) {
    static const enum fault timed[] = {F_SPIKE, F_FLAP, F_MTU, F_BLACKHOLE, F_CLOCK, F_REBOOT, F_REBIND, F_ALLOC};
    while (w->events_left && w->event_at <= w->now) {
        struct chance *c = &w->chance_event;
        struct host *h = &w->host[chance_below(c, w->hosts)];
        enum fault f = timed[chance_below(c, sizeof timed / sizeof *timed)];
        struct chance own = {chance_u64(c), 0};
        w->event_at += chance_below(c, 8000) * MSEC;
        w->events_left--;
        if (has(&w->plan, f)) happen(w, h, f, &own);
    }
    while (w->iface_at <= w->now) iface_step(w);
    while (w->forge_at <= w->now) {
        switch_forge(w);
        w->forge_at += (20 + chance_below(&w->chance_forge, 2000)) * MSEC;
    }
    for (unsigned i = 0; i < w->hosts; i++) {
        struct host *h = &w->host[i];
        if (h->spike_until && h->spike_until <= w->now) spike_over(w, h);
        if (h->down && h->down_until <= w->now) h->down = false;
    }
}

uint64_t trouble_due(const struct world *w) {
    uint64_t t = w->forge_at < w->iface_at ? w->forge_at : w->iface_at;
    if (w->events_left && w->event_at < t) t = w->event_at;
    for (unsigned i = 0; i < w->hosts; i++) {
        const struct host *h = &w->host[i];
        if (h->spike_until && h->spike_until < t) t = h->spike_until;
        if (h->down && h->down_until < t) t = h->down_until;
    }
    return t;
}

void trouble_end(struct world *w) {
    w->calm = true;
    w->events_left = 0;
    w->forge_at = w->iface_at = TERN_NEVER;
    for (unsigned i = 0; i < w->hosts; i++) {
        struct host *h = &w->host[i];
        for (int side = 0; side < 2; side++) {
            struct memlink_path *p = &h->path[side];
            *p = (struct memlink_path){
                .seed = p->seed, .mtu = p->mtu, .delay_ns = 10 * MSEC, .lend = p->lend, .packets_max = p->packets_max};
        }
        set_links(w, h);
        if (h->iface_down) tern_iface_up(h->stack, h->iface);
        h->down = h->iface_down = false;
        h->spike_until = 0;
        h->hole_until[0] = h->hole_until[1] = 0;
        h->heap.fail_at = h->heap.fail_ppm = 0;
        h->heap.fail_on = false;
    }
}
