/* fsm.c - prints the connection state machine, out of the library's own table, as SVG (docs/fsm.svg) or with --dot
 * for Graphviz. The drawing follows RFC 9293 Figure 5; the places are set by hand here, the moves and words are the
 * table's. */
#include "tern.h"

#include <stdio.h>
#include <string.h>

enum { BOX_W = 150, BOX_H = 44, WIDTH = 1000, MOVES_MAX = 128 };

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

static void print_box(struct place p, const char *name) {
    printf("<rect class=\"state\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"9\"/>\n", p.x - BOX_W / 2,
           p.y - BOX_H / 2, BOX_W, BOX_H);
    printf("<text class=\"name\" x=\"%d\" y=\"%d\">%s</text>\n", p.x, p.y + 5, name);
}

static void print_edge(const struct edge *e, const tern_transition *t) {
    /* The words of a level edge stand above and below it, all others together. */
    int second = strcmp(e->anchor, "middle") == 0 ? 22 : 15;
    printf("<path class=\"edge\" d=\"%s\"/>\n", e->path);
    printf("<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", e->x, e->y, e->anchor, t->cause);
    if (t->action[0]) {
        printf("<text class=\"action\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", e->x, e->y + second,
               e->anchor, t->action);
    }
}

/* Moves without a place in the drawing, one line for each event and target. */
static int print_rest(const tern_transition *moves, size_t n, int y) {
    bool done[MOVES_MAX] = {false};
    for (size_t i = 0; i < n; i++) {
        if (done[i] || edge_of(&moves[i])) continue;
        printf("<text x=\"55\" y=\"%d\">%s, to %s: from", y, moves[i].event, tern_state_name(moves[i].to));
        const char *before = " ";
        for (size_t k = i; k < n; k++) {
            if (edge_of(&moves[k]) || strcmp(moves[k].event, moves[i].event) != 0 || moves[k].to != moves[i].to)
                continue;
            printf("%s%s", before, tern_state_name(moves[k].from));
            before = ", ";
            done[k] = true;
        }
        printf("</text>\n");
        y += 20;
    }
    return y;
}

static int rest_lines(const tern_transition *moves, size_t n) {
    int lines = 0;
    for (size_t i = 0; i < n; i++) {
        if (edge_of(&moves[i])) continue;
        bool seen = false;
        for (size_t k = 0; k < i; k++) {
            seen |= !edge_of(&moves[k]) && strcmp(moves[k].event, moves[i].event) == 0 && moves[k].to == moves[i].to;
        }
        lines += !seen;
    }
    return lines;
}

static void print_svg(const tern_transition *moves, size_t n) {
    int height = 960 + 20 * rest_lines(moves, n);
    printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n", WIDTH,
           height, WIDTH, height);
    printf("<title>The states of a TCP connection in tern, after RFC 9293 Figure 5</title>\n"
           "<style>\n"
           "text { font: 13px sans-serif; fill: #1d2733; }\n"
           ".name { font-weight: bold; font-size: 15px; text-anchor: middle; }\n"
           ".action { font-style: italic; fill: #0b5cad; }\n"
           ".state { fill: #eef4fb; stroke: #27496d; stroke-width: 1.6; }\n"
           ".edge { fill: none; stroke: #27496d; stroke-width: 1.4; marker-end: url(#tip); }\n"
           "</style>\n"
           "<defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" "
           "orient=\"auto\"><path d=\"M0,0 L10,5 L0,10 z\" fill=\"#27496d\"/></marker></defs>\n"
           "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
    for (size_t i = 0; i < n; i++) {
        const struct edge *e = edge_of(&moves[i]);
        if (e) print_edge(e, &moves[i]);
    }
    for (int s = 0; s < TERN_STATES; s++) print_box(boxes[s], tern_state_name((enum tern_state)s));
    print_box(closed_again, tern_state_name(TERN_CLOSED));
    printf("<text x=\"55\" y=\"940\" font-weight=\"bold\">Not drawn:</text>\n");
    print_rest(moves, n, 962);
    printf("</svg>\n");
}

static void print_dot(const tern_transition *moves, size_t n) {
    printf("digraph tcp {\n    node [shape=box, style=rounded];\n");
    for (size_t i = 0; i < n; i++) {
        printf("    \"%s\" -> \"%s\" [label=\"%s%s%s\"];\n", tern_state_name(moves[i].from),
               tern_state_name(moves[i].to), moves[i].cause, moves[i].action[0] ? "\\n" : "", moves[i].action);
    }
    printf("}\n");
}

int main(int argc, char **argv) {
    tern_transition moves[MOVES_MAX];
    size_t n = 0;
    while (n < MOVES_MAX && tern_transition_at(n, &moves[n])) n++;
    if (argc == 2 && strcmp(argv[1], "--dot") == 0)
        print_dot(moves, n);
    else
        print_svg(moves, n);
    /* Each edge with a place must exist in the table, or the drawing shows less than it promises. */
    size_t drawn = 0;
    for (size_t i = 0; i < n; i++) drawn += edge_of(&moves[i]) != NULL;
    return drawn == sizeof edges / sizeof edges[0] && fflush(stdout) == 0 ? 0 : 1;
}
