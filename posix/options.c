/* options.c - getsockopt and setsockopt: Linux's names and limits. A table says where each setting that is one int lies
 * and which of the stack's it is; those of another shape follow it. TCP_INFO is info.c's. */
#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "posix/inner.h"

enum { BUFFER_MOST = 212992, SNDBUF_LEAST = 4608, RCVBUF_LEAST = 2304, NAME_MOST = 16 };

enum shape {
    FLAG,   /* any value but 0 counts as 1 */
    NUMBER, /* min to max, else EINVAL */
    BYTE,   /* the same; one byte may be given instead of an int, -1 means the default */
    BUFFER, /* see store_buffer */
};

struct row {
    short level, name;
    uint8_t slot, shape, option; /* option: enum tern_option, 0: the stack knows nothing of it */
    int min, max, initial;
    int scale; /* the stack's unit in this one */
};

static const struct row rows[] = {
    {SOL_SOCKET, SO_DEBUG, S_DEBUG, FLAG, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_REUSEADDR, S_REUSEADDR, FLAG, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_REUSEPORT, S_REUSEPORT, FLAG, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_DONTROUTE, S_DONTROUTE, FLAG, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_BROADCAST, S_BROADCAST, FLAG, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_KEEPALIVE, S_KEEPALIVE, FLAG, TERN_OPT_KEEPALIVE, 0, 1, 0, 1},
    {SOL_SOCKET, SO_OOBINLINE, S_OOBINLINE, FLAG, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_PRIORITY, S_PRIORITY, NUMBER, 0, INT_MIN, INT_MAX, 0, 1},
    {SOL_SOCKET, SO_MARK, S_MARK, NUMBER, 0, INT_MIN, INT_MAX, 0, 1},
    {SOL_SOCKET, SO_TIMESTAMP, S_TIMESTAMP, FLAG, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_BUSY_POLL, S_BUSY_POLL, NUMBER, 0, 0, INT_MAX, 0, 1},
    {SOL_SOCKET, SO_ZEROCOPY, S_ZEROCOPY, NUMBER, 0, 0, 1, 0, 1},
    {SOL_SOCKET, SO_SNDBUF, S_SNDBUF, BUFFER, TERN_OPT_SEND_BUFFER, INT_MIN, INT_MAX, 0, 1},
    {SOL_SOCKET, SO_SNDBUFFORCE, S_SNDBUF, BUFFER, TERN_OPT_SEND_BUFFER, INT_MIN, INT_MAX, 0, 1},
    {SOL_SOCKET, SO_RCVBUF, S_RCVBUF, BUFFER, TERN_OPT_RECEIVE_BUFFER, INT_MIN, INT_MAX, 0, 1},
    {SOL_SOCKET, SO_RCVBUFFORCE, S_RCVBUF, BUFFER, TERN_OPT_RECEIVE_BUFFER, INT_MIN, INT_MAX, 0, 1},
    {SOL_SOCKET, SO_RCVLOWAT, S_RCVLOWAT, NUMBER, 0, INT_MIN, INT_MAX, 1, 1},
    {IPPROTO_TCP, TCP_NODELAY, S_NODELAY, FLAG, TERN_OPT_NODELAY, 0, 1, 0, 1},
    {IPPROTO_TCP, TCP_CORK, S_CORK, FLAG, TERN_OPT_CORK, 0, 1, 0, 1},
    {IPPROTO_TCP, TCP_MAXSEG, S_MAXSEG, NUMBER, TERN_OPT_MSS, 0, 32767, 0, 1},
    {IPPROTO_TCP, TCP_KEEPIDLE, S_KEEPIDLE, NUMBER, TERN_OPT_KEEPALIVE_IDLE_MS, 1, 32767, 7200, 1000},
    {IPPROTO_TCP, TCP_KEEPINTVL, S_KEEPINTVL, NUMBER, TERN_OPT_KEEPALIVE_INTERVAL_MS, 1, 32767, 75, 1000},
    {IPPROTO_TCP, TCP_KEEPCNT, S_KEEPCNT, NUMBER, TERN_OPT_KEEPALIVE_PROBES, 1, 127, 9, 1},
    {IPPROTO_TCP, TCP_SYNCNT, S_SYNCNT, NUMBER, TERN_OPT_SYN_RETRIES, 1, 127, 6, 1},
    {IPPROTO_TCP, TCP_LINGER2, S_LINGER2, NUMBER, TERN_OPT_FIN_WAIT_2_MS, INT_MIN, INT_MAX, 60, 1000},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, S_DEFER_ACCEPT, NUMBER, 0, INT_MIN, INT_MAX, 0, 1},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, S_WINDOW_CLAMP, NUMBER, 0, 0, INT_MAX, 0, 1},
    {IPPROTO_TCP, TCP_QUICKACK, S_QUICKACK, FLAG, TERN_OPT_QUICK_ACK, 0, 1, 0, 1},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, S_USER_TIMEOUT, NUMBER, TERN_OPT_USER_TIMEOUT_MS, 0, INT_MAX, 0, 1},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, S_NOTSENT_LOWAT, NUMBER, 0, INT_MIN, INT_MAX, 0, 1},
    {IPPROTO_TCP, TCP_FASTOPEN, S_FASTOPEN, NUMBER, 0, 0, INT_MAX, 0, 1},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, S_FASTOPEN_CONNECT, NUMBER, 0, 0, 1, 0, 1},
    {IPPROTO_TCP, TCP_SAVE_SYN, S_SAVE_SYN, NUMBER, 0, 0, 2, 0, 1},
    {IPPROTO_TCP, TCP_INQ, S_INQ, NUMBER, 0, 0, 1, 0, 1},
    {IPPROTO_IP, IP_TOS, S_TOS, BYTE, TERN_OPT_DSCP, INT_MIN, INT_MAX, 0, 1},
    {IPPROTO_IP, IP_TTL, S_TTL, BYTE, TERN_OPT_TTL, 1, 255, 64, 1},
    {IPPROTO_IP, IP_MTU_DISCOVER, S_MTU_DISCOVER, BYTE, 0, 0, 5, 1, 1},
    {IPPROTO_IP, IP_RECVERR, S_RECVERR, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IP, IP_RECVTOS, S_RECVTOS, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IP, IP_RECVTTL, S_RECVTTL, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IP, IP_FREEBIND, S_FREEBIND, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, S_NO_PORT, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IPV6, IPV6_V6ONLY, S_V6ONLY, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IPV6, IPV6_TCLASS, S_TCLASS, NUMBER, TERN_OPT_DSCP, -1, 255, 0, 1},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, S_HOPS, NUMBER, TERN_OPT_TTL, -1, 255, 64, 1},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, S_MTU_DISCOVER6, NUMBER, 0, 0, 5, 1, 1},
    {IPPROTO_IPV6, IPV6_RECVERR, S_RECVERR6, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, S_RECVTCLASS, FLAG, 0, 0, 1, 0, 1},
    {IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, S_AUTOFLOWLABEL, FLAG, 0, 0, 1, 0, 1},
};

