/* svg.c - see svg.h and picture.h: the ladder as a sequence diagram. Two bars, coloured by state, are the lives of the
 * ends; time runs downwards, in steps and not to scale; a segment is a line from where it leaves to where it arrives.
 * What happened is in the steps: nothing is decided here but places. */
#include "lens/svg.h"

#include <stdlib.h>
#include <string.h>

#include "lens/markup.h"
#include "lens/text.h"
#include "lens/words.h"

enum {
    TIME_X = 84,
    LANE_A = 236,
    LANE_B = 684,
    BAR = 10,
    EDGE = BAR / 2 + 3,
    WHY_X = 816,
    WHY_COLUMNS = 42,
    NOTE_COLUMNS = 60
};
enum { SLANT = 28, LINE = 15, ABOVE = 24, GAP = 34 };
#define GAP_NS UINT64_C(400000000) /* a pause worth telling */

static int lane_x(int end) { return end == END_A ? LANE_A : LANE_B; }

/* ---- places ---- */

static int lines_of(const char *text, size_t columns) {
    int lines = 0;
    while (*text != '\0') {
        text += text_wrap(text, columns);
        while (*text == ' ') text++;
        lines++;
    }
    return lines;
}

static bool has_time(const struct step *s) { return s->kind != STEP_HEADING && s->kind != STEP_NOTE; }

static void place(const struct step *s, struct svg_place *at, int top) {
    int why = top + lines_of(s->why, WHY_COLUMNS) * LINE + 6;
    at->top = top;
    switch (s->kind) {
    case STEP_HEADING:
        at->y = top + 10;
        at->bottom = top + 58;
        break;
    case STEP_STATES:
        at->y = top + 14;
        at->bottom = top + 22;
        break;
    case STEP_NOTE:
        at->y = top + 20;
        at->bottom = top + 14 + lines_of(s->head, NOTE_COLUMNS) * (LINE + 1);
        break;
    case STEP_LANE:
    case STEP_ARRIVAL:
        at->y = top + 16;
        at->bottom = top + 28;
        break;
    case STEP_SEGMENT:
        at->y = top + ABOVE;
        at->bottom = at->y + (s->open ? 12 : SLANT + (s->options[0] != '\0' && !s->lost ? 16 : 8));
        break;
    }
    at->end = s->kind == STEP_SEGMENT && !s->open ? at->y + SLANT : at->y;
    if (at->bottom < why) at->bottom = why;
}

int svg_layout(const struct picture *p, struct svg_place *places) {
    int top = p->title[0] != '\0' ? 52 : 16;
    uint64_t last = 0;
    bool timed = false;
    for (size_t i = 0; i < p->n; i++) {
        const struct step *s = &p->steps[i];
        bool pause = has_time(s) && s->kind != STEP_STATES && timed && s->time_ns >= last + GAP_NS;
        int start = top + (pause ? GAP : 0);
        place(s, &places[i], start);
        places[i].gap = pause ? top + GAP / 2 : 0;
        places[i].top = top;
        top = places[i].bottom;
        if (!has_time(s) || s->kind == STEP_STATES) continue;
        last = s->arrival_ns > s->time_ns ? s->arrival_ns : s->time_ns;
        timed = true;
    }
    return top + 24 + (p->cut > 0 ? 24 : 0);
}

/* ---- style ---- */

const char *svg_hue(int state) {
    switch (state) {
    case TERN_LISTEN:
    case TERN_SYN_SENT:
    case TERN_SYN_RECEIVED: return "opening";
    case TERN_ESTABLISHED: return "open";
    case TERN_FIN_WAIT_1:
    case TERN_FIN_WAIT_2:
    case TERN_CLOSE_WAIT:
    case TERN_CLOSING:
    case TERN_LAST_ACK: return "closing";
    case TERN_TIME_WAIT: return "waiting";
    default: return "closed";
    }
}

struct colours {
    const char *ground, *ink, *dim, *soft, *warn, *bad;
    struct {
        const char *name, *bar, *text;
    } hue[5];
};

static const struct colours light = {"#ffffff",
                                     "#1f2933",
                                     "#5b6875",
                                     "#f1f4f8",
                                     "#b45309",
                                     "#c62828",
                                     {{"closed", "#b8c1cc", "#5b6875"},
                                      {"opening", "#e0a526", "#8a5a00"},
                                      {"open", "#35a36b", "#1b6b42"},
                                      {"closing", "#9b6fd6", "#6b3fb0"},
                                      {"waiting", "#2fa3b8", "#12667a"}}};
