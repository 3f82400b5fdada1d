/* pair.c - two stacks, one link, one loop. Applications are the suites' own. */
#include "bench/pair.h"

#include <string.h>

#include "bench/bench.h"
#include "drivers/host.h"

enum { BATCH = PAIR_BATCH, MTU = 1500, TICK_NS = 1000 };

tern_addr pair_addr(int side, unsigned i) {
    return (tern_addr){.family = 4, .bytes = {10, 0, (uint8_t)i, (uint8_t)(1 + side)}};
}

static void stack_open(struct pair *p, int side, const struct pair_config *c) {
    struct driver_error err;
    tern_config config;
    if (tern_config_host(&config, &err) < 0) give_up_bench("%s", err.text);
    if (c->repeatable) memset(config.entropy, 1 + side, sizeof config.entropy);
    config.send_buffer = config.receive_buffer = c->window;
    config.send_buffer_max = config.receive_buffer_max = c->window; /* as lwIP's, which do not grow either */
    config.timestamps = c->timestamps;
    config.memory_max = c->memory_max != 0 ? c->memory_max : 1ull << 30;
    if (c->time_wait_max != 0) config.time_wait_max = c->time_wait_max;
    if (c->half_open_max != 0) config.half_open_max = c->half_open_max;
    config.port_first = 1024;
    config.port_last = 65535;
    if (tern_new(&config, p->now, &p->stack[side]) != TERN_OK) give_up_bench("cannot make a stack");
    tern_iface_config iface = {.size = sizeof iface,
                               .name = "link",
                               .link = TERN_LINK_IP,
                               .mtu = MTU,
                               .tso_max = c->tso,
                               .flags = c->checksums ? 0 : TERN_IFACE_TX_CSUM | TERN_IFACE_RX_CSUM};
    int number = tern_iface_add(p->stack[side], &iface);
    for (unsigned i = 0; i < (c->locals != 0 ? c->locals : 1) && number >= 0; i++) {
        tern_addr a = pair_addr(side, i);
        number = tern_addr_add(p->stack[side], number, &a, 16) == TERN_OK ? number : -1;
    }
    if (number != 0) give_up_bench("cannot make an interface");
}

void pair_open(struct pair *p, const struct pair_config *c) {
    memset(p, 0, sizeof *p);
    p->repeatable = c->repeatable;
    p->now = c->repeatable ? 1000000000u : clock_ns();
    p->batch = c->tso > MTU ? 8 : 32;
    for (int side = 0; side < 2; side++) stack_open(p, side, c);
    struct cable_config cable = {.mtu = MTU, .segments = c->tso > MTU, .checksums = c->checksums};
    p->cable = cable_new(&cable);
    p->lend = c->lend;
}

void pair_close(struct pair *p) {
    for (int side = 0; side < 2; side++) tern_free(p->stack[side]);
    cable_free(p->cable);
}

/* Hands over what arrived; what is not lent is only shown. */
static size_t take_batch(struct pair *p, int side) {
    size_t n = cable_receive(p->cable, side, p->packets, BATCH);
    if (n == 0) return 0;
    for (size_t i = 0; i < n && !p->lend; i++) {
        p->tokens[i] = p->packets[i].token;
        p->packets[i].token = NULL;
    }
    tern_input(p->stack[side], 0, p->packets, n, p->now);
    for (size_t i = 0; i < n && !p->lend; i++) cable_release(p->cable, p->tokens[i]);
    return n;
}

size_t pair_input(struct pair *p, int side) {
    size_t total = 0, n;
    do {
        n = take_batch(p, side);
        total += n;
    } while (n == BATCH);
    return total;
}

void pair_reclaim(struct pair *p, int side) {
    if (!p->lend) return;
    for (int back; (back = tern_reclaim(p->stack[side], p->tokens, BATCH)) > 0;)
        for (int i = 0; i < back; i++) cable_release(p->cable, p->tokens[i]);
}

size_t pair_output(struct pair *p, int side) {
    int n = tern_output(p->stack[side], p->frames, (size_t)p->batch, p->now);
    if (n > 0) cable_send(p->cable, side, p->frames, (size_t)n);
    return n > 0 ? (size_t)n : 0;
}

void pair_events(struct pair *p, int side) {
    for (int n; (n = tern_poll(p->stack[side], p->events, BATCH)) > 0;)
        for (int i = 0; i < n && p->event != NULL; i++) p->event(p->ctx, p, side, &p->events[i]);
}

void pair_tick(struct pair *p) { p->now = p->repeatable ? p->now + TICK_NS : clock_ns(); }

size_t pair_round(struct pair *p) {
    size_t moved = 0;
    pair_tick(p);
    for (int side = 0; side < 2; side++) {
        moved += pair_input(p, side);
        tern_expire(p->stack[side], p->now);
        pair_events(p, side);
        pair_reclaim(p, side);
        moved += pair_output(p, side);
    }
    return moved;
}

void pair_settle(struct pair *p) {
    while (pair_round(p) != 0) {
    }
}

tern_sock pair_listen(struct pair *p, int side, uint16_t port, uint32_t backlog) {
    tern_sock sock;
    tern_listen_config c = {.size = sizeof c, .port = port, .backlog = backlog};
    if (tern_listen(p->stack[side], &c, &sock) != TERN_OK) give_up_bench("cannot listen");
    return sock;
}

tern_sock pair_connect(struct pair *p, uint16_t local_port, uint16_t remote_port, unsigned local, uint64_t user) {
    tern_sock sock;
    tern_open open = {.size = sizeof open,
                      .local = pair_addr(0, local),
                      .remote = pair_addr(1, 0),
                      .local_port = local_port,
                      .remote_port = remote_port,
                      .user = user};
    int r = tern_connect(p->stack[0], &open, &sock);
    if (r != TERN_OK) give_up_bench("cannot connect: %s", tern_error_name(r));
    return sock;
}

tern_stats pair_stats(const struct pair *p, int side) {
    tern_stats s = {.size = sizeof s};
    tern_stats_get(p->stack[side], &s);
    return s;
}
