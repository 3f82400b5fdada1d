/* cards.c - see cards.h: the texts as tables, how they are printed, and which question fits. */
#include "cli/cards.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lens/text.h"

_Static_assert(TERN_EN == 0 && TERN_ZH == 1, "English stands first in the .def files");

const struct state_card state_cards[TERN_STATES] = {
#define STATE(state, ss, netstat, sample, who, who_zh, look, look_zh, many, many_zh)                                   \
    [TERN_##state] = {TERN_##state, ss, netstat, sample, {who, who_zh}, {look, look_zh}, {many, many_zh}},
#include "cli/states.def"
#undef STATE
};

const struct myth myths[] = {
#define MYTH(title, title_zh, says, says_zh, holds, holds_zh, rfc, scenario)                                           \
    {{title, title_zh}, {says, says_zh}, {holds, holds_zh}, rfc, scenario},
#include "cli/myths.def"
#undef MYTH
};
const size_t myths_n = sizeof myths / sizeof myths[0];

const struct question questions[] = {
#define QUESTION(question, question_zh, words, answer, answer_zh, rfc, scenario)                                       \
    {{question, question_zh}, words, {answer, answer_zh}, rfc, scenario},
#include "cli/questions.def"
#undef QUESTION
};
const size_t questions_n = sizeof questions / sizeof questions[0];

const char *edge_scenario(const tern_transition *t) {
    for (size_t i = 0; i < walked_edges_n; i++) {
        const struct walked_edge *e = &walked_edges[i];
        if (strcmp(e->from, tern_state_name(t->from)) == 0 && strcmp(e->to, tern_state_name(t->to)) == 0 &&
            strcmp(e->event, t->event) == 0)
            return e->scenario;
    }
    return "";
}

void card_part(const char *title, const char *text) {
    printf("\n%s\n", title);
    paragraph(text, 2, 0, text_columns());
}

void card_places(const char *rfc, const char *scenario) { printf("\n  RFC %s      tern play %s\n", rfc, scenario); }

/* ---- matching ---- */

static bool letter(uint32_t cp) { return (cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9'); }

static uint32_t folded(uint32_t cp) { return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp == '_' ? '-' : cp; }

/* Does `text` hold these bytes, in either case, and where a word begins if they are Latin? */
static bool holds(const char *text, const char *piece, size_t n) {
    bool latin = letter(folded((unsigned char)piece[0]));
    for (const char *at = text; *at != '\0'; at++) {
        size_t i = 0;
        if (latin && at > text && letter(folded((unsigned char)at[-1]))) continue;
        while (i < n && at[i] != '\0' && folded((unsigned char)at[i]) == folded((unsigned char)piece[i])) i++;
        if (i == n) return true;
    }
    return false;
}

enum { FITS_BEST = 4 };

static unsigned piece_fits(const struct question *q, const char *piece, size_t n) {
    if (holds(q->question[TERN_EN], piece, n) || holds(q->question[TERN_ZH], piece, n)) return FITS_BEST;
    if (holds(q->words, piece, n)) return 3;
    return holds(q->answer[TERN_EN], piece, n) || holds(q->answer[TERN_ZH], piece, n);
}

static bool filler(const char *word, size_t n) {
    static const char *const fillers[] = {
        "a",       "an",   "the",  "is",   "are",  "do",   "does", "what", "how",  "of",      "to",
        "in",      "it",   "i",    "my",   "on",   "tcp",  "and",  "can",  "be",   "happens", "difference",
        "between", "什么", "么是", "怎么", "么办", "如何", "的区", "区别", "的原", "原因",    "出现"};
    for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++)
        if (strlen(fillers[i]) == n && holds(fillers[i], word, n)) return true;
    return false;
}

/* Latin text counts by words, Chinese by pairs of characters. Unless much fits, three tenths of what was typed
 * must, or the question is another one: "control" alone does not make congestion control a zero window. */
unsigned question_fits(const struct question *q, const char *typed) {
    const char *end = typed + strlen(typed), *before = NULL;
    unsigned fits = 0, most = 0;
    while (typed < end) {
        uint32_t cp;
        size_t n = utf8_next(typed, end, &cp);
        if (letter(folded(cp))) {
            const char *stop = typed;
            while (stop < end && (letter(folded((unsigned char)*stop)) || *stop == '-' || *stop == '_')) stop++;
            if (!filler(typed, (size_t)(stop - typed))) {
                fits += 2 * piece_fits(q, typed, (size_t)(stop - typed));
                most += 2 * FITS_BEST;
            }
            typed = stop;
            before = NULL;
            continue;
        }
        bool wide = char_width(cp) == 2 && cp > 0x3040 && cp < 0xff00;
        if (wide && before != NULL && !filler(before, (size_t)(typed + n - before))) {
            fits += piece_fits(q, before, (size_t)(typed + n - before));
            most += FITS_BEST;
        }
        before = wide ? typed : NULL;
        typed += n;
    }
    return fits < 3 * FITS_BEST && fits * 10 < most * 3 ? 0 : fits;
}