static const struct colours dark = {"#0d1117",
                                    "#e6edf3",
                                    "#9aa7b4",
                                    "#1b2330",
                                    "#f0a04b",
                                    "#ff7b72",
                                    {{"closed", "#4b5663", "#9aa7b4"},
                                     {"opening", "#d29922", "#e8b84f"},
                                     {"open", "#2ea568", "#5fd39a"},
                                     {"closing", "#a371f7", "#c4a3ff"},
                                     {"waiting", "#39b3c7", "#6fd6e6"}}};

static void rules(FILE *out, const char *scope, const struct colours *c) {
    fprintf(out, ".%s .ground{fill:%s}.%s .soft{fill:%s}.%s .ink{fill:%s}.%s .dim{fill:%s}\n", scope, c->ground, scope,
            c->soft, scope, c->ink, scope, c->dim);
    fprintf(out, ".%s .line{stroke:%s}.%s .faint{stroke:%s}.%s .halo{stroke:%s}\n", scope, c->ink, scope, c->hue[0].bar,
            scope, c->ground);
    fprintf(out, ".%s .warn{stroke:%s}.%s .bad{stroke:%s}.%s .t-warn{fill:%s}.%s .t-bad{fill:%s}\n", scope, c->warn,
            scope, c->bad, scope, c->warn, scope, c->bad);
    for (size_t i = 0; i < 5; i++)
        fprintf(out, ".%s .b-%s{fill:%s}.%s .t-%s{fill:%s}.%s .e-%s{stroke:%s}\n", scope, c->hue[i].name, c->hue[i].bar,
                scope, c->hue[i].name, c->hue[i].text, scope, c->hue[i].name, c->hue[i].bar);
}

void svg_style(FILE *out, const char *scope) {
    fprintf(out,
            ".%s text{font-family:system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",\"Noto Sans CJK SC\",\"PingFang "
            "SC\",\"Microsoft YaHei\",sans-serif;font-size:13px}\n",
            scope);
    rules(out, scope, &light);
    fputs("@media (prefers-color-scheme:dark){\n", out);
    rules(out, scope, &dark);
    fputs("}\n", out);
}

/* ---- the lives ---- */

/* Paler where the state is only the likeliest. */
static void bar(FILE *out, int end, int state, bool unsure, int from, int to) {
    if (to <= from) return;
    if (state < 0)
        fprintf(out, "<line class=\"faint\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke-dasharray=\"2 4\"/>\n",
                lane_x(end), from, lane_x(end), to);
    else
        fprintf(out, "<rect class=\"b-%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\"%s/>\n", svg_hue(state),
                lane_x(end) - BAR / 2, from, BAR, to - from, unsure ? " opacity=\".4\"" : "");
}

/* Where the step shows the state of an end. */
static int state_y(const struct step *s, const struct svg_place *at, int end) {
    return s->kind == STEP_SEGMENT && end != s->from ? at->end : at->y;
}

static void lives(const struct picture *p, const struct svg_place *places, int end, int bottom, FILE *out) {
    int state = LADDER_UNKNOWN, from = 0;
    bool any = false, unsure = false;
    for (size_t i = 0; i < p->n; i++) {
        const struct step *s = &p->steps[i];
        if (s->kind == STEP_NOTE) continue;
        if (s->kind == STEP_HEADING) {
            if (any) bar(out, end, state, unsure, from, places[i].top + 4);
            from = places[i].bottom - 6;
            state = LADDER_UNKNOWN;
            any = false;
            continue;
        }
        int y = state_y(s, &places[i], end);
        if (any && (s->state[end] != state || s->unsure[end] != unsure)) {
            bar(out, end, state, unsure, from, y);
            from = y;
        }
        any = true;
        state = s->state[end];
        unsure = s->unsure[end];
    }
    if (any) bar(out, end, state, unsure, from, bottom);
}

static void state_name(FILE *out, int end, int state, bool unsure, int y) {
    if (state < 0) return;
    fprintf(out, "<text class=\"t-%s\" x=\"%d\" y=\"%d\" text-anchor=\"%s\" font-weight=\"bold\">%s%s</text>\n",
            svg_hue(state), end == END_A ? LANE_A - 14 : LANE_B + 14, y + 4, end == END_A ? "end" : "start",
            tern_state_name((enum tern_state)state), unsure ? "?" : "");
}

static void states(const struct step *s, const struct svg_place *at, FILE *out) {
    for (int end = 0; end < 2; end++)
        if (s->changed[end] || s->kind == STEP_STATES)
            state_name(out, end, s->state[end], s->unsure[end], state_y(s, at, end));
}