static const struct row *row_of(int level, int name) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].level == level && rows[i].name == name) return &rows[i];
    return NULL;
}

/* Linux's names for the stack's algorithms. */
static const char *const congestion_names[] = {[TERN_NEWRENO] = "reno", [TERN_CUBIC] = "cubic", [TERN_BBR] = "bbr"};

void options_default(struct sock *s) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) s->opt[rows[i].slot] = rows[i].initial;
    s->linger = -1;
    s->congestion = -1;
}

/* ---- between a setting here and the stack's ---- */

/* Of the two names of one thing, that of the other family does not count. */
static bool applies(const struct sock *s, const struct row *r) {
    tern_status_info st;
    bool v6 = s->domain == AF_INET6 && sock_status(s, &st) && st.flow.local.family == 6;
    return !(r->level == IPPROTO_IP && v6) && !(r->level == IPPROTO_IPV6 && !v6);
}

/* Half of what SO_SNDBUF and SO_RCVBUF say is for Linux's bookkeeping; the stack counts bytes. */
static int64_t for_stack(const struct row *r, int value) {
    switch (r->option) {
    case TERN_OPT_SEND_BUFFER:
    case TERN_OPT_RECEIVE_BUFFER: return value / 2;
    case TERN_OPT_DSCP: return (value < 0 ? 0 : value & 255) >> 2;
    case TERN_OPT_TTL: return value < 0 ? 64 : value;
    case TERN_OPT_FIN_WAIT_2_MS: return value < 0 ? 0 : (int64_t)value * r->scale;
    case TERN_OPT_SYN_RETRIES: return value < 20 ? value : 20;
    default: return (int64_t)value * r->scale;
    }
}

