/* states.c - see states.h. The drawing follows RFC 9293 Figure 5; the places are set by hand here, the moves and words
 * are the table's. */
#include "lens/states.h"

#include <string.h>

#include "lens/svg.h"

enum { BOX_W = 150, BOX_H = 44, WIDTH = 1000, MOVES_MAX = 128 };

struct moves {
    tern_transition row[MOVES_MAX];
    size_t n;
};

struct place {
    int x, y; /* the middle of the box */
};

static const struct place boxes[TERN_STATES] = {
    [TERN_CLOSED] = {500, 50},        [TERN_LISTEN] = {500, 190},      [TERN_SYN_SENT] = {870, 320},
    [TERN_SYN_RECEIVED] = {130, 320}, [TERN_ESTABLISHED] = {500, 450}, [TERN_FIN_WAIT_1] = {130, 590},
    [TERN_FIN_WAIT_2] = {130, 740},   [TERN_CLOSE_WAIT] = {870, 590},  [TERN_CLOSING] = {500, 740},
    [TERN_LAST_ACK] = {870, 740},     [TERN_TIME_WAIT] = {500, 880},
};
static const struct place closed_again = {870, 880}; /* as in the figure, CLOSED stands at the bottom too */

/* An edge that has a place in the drawing: its path, and where its words go. */
struct edge {
    enum tern_state from, to;
    const char *event, *path;
    int x, y;
    const char *anchor;
};

static const struct edge edges[] = {
    {TERN_CLOSED, TERN_SYN_SENT, "ACTIVE_OPEN", "M575,46 C800,46 925,150 925,298", 846, 104, "start"},
    {TERN_CLOSED, TERN_LISTEN, "PASSIVE_OPEN", "M480,72 L480,168", 470, 120, "end"},
    {TERN_LISTEN, TERN_CLOSED, "CLOSE", "M520,168 L520,72", 530, 115, "start"},
    {TERN_LISTEN, TERN_SYN_RECEIVED, "SYN", "M450,212 L205,302", 345, 272, "start"},
    {TERN_LISTEN, TERN_SYN_SENT, "ACTIVE_OPEN", "M550,212 L795,302", 655, 272, "end"},
    {TERN_SYN_SENT, TERN_CLOSED, "CLOSE", "M845,298 C845,230 700,120 568,72", 735, 196, "end"},
    {TERN_SYN_SENT, TERN_SYN_RECEIVED, "SYN", "M795,325 L205,325", 500, 318, "middle"},
    {TERN_SYN_SENT, TERN_ESTABLISHED, "SYN_ACKED", "M800,342 L550,428", 700, 400, "start"},
    {TERN_SYN_RECEIVED, TERN_LISTEN, "BACK_TO_LISTEN", "M100,298 C100,230 250,190 425,188", 150, 205, "end"},
    {TERN_SYN_RECEIVED, TERN_ESTABLISHED, "SYN_ACKED", "M200,342 L450,428", 300, 404, "end"},
    {TERN_SYN_RECEIVED, TERN_FIN_WAIT_1, "CLOSE", "M110,342 L110,568", 120, 455, "start"},
    {TERN_ESTABLISHED, TERN_FIN_WAIT_1, "CLOSE", "M450,472 L195,568", 340, 536, "start"},
    {TERN_ESTABLISHED, TERN_CLOSE_WAIT, "FIN", "M550,472 L805,568", 660, 536, "end"},
    {TERN_FIN_WAIT_1, TERN_FIN_WAIT_2, "FIN_ACKED", "M85,612 L85,718", 93, 668, "start"},
    {TERN_FIN_WAIT_1, TERN_CLOSING, "FIN", "M200,612 L440,718", 345, 655, "start"},
    {TERN_FIN_WAIT_1, TERN_TIME_WAIT, "FIN_AND_ACKED", "M170,612 C235,700 270,850 425,874", 300, 782, "start"},
    {TERN_FIN_WAIT_2, TERN_TIME_WAIT, "FIN", "M110,762 C115,860 240,892 425,892", 105, 830, "end"},
    {TERN_CLOSING, TERN_TIME_WAIT, "FIN_ACKED", "M500,762 L500,858", 510, 815, "start"},
    {TERN_CLOSE_WAIT, TERN_LAST_ACK, "CLOSE", "M870,612 L870,718", 880, 662, "start"},
    {TERN_LAST_ACK, TERN_CLOSED, "FIN_ACKED", "M870,762 L870,858", 880, 808, "start"},
    {TERN_TIME_WAIT, TERN_CLOSED, "TWO_MSL", "M575,880 L795,880", 685, 874, "middle"},
};

static const struct edge *edge_of(const tern_transition *t) {
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        const struct edge *e = &edges[i];
        if (e->from == t->from && e->to == t->to && strcmp(e->event, t->event) == 0) return e;
    }
    return NULL;
}

static void load(struct moves *m) {
    m->n = 0;
    while (m->n < MOVES_MAX && tern_transition_at(m->n, &m->row[m->n])) m->n++;
}

bool states_drawn(const tern_transition *t) { return edge_of(t) != NULL; }