/* ---- segments ---- */

static const char *line_class(const struct step *s) {
    return s->lost || s->reset ? "bad" : s->repeated ? "warn" : "line";
}

static const char *text_class(const struct step *s) {
    return s->lost || s->reset ? "t-bad" : s->repeated ? "t-warn" : "ink";
}

/* The arc tangent in degrees; good to a hundredth for slopes up to STEEP. */
#define STEEP 0.5
static double degrees(double t) { return (t - t * t * t / 3 + t * t * t * t * t / 5) * 57.29578; }

/* From where to where a segment's line goes; `near`: others may cross it, so that its words stand at the sender. */
struct path {
    int x1, y1, x2, y2;
    bool near, drawn;
    bool level; /* its words lie level: something stands below them */
};

static struct path path_of(const struct picture *p, size_t i, const struct svg_place *places) {
    const struct step *s = &p->steps[i];
    int sign = s->from == END_A ? 1 : -1;
    struct path w = {.x1 = lane_x(s->from) + sign * EDGE,
                     .y1 = places[i].y,
                     .x2 = lane_x(!s->from) - sign * EDGE,
                     .y2 = places[i].end,
                     .near = s->open || s->lost};
    const struct step *next = i + 1 < p->n ? &p->steps[i + 1] : NULL;
    w.level = w.near && next != NULL && next->kind == STEP_LANE && next->from == s->from;
    w.drawn = s->kind == STEP_SEGMENT || (s->kind == STEP_ARRIVAL && s->pair == PICTURE_ALONE);
    if (s->kind == STEP_ARRIVAL) {
        w.x1 = w.x2 - sign * (LANE_B - LANE_A) * 3 / 5;
        w.y1 -= SLANT / 2;
    } else if (s->pair != PICTURE_ALONE) {
        w.y2 = places[s->pair].y;
    } else if (w.near) {
        w.x2 = w.x1 + (w.x2 - w.x1) * 3 / 5;
        w.y2 = w.y1 + SLANT * 3 / 5;
    }
    return w;
}

/* The bytes of "Seq=0 Ack=1" in "Seq=0 Ack=1 Len=0 Win=65535". */
static size_t shortly(const char *numbers_text) {
    const char *rest = strstr(numbers_text, " Len=0");
    return rest != NULL ? (size_t)(rest - numbers_text) : strlen(numbers_text);
}

/* The words above and below a line, along it unless it is steep. */
static void words_along(const struct step *s, const struct path *w, FILE *out) {
    double slope = (double)(w->y2 - w->y1) / (w->x2 - w->x1);
    double angle = w->level || slope > STEEP || slope < -STEEP ? 0 : degrees(slope);
    bool right = w->x2 > w->x1;
    int x = w->near ? w->x1 + (right ? 16 : -16) : (w->x1 + w->x2) / 2;
    double y = w->near ? w->y1 + (angle == 0 ? 0 : (x - w->x1) * slope) : (w->y1 + w->y2) / 2.0;
    fprintf(out,
            "<g transform=\"translate(%d %.1f) rotate(%.2f)\" text-anchor=\"%s\"><text class=\"halo ink\" y=\"-6\" "
            "paint-order=\"stroke\" stroke-width=\"4\">",
            x, y, angle,
            !w->near ? "middle"
            : right  ? "start"
                     : "end");
    fprintf(out, "<tspan class=\"%s\" font-weight=\"bold\">", text_class(s));
    xml_put(out, s->head);
    fputs("</tspan> ", out);
    xml_put_n(out, s->numbers, w->near ? shortly(s->numbers) : strlen(s->numbers));
    fputs("</text>", out);
    if (s->options[0] != '\0' && !w->near) {
        fputs("<text class=\"halo dim\" y=\"15\" style=\"font-size:11px\" paint-order=\"stroke\" stroke-width=\"4\">",
              out);
        xml_put(out, s->options);
        fputs("</text>", out);
    }
    fputs("</g>\n", out);
}

static void line(const char *class, int x1, int y1, int x2, int y2, const char *more, FILE *out) {
    fprintf(out, "<line class=\"%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke-width=\"1.6\"%s/>\n", class, x1, y1,
            x2, y2, more);
}

static void cross(int x, int y, FILE *out) {
    fprintf(out, "<path class=\"bad\" d=\"M%d,%d l14,14 m0,-14 l-14,14\" fill=\"none\" stroke-width=\"2.6\"/>\n", x - 7,
            y - 7);
}