static void apply(const struct sock *s, const struct row *r) {
    if (s->handle.id && r->option && applies(s, r))
        tern_set(s->px->config.stack, s->handle, (enum tern_option)r->option, for_stack(r, s->opt[r->slot]));
}

/* A new connection or listener gets what was set before it was there. */
void options_apply(struct sock *s) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (s->set >> rows[i].slot & 1) apply(s, &rows[i]);
    if (s->congestion >= 0) tern_set(s->px->config.stack, s->handle, TERN_OPT_CONGESTION, s->congestion);
}

/* ---- setting ---- */

static void store(struct sock *s, const struct row *r, int value) {
    s->opt[r->slot] = value;
    s->set |= 1ull << r->slot;
    apply(s, r);
    file_wake(&s->file);
}

/* Linux doubles what is asked for and has a floor; without the FORCE names also a ceiling. */
static int store_buffer(struct sock *s, const struct row *r, int value) {
    bool force = r->name == SO_SNDBUFFORCE || r->name == SO_RCVBUFFORCE;
    int least = r->slot == S_SNDBUF ? SNDBUF_LEAST : RCVBUF_LEAST;
    if (force && value < 0) value = 0;
    if (!force && (unsigned)value > BUFFER_MOST) value = BUFFER_MOST;
    value = value > INT_MAX / 2 ? INT_MAX : 2 * value;
    store(s, r, value > least ? value : least);
    return 0;
}

/* Seconds after which Linux gives up waiting for data are rounded up to a time at which it repeats a SYN-ACK. */
static int defer_seconds(int value) {
    int all = 0, step = 1;
    while (value > all) {
        all += step;
        step = step < 64 ? 2 * step : 120;
    }
    return all;
}

/* Values that are not taken as they come; errno or 0. */
static int special(const struct sock *s, const struct row *r, int *value) {
    enum tern_state state = s->phase == LISTENING ? TERN_LISTEN : sock_state(s);
    switch (r->slot) {
    case S_MAXSEG: return *value && *value < 88 ? EINVAL : 0;
    case S_RCVLOWAT:
        if (*value < 0) *value = INT_MAX;
        if (*value == 0) *value = 1;
        return 0;
    case S_LINGER2:
        if (*value < 0) *value = -1;
        if (*value > 120) *value = 120;
        return 0;
    case S_DEFER_ACCEPT: *value = defer_seconds(*value); return 0;
    case S_WINDOW_CLAMP:
        if (*value == 0) return state == TERN_CLOSED ? 0 : EINVAL;
        if (*value < RCVBUF_LEAST / 2) *value = RCVBUF_LEAST / 2;
        return 0;
    case S_FASTOPEN: return state == TERN_CLOSED || state == TERN_LISTEN ? 0 : EINVAL;
    case S_FASTOPEN_CONNECT: return state == TERN_CLOSED ? 0 : EINVAL;
    case S_TOS: *value &= 255 & ~3; return 0;
    case S_TTL:
        if (*value == -1) *value = 64;
        return 0;
    case S_HOPS:
        if (*value == 0) return EINVAL;
        if (*value == -1) *value = 64;
        return 0;
    case S_TCLASS: *value = *value < 0 ? 0 : *value & ~3; return 0;
    case S_V6ONLY: return s->port ? EINVAL : 0;
    default: return 0;
    }
}

static int set_number(struct sock *s, const struct row *r, const void *from, socklen_t len) {
    int value;
    if (len < (socklen_t)sizeof value && !(r->level == IPPROTO_IP && len > 0)) return fail(EINVAL);
    if (!from) return fail(EFAULT);
    if (len < (socklen_t)sizeof value)
        value = *(const uint8_t *)from;
    else
        memcpy(&value, from, sizeof value);
    if (r->shape == BUFFER) return store_buffer(s, r, value);
    if (r->shape == FLAG) value = value != 0;
    bool fallback = r->shape == BYTE && r->slot == S_TTL && value == -1;
    if (!fallback && (value < r->min || value > r->max)) return fail(EINVAL);
    int error = special(s, r, &value);
    if (error) return fail(error);
    store(s, r, value);
    return 0;
}

static int set_linger(struct sock *s, const void *from, socklen_t len) {
    struct linger l;
    if (len < (socklen_t)sizeof l) return fail(EINVAL);
    memcpy(&l, from, sizeof l);
    s->linger = l.l_onoff ? l.l_linger < 0 ? INT_MAX : l.l_linger : -1;
    return 0;
}

