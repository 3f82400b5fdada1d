/* pictures.c - see pictures.h. */
#include "cli/pictures.h"

#include <errno.h>
#include <string.h>

#include "lens/picture.h"

enum { O_SVG = OPT_SHARED + 64 };

static const struct {
    bool (*draw)(const struct picture *p, FILE *out);
} kinds[PICTURE_KINDS] = {{picture_svg}, {picture_mermaid}, {picture_html}};

const struct opt picture_opts[] = {
    {O_SVG, "svg", "FILE", N_("draw the ladder as SVG, for light and dark pages")},
    {O_SVG + 1, "mermaid", "FILE", N_("write it as a Mermaid sequence diagram, for Markdown")},
    {O_SVG + 2, "html", "FILE", N_("one page that can be stepped through, with the state diagram; it loads nothing")},
};
const size_t picture_opts_n = sizeof picture_opts / sizeof picture_opts[0];

bool pictures_option(struct pictures *p, int code, const char *value) {
    if (code < O_SVG || code >= O_SVG + PICTURE_KINDS) return false;
    p->path[code - O_SVG] = value;
    return true;
}

bool pictures_stdout(const struct pictures *p) {
    for (size_t i = 0; i < PICTURE_KINDS; i++)
        if (p->path[i] != NULL && strcmp(p->path[i], "-") == 0) return true;
    return false;
}

int pictures_begin(struct pictures *p, const char *title, struct ladder_options *o) {
    bool wanted = false;
    for (size_t i = 0; i < PICTURE_KINDS; i++) {
        if (p->path[i] == NULL) continue;
        wanted = true;
        p->file[i] = strcmp(p->path[i], "-") == 0 ? stdout : fopen(p->path[i], "we");
        if (p->file[i] == NULL) return trouble(_("%s: cannot open: %s"), p->path[i], i18n_error(errno));
    }
    if (!wanted) return 0;
    p->picture = picture_new(title, o->lang);
    if (p->picture == NULL) return trouble("%s", i18n_error(ENOMEM));
    o->picture = p->picture;
    return 0;
}

static int write_one(const struct picture *picture, size_t kind, const char *path, FILE *out) {
    bool drawn = kinds[kind].draw(picture, out), bad = fflush(out) != 0 || ferror(out);
    int error = errno;
    if (out != stdout && fclose(out) != 0 && !bad) {
        bad = true;
        error = errno;
    }
    if (!drawn) return trouble("%s", i18n_error(ENOMEM));
    return bad ? trouble(_("%s: cannot write: %s"), path, i18n_error(error)) : 0;
}

int pictures_end(struct pictures *p) {
    int code = 0;
    for (size_t i = 0; i < PICTURE_KINDS && p->picture != NULL; i++) {
        int r = p->file[i] != NULL ? write_one(p->picture, i, p->path[i], p->file[i]) : 0;
        if (code == 0) code = r;
    }
    picture_free(p->picture);
    p->picture = NULL;
    return code;
}
