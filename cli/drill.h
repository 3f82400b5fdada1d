/* drill.h - the parts of `tern drill`: which scripts there are, and what is said of their results. Running one is
 * drill/'s. */
#ifndef CLI_DRILL_H
#define CLI_DRILL_H

#include <stdio.h>

#include "drill/drill.h"

struct drill_script {
    char *path;
    struct drill_result result;
    uint64_t took_ns; /* of real time */
};

struct drill_list {
    struct drill_script *of;
    size_t n, room;
};

/* Adds a file, or all *.pkt files below a directory, in the order of their names. 0 or a negative errno. */
int drill_list_add(struct drill_list *l, const char *path);
void drill_list_free(struct drill_list *l);

struct drill_sum {
    size_t passed, all, skipped; /* skipped: commands */
};
struct drill_sum drill_sum(const struct drill_list *l);
/* A script's failure or warnings. */
void drill_say(FILE *out, const struct drill_script *s, bool verbose);
/* A line a folder, when there are several. */
void drill_folders(FILE *out, const struct drill_list *l);
/* JSON Lines, schema "tern.drill/1"; JUnit's XML. */
void drill_json(FILE *out, const struct drill_list *l);
void drill_junit(FILE *out, const struct drill_list *l);

#endif
