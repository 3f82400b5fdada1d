/* cards.h - what tern knows to say by heart: what a state means, what the study notes have not quite right, and the
 * questions that people ask. The texts are in *.def, in English and Chinese side by side; a test reads them all. */
#ifndef CLI_CARDS_H
#define CLI_CARDS_H

#include "tern.h"

/* [TERN_EN], [TERN_ZH] */
typedef const char *card_text[2];

struct state_card {
    enum tern_state state;
    const char *ss, *netstat; /* its name there */
    const char *sample;       /* of ss's columns, may be empty */
    card_text who, look, many;
};
extern const struct state_card state_cards[TERN_STATES];

/* Which scenario walks a move: out of scenarios/edges.csv, which a test keeps true. */
struct walked_edge {
    const char *from, *event, *to, *scenario;
};
extern const struct walked_edge walked_edges[];
extern const size_t walked_edges_n;
/* "": none. */
const char *edge_scenario(const tern_transition *t);

/* A line of the notes that leads astray. */
struct myth {
    card_text title, says, holds;
    const char *rfc, *scenario;
};
extern const struct myth myths[];
extern const size_t myths_n;

struct question {
    card_text question;
    const char *words; /* others that may be used for it, of both languages */
    card_text answer;
    const char *rfc, *scenario;
};
extern const struct question questions[];
extern const size_t questions_n;

/* How well a question fits what somebody typed; 0: not at all. */
unsigned question_fits(const struct question *q, const char *typed);

/* ---- how they are printed ---- */

/* A title and a paragraph below it. */
void card_part(const char *title, const char *text);
/* Where the RFC says so, and the scenario that shows it, as a command to type. */
void card_places(const char *rfc, const char *scenario);

#endif
