/* steps.c - see steps.h. */
#include "explain/steps.h"

#include <stdlib.h>

enum { LOOK_BACK = 1 << 16 };

/* Another place has shown the packet before: the sighting at home stands for both. */
static void meet(struct steps *s, struct step_kept *k) {
    if (k->packet.twin == 0) return;
    for (size_t i = s->n - 1; i-- > 0 && s->n - i < LOOK_BACK;) {
        struct step_kept *was = &s->at[i];
        if (was->packet.number != k->packet.twin) continue;
        bool away = k->packet.marks & FLOW_ELSEWHERE;
        struct step_kept *stays = away ? was : k;
        stays->both = true;
        stays->transit_ns = k->packet.transit_ns;
        (away ? k : was)->hidden = true;
        return;
    }
}

void steps_add(struct steps *s, const struct flow_packet *p, const struct sight *l, const struct passive_view *view) {
    if (s->n == s->room) {
        size_t room = s->room == 0 ? 64 : s->room * 2;
        struct step_kept *more = room <= STEPS_MAX ? realloc(s->at, room * sizeof *more) : NULL;
        if (more == NULL) {
            s->cut++;
            return;
        }
        s->at = more;
        s->room = room;
    }
    struct step_kept *k = &s->at[s->n++];
    *k = (struct step_kept){.packet = *p, .repeated = l != NULL && l->repeated, .copy = view == NULL};
    k->packet.payload = NULL;
    if (view != NULL) k->view = *view;
    meet(s, k);
}

static void narrow(struct statement *earlier, uint16_t later) {
    uint16_t states = later != 0 ? passive_hindsight(earlier->states, later) : earlier->states;
    if (states == earlier->states || states == 0) return;
    earlier->states = states;
    if (!(states >> earlier->best & 1)) earlier->best = (uint8_t)__builtin_ctz(states);
    if ((states & (states - 1)) == 0) earlier->certainty = CERTAIN;
}

void steps_look_back(struct steps *s) {
    uint16_t later[2] = {0, 0};
    for (size_t i = s->n; i-- > 0;) {
        struct step_kept *k = &s->at[i];
        if (k->copy) continue;
        for (int end = END_A; end <= END_B; end++) {
            narrow(&k->view.after[end], later[end]);
            narrow(&k->view.before[end], k->view.after[end].states);
            later[end] = k->view.before[end].states;
        }
    }
}

void steps_free(struct steps *s) {
    free(s->at);
    *s = (struct steps){0};
}
