/* test_explain.c - the Linux kernel talking to itself, over lo and over a wire that delays, loses and reorders, captured
 * by tcpdump with and without offload: what explain says of the states, against what the kernel's sock_diag told at the
 * time. Wrong must be nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/netns.h"
#include "drivers/sockdiag.h"
#include "explain/decode.h"
#include "explain/history.h"
#include "pulse.h"
#include "spoiled.h"
#include "tests/plain_network.h"

/* A packet so near to a question may have come before the answer or behind it. */
static const uint64_t CLOSE_NS = 3 * MS_NS;

enum { LOOKS_MAX = 400, PAIRS_MAX = 64, SOCKETS_MAX = 512, FLOWS_MAX = 256 };

/* ---- the kernel's side ---- */

struct pair { /* one connection: both sockets are in this process */
    int client, server, listener;
    uint16_t port, client_port;
};

/* What the kernel said at one time: between these two. */
struct truth {
    uint64_t from_ns, time_ns;
    uint16_t client_port, port;
    enum tern_state client, server;
    int line;
};

static struct stage {
    int family;
    const struct spoiled *spoiled; /* NULL: all over lo */
    struct sockdiag *diag[2];      /* of the clients, of the servers */
    struct pair pair[PAIRS_MAX];
    unsigned pairs;
    struct truth truth[LOOKS_MAX];
    unsigned truths;
    uint16_t next_port;
} stage;

static uint64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * SEC_NS + (uint64_t)ts.tv_nsec;
}

static void rest(unsigned ms) {
    pulse_beat(0);
    usleep(ms * 1000);
    pulse_beat(ms * 1000000ull);
}

static socklen_t home(uint16_t port, struct sockaddr_storage *sa) {
    memset(sa, 0, sizeof *sa);
    if (stage.family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
        return sizeof *v6;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)sa;
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    v4->sin_addr.s_addr = htonl(stage.spoiled != NULL ? 0x0a4d0002 : INADDR_LOOPBACK);
    return sizeof *v4;
}

/* From now on in the namespace of the clients, or of the servers. */
static void at(int end) {
    if (stage.spoiled != NULL) spoiled_enter(stage.spoiled, end);
}

static int new_socket(int end) {
    at(end);
    int fd = socket(stage.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail_msg("socket: %s", strerror(errno));
    return fd;
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0) return 0;
    return ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port
                                          : ((struct sockaddr_in *)&sa)->sin_port);
}

static enum tern_state state_of(const struct sockdiag_socket *list, size_t n, uint16_t local, uint16_t remote) {
    for (size_t i = 0; i < n; i++)
        if (list[i].flow.local_port == local && list[i].flow.remote_port == remote) return list[i].state;
    return TERN_CLOSED;
}

/* Lets things settle, and asks the kernel for the states of all connections. */
#define ask() ask_at(__LINE__)
static void ask_at(int line) {
    static struct sockdiag_socket list[2][SOCKETS_MAX];
    struct driver_error err;
    int n[2];
    rest(25);
    uint64_t from_ns = now_ns();
    for (int end = 0; end < 2; end++) {
        n[end] = sockdiag_list(stage.diag[end], list[end], SOCKETS_MAX, &err);
        if (n[end] < 0) fail_msg("%s", err.text);
    }
    uint64_t to_ns = now_ns();
    for (unsigned i = 0; i < stage.pairs; i++) {
        const struct pair *p = &stage.pair[i];
        if (stage.truths == LOOKS_MAX) return;
        stage.truth[stage.truths++] = (struct truth){.from_ns = from_ns,
                                                     .time_ns = to_ns,
                                                     .client_port = p->client_port,
                                                     .port = p->port,
                                                     .client = state_of(list[0], (size_t)n[0], p->client_port, p->port),
                                                     .server = state_of(list[1], (size_t)n[1], p->port, p->client_port),
                                                     .line = line};
    }
    rest(5);
}

