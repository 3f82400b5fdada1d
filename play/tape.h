/* tape.h - what happened in one run, in order and to keep: the trace of both hosts, packets that were lost, what the
 * narrator said. Whoever shows a run (ladder, JSON, capture, picture) reads its tape; tape_ladder is the pattern. */
#ifndef PLAY_TAPE_H
#define PLAY_TAPE_H

#include "lens/ladder.h"
#include "play/scenario.h"

enum tape_kind {
    TAPE_RECORD,  /* of the host `end`: record, and its packet in bytes */
    TAPE_LOST,    /* what `end` had sent: bytes */
    TAPE_STATE,   /* nobody tells, but the connection record.flow at `end` is in record.state now: its host crashed */
    TAPE_FOREIGN, /* a packet from neither host arrives at `end`: bytes */
    TAPE_TIMER,   /* from now on this timer runs for record.flow at `end`: record.timer until due_ns; NULL: none does */
    TAPE_SAY,     /* words */
};

struct tape_entry {
    enum tape_kind kind;
    int end;
    uint64_t time_ns; /* since the run began; the record's time is the same */
    tern_trace record;
    const uint8_t *bytes; /* NULL: none */
    uint32_t len;
    uint64_t due_ns;
    const struct play_words *words; /* of the scenario */
};

struct tape {
    struct tape_entry *entry;
    size_t n, room;
    bool full; /* not all could be kept: no memory, or far too much */
};

enum { TAPE_MAX = 400000 };

void tape_add(struct tape *t, const struct tape_entry *entry);
/* Within an instant, the timers that run when it is over come before all that happens in it: then they are known when
 * it is drawn. False: no memory. */
bool tape_timers_first(struct tape *t);
void tape_free(struct tape *t);
/* Feeds one entry to a ladder. */
void tape_ladder(const struct tape_entry *entry, struct ladder *ladder, enum tern_lang lang);

#endif
