/* player.h - plays one run of a scenario on two real stacks and a link in memory, in virtual time, and judges it. The
 * same scenario gives the same tape, byte for byte. Or in real time against the Linux kernel. How it looks is for the
 * readers of the tape. */
#ifndef PLAY_PLAYER_H
#define PLAY_PLAYER_H

#include "play/tape.h"

enum { PLAY_FAILURES = 16, PLAY_EDGES = 64 };

struct play_result {
    struct tape tape;
    unsigned checks, failed;
    char failure[PLAY_FAILURES][512]; /* "FILE:LINE: expected ..., but ..." */
    bool walked[PLAY_EDGES];          /* of the table that tern_transition_at shows */
    uint64_t end_ns;                  /* when the run was over */
    char name[2][8];                  /* of the hosts */
    enum tern_state initial[2];       /* before anything happens */
    unsigned steps[2];                /* of the newest connection of each */
    enum tern_state path[2][PLAY_PATH];
    uint64_t late_ns; /* in real time: for how long the clock had to stand still */
};

/* Plays run number `take`. 0, or -1 and the error: then nothing was played. Free with play_result_free. */
int play(const struct scenario *s, const char *file, unsigned take, struct play_result *out, struct play_error *err);
/* The same on hosts that take their memory from `memory`, which may refuse. */
int play_with(const struct scenario *s, const char *file, unsigned take, const tern_allocator *memory,
              struct play_result *out, struct play_error *err);
/* The same in real time with the Linux kernel at `end`, in a network namespace of its own that this process then stays
 * in; the process has one thread. PLAY_REFUSED and the reason: the machine allows no namespace or no TUN device. */
int play_linux(const struct scenario *s, const char *file, unsigned take, int end, struct play_result *out,
               struct play_error *err);
enum { PLAY_REFUSED = 1 };
void play_result_free(struct play_result *r);

#endif