static struct pair *listens(int backlog) {
    struct sockaddr_storage sa;
    struct pair *p = &stage.pair[stage.pairs++];
    p->port = stage.next_port++;
    p->server = -1;
    p->listener = new_socket(SPOILED_B);
    socklen_t len = home(p->port, &sa);
    int one = 1;
    setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(p->listener, (struct sockaddr *)&sa, len) < 0 || listen(p->listener, backlog) < 0)
        fail_msg("listen: %s", strerror(errno));
    return p;
}

static void connects(struct pair *p) {
    struct sockaddr_storage sa;
    p->client = new_socket(SPOILED_A);
    socklen_t len = home(p->port, &sa);
    if (connect(p->client, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS && errno != ECONNREFUSED)
        fail_msg("connect: %s", strerror(errno));
    p->client_port = port_of(p->client);
}

static void accepts(struct pair *p) {
    struct pollfd w = {p->listener, POLLIN, 0};
    poll(&w, 1, 30000); /* a busy machine, and a SYN or two lost */
    p->server = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (p->server < 0) fail_msg("accept: %s", strerror(errno));
}

static struct pair *opened(void) {
    struct pair *p = listens(5);
    connects(p);
    accepts(p);
    return p;
}

static void says(int fd, size_t len) {
    static char bytes[65536];
    while (len > 0) {
        ssize_t n = send(fd, bytes, len < sizeof bytes ? len : sizeof bytes, MSG_NOSIGNAL);
        if (n <= 0) return;
        len -= (size_t)n;
    }
}

static void hears(int fd) {
    static char bytes[65536];
    for (unsigned quiet = 0; quiet < 2; quiet++) {
        for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, 0)) > 0;) quiet = 0;
        rest(2);
    }
}

static void resets(int fd) {
    struct linger l = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    close(fd);
}

/* ---- the scenes ---- */

static void client_first(void) {
    struct pair *p = opened();
    ask();
    says(p->client, 100);
    ask();
    hears(p->server);
    says(p->server, 5000);
    ask();
    hears(p->client);
    close(p->client);
    ask();
    close(p->server);
    ask();
}

static void server_first(void) {
    struct pair *p = opened();
    says(p->client, 100);
    ask();
    hears(p->server);
    shutdown(p->server, SHUT_WR);
    ask();
    says(p->client, 3000);
    ask();
    hears(p->server);
    close(p->client);
    ask();
    close(p->server);
    ask();
}

static void half_closed(void) {
    struct pair *p = opened();
    shutdown(p->client, SHUT_WR);
    ask();
    for (unsigned i = 0; i < 8; i++) {
        says(p->server, 300000);
        rest(3);
        hears(p->client);
    }
    ask();
    close(p->server);
    ask();
    close(p->client);
    ask();
}

/* The application has closed, and its bytes still wait: FIN-WAIT-1 that no packet shows. */
static void close_queued(void) {
    struct pair *p = opened();
    says(p->client, 20 << 20); /* more than the buffers take */
    ask();
    close(p->client);
    ask();
    hears(p->server);
    ask();
    close(p->server);
    ask();
}

static void linger_zero(void) {
    struct pair *p = opened();
    says(p->client, 100);
    hears(p->server);
    ask();
    resets(p->server);
    ask();
    close(p->client);
    ask();
}

static void closed_unread(void) {
    struct pair *p = opened();
    says(p->client, 100);
    ask();
    close(p->server);
    ask();
    close(p->client);
    ask();
}

static void after_close(void) {
    struct pair *p = opened();
    close(p->server);
    ask();
    says(p->client, 100);
    ask();
    close(p->client);
    ask();
}

static void nobody_listens(void) {
    struct pair *p = listens(5);
    close(p->listener);
    p->listener = -1;
    connects(p);
    ask();
    close(p->client);
    ask();
}