static void print_box(FILE *out, struct place p, enum tern_state state, bool again) {
    const char *name = tern_state_name(state);
    fprintf(out,
            "<g class=\"box\" data-state=\"%s\" data-x=\"%d\" data-y=\"%d\"><rect class=\"soft e-%s\" x=\"%d\" "
            "y=\"%d\" width=\"%d\" height=\"%d\" rx=\"10\" stroke-width=\"2.2\"/>",
            again ? "" : name, p.x, p.y, svg_hue((int)state), p.x - BOX_W / 2, p.y - BOX_H / 2, BOX_W, BOX_H);
    fprintf(out, "<text class=\"t-%s name\" x=\"%d\" y=\"%d\">%s</text></g>\n", svg_hue((int)state), p.x, p.y + 5,
            name);
}

static void print_edge(FILE *out, const struct edge *e, const tern_transition *t) {
    /* The words of a level edge stand above and below it, all others together. */
    int second = strcmp(e->anchor, "middle") == 0 ? 22 : 15;
    fprintf(out, "<g class=\"edge\" data-move=\"%s %s\"><title>%s → %s: %s, RFC %s</title>", tern_state_name(t->from),
            tern_state_name(t->to), tern_state_name(t->from), tern_state_name(t->to), t->event, t->rfc);
    fprintf(out, "<path class=\"line\" d=\"%s\"/><text class=\"ink\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>",
            e->path, e->x, e->y, e->anchor, t->cause);
    if (t->action[0])
        fprintf(out, "<text class=\"dim action\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>", e->x, e->y + second,
                e->anchor, t->action);
    fputs("</g>\n", out);
}

/* Does this row begin a line of those without a place: is it the first of its event and target? */
static bool begins_line(const struct moves *m, size_t i) {
    if (edge_of(&m->row[i])) return false;
    for (size_t k = 0; k < i; k++)
        if (!edge_of(&m->row[k]) && strcmp(m->row[k].event, m->row[i].event) == 0 && m->row[k].to == m->row[i].to)
            return false;
    return true;
}

/* Moves without a place in the drawing, one line for each event and target. */
static void print_rest(FILE *out, const struct moves *m, enum tern_lang lang, int y) {
    for (size_t i = 0; i < m->n; i++) {
        if (!begins_line(m, i)) continue;
        fprintf(out,
                lang == TERN_ZH ? "<text class=\"ink\" x=\"55\" y=\"%d\">%s，到 %s：来自"
                                : "<text class=\"ink\" x=\"55\" y=\"%d\">%s, to %s: from",
                y, m->row[i].event, tern_state_name(m->row[i].to));
        const char *before = lang == TERN_ZH ? "" : " ";
        for (size_t k = i; k < m->n; k++) {
            const tern_transition *t = &m->row[k];
            if (edge_of(t) || strcmp(t->event, m->row[i].event) != 0 || t->to != m->row[i].to) continue;
            fprintf(out, "%s%s", before, tern_state_name(t->from));
            before = lang == TERN_ZH ? "、" : ", ";
        }
        fputs("</text>\n", out);
        y += 20;
    }
}

static void begin(FILE *out, int height, enum tern_lang lang) {
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"states\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" role=\"img\">\n<title>%s</title>\n<style>\n",
            WIDTH, height, WIDTH, height,
            lang == TERN_ZH ? "tern 中一条 TCP 连接的状态，依照 RFC 9293 图 5"
                            : "The states of a TCP connection in tern, after RFC 9293 Figure 5");
    svg_style(out, "states");
    fputs(".states .name{font-weight:bold;font-size:15px;text-anchor:middle}\n"
          ".states .action{font-style:italic}\n"
          ".states .edge path{fill:none;stroke-width:1.5;marker-end:url(#edge-tip)}\n"
          "</style>\n<defs><marker id=\"edge-tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"10\" "
          "markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"ink\" "
          "d=\"M0,0 L10,5 L0,10 L2.5,5 z\"/></marker></defs>\n"
          "<rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n",
          out);
}

void states_svg(FILE *out, enum tern_lang lang, bool all) {
    struct moves m;
    int lines = 0;
    load(&m);
    for (size_t i = 0; i < m.n; i++) lines += begins_line(&m, i);
    begin(out, all ? 960 + 20 * lines : 910, lang);
    for (size_t i = 0; i < m.n; i++) {
        const struct edge *e = edge_of(&m.row[i]);
        if (e) print_edge(out, e, &m.row[i]);
    }
    for (int s = 0; s < TERN_STATES; s++) print_box(out, boxes[s], (enum tern_state)s, false);
    print_box(out, closed_again, TERN_CLOSED, true);
    if (all) {
        fprintf(out, "<text class=\"ink\" x=\"55\" y=\"940\" font-weight=\"bold\">%s</text>\n",
                lang == TERN_ZH ? "没有画出的：" : "Not drawn:");
        print_rest(out, &m, lang, 962);
    }
    fputs("</svg>\n", out);
}

void states_dot(FILE *out) {
    tern_transition t;
    fputs("digraph tcp {\n    node [shape=box, style=rounded];\n", out);
    for (size_t i = 0; tern_transition_at(i, &t); i++)
        fprintf(out, "    \"%s\" -> \"%s\" [label=\"%s%s%s\"];\n", tern_state_name(t.from), tern_state_name(t.to),
                t.cause, t.action[0] ? "\\n" : "", t.action);
    fputs("}\n", out);
}
