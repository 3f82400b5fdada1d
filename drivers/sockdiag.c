/* sockdiag.c - asks inet_diag for TCP sockets and translates its answers. */
#include "drivers/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "drivers/netlink.h"
#include "po/i18n.h"

/* The kernel's numbers for states (its net/tcp_states.h, which is not for programs). */
static const uint8_t states[] = {
    [1] = TERN_ESTABLISHED, [2] = TERN_SYN_SENT,  [3] = TERN_SYN_RECEIVED, [4] = TERN_FIN_WAIT_1,
    [5] = TERN_FIN_WAIT_2,  [6] = TERN_TIME_WAIT, [7] = TERN_CLOSED,       [8] = TERN_CLOSE_WAIT,
    [9] = TERN_LAST_ACK,    [10] = TERN_LISTEN,   [11] = TERN_CLOSING,     [12] = TERN_SYN_RECEIVED,
};

struct sockdiag {
    struct netlink nl;
};

struct collection {
    struct sockdiag_socket *out;
    size_t max, count;
};

int sockdiag_open(struct sockdiag **out, struct driver_error *err) {
    struct sockdiag *sd = calloc(1, sizeof *sd);
    if (sd == NULL) return driver_fail(err, ENOMEM, "out of memory");
    int r = netlink_open(&sd->nl, NETLINK_SOCK_DIAG, err);
    if (r < 0) {
        free(sd);
        return r;
    }
    *out = sd;
    return 0;
}

void sockdiag_close(struct sockdiag *sd) {
    if (sd == NULL) return;
    netlink_close(&sd->nl);
    free(sd);
}

/* IPv4 connections of IPv6 sockets come with mapped addresses (::ffff:10.9.0.1). */
static tern_addr addr_of(uint8_t family, const uint32_t *words) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_mapped = family == AF_INET6 && memcmp(words, mapped, sizeof mapped) == 0;
    tern_addr a = {family == AF_INET || is_mapped ? 4 : 6, {0}};
    memcpy(a.bytes, words + (is_mapped ? 3 : 0), a.family == 4 ? 4 : 16);
    return a;
}

static void read_info(struct sockdiag_socket *s, const void *attrs, size_t len) {
    struct tcp_info info;
    size_t size;
    const void *p = netlink_find(attrs, len, INET_DIAG_INFO, &size);
    if (p == NULL) return;
    memset(&info, 0, sizeof info); /* older kernels tell less */
    memcpy(&info, p, size < sizeof info ? size : sizeof info);
    s->has_info = true;
    s->rtt_us = info.tcpi_rtt;
    s->rttvar_us = info.tcpi_rttvar;
    s->rto_us = info.tcpi_rto;
    s->cwnd = info.tcpi_snd_cwnd;
    s->ssthresh = info.tcpi_snd_ssthresh;
    s->mss_out = info.tcpi_snd_mss;
    s->mss_in = info.tcpi_rcv_mss;
    s->unacked = info.tcpi_unacked;
    s->lost = info.tcpi_lost;
    s->retransmitted = info.tcpi_total_retrans;
    s->snd_wscale = info.tcpi_snd_wscale;
    s->rcv_wscale = info.tcpi_rcv_wscale;
    s->timestamps = (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0;
    s->sack = (info.tcpi_options & TCPI_OPT_SACK) != 0;
}

/* One inet_diag_msg, unaligned in the kernel's answer. */
static void collect(void *ctx, uint16_t type, const void *body, size_t len) {
    struct collection *c = ctx;
    struct inet_diag_msg m;
    if (type != SOCK_DIAG_BY_FAMILY || len < sizeof m) return;
    if (c->count++ >= c->max) return;
    memcpy(&m, body, sizeof m);
    struct sockdiag_socket *s = &c->out[c->count - 1];
    memset(s, 0, sizeof *s);
    s->flow.local = addr_of(m.idiag_family, m.id.idiag_src);
    s->flow.remote = addr_of(m.idiag_family, m.id.idiag_dst);
    s->flow.local_port = ntohs(m.id.idiag_sport);
    s->flow.remote_port = ntohs(m.id.idiag_dport);
    s->state = m.idiag_state < sizeof states ? states[m.idiag_state] : TERN_CLOSED;
    s->timer = m.idiag_timer <= SOCKDIAG_TIMER_PERSIST ? m.idiag_timer : SOCKDIAG_TIMER_NONE;
    s->expires_ms = m.idiag_expires;
    s->retransmits = m.idiag_retrans;
    s->send_queue = m.idiag_wqueue;
    s->receive_queue = m.idiag_rqueue;
    s->uid = m.idiag_uid;
    s->inode = m.idiag_inode;
    read_info(s, (const uint8_t *)body + sizeof m, len - sizeof m);
}

static int ask(struct sockdiag *sd, struct inet_diag_req_v2 *q, uint16_t flags, struct collection *c) {
    struct netlink_message m;
    q->sdiag_protocol = IPPROTO_TCP;
    q->idiag_ext = 1 << (INET_DIAG_INFO - 1);
    q->idiag_states = UINT32_MAX;
    q->id.idiag_cookie[0] = q->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    netlink_begin(&m, SOCK_DIAG_BY_FAMILY, flags, q, sizeof *q);
    return netlink_call(&sd->nl, &m, collect, c);
}

static int cannot(struct driver_error *err, int code) {
    if (code == ENOENT)
        return driver_fail(err, ENOTSUP,
                           "the kernel does not tell of its TCP sockets: load the module (modprobe tcp_diag)");
    return driver_fail(err, code, "asking the kernel for its TCP sockets: %s", i18n_error(code));
}

int sockdiag_list(struct sockdiag *sd, struct sockdiag_socket *out, size_t max, struct driver_error *err) {
    struct collection c = {out, max, 0};
    const uint8_t families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < sizeof families; i++) {
        struct inet_diag_req_v2 q = {.sdiag_family = families[i]};
        int r = ask(sd, &q, NLM_F_DUMP, &c);
        if (r < 0) return cannot(err, -r);
    }
    return (int)c.count;
}

static bool same_end(const tern_addr *a, uint16_t a_port, const tern_addr *b, uint16_t b_port) {
    return a->family == b->family && a_port == b_port && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int sockdiag_find(struct sockdiag *sd, const tern_flow *flow, struct sockdiag_socket *out, struct driver_error *err) {
    struct collection c = {out, 1, 0};
    struct inet_diag_req_v2 q = {.sdiag_family = flow->local.family == 4 ? AF_INET : AF_INET6};
    q.id.idiag_sport = htons(flow->local_port);
    q.id.idiag_dport = htons(flow->remote_port);
    memcpy(q.id.idiag_src, flow->local.bytes, sizeof q.id.idiag_src);
    memcpy(q.id.idiag_dst, flow->remote.bytes, sizeof q.id.idiag_dst);
    int r = ask(sd, &q, 0, &c);
    if (r < 0 && r != -ENOENT) return cannot(err, -r);
    /* Where there is no such connection, the kernel answers with the listener of that port. */
    if (r == 0 && c.count == 1 && same_end(&out->flow.local, out->flow.local_port, &flow->local, flow->local_port) &&
        same_end(&out->flow.remote, out->flow.remote_port, &flow->remote, flow->remote_port))
        return 0;
    return driver_fail(err, ENOENT, "the kernel has no TCP socket with these ends");
}
