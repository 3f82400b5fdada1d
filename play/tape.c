/* tape.c - see tape.h. */
#include "play/tape.h"

#include <stdlib.h>
#include <string.h>

void tape_add(struct tape *t, const struct tape_entry *entry) {
    if (t->n == t->room) {
        size_t room = t->room > 0 ? 2 * t->room : 256;
        struct tape_entry *more = room <= TAPE_MAX ? realloc(t->entry, room * sizeof *more) : NULL;
        t->full = t->full || more == NULL;
        if (more == NULL) return;
        t->entry = more;
        t->room = room;
    }
    struct tape_entry *e = &t->entry[t->n];
    *e = *entry;
    if (entry->len > 0) {
        uint8_t *bytes = malloc(entry->len);
        t->full = t->full || bytes == NULL;
        if (bytes == NULL) return;
        memcpy(bytes, entry->bytes, entry->len);
        e->bytes = bytes;
    }
    e->record.packet = e->bytes;
    t->n++;
}

bool tape_timers_first(struct tape *t) {
    struct tape_entry *sorted = malloc((t->n + 1) * sizeof *sorted);
    size_t at = 0;
    if (sorted == NULL) return false;
    for (size_t i = 0, next; i < t->n; i = next) {
        for (next = i; next < t->n && t->entry[next].time_ns == t->entry[i].time_ns;) next++;
        for (int timers = 1; timers >= 0; timers--)
            for (size_t k = i; k < next; k++)
                if ((t->entry[k].kind == TAPE_TIMER) == timers) sorted[at++] = t->entry[k];
    }
    free(t->entry);
    t->entry = sorted;
    t->room = t->n + 1;
    return true;
}

void tape_free(struct tape *t) {
    for (size_t i = 0; i < t->n; i++) free((void *)t->entry[i].bytes);
    free(t->entry);
    memset(t, 0, sizeof *t);
}

void tape_ladder(const struct tape_entry *e, struct ladder *ladder, enum tern_lang lang) {
    switch (e->kind) {
    case TAPE_RECORD: ladder_record(ladder, e->end, &e->record); break;
    case TAPE_LOST: ladder_lost(ladder, e->end, e->bytes, e->len); break;
    case TAPE_STATE: ladder_peer(ladder, e->end, &e->record.flow, (int)e->record.state); break;
    case TAPE_TIMER: ladder_timer(ladder, e->end, &e->record.flow, e->record.timer, e->due_ns); break;
    case TAPE_SAY: ladder_note(ladder, play_text(e->words, lang)); break;
    default: break;
    }
}
