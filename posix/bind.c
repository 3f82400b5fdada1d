/* bind.c - names of sockets: who may have an address and a port, and the choice of a port that nobody asked for. The
 * stack knows connections and listeners; sockets that are merely bound exist only here. */
#include <errno.h>
#include <string.h>

#include "posix/inner.h"

enum { PORT_FIRST = 32768, PORT_LAST = 60999 };

static bool same(const tern_addr *a, const tern_addr *b) { return memcmp(a, b, sizeof *a) == 0; }

/* Family 0 is every address; 0.0.0.0 or :: every one of its family. */
static bool overlap(const tern_addr *a, const tern_addr *b) {
    if (!a->family || !b->family) return true;
    return a->family == b->family && (addr_any(a) || addr_any(b) || same(a, b));
}

/* Both must have agreed to share; with SO_REUSEADDR, no listener may be there yet. */
static bool shares(const struct sock *a, const struct sock *b) {
    if (a->opt[S_REUSEPORT] && b->opt[S_REUSEPORT]) return true;
    return a->opt[S_REUSEADDR] && b->opt[S_REUSEADDR] && b->phase != LISTENING;
}

/* Connections that no socket here stands for: closed ones that the stack still finishes, TIME-WAIT. */
static bool stack_conflict(const struct sock *s, const tern_addr *addr, uint16_t port) {
    tern_status_info st;
    for (uint64_t cursor = 0; tern_list(s->px->config.stack, &cursor, &st);)
        if (st.state != TERN_LISTEN && st.state != TERN_CLOSED && (st.passive || st.closed_by_user) &&
            st.flow.local_port == port && overlap(addr, &st.flow.local))
            return true;
    return false;
}

static bool bind_conflict(const struct sock *s, const tern_addr *addr, uint16_t port) {
    for (const struct sock *b = s->px->bound; b; b = b->bound_next)
        if (b != s && b->port == port && overlap(addr, &b->local) && !shares(s, b)) return true;
    return !s->opt[S_REUSEADDR] && !s->opt[S_REUSEPORT] && stack_conflict(s, addr, port);
}

bool bind_listener(const struct sock *s) {
    for (const struct sock *b = s->px->bound; b; b = b->bound_next)
        if (b != s && b->phase == LISTENING && b->port == s->port && overlap(&s->local, &b->local) && !shares(s, b))
            return true;
    return false;
}

void bind_release(struct sock *s) {
    if (!s->bound_link) return;
    *s->bound_link = s->bound_next;
    if (s->bound_next) s->bound_next->bound_link = s->bound_link;
    s->bound_link = NULL;
    s->port = 0;
    s->locked = false;
    s->local = (tern_addr){0};
}

void bind_inherit(struct sock *s, const tern_addr *addr, uint16_t port) {
    bind_release(s);
    s->local = *addr;
    s->port = port;
    s->bound_next = s->px->bound;
    s->bound_link = &s->px->bound;
    if (s->bound_next) s->bound_next->bound_link = &s->bound_next;
    s->px->bound = s;
}

/* A step through the range that visits every port, begun anywhere. */
static int choose(struct sock *s, const tern_addr *addr, uint16_t *port) {
    enum { RANGE = PORT_LAST - PORT_FIRST + 1, STRIDE = 10007 };
    struct posix *p = s->px;
    if (!p->port_next) p->port_next = (uint32_t)(now_of(p) * 0x9e3779b97f4a7c15u >> 40);
    for (unsigned i = 0; i < RANGE; i++) {
        *port = (uint16_t)(PORT_FIRST + (p->port_next += STRIDE) % RANGE);
        if (!bind_conflict(s, addr, *port)) return 0;
    }
    return EADDRINUSE;
}

static bool is_ours(const struct sock *s, const tern_addr *addr) {
    tern_addr a;
    if (s->opt[S_FREEBIND] || !addr->family || addr_any(addr)) return true;
    for (size_t i = 0; tern_addr_at(s->px->config.stack, i, &a, NULL, NULL); i++)
        if (same(&a, addr)) return true;
    return false;
}

int bind_port(struct sock *s, const tern_addr *addr, uint16_t port) {
    if (!is_ours(s, addr)) return EADDRNOTAVAIL;
    if (!port) {
        int error = choose(s, addr, &port);
        if (error) return error;
    } else if (bind_conflict(s, addr, port)) {
        return EADDRINUSE;
    }
    bind_inherit(s, addr, port);
    return 0;
}
