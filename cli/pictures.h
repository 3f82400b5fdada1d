/* pictures.h - the options --svg, --mermaid and --html of the commands that draw a ladder, and the files they write. */
#ifndef CLI_PICTURES_H
#define CLI_PICTURES_H

#include <stdio.h>

#include "cli/cli.h"
#include "lens/ladder.h"

enum { PICTURE_KINDS = 3 };

struct pictures {
    const char *path[PICTURE_KINDS]; /* NULL: not wanted; "-": standard output */
    FILE *file[PICTURE_KINDS];
    struct picture *picture;
};

extern const struct opt picture_opts[];
extern const size_t picture_opts_n;

/* Takes an option of picture_opts. */
bool pictures_option(struct pictures *p, int code, const char *value);
/* Is one of them to go to standard output? Then nothing else may. */
bool pictures_stdout(const struct pictures *p);
/* When files are wanted, opens them and makes `o` feed them. `title` may be NULL. 0 or an exit code. */
int pictures_begin(struct pictures *p, const char *title, struct ladder_options *o);
/* After the ladder was freed: writes the files. 0 or an exit code; what is wrong was said. */
int pictures_end(struct pictures *p);

#endif