static int set_timeout(uint64_t *out, const void *from, socklen_t len) {
    struct timeval t;
    if (len < (socklen_t)sizeof t) return fail(EINVAL);
    memcpy(&t, from, sizeof t);
    if (t.tv_usec < 0 || t.tv_usec >= 1000000) return fail(EDOM);
    if (t.tv_sec < 0) { /* at once, in Linux's reading */
        *out = 1;
        return 0;
    }
    *out = t.tv_sec > INT32_MAX ? 0 : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
    return 0;
}

static int set_congestion(struct sock *s, const char *from, socklen_t len) {
    char name[NAME_MOST] = {0};
    if (len < 1) return fail(EINVAL);
    memcpy(name, from, len < NAME_MOST - 1 ? len : NAME_MOST - 1);
    for (size_t i = 0; i < sizeof congestion_names / sizeof congestion_names[0]; i++) {
        if (strcmp(name, congestion_names[i]) != 0) continue;
        s->congestion = (int)i;
        if (s->handle.id) tern_set(s->px->config.stack, s->handle, TERN_OPT_CONGESTION, s->congestion);
        return 0;
    }
    return fail(ENOENT);
}

static bool settable(const struct sock *s, int level) {
    return level == SOL_SOCKET || level == IPPROTO_TCP || level == IPPROTO_IP ||
           (level == IPPROTO_IPV6 && s->domain == AF_INET6);
}

int px_setsockopt(struct posix *p, int fd, int level, int name, const void *value, socklen_t len) {
    struct sock *s = socket_of(p, fd);
    if (!s) return -1;
    events_collect(p);
    sock_refresh(s);
    if ((int)len < 0) return fail(EINVAL);
    if (!settable(s, level)) return fail(ENOPROTOOPT);
    const struct row *r = row_of(level, name);
    if (r) return set_number(s, r, value, len);
    if (level == SOL_SOCKET && len < (socklen_t)sizeof(int)) return fail(EINVAL);
    if (!value) return fail(EFAULT);
    if (level == SOL_SOCKET && name == SO_LINGER) return set_linger(s, value, len);
    if (level == SOL_SOCKET && name == SO_RCVTIMEO) return set_timeout(&s->receive_timeout_ns, value, len);
    if (level == SOL_SOCKET && name == SO_SNDTIMEO) return set_timeout(&s->send_timeout_ns, value, len);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) return set_congestion(s, value, len);
    return fail(ENOPROTOOPT);
}

/* ---- reading ---- */

/* The value in full; as much as fits is copied. */
static int give(const void *from, size_t size, void *to, socklen_t *len) {
    if (*len > size) *len = (socklen_t)size;
    if (!to && *len) return fail(EFAULT);
    if (*len) memcpy(to, from, *len);
    return 0;
}

static int congestion_of(const struct sock *s) {
    int64_t now = TERN_CUBIC;
    if (s->congestion >= 0) return s->congestion;
    if (s->handle.id) tern_get(s->px->config.stack, s->handle, TERN_OPT_CONGESTION, &now);
    return (int)now;
}

static int get_congestion(const struct sock *s, void *to, socklen_t *len) {
    char name[NAME_MOST] = {0};
    strncpy(name, congestion_names[congestion_of(s)], sizeof name - 1);
    return give(name, sizeof name, to, len);
}

static int64_t buffer_size(const struct sock *s, enum tern_option option, int64_t initial) {
    int64_t now = initial;
    if (s->handle.id) tern_get(s->px->config.stack, s->handle, option, &now);
    return now;
}

/* rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops */
static int get_meminfo(const struct sock *s, void *to, socklen_t *len) {
    tern_status_info st;
    uint32_t m[9] = {0};
    if (sock_status(s, &st)) {
        m[0] = st.receive_queued;
        m[2] = m[5] = st.send_queued;
    }
    m[1] = (uint32_t)buffer_size(s, TERN_OPT_RECEIVE_BUFFER, 262144);
    m[3] = (uint32_t)buffer_size(s, TERN_OPT_SEND_BUFFER, 262144);
    return give(m, sizeof m, to, len);
}

static int get_info(struct sock *s, void *to, socklen_t *len) {
    struct px_tcp_info info;
    info_fill(s, &info);
    return give(&info, sizeof info, to, len);
}

