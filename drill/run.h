/* run.h - one run of a script, seen from its parts: run.c leads through the events, calls*.c makes the calls, report.c
 * says what failed. */
#ifndef DRILL_RUN_H
#define DRILL_RUN_H

#include "drill/calls.h"
#include "drill/drill.h"
#include "drill/tested.h"
#include "drill/world.h"
#include "posix/tcp_info.h"

enum { FDS_MOST = 64 };

struct snapshot {
    struct snapshot *next;
    const struct event *event;
    bool taken; /* false: there was no socket to ask */
    struct px_tcp_info info;
};

struct pending {
    bool active;
    const struct event *event;
    uint64_t from_ns, to_ns, slack_ns;
    struct px_call call;
    struct frame frame;
    struct outcome outcome;
};

struct run {
    const struct script *script;
    const struct drill_setup *setup;
    struct drill_options options; /* with addresses filled in */
    struct world world;
    struct tested tested;
    struct {
        int64_t script;
        int live;
    } fd[FDS_MOST];
    unsigned fds;
    struct pending pending;
    struct snapshot *snapshots, **last_snapshot;
    uint64_t previous_ns; /* the time of the event before */
    uint64_t inject_ns;   /* the scheduled time of a packet injected just before; 0: that was something else */
    bool failed;
    FILE *report;
    struct drill_result *result;
};

/* Seconds since the script began, "0.200000". */
const char *run_time(const struct run *r, uint64_t ns, char buf[32]);

/* ---- report.c: the first failure ends a run; each of these says it once ---- */

void fail_plain(struct run *r, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What was expected against what was sent; `cells` differ. `got` NULL: nothing was sent. */
void fail_packet(struct run *r, const struct event *e, const struct packet *got, unsigned cells, const char *why);
void warn_plain(struct run *r, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What the stack did last, with reasons. */
void report_trace(struct run *r);

#endif
