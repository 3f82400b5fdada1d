/* options.c - see cli.h: getopt_long fed from our tables, help printed from the same. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lens/text.h"

static const char *command_name;
static bool quiet;

void message_command(const char *name) { command_name = name; }

void message_quiet(bool now) { quiet = now; }

static void message(const char *format, va_list args) {
    fflush(stdout);
    fprintf(stderr, "tern%s%s: ", command_name != NULL ? " " : "", command_name != NULL ? command_name : "");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (!quiet) message(format, args);
    va_end(args);
}

int trouble(const char *format, ...) {
    va_list args;
    va_start(args, format);
    message(format, args);
    va_end(args);
    return EXIT_TROUBLE;
}

int misuse(const char *format, ...) {
    va_list args;
    va_start(args, format);
    message(format, args);
    va_end(args);
    fprintf(stderr, _("Try 'tern%s%s --help'."), command_name != NULL ? " " : "",
            command_name != NULL ? command_name : "");
    fputc('\n', stderr);
    return EXIT_USAGE;
}

/* ---- options ---- */

enum { LONG_MAX_OPTIONS = 64 };

static const struct opt common[] = {
    {OPT_LANG, "lang", "en|zh", N_("language of the texts; otherwise the locale decides")},
    {OPT_HELP, "help", NULL, N_("this text")},
};

static void add(const struct opt *opts, size_t n, struct option *longs, size_t *at, char *shorts) {
    for (size_t i = 0; i < n && *at + 1 < LONG_MAX_OPTIONS; i++) {
        int kind = opts[i].argument == NULL     ? no_argument
                   : opts[i].argument[0] == '[' ? optional_argument
                                                : required_argument;
        longs[(*at)++] = (struct option){opts[i].name, kind, NULL, opts[i].code};
        if (opts[i].code < 128) {
            size_t len = strlen(shorts);
            shorts[len++] = (char)opts[i].code;
            if (kind != no_argument) shorts[len++] = ':';
            shorts[len] = '\0';
        }
    }
}

void paragraph(const char *text, size_t indent, size_t at, size_t width) {
    while (*text != '\0') {
        if (*text == '\n') {
            putchar('\n');
            at = 0;
            text++;
            continue;
        }
        const char *stop = strchr(text, '\n');
        size_t line = stop != NULL ? (size_t)(stop - text) : strlen(text);
        char copy[1024];
        snprintf(copy, sizeof copy, "%.*s", (int)line, text);
        size_t n = text_wrap(copy, width - indent);
        printf("%*s%.*s", (int)(indent > at ? indent - at : 0), "", (int)n, text);
        text += n;
        while (*text == ' ') text++;
        if (*text != '\n') {
            putchar('\n');
            at = 0;
        }
    }
}

static void print_options(const char *title, const struct opt *opts, size_t n, size_t width) {
    enum { TEXT_AT = 30 };
    printf("\n%s\n", _(title));
    for (size_t i = 0; i < n; i++) {
        char head[96];
        if (opts[i].text == NULL) continue;
        const char *argument = opts[i].argument != NULL ? opts[i].argument : "";
        if (opts[i].code < 128)
            snprintf(head, sizeof head, "  -%c, --%s%s%s", opts[i].code, opts[i].name,
                     argument[0] != '\0' && argument[0] != '[' ? " " : "", argument);
        else
            snprintf(head, sizeof head, "  --%s%s%s", opts[i].name,
                     argument[0] != '\0' && argument[0] != '[' ? " " : "", argument);
        size_t wide = text_width(head);
        printf("%s", head);
        if (wide + 2 > TEXT_AT) {
            putchar('\n');
            wide = 0;
        }
        paragraph(_(opts[i].text), TEXT_AT, wide, width);
    }
}

unsigned text_columns(void) {
    unsigned width = terminal_width(STDOUT_FILENO, 80);
    return width < 60 ? 60 : width > 110 ? 110 : width;
}

static void help_print(const struct help *help) {
    unsigned width = text_columns();
    printf(_("Usage: tern %s %s"), help->command, help->usage);
    printf("\n\n");
    paragraph(_(help->about), 0, 0, width);
    for (size_t g = 0; g < help->groups_n; g++)
        print_options(help->groups[g].title, help->groups[g].opts, help->groups[g].n, width);
    print_options(N_("Everywhere:"), common, sizeof common / sizeof common[0], width);
    if (help->after != NULL) {
        putchar('\n');
        paragraph(_(help->after), 0, 0, width);
    }
    printf("\n%s\n", _("Exit status: 0 fine, 1 it did not work, 2 wrong usage."));
}

int opt_next(int argc, char **argv, const struct help *help, const char **value) {
    struct option longs[LONG_MAX_OPTIONS] = {{0}};
    char shorts[160] = ":";
    size_t at = 0;
    add(common, sizeof common / sizeof common[0], longs, &at, shorts);
    for (size_t g = 0; g < help->groups_n; g++) add(help->groups[g].opts, help->groups[g].n, longs, &at, shorts);
    opterr = 0;
    int before = optind > 0 ? optind : 1, code = getopt_long(argc, argv, shorts, longs, NULL);
    *value = optarg;
    switch (code) {
    case OPT_HELP: help_print(help); return OPT_HELP;
    case OPT_LANG:
        if (!i18n_init(optarg)) {
            misuse(_("--lang: there is no language '%s'; there are en and zh"), optarg);
            return OPT_BAD;
        }
        return opt_next(argc, argv, help, value);
    case ':': misuse(_("%s needs a value"), argv[optind - 1]); return OPT_BAD;
    case '?':
        if (optopt >= 128)
            misuse(_("%s takes no value"), argv[optind - 1]);
        else if (optopt > 0 && strncmp(argv[before], "--", 2) != 0)
            misuse(_("there is no option -%c"), optopt);
        else
            misuse(_("there is no option %s"), argv[optind - 1]);
        return OPT_BAD;
    default: return code == -1 ? OPT_END : code;
    }
}

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || v > (UINT64_MAX - (uint64_t)(*text - '0')) / 10) return false;
        v = v * 10 + (uint64_t)(*text - '0');
    }
    *out = v;
    return v >= min && v <= max;
}

bool seconds_parse(const char *text, uint64_t *ns) {
    char whole[16], part[10] = "000000000";
    const char *dot = strchr(text, '.');
    size_t n = dot != NULL ? (size_t)(dot - text) : strlen(text), digits = dot != NULL ? strlen(dot + 1) : 0;
    uint64_t seconds, rest;
    if (n == 0 || n >= sizeof whole || digits > 9 || (dot != NULL && digits == 0)) return false;
    snprintf(whole, sizeof whole, "%.*s", (int)n, text);
    if (digits > 0) memcpy(part, dot + 1, digits);
    if (!number_parse(whole, 0, 86400, &seconds) || !number_parse(part, 0, 999999999, &rest)) return false;
    *ns = seconds * 1000000000u + rest;
    return true;
}