static int get_linger(const struct sock *s, void *to, socklen_t *len) {
    struct linger l = {.l_onoff = s->linger >= 0, .l_linger = s->linger > 0 ? s->linger : 0};
    return give(&l, sizeof l, to, len);
}

static int get_timeout(uint64_t ns, void *to, socklen_t *len) {
    struct timeval t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_usec = (suseconds_t)(ns / 1000u % 1000000u)};
    return give(&t, sizeof t, to, len);
}

/* Those of the table that say something else than what was set. */
static int number_of(struct sock *s, const struct row *r) {
    tern_status_info st;
    switch (r->slot) {
    case S_SNDBUF:
        if (s->set >> S_SNDBUF & 1) break;
        return (int)buffer_size(s, TERN_OPT_SEND_BUFFER, 262144);
    case S_RCVBUF:
        if (s->set >> S_RCVBUF & 1) break;
        return (int)buffer_size(s, TERN_OPT_RECEIVE_BUFFER, 262144);
    case S_MAXSEG:
        if (s->phase != LISTENING && sock_state(s) != TERN_CLOSED && sock_status(s, &st)) return (int)st.mss;
        return s->opt[S_MAXSEG] ? s->opt[S_MAXSEG] : 536;
    default: break;
    }
    return s->opt[r->slot];
}

static int path_mtu(const struct sock *s, int *out) {
    tern_status_info st;
    if (s->phase == LISTENING || sock_state(s) == TERN_CLOSED || !sock_status(s, &st)) return fail(ENOTCONN);
    int headers = st.flow.local.family == 6 ? 60 : 40;
    *out = (int)st.mss + headers + (st.timestamps ? 12 : 0);
    return 0;
}

/* Numbers that can only be read; 1: there is none of this name, -1 with errno. */
static int read_only(struct sock *s, int level, int name, int *out) {
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_ERROR:
            *out = sock_take_error(s);
            if (!*out) *out = s->soft, s->soft = 0;
            return 0;
        case SO_TYPE: *out = SOCK_STREAM; return 0;
        case SO_DOMAIN: *out = s->domain; return 0;
        case SO_PROTOCOL: *out = IPPROTO_TCP; return 0;
        case SO_ACCEPTCONN: *out = s->phase == LISTENING; return 0;
        case SO_SNDLOWAT: *out = 1; return 0;
        default: return 1;
        }
    }
    if (level == IPPROTO_IP && name == IP_MTU) return path_mtu(s, out);
    if (level == IPPROTO_IPV6 && name == IPV6_MTU) return path_mtu(s, out);
    return 1;
}

/* IP's settings may be asked for as one byte. */
static int give_number(int level, int value, void *to, socklen_t *len) {
    if (level == IPPROTO_IP && *len > 0 && *len < sizeof value && value >= 0 && value <= 255) {
        *len = 1;
        if (!to) return fail(EFAULT);
        *(uint8_t *)to = (uint8_t)value;
        return 0;
    }
    return give(&value, sizeof value, to, len);
}

int px_getsockopt(struct posix *p, int fd, int level, int name, void *to, socklen_t *len) {
    struct sock *s = socket_of(p, fd);
    int value;
    if (!s) return -1;
    if (!len) return fail(EFAULT);
    if ((int)*len < 0) return fail(EINVAL);
    events_collect(p);
    sock_refresh(s);
    if (!settable(s, level)) return fail(EOPNOTSUPP);
    const struct row *r = row_of(level, name);
    if (r) return give_number(level, number_of(s, r), to, len);
    int found = read_only(s, level, name, &value);
    if (found <= 0) return found < 0 ? -1 : give_number(level, value, to, len);
    if (level == SOL_SOCKET && name == SO_LINGER) return get_linger(s, to, len);
    if (level == SOL_SOCKET && name == SO_RCVTIMEO) return get_timeout(s->receive_timeout_ns, to, len);
    if (level == SOL_SOCKET && name == SO_SNDTIMEO) return get_timeout(s->send_timeout_ns, to, len);
    if (level == SOL_SOCKET && name == SO_MEMINFO) return get_meminfo(s, to, len);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) return get_congestion(s, to, len);
    if (level == IPPROTO_TCP && name == TCP_INFO) return get_info(s, to, len);
    if (level == IPPROTO_TCP && name == TCP_CC_INFO) {
        *len = 0;
        return 0;
    }
    return fail(ENOPROTOOPT);
}
