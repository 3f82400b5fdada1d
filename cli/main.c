/* main.c - the program tern: finds the sub-command and runs it. Each command is a file of its own. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lens/text.h"

static const struct command commands[] = {
    {"demo", N_("fetch a page with curl from tern, and watch the connection live and die"), demo_main},
    {"explain", N_("tell from a capture what happened to each connection"), explain_main},
    {"serve", N_("offer echo, discard, chargen and HTTP on tern's own TCP"), serve_main},
    {"connect", N_("connect standard input and output with a TCP port, through tern"), connect_main},
    {"play", N_("play a scenario: what a connection does, and why, when segments are lost or old"), play_main},
    {"ping", N_("ask a host whether it is there"), ping_main},
    {"states", N_("the states of a connection: the diagram, every move, and what each state means"), states_main},
    {"myths", N_("what study notes about TCP often say, and what holds"), myths_main},
    {"ask", N_("questions about TCP, each answered in a few lines and with a scenario to play"), ask_main},
    {"drill", N_("run packetdrill scripts against tern, in virtual time"), drill_main},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int help(void) {
    printf("%s\n\n%s\n\n%s\n", _("Usage: tern COMMAND [OPTION]..."),
           _("tern is TCP, whole, outside the kernel; this program makes its connections visible."), _("Commands:"));
    for (size_t i = 0; i < COMMANDS; i++) printf("  %-10s %s\n", commands[i].name, _(commands[i].summary));
    printf("\n%s\n", _("'tern COMMAND --help' tells all about one; 'tern --version' which tern this is."));
    return EXIT_FINE;
}

static int version(void) {
    printf("tern %s\n%s\n", tern_version(),
           _("MIT licence. TCP as of RFC 9293, in user space; IPv4 and IPv6; TUN, TAP, pipes."));
    return EXIT_FINE;
}

/* The options before the command: --lang, --help, --version. Returns the index of the command or, negative, ~exit
 * code. */
static int before_command(int argc, char **argv) {
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        const char *arg = argv[at];
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) return ~help();
        if (strcmp(arg, "--version") == 0) return ~version();
        if (strncmp(arg, "--lang", 6) != 0 || (arg[6] != '=' && arg[6] != '\0'))
            return ~misuse(_("there is no option %s"), arg);
        const char *lang = arg[6] == '=' ? arg + 7 : argv[++at];
        if (lang == NULL) return ~misuse(_("%s needs a value"), arg);
        if (!i18n_init(lang)) return ~misuse(_("--lang: there is no language '%s'; there are en and zh"), lang);
    }
    return at;
}

/* --lang counts for everything that is said, also about options before it. */
static void language(int argc, char **argv) {
    i18n_init(NULL);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--lang=", 7) == 0)
            i18n_init(argv[i] + 7);
        else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
            i18n_init(argv[i + 1]);
    }
}

/* Whoever reads what we print has read enough, as head or a pager does: no trouble to speak of. */
static bool reader_left(void) {
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

/* What was printed has arrived, or the exit code says that it has not. */
static int printed(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    return reader_left() ? EXIT_TROUBLE : trouble(_("cannot write to standard output"));
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    language(argc, argv);
    int at = before_command(argc, argv);
    if (at < 0) return printed(~at);
    if (at >= argc) {
        fflush(stdout);
        char names[COMMANDS * 16] = "";
        for (size_t i = 0; i < COMMANDS; i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? _(", ") : "",
                     commands[i].name);
        return misuse(_("which command? There are %s"), names);
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[at], commands[i].name) != 0) continue;
        message_command(commands[i].name);
        return printed(commands[i].run(argc - at, argv + at));
    }
    return misuse(_("there is no command '%s'"), argv[at]);
}
