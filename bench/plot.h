/* plot.h - simple pictures of figures as SVG: lines and dots over two linear axes. What they mean is pictures.c's. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stddef.h>

enum plot_style { PLOT_LINE, PLOT_DOTS };

struct series {
    const char *name, *colour;
    enum plot_style style;
    double (*point)[2]; /* x, y */
    size_t count, room;
};

struct plot {
    const char *title, *x_name, *y_name;
    const char *const *x_ticks; /* names of x = 0, 1, ...; NULL: numbers */
    double x_most, y_most;      /* both axes begin at 0 */
    struct series *series;
    size_t count;
};

/* Appends a point; gives up when there is no memory. */
void series_add(struct series *s, double x, double y);
void series_free(struct series *s);
/* False: the file cannot be written; errno tells why. */
bool plot_write(const struct plot *p, const char *path);

#endif
