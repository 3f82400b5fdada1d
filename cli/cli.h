/* cli.h - what the sub-commands share: options and their help out of one table, messages, exit codes. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "po/i18n.h"

enum { EXIT_FINE = 0, EXIT_TROUBLE = 1, EXIT_USAGE = 2, EXIT_REFUSED = 77 }; /* 77: not on this machine */

struct command {
    const char *name;
    const char *summary; /* marked with N_ */
    int (*run)(int argc, char **argv);
};

int demo_main(int argc, char **argv);
int serve_main(int argc, char **argv);
int connect_main(int argc, char **argv);
int ping_main(int argc, char **argv);
int states_main(int argc, char **argv);
int myths_main(int argc, char **argv);
int ask_main(int argc, char **argv);
int play_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int drill_main(int argc, char **argv);

/* ---- messages: all to standard error, "tern: " or "tern COMMAND: " before them ---- */

void message_command(const char *name); /* of the command that runs */
void message_quiet(bool quiet);         /* note() says nothing from now on */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Returns EXIT_TROUBLE. */
int trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Adds where to find help; returns EXIT_USAGE. */
int misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- options ---- */

/* `code` below 128 is also the short option. */
struct opt {
    int code;
    const char *name;
    const char *argument; /* shown in the help; NULL: takes none; "[=X]": may take one */
    const char *text;     /* marked with N_; NULL: not shown */
};

enum { OPT_END = -1, OPT_BAD = -2, OPT_HELP = 128, OPT_LANG, OPT_COMMAND = 160, OPT_SHARED = 256 };

struct opt_group {
    const char *title; /* marked with N_ */
    const struct opt *opts;
    size_t n;
};
#define OPT_GROUP(title, table)                                                                                        \
    { title, table, sizeof(table) / sizeof(table)[0] }

struct help {
    const char *command;
    const char *usage; /* behind "tern COMMAND " */
    const char *about; /* a paragraph or more, marked with N_ */
    const struct opt_group *groups;
    size_t groups_n;
    const char *after; /* marked with N_; may be NULL */
};

/* The next option's code, its value in *value; OPT_END, then optind is the first operand; OPT_BAD when it was wrong,
 * which was said. --help and --lang are handled inside: OPT_HELP means that the help was printed. */
int opt_next(int argc, char **argv, const struct help *help, const char **value);

/* Prints `text` in columns from `indent` to `width`; the cursor stands at `at`. */
void paragraph(const char *text, size_t indent, size_t at, size_t width);
/* Columns for running text: those of the terminal, within reason. */
unsigned text_columns(void);

/* A whole number within limits; false when `text` is anything else. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out);
/* "0.5": seconds as nanoseconds. */
bool seconds_parse(const char *text, uint64_t *ns);

#endif
