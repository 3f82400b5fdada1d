/* connect.c - `tern connect HOST PORT`: standard input and output at one end of a TCP connection, like nc. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli/node.h"

enum { O_FROM = OPT_COMMAND, O_NODELAY };

static const struct opt connect_opts[] = {
    {O_FROM, "from-port", "PORT", N_("the local port; otherwise tern picks one")},
    {O_NODELAY, "nodelay", NULL, N_("Nagle's algorithm off")},
};

static const struct opt_group groups[3] = {
    OPT_GROUP(N_("The connection:"), connect_opts),
    {N_("The host:"), node_opts, 0},
    {N_("The look of --trace:"), look_opts, 0},
};

static const char about[] = N_("Connects to a port and copies standard input to it and what comes back to standard "
                               "output. At the end of the input the "
                               "connection is half closed (FIN); the program ends when the peer has closed too. HOST "
                               "is an address: tern asks no name "
                               "server. The first interrupt closes in order, the second one resets.");
static const char after[] = N_("Example, as root:\n"
                               "  tern connect --link tun:tern0 --addr 10.9.0.2/24 --peer-addr 10.9.0.1/24 \\\n"
                               "      10.9.0.1 22");

enum { WANT = 1 << 18 };

struct connection {
    struct node node;
    tern_sock sock;
    tern_addr host;
    uint16_t port, from; /* from 0: tern picks one */
    bool nodelay;
    int out_flags; /* of standard output before; -1: not changed */
    bool connected, input_done, output_done, closed, waits_output, owes_fin;
    int error; /* what ended it */
    int code;
};

static void on_output(void *ctx, int fd, short revents);
static void on_input(void *ctx, int fd, short revents);

static void watch_input(struct connection *c) {
    if (!c->input_done && c->connected) loop_watch(&c->node.loop, STDIN_FILENO, POLLIN, on_input, c);
}

static void finish_input(struct connection *c) {
    c->input_done = true;
    loop_unwatch(&c->node.loop, STDIN_FILENO);
    c->owes_fin = tern_shutdown(c->node.stack, c->sock) == TERN_ENOMEM;
}

/* Reads straight into the send buffer. */
static void on_input(void *ctx, int fd, short revents) {
    struct connection *c = ctx;
    void *ptr[2];
    size_t len[2];
    (void)revents;
    node_clock(&c->node);
    int r = tern_write_reserve(c->node.stack, c->sock, WANT, ptr, len);
    if (r < 0 || len[0] == 0) {
        loop_unwatch(&c->node.loop, fd); /* until there is room again: TERN_EV_WRITE */
        return;
    }
    struct iovec v[2] = {{ptr[0], len[0]}, {ptr[1], len[1]}};
    ssize_t n = readv(fd, v, len[1] > 0 ? 2 : 1);
    if (n > 0) {
        tern_write_commit(c->node.stack, c->sock, (size_t)n);
    } else if (n == 0) {
        finish_input(c);
    } else if (errno != EAGAIN && errno != EINTR) {
        c->code = trouble(_("standard input: %s"), i18n_error(errno));
        finish_input(c);
    }
}

/* Everything is said in both directions: the stack may finish alone. */
static void finish(struct connection *c) {
    if (c->closed) return;
    c->closed = true;
    loop_unwatch(&c->node.loop, STDIN_FILENO);
    loop_unwatch(&c->node.loop, STDOUT_FILENO);
    tern_close(c->node.stack, c->sock);
    c->node.closing = true;
    node_wake(&c->node, 0);
}

static void output_failed(struct connection *c) {
    if (errno != EPIPE)
        c->code = trouble(_("standard output: %s"), i18n_error(errno));
    else
        c->code = EXIT_TROUBLE; /* whoever read it knows */
    c->output_done = c->closed = true;
    tern_abort(c->node.stack, c->sock);
    node_stop(&c->node);
}

/* Writes from the receive buffer until it is empty or the output is full. */
static void drain(struct connection *c) {
    while (!c->output_done && !c->closed) {
        tern_span spans[16];
        struct iovec v[16];
        int n = tern_read_borrow(c->node.stack, c->sock, spans, 16);
        if (n == TERN_EAGAIN) break;
        if (n <= 0) {
            c->output_done = true;
            break;
        }
        for (int i = 0; i < n; i++) v[i] = (struct iovec){(void *)(uintptr_t)spans[i].data, spans[i].len};
        ssize_t wrote = writev(STDOUT_FILENO, v, n);
        if (wrote < 0 && errno == EAGAIN) {
            c->waits_output = true;
            loop_watch(&c->node.loop, STDOUT_FILENO, POLLOUT, on_output, c);
            return;
        }
        if (wrote < 0 && errno != EINTR) {
            output_failed(c);
            return;
        }
        if (wrote > 0) tern_read_release(c->node.stack, c->sock, (size_t)wrote);
    }
    if (c->output_done && (c->input_done || c->error != 0)) finish(c);
}

