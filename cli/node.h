/* node.h - a tern host of the command line: a stack, its link, who watches it (ladder, capture file, JSON), signals,
 * and the loop around all. What it is for is its command's business. */
#ifndef CLI_NODE_H
#define CLI_NODE_H

#include <stdio.h>

#include "cli/cli.h"
#include "drivers/loop.h"
#include "lens/ladder.h"
#include "lens/pcapng.h"
#include "tern.h"

enum { NODE_ADDRS = 16, NODE_ROUTES = 16 };

struct node_route {
    struct driver_prefix to;
    tern_addr via; /* family 0: on the link */
};

/* How the ladder is to look. */
struct look_options {
    bool absolute, ascii, all;
    const char *colour; /* "auto", "always", "never" */
};

struct node_options {
    const char *link;
    struct driver_prefix addr[NODE_ADDRS], peer[NODE_ADDRS];
    size_t addrs, peers, routes;
    struct node_route route[NODE_ROUTES];
    uint32_t mtu;
    bool no_offload, keep_privileges, trace, json;
    const char *json_path; /* NULL: standard error */
    const char *pcap;
    struct look_options look;
    tern_config config;
};

extern const struct opt node_opts[], look_opts[];
extern const size_t node_opts_n, look_opts_n;

/* Takes an option of node_opts or look_opts: 0, or an exit code to leave with (~0 - 0 means: leave with success). */
int node_option(struct node_options *o, int code, const char *value);
/* The same for an option of look_opts only. */
int look_option(struct look_options *o, int code, const char *value);
enum { NODE_DONE = -1 }; /* of node_option: all was said, leave with EXIT_FINE */
/* Reads all options of a command: `own` takes each, and hands on to node_option what is not the command's. The help has
 * three groups: the command's own, node_opts and look_opts. Then optind is the first operand. */
typedef int node_option_fn(void *ctx, struct node_options *o, int code, const char *value);
int node_options_read(struct node_options *o, int argc, char **argv, const struct help *help, node_option_fn *own,
                      void *ctx);
/* --set NAME=VALUE: 0, or an exit code as node_option gives it; "help" prints all names. */
int config_option(tern_config *config, const char *value);
/* Checks what belongs together. 0, or what misuse() gave. */
int node_options_check(const struct node_options *o, const char *usage_of_stdio);

/* The ladder's options for a stream. */
struct ladder_options look_for(const struct look_options *o, FILE *out);

struct node {
    tern_stack *stack;
    struct device *device;
    struct loop loop;
    int iface;
    struct ladder *ladder;
    struct pcapng *pcap;
    FILE *json;
    int signals;         /* a signalfd */
    unsigned interrupts; /* SIGINT and SIGTERM so far */
    bool closing;
    bool unseen; /* watchers hold something back */
    bool pcap_failed;

    /* of the command */
    void (*on_event)(void *ctx, const tern_event *event);
    void (*on_turn)(void *ctx, uint64_t now_ns);
    void (*on_interrupt)(void *ctx); /* the first one: begin to close. The second one ends node_run */
    void *ctx;
};

/* Opens the link, gives up privileges, makes the stack. 0, or an exit code after saying what is wrong. */
int node_open(struct node *n, struct node_options *o);
/* Runs until node_stop, the end of the link (fine) or trouble. Returns an exit code. */
int node_run(struct node *n);
void node_stop(struct node *n);
/* Makes sure that a turn happens by then. */
void node_wake(struct node *n, uint64_t at_ns);
/* Outside events and turns the stack's clock stands still: call this before others there, so that a trace tells the
 * right time. */
void node_clock(struct node *n);
/* No connection is left that still has something to do. */
bool node_idle(struct node *n);
/* Resets every connection, also those that only finish. */
void node_abort_all(struct node *n);
/* Sends what is ready, one last time, and closes all. NULL fields are fine. Returns an exit code. */
int node_close(struct node *n);

/* Nanoseconds between tern_host_now() and Unix time. */
uint64_t clock_epoch(void);
/* "[fd00::1]:80" or "10.9.0.1:80". */
#define SOCKET_TEXT 64
const char *socket_text(const tern_addr *addr, uint16_t port, char buf[SOCKET_TEXT]);

#endif
