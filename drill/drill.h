/* drill.h - running scripts: what a run needs, and what it says. How files are found and results are summed up is
 * cli/drill.c's. */
#ifndef DRILL_DRILL_H
#define DRILL_DRILL_H

#include <stdio.h>

#include "drill/script.h"

struct python;

struct drill_setup {
    tern_config stack;        /* settings to begin with; allocator and entropy are filled in */
    struct overrides over;    /* options of the command line */
    bool shell;               /* run `commands` that are not settings of the stack */
    const char *pcap;         /* NULL: none */
    bool colour, quiet_skips; /* quiet: skipped commands are not reported */
    struct python **python;   /* of this worker; made when first needed */
};

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_BAD };

struct drill_result {
    enum verdict verdict; /* bad: the script cannot be read */
    struct place at;
    char text[512];    /* one line: what is wrong */
    char *report;      /* all of it, ready to print; NULL: nothing to say */
    unsigned skipped;  /* commands */
    uint64_t clock_ns; /* virtual time that passed */
};

/* Runs one script. `result->report` is the caller's to free. */
void drill_run(const char *path, const struct drill_setup *setup, struct drill_result *result);

/* ---- %{ code }% : one interpreter for many scripts ---- */

/* Runs `code` after the assignments in `values`; `fresh` forgets the variables of before. Returns true, or false with
 * what went wrong in `text`. */
bool python_run(struct python **python, const char *command, const char *values, const char *code, bool fresh,
                char *text, size_t size);
void python_end(struct python *python);

/* ---- `commands` ---- */

/* Applies the settings in a command. `stack` NULL: it is too late for them. False: it is, or has in it, something that
 * is no setting; `what` names it. */
bool command_apply(const char *command, tern_config *stack, char *what, size_t size);

#endif
