/* plot.c - see plot.h. */
#include "bench/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

enum { WIDTH = 900, HEIGHT = 480, LEFT = 80, RIGHT = 20, TOP = 70, BOTTOM = 60, TICKS = 6 };

void series_add(struct series *s, double x, double y) {
    if (s->count == s->room) {
        s->room = s->room != 0 ? 2 * s->room : 256;
        s->point = realloc(s->point, s->room * sizeof *s->point);
        if (s->point == NULL) give_up_bench("no memory for a picture");
    }
    s->point[s->count][0] = x;
    s->point[s->count++][1] = y;
}

void series_free(struct series *s) {
    free(s->point);
    s->point = NULL;
    s->count = s->room = 0;
}

static double across(const struct plot *p, double x) { return LEFT + x / p->x_most * (WIDTH - LEFT - RIGHT); }
static double down(const struct plot *p, double y) { return HEIGHT - BOTTOM - y / p->y_most * (HEIGHT - TOP - BOTTOM); }

/* 1, 2 or 5 times a power of ten, so that about TICKS of them fit. */
static double step_of(double most) {
    double rough = most / TICKS, power = pow(10, floor(log10(rough))), part = rough / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void tick_x(FILE *f, const struct plot *p, double x, const char *name) {
    fprintf(f, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", across(p, x), TOP, across(p, x),
            HEIGHT - BOTTOM);
    fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", across(p, x), HEIGHT - BOTTOM + 18,
            name);
}

static void axes(FILE *f, const struct plot *p) {
    char name[32];
    double step = step_of(p->y_most);
    for (double y = 0; y <= p->y_most * 1.001; y += step) {
        fprintf(f, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, down(p, y),
                WIDTH - RIGHT, down(p, y));
        fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 8, down(p, y) + 4, y);
    }
    step = p->x_ticks != NULL ? 1 : step_of(p->x_most);
    for (double x = 0; x <= p->x_most * 1.001; x += step) {
        snprintf(name, sizeof name, "%g", x);
        tick_x(f, p, x, p->x_ticks != NULL ? p->x_ticks[(int)x] : name);
    }
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16,
            p->x_name);
    fprintf(f, "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
            (TOP + HEIGHT - BOTTOM) / 2, p->y_name);
}

static void draw(FILE *f, const struct plot *p, const struct series *s) {
    bool first = true;
    if (s->style == PLOT_LINE) fprintf(f, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" d=\"M", s->colour);
    if (s->style == PLOT_DOTS) fprintf(f, "<g fill=\"%s\">", s->colour);
    for (size_t i = 0; i < s->count; i++) {
        if (s->point[i][0] > p->x_most || s->point[i][1] > p->y_most) continue; /* outside of the frame */
        double x = across(p, s->point[i][0]), y = down(p, s->point[i][1]);
        if (s->style == PLOT_LINE)
            fprintf(f, "%s%.1f %.1f", first ? "" : "L", x, y);
        else
            fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>", x, y);
        first = false;
    }
    fputs(s->style == PLOT_LINE ? "\"/>\n" : "</g>\n", f);
}

bool plot_write(const struct plot *p, const char *path) {
    FILE *f = fopen(path, "w");
    if (f == NULL) return false;
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
            "font-size=\"13\">\n<style>.grid{stroke:#8884;stroke-width:1}</style>\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n<text x=\"%d\" y=\"26\" font-size=\"16\">%s</text>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT, p->title);
    axes(f, p);
    double x = LEFT;
    for (size_t i = 0; i < p->count; i++) {
        const struct series *s = &p->series[i];
        if (s->count == 0) continue;
        draw(f, p, s);
        fprintf(
            f,
            "<rect x=\"%.0f\" y=\"42\" width=\"12\" height=\"12\" fill=\"%s\"/><text x=\"%.0f\" y=\"53\">%s</text>\n",
            x, s->colour, x + 18, s->name);
        double letters = 0;
        for (const char *c = s->name; *c != '\0'; c++) letters++;
        x += 44 + 7.2 * letters;
    }
    fputs("</svg>\n", f);
    bool ok = ferror(f) == 0;
    return fclose(f) == 0 && ok;
}