static void on_output(void *ctx, int fd, short revents) {
    struct connection *c = ctx;
    (void)revents;
    node_clock(&c->node);
    c->waits_output = false;
    loop_unwatch(&c->node.loop, fd);
    drain(c);
}

static void on_event(void *ctx, const tern_event *event) {
    struct connection *c = ctx;
    char text[SOCKET_TEXT];
    if (event->sock.id != c->sock.id || c->closed) return;
    if (event->bits & TERN_EV_CONNECTED) {
        c->connected = true;
        watch_input(c);
    }
    if (event->bits & TERN_EV_WRITE) {
        watch_input(c);
        if (c->owes_fin) finish_input(c);
    }
    if (event->bits & TERN_EV_SOFT_ERROR)
        note(_("%s: %s"), socket_text(&c->host, c->port, text), tern_strerror(event->error, i18n_lang()));
    if (event->bits & TERN_EV_CLOSED) {
        c->error = event->error;
        c->input_done = true;
        loop_unwatch(&c->node.loop, STDIN_FILENO);
        if (event->error != 0)
            c->code =
                trouble(_("%s: %s"), socket_text(&c->host, c->port, text), tern_strerror(event->error, i18n_lang()));
    }
    if (!c->waits_output) drain(c);
}

static void on_turn(void *ctx, uint64_t now_ns) {
    struct connection *c = ctx;
    (void)now_ns;
    if (c->closed && node_idle(&c->node)) node_stop(&c->node);
}

static void on_interrupt(void *ctx) {
    struct connection *c = ctx;
    if (!c->connected)
        finish(c);
    else if (!c->input_done)
        finish_input(c);
}

/* A pipe or socket that is full must not stop the loop. A file never says so, and a terminal is shared. */
static void soften_output(struct connection *c) {
    struct stat st;
    c->out_flags = -1;
    if (fstat(STDOUT_FILENO, &st) != 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) return;
    c->out_flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (c->out_flags >= 0) fcntl(STDOUT_FILENO, F_SETFL, c->out_flags | O_NONBLOCK);
#ifdef F_SETPIPE_SZ
    fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 1 << 20);
#endif
}

static int option(void *ctx, struct node_options *o, int code, const char *value) {
    struct connection *c = ctx;
    uint64_t number;
    if (code == O_NODELAY)
        c->nodelay = true;
    else if (code != O_FROM)
        return node_option(o, code, value);
    else if (!number_parse(value, 1, 65535, &number))
        return misuse(_("--from-port: '%s' is not a number from 1 to 65535"), value);
    else
        c->from = (uint16_t)number;
    return 0;
}

static int options(int argc, char **argv, struct connection *c, struct node_options *o) {
    static const struct help help = {"connect", "--link KIND:NAME --addr ADDRESS/LEN HOST PORT", about, groups, 3,
                                     after};
    uint64_t number;
    int code = node_options_read(o, argc, argv, &help, option, c);
    if (code != 0) return code;
    if (argc - optind < 2) return misuse(_("HOST and PORT are missing"));
    if (argc - optind > 2) return misuse(_("'%s' is too much"), argv[optind + 2]);
    if (tern_addr_parse(argv[optind], &c->host) < 0)
        return misuse(_("HOST: '%s' is no IPv4 or IPv6 address"), argv[optind]);
    if (!number_parse(argv[optind + 1], 1, 65535, &number))
        return misuse(_("PORT: '%s' is not a number from 1 to 65535"), argv[optind + 1]);
    c->port = (uint16_t)number;
    return node_options_check(o, "tern connect");
}

static int start(struct connection *c) {
    tern_open open = {.size = sizeof open, .remote = c->host, .remote_port = c->port, .local_port = c->from};
    char text[SOCKET_TEXT];
    int r = tern_connect(c->node.stack, &open, &c->sock);
    if (r < 0) return trouble(_("%s: %s"), socket_text(&c->host, c->port, text), tern_strerror(r, i18n_lang()));
    if (c->nodelay) tern_set(c->node.stack, c->sock, TERN_OPT_NODELAY, 1);
    return 0;
}

int connect_main(int argc, char **argv) {
    static struct connection c;
    struct node_options o;
    int code = options(argc, argv, &c, &o);
    if (code != 0) return code == NODE_DONE ? EXIT_FINE : code;
    c.node.on_event = on_event;
    c.node.on_turn = on_turn;
    c.node.on_interrupt = on_interrupt;
    c.node.ctx = &c;
    code = node_open(&c.node, &o);
    soften_output(&c);
    if (code == 0) code = start(&c);
    if (code == 0) code = node_run(&c.node);
    if (code == 0 && !c.closed && c.node.interrupts == 0)
        c.code = EXIT_TROUBLE; /* the link ended first, which was said */
    if (c.node.stack != NULL) node_abort_all(&c.node);
    int closed = node_close(&c.node);
    if (c.out_flags >= 0) fcntl(STDOUT_FILENO, F_SETFL, c.out_flags);
    return code != 0 ? code : c.code != 0 ? c.code : c.node.interrupts > 1 ? EXIT_TROUBLE : closed;
}
