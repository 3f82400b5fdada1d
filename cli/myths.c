/* myths.c - `tern myths`: the corrections of myths.def, as a list or one by one. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cards.h"
#include "cli/cli.h"

static const char about[] =
    N_("Study notes about TCP are right on most lines. These are the ones that lead astray: what the notes say, what "
       "holds, where the RFC says so, and the scenario that shows it. Without a NUMBER it lists them.");

static void list(enum tern_lang lang) {
    for (size_t i = 0; i < myths_n; i++) printf("%3zu  %s\n", i + 1, myths[i].title[lang]);
    printf("\n%s\n", _("'tern myths NUMBER' tells about one of them, 'tern myths all' about all."));
}

static void show(size_t i, enum tern_lang lang) {
    const struct myth *m = &myths[i];
    printf("%zu. %s\n", i + 1, m->title[lang]);
    card_part(_("The notes say"), m->says[lang]);
    card_part(_("What holds"), m->holds[lang]);
    card_places(m->rfc, m->scenario);
}

int myths_main(int argc, char **argv) {
    struct help help = {"myths", "[NUMBER|all] [OPTION]...", about, NULL, 0, NULL};
    const char *value;
    uint64_t number;
    for (int c; (c = opt_next(argc, argv, &help, &value)) != OPT_END;) return c == OPT_HELP ? EXIT_FINE : EXIT_USAGE;
    enum tern_lang lang = i18n_lang();
    if (optind + 1 < argc) return misuse(_("'%s' is too much"), argv[optind + 1]);
    if (optind == argc) {
        list(lang);
        return EXIT_FINE;
    }
    if (strcmp(argv[optind], "all") == 0) {
        for (size_t i = 0; i < myths_n; i++) {
            if (i > 0) printf("\n\n");
            show(i, lang);
        }
        return EXIT_FINE;
    }
    if (!number_parse(argv[optind], 1, myths_n, &number))
        return misuse(_("'%s' is not a number from 1 to %zu"), argv[optind], myths_n);
    show((size_t)number - 1, lang);
    return EXIT_FINE;
}