/* One is accepted by the kernel, the others wait half-open. */
static void queue_full(void) {
    struct pair *first = listens(0);
    connects(first);
    for (unsigned i = 0; i < 3; i++) {
        struct pair *p = &stage.pair[stage.pairs++];
        *p = (struct pair){.server = -1, .listener = -1, .port = first->port};
        connects(p);
    }
    ask();
    says(stage.pair[stage.pairs - 1].client, 50);
    ask();
    rest(1200);
    ask();
}

static void window_shut(void) {
    struct pair *p = opened();
    for (unsigned i = 0; i < 20; i++) {
        says(p->client, 1 << 20);
        rest(2);
    }
    ask();
    rest(700);
    ask();
    hears(p->server);
    ask();
    close(p->server);
    ask();
    close(p->client);
    ask();
}

static void keepalive(void) {
    struct pair *p = opened();
    int one = 1;
    setsockopt(p->client, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(p->client, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one);
    setsockopt(p->client, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof one);
    rest(1100);
    ask();
    close(p->client);
    close(p->server);
    ask();
}

/* ---- the capture ---- */

static pid_t dump_pid[2];

static bool dump_start(int end, const char *device, const char *path) {
    int out[2];
    if (pipe(out) < 0) return false;
    at(end);
    pid_t pid = dump_pid[end] = fork();
    if (pid == 0) {
        dup2(out[1], 2);
        execlp("tcpdump", "tcpdump", "-i", device, "-Z", "root", "--immediate-mode", "-U", "-s", "200", "-B", "16384",
               "-w", path, "tcp", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    char said[512];
    size_t at = 0;
    bool listening = false;
    for (ssize_t n; !listening && at < sizeof said - 1 && (n = read(out[0], said + at, sizeof said - 1 - at)) > 0;) {
        at += (size_t)n;
        said[at] = '\0';
        listening = strstr(said, "listening on") != NULL;
    }
    if (!listening) {
        waitpid(pid, NULL, 0);
        dump_pid[end] = 0;
        close(out[0]);
    }
    return listening;
}

static void dump_stop(void) {
    rest(200);
    for (int end = 0; end < 2; end++) {
        if (dump_pid[end] <= 0) continue;
        kill(dump_pid[end], SIGTERM);
        waitpid(dump_pid[end], NULL, 0);
        dump_pid[end] = 0;
    }
}

/* ---- against what explain says ---- */

struct score {
    unsigned certain, likely, missed, undecided, wrong, unasked;
};

static struct explain_flow *live[FLOWS_MAX];
static unsigned lives;

static void seen(void *ctx, struct explain_flow *flow, const struct flow_packet *packet, const struct sight *look,
                 const struct passive_view *view) {
    (void)ctx;
    (void)packet;
    (void)look;
    (void)view;
    for (unsigned i = 0; i < lives; i++)
        if (live[i] == flow) return;
    assert_true(lives < FLOWS_MAX);
    live[lives++] = flow;
}

static void judge(struct score *score, const struct truth *truth, const char *who, const struct statement *s,
                  enum tern_state real) {
    uint16_t none = 1u << TERN_CLOSED | 1u << TERN_LISTEN;
    bool gone = real == TERN_CLOSED;
    bool held = gone ? (s->states & none) != 0 : (s->states >> real & 1) != 0;
    bool best = s->best == real || (gone && s->best == TERN_LISTEN);
    if (!held) {
        score->wrong++;
        print_message("line %d, %s: is %s, said", truth->line, who, tern_state_name(real));
        for (unsigned i = 0; i < TERN_STATES; i++)
            if (s->states & 1u << i) print_message(" %s", tern_state_name((enum tern_state)i));
        print_message(" (%s)\n", passive_doubt_text((enum doubt)s->doubt, TERN_EN));
    } else if (s->certainty == CERTAIN) {
        score->certain++;
    } else if (s->certainty == UNDECIDABLE) {
        score->undecided++;
    } else {
        (*(best ? &score->likely : &score->missed))++;
    }
}

static void compare(const struct truth *truth, struct score *score) {
    for (unsigned i = 0; i < lives; i++) {
        const struct explain_flow *f = live[i];
        int a = f->end[END_A].port == truth->client_port && f->end[END_B].port == truth->port   ? END_A
                : f->end[END_B].port == truth->client_port && f->end[END_A].port == truth->port ? END_B
                                                                                                : -1;
        if (a < 0) continue;
        const struct record *r = f->machine;
        struct statement client = passive_now(&r->passive, &r->track, a, truth->time_ns);
        struct statement server = passive_now(&r->passive, &r->track, !a, truth->time_ns);
        judge(score, truth, "client", &client, truth->client);
        judge(score, truth, "server", &server, truth->server);
        return;
    }
}

static void explain(const char *path, enum vantage said, struct score *score) {
    struct explain_machine m;
    struct decoder dec;
    struct decoded d;
    struct capture_packet p;
    struct capture_error error;
    unsigned next = 0;
    uint64_t last_ns = 0;
    lives = 0;
    machine_init(&m, &(struct explain_options){.vantage = said, .seen = seen});
    struct flow_table *table = flow_table_new(&m.ops, FLOWS_MAX, 3600 * SEC_NS);
    struct capture *c = capture_open(&path, 1);
    assert_true(table != NULL && c != NULL);
    decoder_init(&dec);
    dec.check_sums = true;
    for (int more = 1; more == 1;) {
        more = capture_next(c, &p, &error);
        if (more < 0) fail_msg("%s", error.text);
        for (; next < stage.truths && (more == 0 || stage.truth[next].time_ns < p.time_ns); next++) {
            const struct truth *asked = &stage.truth[next];
            bool before = last_ns + CLOSE_NS > asked->from_ns;
            bool behind = more == 1 && p.time_ns < asked->time_ns + CLOSE_NS;
            if (before || behind)
                score->unasked++;
            else
                compare(asked, score);
        }
        last_ns = p.time_ns;
        if (more == 1 && decode(&dec, &p, &d) == DECODE_TCP) flow_table_packet(table, &d);
    }
    flow_table_end(table);
    flow_table_free(table);
    decoder_free(&dec);
    capture_close(c);
}

static void offload(int end, const char *device, bool on) {
    const char *v = on ? "on" : "off";
    char command[256];
    at(end);
    snprintf(command, sizeof command, "ethtool -K %s tx %s tso %s gso %s gro %s >/dev/null 2>&1", device, v, v, v, v);
    if (system(command) != 0) print_message("ethtool changes nothing here\n");
}

/* All builds but the first look once. */
static bool small(void) {
    const char *scale = getenv("TERN_TEST_SCALE");
    return scale != NULL && strcmp(scale, "small") == 0;
}

/* Looks at one capture; `many`: it must be known so often. */
static void look(const char *path, enum vantage said, const char *name, unsigned many) {
    struct score s = {0};
    explain(path, said, &s);
    print_message("%s: certain %u, likely %u, likely but not so %u, undecided %u, wrong %u; too near to a packet %u\n",
                  name, s.certain, s.likely, s.missed, s.undecided, s.wrong, s.unasked);
    assert_true(s.certain + s.likely > many);
    assert_int_equal(s.wrong, 0);
}

static void stage_set(int family, uint16_t port, const struct spoiled *spoiled) {
    struct driver_error err;
    pulse_rest();
    memset(&stage, 0, sizeof stage);
    stage.family = family;
    stage.spoiled = spoiled;
    stage.next_port = port;
    for (int end = 0; end < 2; end++) {
        at(end);
        if (sockdiag_open(&stage.diag[end], &err) < 0) fail_msg("%s", err.text);
    }
}

static void temporary(char path[32]) {
    strcpy(path, "/tmp/tern-explain-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void play_scenes(void (*const scenes[])(void), size_t n) {
    for (size_t i = 0; i < n; i++) scenes[i]();
    ask();
    dump_stop();
    for (unsigned i = 0; i < stage.pairs; i++) { /* those of the last scenes are still open */
        if (stage.pair[i].listener >= 0) close(stage.pair[i].listener);
    }
    for (int end = 0; end < 2; end++) sockdiag_close(stage.diag[end]);
}

static void no_tcpdump(void) {
    print_message("tcpdump does not run here\n");
    exit(77);
}

static void captured(int family, bool with_offload) {
    static void (*const scenes[])(void) = {client_first, server_first,  half_closed, close_queued,
                                           linger_zero,  closed_unread, after_close, nobody_listens,
                                           queue_full,   window_shut,   keepalive};
    char path[32];
    temporary(path);
    stage_set(family, (uint16_t)(20000 + (family == 6) * 1000 + with_offload * 500), NULL);
    offload(SPOILED_A, "lo", with_offload);
    if (!dump_start(SPOILED_A, "lo", path)) no_tcpdump();
    play_scenes(scenes, sizeof scenes / sizeof *scenes);
    print_message("IPv%d over lo, offload %s\n", family, with_offload ? "on" : "off");
    look(path, VANTAGE_UNKNOWN, "not told where", 50);
    look(path, VANTAGE_A, "told at A", 50);
    look(path, VANTAGE_B, "told at B", 50);
    unlink(path);
}

/* Two hosts, each captured at itself, each capture with the other one withheld. */
static void over_a_wire(const struct spoiled_wire *wire, bool with_offload) {
    static void (*const scenes[])(void) = {client_first, server_first, half_closed,   close_queued,   client_first,
                                           linger_zero,  after_close,  closed_unread, nobody_listens, server_first};
    struct spoiled spoiled;
    char path[2][32];
    if (!spoiled_open(&spoiled, wire)) {
        print_message("no two namespaces and veth here\n");
        skip();
    }
    stage_set(4, 30000, &spoiled);
    for (int end = 0; end < 2; end++) {
        temporary(path[end]);
        offload(end, "t0", with_offload);
        if (!dump_start(end, "t0", path[end])) no_tcpdump();
    }
    play_scenes(scenes, sizeof scenes / sizeof *scenes);
    print_message("over a wire of %u ms, %u of 1000 lost, %u overtake, offload %s\n", wire->delay_ms, wire->loss,
                  wire->reorder, with_offload ? "on" : "off");
    look(path[SPOILED_A], VANTAGE_UNKNOWN, "at A, not told", 25);
    look(path[SPOILED_A], VANTAGE_A, "at A", 25);
    look(path[SPOILED_B], VANTAGE_UNKNOWN, "at B, not told", 25);
    look(path[SPOILED_B], VANTAGE_B, "at B", 25);
    for (int end = 0; end < 2; end++) unlink(path[end]);
    spoiled_close(&spoiled);
}

static void wire_with_offload(void **state) {
    (void)state;
    over_a_wire(&(struct spoiled_wire){.delay_ms = 4, .loss = 30, .reorder = 50}, true);
}
static void wire_without_offload(void **state) {
    (void)state;
    if (!small()) over_a_wire(&(struct spoiled_wire){.delay_ms = 10, .loss = 60, .reorder = 150}, false);
}

static void lo_with_offload_v4(void **state) {
    (void)state;
    captured(4, true);
}
static void lo_without_offload_v4(void **state) {
    (void)state;
    if (!small()) captured(4, false);
}
static void lo_with_offload_v6(void **state) {
    (void)state;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool none = fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0;
    close(fd);
    if (none) skip();
    if (!small()) captured(6, true);
}

int main(void) {
    struct driver_error err;
    if (netns_enter(&err) < 0) {
        print_message("%s\n", err.text);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lo_with_offload_v4),   cmocka_unit_test(lo_without_offload_v4),
        cmocka_unit_test(lo_with_offload_v6),   cmocka_unit_test(wire_with_offload),
        cmocka_unit_test(wire_without_offload),
    };
    plain_network();
    return pulse_run(tests, sizeof tests / sizeof *tests, NULL);
}
