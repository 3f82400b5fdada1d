/* states.c - `tern states`: the state machine as a drawing, as a list of its moves, and state by state. The table is the
 * library's own (src/tcp/transition.def), the words are states.def's. */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cards.h"
#include "cli/cli.h"
#include "lens/markup.h"
#include "lens/states.h"
#include "lens/text.h"

enum { O_SVG = OPT_COMMAND, O_DOT, O_JSON, O_ASCII };

static const struct opt states_opts[] = {
    {O_SVG, "svg", NULL, N_("the diagram as SVG, on standard output")},
    {O_DOT, "dot", NULL, N_("the same for Graphviz, with every move")},
    {O_JSON, "json", NULL, N_("states, moves and texts as JSON, schema tern.states/1")},
    {O_ASCII, "ascii", NULL, N_("draw with ASCII characters only")},
};
static const struct opt_group groups[] = {OPT_GROUP(N_("Instead of text:"), states_opts)};

static const char about[] = N_(
    "Shows the states of a TCP connection as RFC 9293 Figure 5 draws them, and every move of the table that this very "
    "program runs: what causes it, what is done, and where the RFC says so. With a STATE, in any spelling (FIN-WAIT-1, "
    "fin_wait1, SYN-RCVD), what it means to find a connection in it: who is in it, what ends it, what it looks like in "
    "ss, and what to do when a machine is full of them.");

/* The numbers are those of the moves with an arrow, in the order of the table. */
static const char *const drawing[] = {
    "                               ┌──────────────┐  1",
    "                               │    CLOSED    │─────────────────────────┐",
    "                               └──────────────┘◀──── 8 ────┐            │",
    "                                2 │        ▲ 5             │            │",
    "                                  ▼        │               │            │",
    "              10               ┌──────────────┐            │            │",
    "      ┌───────────────────────▶│    LISTEN    │            │            │",
    "      │                        └──────────────┘            │            │",
    "      │                       3 │            │ 4           │            │",
    "      │            ┌────────────┘            └──────┐      │            │",
    "      │            ▼                                ▼      │            ▼",
    "     ┌──────────────┐                7              ┌──────────────────────┐",
    "     │ SYN-RECEIVED │◀──────────────────────────────│       SYN-SENT       │",
    "     └──────────────┘                               └──────────────────────┘",
    "    11 │         9 │                                 6 │",
    "       │           └─────────────┐        ┌────────────┘",
    "       │                         ▼        ▼",
    "       │                       ┌──────────────┐",
    "       │                       │ ESTABLISHED  │",
    "       │                       └──────────────┘",
    "       │                     12 │            │ 13",
    "       │           ┌────────────┘            └────────────┐",
    "       ▼           ▼                                      ▼",
    "     ┌──────────────┐                               ┌──────────────┐",
    "     │  FIN-WAIT-1  │                               │  CLOSE-WAIT  │",
    "     └──────────────┘                               └──────────────┘",
    "    14 │    │ 16 │ 15                                  19 │",
    "       │    │    └───────────────┐                        │",
    "       ▼    └────────────────┐   ▼                        ▼",
    "     ┌──────────────┐        │ ┌──────────────┐     ┌──────────────┐",
    "     │  FIN-WAIT-2  │        │ │   CLOSING    │     │   LAST-ACK   │",
    "     └──────────────┘        │ └──────────────┘     └──────────────┘",
    "    17 │                     │     18 │                20 │",
    "       │                     ▼        ▼                   ▼",
    "       │                       ┌──────────────┐ 21  ┌──────────────┐",
    "       └──────────────────────▶│  TIME-WAIT   │────▶│    CLOSED    │",
    "                               └──────────────┘     └──────────────┘",
};

static void draw_line(const char *line, bool ascii) {
    static const struct {
        const char *glyph, *plain;
    } plain[] = {{"─", "-"}, {"│", "|"}, {"▶", ">"}, {"◀", "<"}, {"▲", "^"}, {"▼", "v"}};
    for (const char *end = line + strlen(line); line < end;) {
        uint32_t cp;
        size_t n = utf8_next(line, end, &cp), i = 0;
        while (i < sizeof plain / sizeof plain[0] && strncmp(line, plain[i].glyph, n) != 0) i++;
        if (!ascii || cp < 0x80)
            fwrite(line, 1, n, stdout);
        else
            fputs(i < sizeof plain / sizeof plain[0] ? plain[i].plain : "+", stdout);
        line += n;
    }
    putchar('\n');
}

/* ---- the list of moves ---- */

/* "3.10.4" of RFC 9293, "RFC 6191 2" of another. */
static void print_place(const char *rfc) {
    char text[32];
    bool usual = strncmp(rfc, "9293 ", 5) == 0;
    snprintf(text, sizeof text, "%s%s", usual ? "" : "RFC ", usual ? rfc + 5 : rfc);
    printf(" %-9s", text);
}

static void print_move(const tern_transition *t, const char *what, enum tern_state state, unsigned number) {
    enum { BEFORE = 61, BELOW = 20 };
    char no[12] = "";
    const char *scenario = edge_scenario(t);
    if (number != 0) snprintf(no, sizeof no, "%u", number);
    printf(" %3s %s %-12s %-18s %-11s", no, what, tern_state_name(state), t->cause, t->action);
    print_place(t->rfc);
    if (scenario[0] != '\0' && BEFORE + strlen(scenario) > text_columns()) printf("\n%*s", BELOW - 1, "");
    printf(scenario[0] != '\0' ? " %s\n" : "\n", scenario);
}