static const char *tip(const struct step *s) {
    const char *class = line_class(s);
    return strcmp(class, "bad") == 0    ? " marker-end=\"url(#tip-bad)\""
           : strcmp(class, "warn") == 0 ? " marker-end=\"url(#tip-warn)\""
                                        : " marker-end=\"url(#tip)\"";
}

static void segment(const struct step *s, const struct path *w, FILE *out) {
    int sign = s->from == END_A ? 1 : -1;
    bool under_way = s->open && s->pair == PICTURE_ALONE;
    if (s->kind == STEP_ARRIVAL) /* nobody saw it leave */
        fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">…</text>\n", w->x1 - sign * 12,
                w->y1 + 3);
    for (int side = -3; side <= 3 && s->bulk; side += 6)
        line("line", w->x1, w->y1 + side, w->x2 - sign * 6, w->y2 + side, " stroke-dasharray=\"7 4\" opacity=\".55\"",
             out);
    line(line_class(s), w->x1, w->y1, w->x2, w->y2,
         s->lost     ? ""
         : under_way ? " stroke-dasharray=\"3 4\""
                     : tip(s),
         out);
    if (s->lost) cross(w->x2, w->y2, out);
}

static void lane(const struct step *s, const struct svg_place *at, FILE *out) {
    int sign = s->from == END_A ? 1 : -1, x = lane_x(s->from) + sign * EDGE;
    int wide = (int)text_width(s->head) * 7 + 16;
    fprintf(out, "<path class=\"faint\" d=\"M%d,%d h%d\" stroke-width=\"1.4\"/>\n", x, at->y, sign * 10);
    fprintf(out, "<rect class=\"soft\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"20\" rx=\"10\"/>\n",
            sign > 0 ? x + 10 : x - 10 - wide, at->y - 10, wide);
    fprintf(out, "<text class=\"ink\" x=\"%d\" y=\"%d\" text-anchor=\"middle\" style=\"font-size:12px\">",
            x + sign * (10 + wide / 2), at->y + 4);
    xml_put(out, s->head);
    fputs("</text>\n", out);
}

/* ---- around ---- */

static void why(const struct step *s, int top, FILE *out) {
    int y = top + 13;
    for (const char *at = s->why; *at != '\0'; y += LINE) {
        size_t n = text_wrap(at, WHY_COLUMNS);
        fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%d\" style=\"font-size:12px\">", WHY_X, y);
        xml_put_n(out, at, n);
        fputs("</text>\n", out);
        at += n;
        while (*at == ' ') at++;
    }
}

static void when(uint64_t since, int y, FILE *out) {
    char text[32];
    moment_text(since, text, sizeof text);
    fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%d\" text-anchor=\"end\" style=\"font-size:11.5px\">%s</text>\n",
            TIME_X, y + 4, text);
}

static void heading_name(const char *text, int x, int y, FILE *out) {
    const char *space = strrchr(text, ' ');
    size_t n = space != NULL ? (size_t)(space - text) : strlen(text);
    fprintf(out, "<rect class=\"soft\" x=\"%d\" y=\"%d\" width=\"200\" height=\"42\" rx=\"8\"/>\n", x - 100, y);
    fprintf(out, "<text class=\"ink\" x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-weight=\"bold\">", x, y + 17);
    xml_put_n(out, text, n);
    fprintf(out, "</text>\n<text class=\"dim\" x=\"%d\" y=\"%d\" text-anchor=\"middle\" style=\"font-size:12px\">", x,
            y + 34);
    xml_put(out, space != NULL ? space + 1 : "");
    fputs("</text>\n", out);
}

static void note(const char *text, int y, FILE *out) {
    for (; *text != '\0'; y += LINE + 1) {
        size_t n = text_wrap(text, NOTE_COLUMNS);
        fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-style=\"italic\">",
                (LANE_A + LANE_B) / 2, y);
        xml_put_n(out, text, n);
        fputs("</text>\n", out);
        text += n;
        while (*text == ' ') text++;
    }
}

/* The lives are cut open where nothing happened for long. */
static void pause_mark(const struct picture *p, int y, uint64_t ns, FILE *out) {
    char text[48];
    later_text(ns, p->lang, text, sizeof text);
    for (int end = 0; end < 2; end++)
        fprintf(
            out,
            "<rect class=\"ground\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"6\" transform=\"rotate(-14 %d %d)\"/>\n",
            lane_x(end) - BAR, y - 3, 2 * BAR, lane_x(end), y);
    fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%d\" text-anchor=\"middle\" style=\"font-size:12px\">",
            (LANE_A + LANE_B) / 2, y + 4);
    fprintf(out, "⋯ %s ⋯</text>\n", text);
}

