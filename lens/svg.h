/* svg.h - what the drawings share: colours of the states for light and dark ground, and the ladder as an SVG whose steps
 * are where its caller knows. */
#ifndef LENS_SVG_H
#define LENS_SVG_H

#include "lens/picture.h"

/* The rows of a step, from `top` up to `bottom`. */
struct svg_place {
    int top, bottom;
    int y;   /* where it leaves, or happens */
    int end; /* where it arrives */
    int gap; /* the middle of the pause before it, 0: none */
};

enum { SVG_WIDTH = 1100 };

/* "closed", "opening", "open", "closing", "waiting": the part of a connection's life, as a name in CSS. */
const char *svg_hue(int state);
/* The rules of those names below `.scope`: .b-NAME fills, .t-NAME writes; and .ink, .dim, .ground. */
void svg_style(FILE *out, const char *scope);

/* Lays the steps out into `places` (one for each step); returns the height. */
int svg_layout(const struct picture *p, struct svg_place *places);
/* The <svg> element. `stepped`: with a band "now" and a curtain that a script moves. */
void svg_ladder(const struct picture *p, const struct svg_place *places, int height, bool stepped, FILE *out);

#endif
