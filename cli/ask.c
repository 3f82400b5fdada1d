/* ask.c - `tern ask`: the questions of questions.def, as a list, or the one that fits best what was typed. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cards.h"
#include "cli/cli.h"
#include "lens/text.h"

enum { TYPED = 512, ALSO = 3 };

static const char about[] = N_(
    "Answers questions about TCP as people ask them, at interviews and on call: in a few lines, with the place in the "
    "RFC and a scenario to play. WORDS may be English or Chinese, a whole question or a few words of it, or a number "
    "of the list; a Chinese question is answered in Chinese. Without WORDS it lists the questions.");

static void list(enum tern_lang lang) {
    for (size_t i = 0; i < questions_n; i++) {
        char number[24];
        int n = snprintf(number, sizeof number, "%3zu  ", i + 1);
        printf("%s", number);
        paragraph(questions[i].question[lang], (size_t)n, (size_t)n, text_columns());
    }
    printf("\n%s\n", _("'tern ask WORDS' or 'tern ask NUMBER' answers one."));
}

static void show(size_t i, enum tern_lang lang) {
    const struct question *q = &questions[i];
    paragraph(q->question[lang], 0, 0, text_columns());
    putchar('\n');
    paragraph(q->answer[lang], 2, 0, text_columns());
    card_places(q->rfc, q->scenario);
}

/* The questions that fit, best first; returns how many. */
static size_t ranked(const char *typed, size_t best[ALSO + 1]) {
    unsigned score[ALSO + 1];
    size_t n = 0;
    for (size_t i = 0; i < questions_n; i++) {
        unsigned fits = question_fits(&questions[i], typed);
        size_t at = n;
        if (fits == 0) continue;
        while (at > 0 && score[at - 1] < fits) at--;
        if (at == ALSO + 1) continue;
        if (n <= ALSO) n++;
        for (size_t k = n - 1; k > at; k--) {
            best[k] = best[k - 1];
            score[k] = score[k - 1];
        }
        best[at] = i;
        score[at] = fits;
    }
    while (n > 1 && score[n - 1] * 3 < score[0] * 2) n--;
    return n;
}

static bool chinese(const char *typed) {
    for (const char *end = typed + strlen(typed); typed < end;) {
        uint32_t cp;
        typed += utf8_next(typed, end, &cp);
        if (cp >= 0x4e00 && cp <= 0x9fff) return true;
    }
    return false;
}

static int answer(const char *typed) {
    if (chinese(typed)) i18n_init("zh");
    enum tern_lang lang = i18n_lang();
    size_t best[ALSO + 1], n = ranked(typed, best);
    uint64_t number;
    if (number_parse(typed, 1, questions_n, &number)) {
        show((size_t)number - 1, lang);
        return EXIT_FINE;
    }
    if (n == 0) return trouble(_("nothing is known here about '%s'; 'tern ask' lists what is"), typed);
    show(best[0], lang);
    if (n > 1) printf("\n%s\n", _("See also"));
    for (size_t i = 1; i < n; i++) printf("%3zu  %s\n", best[i] + 1, questions[best[i]].question[lang]);
    return EXIT_FINE;
}

int ask_main(int argc, char **argv) {
    struct help help = {"ask", "[WORDS...] [OPTION]...", about, NULL, 0, NULL};
    const char *value;
    char typed[TYPED] = "";
    for (int c; (c = opt_next(argc, argv, &help, &value)) != OPT_END;) return c == OPT_HELP ? EXIT_FINE : EXIT_USAGE;
    if (optind == argc) {
        list(i18n_lang());
        return EXIT_FINE;
    }
    for (; optind < argc; optind++) {
        size_t at = strlen(typed), n = strlen(argv[optind]);
        if (at + n + 2 > sizeof typed) return misuse(_("that is a long question"));
        if (at > 0) typed[at++] = ' ';
        memcpy(typed + at, argv[optind], n + 1);
    }
    return answer(typed);
}
