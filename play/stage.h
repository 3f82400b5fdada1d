/* stage.h - what the parts of the player share while a run is under way: player.c has the loop and the trace, apps.c
 * the applications, network.c what becomes of packets, verdict.c the judgement. */
#ifndef PLAY_STAGE_H
#define PLAY_STAGE_H

#include "drivers/sim.h"
#include "lens/peek.h"
#include "play/forge.h"
#include "play/player.h"

enum {
    STAGE_CONNS = 4096,
    STAGE_CUES = 256,
    STAGE_LATER = 4096,
    STAGE_SENT = 200000,
    STAGE_LISTENERS = 8,
    SHIFTS = 16,
    STAGE_CHUNK = 65536
};

/* A connection in the hands of an application. */
struct conn {
    int end;
    tern_sock sock;
    tern_flow flow;
    unsigned incarnation; /* of these two ports */
    bool open, accepted, paused, eof;
    uint64_t to_send, sent, received;
    enum { THEN_NOTHING, THEN_SHUTDOWN, THEN_CLOSE } then; /* when all is sent */
    bool wrong;                                            /* something was read that the peer never sent */
};

/* A connection as the trace of one end shows it. */
struct life {
    int end;
    tern_flow flow;
    bool has_iss, has_irs, ended;
    uint32_t iss, irs;
    enum tern_state state;
    int error;
    const char *timer; /* that runs; NULL: none */
    uint64_t due_ns, round;
    unsigned steps;
    enum tern_state path[PLAY_PATH];
};

/* A segment that an end sent. */
struct sent {
    uint64_t time_ns;
    int from;
    uint16_t flags;
    bool lost;
    uint32_t seq, ack, len; /* as on the wire */
    int64_t rel_seq, rel_ack;
    int8_t state[2]; /* -1: no connection */
};

/* What has happened and may be waited for. */
struct cue {
    int when, end;
    tern_flow flow;
    enum tern_state state;
    uint64_t bytes;
};

/* Something that is due at a time. */
struct later {
    uint64_t due_ns;
    enum { LATER_ACT, LATER_PACKET, LATER_FORGED, LATER_NO_TIME_WAIT } kind;
    unsigned act;
    tern_flow flow; /* of the connection that an act is for; ports 0: none in particular */
    int end;        /* that sent, or that gets it */
    uint8_t *bytes;
    uint32_t len;
};

struct shift {
    bool used;
    int end;
    tern_flow flow;
    uint32_t inner, add;
};

struct host_calls;
struct kernel;

struct stage {
    const struct scenario *s;
    const struct play_take *take;
    const struct host_calls *calls[2]; /* host.h */
    const tern_allocator *memory;      /* of both hosts; NULL: the machine's */
    struct kernel *kernel;             /* one of the hosts is the Linux kernel; NULL: none is */
    const char *file;
    struct play_result *out;
    struct sim *sim;
    uint64_t start_ns;
    uint64_t ahead[2][2]; /* of each end's clock at its first and second start */
    unsigned boot[2];
    uint8_t chunk[STAGE_CHUNK];
    bool silent; /* a record is the player's doing, not the host's */

    struct conn *conn;
    size_t conns, conns_room;
    bool paused[2]; /* of connections to come */
    struct {
        int end;
        uint16_t port;
        tern_sock sock;
        bool unaccepted;
    } listener[STAGE_LISTENERS];
    unsigned listeners;
    int call_error[2]; /* of the latest OPEN that was refused */
    unsigned accepted[2];

    struct life *life;
    size_t lives, lives_room;
    struct sent *sent;
    size_t sents, sents_room;
    bool short_of_memory;

    struct cue cue[STAGE_CUES];
    unsigned cues;
    struct later *later;
    size_t laters, laters_room;
    uint64_t passed_ns; /* when the NAT last saw a packet */
    bool forgotten;     /* it knows no connection any more */
    struct {
        tern_flow flow; /* as its sender sees it */
        uint8_t bytes[160];
        uint32_t len;
    } syn_ack;                 /* of a host with the two-way rule: the latest */
    uint32_t seen[PLAY_RULES]; /* segments that each rule matched */
    bool passing, dropped;     /* the packet in the filter: let it through; it was lost and not held back */
    struct shift shift[SHIFTS];
    unsigned shifts;
    uint32_t counted;                    /* ISNs handed out by a counter */
    uint32_t last_isn[2], isn_before[2]; /* on the wire: the newest, and that of the connection before it */
    tern_flow last_flow[2];
    bool wished[2][2]; /* the ISN was seen: */
    uint32_t first_isn[2][2];
};

uint64_t stage_now(const struct stage *g); /* since the run began */
bool same_flow(const tern_flow *a, const tern_flow *b);
tern_flow turned(const tern_flow *flow);
bool who_is(const struct play_who *who, int end, const tern_flow *flow);
struct life *life_of(struct stage *g, int end, const tern_flow *flow, bool make);
/* The newest one that `who` means; NULL: none. */
struct life *life_find(struct stage *g, const struct play_who *who);
void cue_add(struct stage *g, const struct cue *cue);
struct later *later_add(struct stage *g, uint64_t due_ns, int kind);
bool grow(void **array, size_t *room, size_t n, size_t item, size_t max);

/* ---- apps.c ---- */
void app_event(void *ctx, struct sim *sim, int end, const tern_event *event);
void app_act(struct stage *g, const struct play_act *act, const tern_flow *flow);
/* The host lost everything. */
void app_forget(struct stage *g, int end);
/* The altered rule: whoever is in TIME-WAIT leaves it. */
void app_no_time_wait(struct stage *g, int end, const tern_flow *flow);

/* ---- network.c ---- */
bool net_filter(void *ctx, int from, uint64_t number, const void *data, uint32_t len);
void net_tap(void *ctx, const struct memlink_record *record);
void net_due(struct stage *g, const struct later *later);
void net_inject(struct stage *g, const struct play_act *act);
/* Altered rules, as the trace shows them. */
void net_shift_record(struct stage *g, int end, tern_trace *record, uint8_t *packet);

/* The number on the wire that the scenario means by `value`, one of `whose`: the kernel chooses its own numbers, and in
 * real time tern's are others, too; then it is as far from the first number as in the scenario. */
uint32_t net_number(const struct stage *g, int whose, uint32_t value);

/* ---- player.c ---- */
/* What the applications do about what they just heard. */
void stage_answer(struct stage *g);

/* ---- trace.c ---- */
void stage_trace(struct stage *g, int end);
/* A record of what happened at an end: of its stack's trace, or made by who watches the kernel. */
void stage_record(struct stage *g, int end, const tern_trace *record);
/* From now on this timer runs; NULL: none does. */
void stage_timer(struct stage *g, struct life *l, const char *timer, uint64_t due_ns);
/* Which timers run, as the stacks say. */
void stage_timers(struct stage *g);
void edge_walked(struct stage *g, enum tern_state from, enum tern_state to, const char *event);

/* ---- verdict.c ---- */
void verdict_failed(struct stage *g, struct play_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Right now: what a line `at T expect ...` says. */
void verdict_state(struct stage *g, const struct play_act *act);
/* The newest connection of this end went other ways than between two hosts of tern. */
void verdict_paths(struct stage *g, int end, const struct play_result *tern);
/* At the end: all the rest. */
void verdict(struct stage *g);

#endif
