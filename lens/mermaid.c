/* mermaid.c - see picture.h: the steps as a sequenceDiagram of Mermaid, which Markdown renderers draw. Segments under
 * way are open arrows ("-)") when they leave and dashed ones when they arrive. */
#include <string.h>

#include "lens/markup.h"
#include "lens/picture.h"

static const char *letter(int end) { return end == END_A ? "A" : "B"; }

static void states(const struct step *s, FILE *out) {
    for (int end = 0; end < 2; end++)
        if ((s->changed[end] || s->kind == STEP_STATES) && s->state[end] >= 0)
            fprintf(out, "    Note %s of %s: %s%s\n", end == END_A ? "left" : "right", letter(end),
                    tern_state_name((enum tern_state)s->state[end]), s->unsure[end] ? "?" : "");
}

static void words(const struct step *s, FILE *out) {
    mermaid_put(out, s->head);
    if (s->head[0] != '\0' && s->numbers[0] != '\0') fputc(' ', out);
    mermaid_put(out, s->numbers);
}

static void segment(const struct step *s, FILE *out) {
    const char *arrow = s->lost ? "-x" : s->kind == STEP_ARRIVAL ? "-->>" : s->open ? "-)" : "->>";
    fprintf(out, "    %s%s%s: ", letter(s->from), arrow, letter(!s->from));
    words(s, out);
    fputc('\n', out);
}

/* Participants cannot change: a second connection is announced. */
static void heading(const struct step *s, bool first, FILE *out) {
    const char *text[2] = {s->head, s->numbers};
    if (!first) fputs("    Note over A,B: ", out);
    for (int end = 0; end < 2; end++) {
        if (first) fprintf(out, "    participant %s as ", letter(end));
        if (!first && end == 1) fputs(" – ", out);
        mermaid_put(out, text[end]);
        if (first || end == 1) fputc('\n', out);
    }
}

bool picture_mermaid(const struct picture *p, FILE *out) {
    bool first = true;
    if (p->failed) return false;
    if (p->title[0] != '\0') {
        fputs("---\ntitle: ", out);
        json_put(out, p->title);
        fputs("\n---\n", out);
    }
    fputs("sequenceDiagram\n", out);
    for (size_t i = 0; i < p->n; i++) {
        const struct step *s = &p->steps[i];
        switch (s->kind) {
        case STEP_HEADING:
            heading(s, first, out);
            first = false;
            break;
        case STEP_SEGMENT:
        case STEP_ARRIVAL: segment(s, out); break;
        case STEP_LANE:
            fprintf(out, "    Note over %s: ", letter(s->from));
            mermaid_put(out, s->head);
            fputc('\n', out);
            break;
        case STEP_NOTE:
            fputs("    Note over A,B: ", out);
            mermaid_put(out, s->head);
            fputc('\n', out);
            break;
        case STEP_STATES: break;
        }
        states(s, out);
    }
    return true;
}
