/* calls.h - the calls that a script can make: their names for the parser, their execution for the runner. */
#ifndef DRILL_CALLS_H
#define DRILL_CALLS_H

#include "drill/script.h"

struct run;
struct px_call;

/* How a call went. */
enum outcome_kind {
    OUTCOME_DONE,
    OUTCOME_PENDING, /* it waits, in the px_call that was deferred */
    OUTCOME_WRONG,   /* it ended, and what it filled in differs, or it was called wrongly: said in text */
};

struct outcome {
    enum outcome_kind kind;
    int64_t result;
    int error; /* errno of result -1 */
    struct place at;
    char text[256];
};

enum { CALL_ARGS = 6, CALL_MEMORY = 72, BUFFER_MOST = 1 << 24 };

/* Memory of a call that may still wait: what it was given, and what it fills in. */
struct frame {
    struct run *run;
    const struct call *call;
    const struct expr *arg[CALL_ARGS];
    void *memory[CALL_MEMORY]; /* of frame_memory, in order */
    int64_t script_fd;
    int fd; /* live; -1: a number that the script never got */
    struct outcome *out;
};

struct call_def {
    const char *name;
    unsigned args;                   /* at most */
    unsigned args_optional;          /* so many of them may be missing */
    enum { CALL_NO_FD, CALL_FD } fd; /* is the first argument a descriptor? */
    /* Makes it. Leaves out->result and, for -1, errno. PX_PENDING is OUTCOME_PENDING. */
    int64_t (*make)(struct frame *f);
    /* What is to be compared or kept when it has ended well; may be NULL. */
    void (*done)(struct frame *f);
};

/* NULL: there is no such call. */
const struct call_def *call_find(const char *name);

/* Fails the call in words; the first counts. */
void frame_wrong(struct frame *f, const struct expr *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The argument as a number, or as a live descriptor; frame_wrong when it is none. */
int64_t frame_integer(struct frame *f, const struct expr *e);
int frame_fd(struct frame *f, const struct expr *e);
/* A field of a brace; NULL: it is not there. */
const struct expr *expr_field(const struct expr *brace, const char *name);
/* Zeroed bytes that live as long as the call. */
void *frame_memory(struct frame *f, size_t size);

/* calls_msg.c, calls_option.c, calls_poll.c */
int64_t make_readv(struct frame *f);
int64_t make_writev(struct frame *f);
int64_t make_sendmsg(struct frame *f);
int64_t make_recvmsg(struct frame *f);
void done_recvmsg(struct frame *f);
int64_t make_getsockopt(struct frame *f);
void done_getsockopt(struct frame *f);
int64_t make_setsockopt(struct frame *f);
int64_t make_poll(struct frame *f);
void done_poll(struct frame *f);
int64_t make_epoll_ctl(struct frame *f);
int64_t make_epoll_wait(struct frame *f);
void done_epoll_wait(struct frame *f);

/* Runs it; on OUTCOME_PENDING `f` goes on living and frame_resume follows each step. `waits`: the call may be left
 * pending. Next: frame_end, once. */
void frame_begin(struct frame *f, struct run *r, const struct call *c, struct px_call *waits, struct outcome *out);
void frame_resume(struct frame *f, struct px_call *waits);
void frame_end(struct frame *f);

#endif