static void marker(const char *id, const char *class, FILE *out) {
    fprintf(out,
            "<marker id=\"%s\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"11\" markerHeight=\"9\" "
            "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"%s\" d=\"M0,0 L10,5 L0,10 L2.5,5 "
            "z\"/></marker>\n",
            id, class);
}

static void begin(const struct picture *p, int height, FILE *out) {
    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
        "role=\"img\">\n<title>",
        SVG_WIDTH, height, SVG_WIDTH, height);
    xml_put(out, p->title[0] != '\0' ? p->title : "TCP");
    fputs("</title>\n<style>\n", out);
    svg_style(out, "ladder");
    fputs("</style>\n<defs>\n", out);
    marker("tip", "ink", out);
    marker("tip-warn", "t-warn", out);
    marker("tip-bad", "t-bad", out);
    fputs("</defs>\n<rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n", out);
    if (p->title[0] == '\0') return;
    fprintf(out, "<text class=\"ink\" x=\"24\" y=\"32\" font-weight=\"bold\" style=\"font-size:16px\">");
    xml_put(out, p->title);
    fputs("</text>\n", out);
}

struct clock {
    bool started;
    uint64_t zero, last;
    int last_y;
};

static void times(const struct step *s, const struct svg_place *at, struct clock *c, FILE *out) {
    if (!has_time(s) || s->kind == STEP_STATES) return;
    if (!c->started) {
        *c = (struct clock){.started = true, .zero = s->time_ns, .last = s->time_ns, .last_y = at->y};
        when(0, at->y, out);
    } else if (s->time_ns != c->last) {
        when(s->time_ns - c->zero, at->y, out);
    }
    c->last = s->time_ns;
    if (s->arrival_ns <= s->time_ns || s->lost) return;
    when(s->arrival_ns - c->zero, at->end, out);
    c->last = s->arrival_ns;
}

void svg_ladder(const struct picture *p, const struct svg_place *places, int height, bool stepped, FILE *out) {
    struct clock clock = {.started = false};
    begin(p, height, out);
    if (stepped)
        fprintf(out, "<rect id=\"now\" class=\"soft\" x=\"0\" y=\"0\" width=\"%d\" height=\"0\"/>\n", SVG_WIDTH);
    int bottom = p->n > 0 ? places[p->n - 1].bottom + 8 : height;
    lives(p, places, END_A, bottom, out);
    lives(p, places, END_B, bottom, out);
    for (size_t i = 0; i < p->n; i++) {
        struct path w = path_of(p, i, places);
        if (w.drawn) segment(&p->steps[i], &w, out);
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct step *s = &p->steps[i];
        if (places[i].gap != 0) pause_mark(p, places[i].gap, s->time_ns - clock.last, out);
        times(s, &places[i], &clock, out);
        switch (s->kind) {
        case STEP_HEADING:
            heading_name(s->head, LANE_A, places[i].y, out);
            heading_name(s->numbers, LANE_B, places[i].y, out);
            break;
        case STEP_NOTE: note(s->head, places[i].y, out); break;
        case STEP_LANE: lane(s, &places[i], out); break;
        case STEP_SEGMENT:
        case STEP_ARRIVAL:
        case STEP_STATES: break;
        }
        if (has_time(s)) states(s, &places[i], out);
        why(s, places[i].top + (places[i].gap != 0 ? GAP : 0) + (s->kind == STEP_SEGMENT ? 8 : 5), out);
    }
    for (size_t i = 0; i < p->n; i++) { /* words stand on top of lines and calls */
        struct path w = path_of(p, i, places);
        if (w.drawn) words_along(&p->steps[i], &w, out);
    }
    if (p->cut > 0) {
        char text[80];
        more_text(p->cut, p->lang, text, sizeof text);
        note(text, height - 16, out);
    }
    if (stepped)
        fprintf(out,
                "<rect id=\"curtain\" class=\"ground\" opacity=\".86\" x=\"0\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
                height, SVG_WIDTH, height);
    fputs("</svg>\n", out);
}

bool picture_svg(const struct picture *p, FILE *out) {
    struct svg_place *places = p->failed ? NULL : calloc(p->n + 1, sizeof *places);
    if (places == NULL) return false;
    svg_ladder(p, places, svg_layout(p, places), false, out);
    free(places);
    return true;
}