/* The number of a row in the drawing, 0: it has none. */
static unsigned number_of(size_t which) {
    tern_transition t;
    unsigned n = 0;
    for (size_t i = 0; i <= which && tern_transition_at(i, &t); i++) {
        bool drawn = states_drawn(&t);
        n += drawn;
        if (i == which) return drawn ? n : 0;
    }
    return 0;
}

static void print_moves(enum tern_state state, bool out, bool ascii) {
    tern_transition t;
    for (size_t i = 0; tern_transition_at(i, &t); i++)
        if ((out ? t.from : t.to) == state)
            print_move(&t, out ? (ascii ? "->" : "→") : (ascii ? "<-" : "←"), out ? t.to : t.from, number_of(i));
}

static void print_all(bool ascii) {
    for (size_t i = 0; i < sizeof drawing / sizeof drawing[0]; i++) draw_line(drawing[i], ascii);
    putchar('\n');
    paragraph(
        _("Every move: its number in the drawing, where it leads, what causes it, what is done, the section of RFC "
          "9293, and the scenario that walks it ('tern play NAME')."),
        0, 0, text_columns());
    for (int s = 0; s < TERN_STATES; s++) {
        printf("\n%s\n", tern_state_name((enum tern_state)s));
        print_moves((enum tern_state)s, true, ascii);
    }
    printf("\n%s\n", _("'tern states STATE' tells about one of them."));
}

/* ---- one state ---- */

static int print_state(const char *name, bool ascii) {
    enum tern_state state;
    if (tern_state_parse(name, &state) < 0)
        return misuse(_("'%s' is no state; there are CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, "
                        "FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK and TIME-WAIT"),
                      name);
    const struct state_card *card = &state_cards[state];
    enum tern_lang lang = i18n_lang();
    printf(_("%s (ss: %s, netstat: %s)"), tern_state_name(state), card->ss, card->netstat);
    putchar('\n');
    card_part(_("Who is in it"), card->who[lang]);
    printf("\n%s\n", _("What leads to it"));
    print_moves(state, false, ascii);
    printf("\n%s\n", _("What ends it"));
    print_moves(state, true, ascii);
    card_part(_("In ss"), card->look[lang]);
    if (card->sample[0] != '\0') printf("    %-11s %s\n", card->ss, card->sample);
    if (state != TERN_CLOSED) {
        char filter[16];
        size_t n = 0;
        for (; card->ss[n] != '\0' && n + 1 < sizeof filter; n++) filter[n] = (char)tolower((unsigned char)card->ss[n]);
        filter[n] = '\0';
        printf("    ss -tanop state %s\n", strcmp(filter, "estab") == 0 ? "established" : filter);
    }
    card_part(_("When a machine is full of them"), card->many[lang]);
    return EXIT_FINE;
}

/* ---- JSON ---- */

static void field(const char *before, const char *name, const char *value) {
    printf("%s\"%s\":", before, name);
    json_put(stdout, value);
}

static void both(const char *name, const card_text text) {
    printf(",\"%s\":", name);
    field("{", "en", text[TERN_EN]);
    field(",", "zh", text[TERN_ZH]);
    putchar('}');
}

static void print_json(void) {
    tern_transition t;
    printf("{\"schema\":\"tern.states/1\",\"version\":\"%s\",\n\"states\":[", tern_version());
    for (int s = 0; s < TERN_STATES; s++) {
        const struct state_card *card = &state_cards[s];
        field(s == 0 ? "\n{" : ",\n{", "name", tern_state_name((enum tern_state)s));
        field(",", "ss", card->ss);
        field(",", "netstat", card->netstat);
        both("who", card->who);
        both("look", card->look);
        both("many", card->many);
        putchar('}');
    }
    printf("],\n\"moves\":[");
    for (size_t i = 0; tern_transition_at(i, &t); i++) {
        field(i == 0 ? "\n{" : ",\n{", "from", tern_state_name(t.from));
        field(",", "to", tern_state_name(t.to));
        field(",", "event", t.event);
        field(",", "cause", t.cause);
        field(",", "action", t.action);
        field(",", "rfc", t.rfc);
        field(",", "scenario", edge_scenario(&t));
        printf(",\"number\":%u}", number_of(i));
    }
    printf("]}\n");
}

int states_main(int argc, char **argv) {
    struct help help = {"states", "[STATE] [OPTION]...", about, groups, 1, NULL};
    const char *value;
    int form = 0;
    bool ascii = false;
    for (int c; (c = opt_next(argc, argv, &help, &value)) != OPT_END;) {
        switch (c) {
        case OPT_HELP: return EXIT_FINE;
        case OPT_BAD: return EXIT_USAGE;
        case O_ASCII: ascii = true; break;
        default:
            if (form != 0 && form != c) return misuse(_("one of --svg, --dot and --json"));
            form = c;
        }
    }
    if (optind + 1 < argc) return misuse(_("'%s' is too much"), argv[optind + 1]);
    if (optind < argc && form != 0) return misuse(_("'%s' is too much"), argv[optind]);
    if (optind < argc) return print_state(argv[optind], ascii);
    switch (form) {
    case O_SVG: states_svg(stdout, i18n_lang(), true); break;
    case O_DOT: states_dot(stdout); break;
    case O_JSON: print_json(); break;
    default: print_all(ascii);
    }
    return EXIT_FINE;
}
