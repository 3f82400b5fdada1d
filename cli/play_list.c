/* play_list.c - `tern play` without a name: the catalogue by chapters. */
#include <stdio.h>
#include <string.h>

#include "cli/play.h"
#include "lens/text.h"
#include "lens/markup.h"

static const char *const chapters[CHAPTERS] = {N_("Opening"), N_("Closing"), N_("Trouble"),
                                               N_("What if a rule were gone?"), N_("Others")};
static const char *const chapter_names[CHAPTERS] = {"opening", "closing", "trouble", "what-if", "own"};

static void member(const char *name, const char *value) {
    printf(",\"%s\":", name);
    json_put(stdout, value);
}

static void list_json(const struct scenario *s, bool first) {
    printf("%s{\"name\":", first ? "" : ",\n");
    json_put(stdout, s->name);
    member("chapter", chapter_names[s->chapter]);
    member("title", s->title.text[TERN_EN]);
    member("title_zh", s->title.text[TERN_ZH]);
    member("claims", s->claims);
    member("figure", s->figure);
    member("rfc", s->rfc);
    printf(",\"runs\":[");
    for (unsigned i = 0; i < s->takes; i++) {
        printf(i > 0 ? "," : "");
        json_put(stdout, s->take[i].name);
    }
    printf("],\"linux\":["); /* for each run, the ends that can be the kernel */
    for (unsigned i = 0; i < s->takes; i++)
        printf("%s\"%s%s\"", i > 0 ? "," : "", s->take[i].linux[0] ? "A" : "", s->take[i].linux[1] ? "B" : "");
    printf("]}");
}

static void list_text(const struct scenario *s, int *chapter) {
    if ((int)s->chapter != *chapter) printf("%s%s\n", *chapter < 0 ? "" : "\n", _(chapters[s->chapter]));
    *chapter = (int)s->chapter;
    bool against = false;
    for (unsigned i = 0; i < s->takes; i++) against |= s->take[i].linux[0] || s->take[i].linux[1];
    printf("  %-28s %c %s\n", s->name, against ? 'L' : ' ', play_text(&s->title, i18n_lang()));
}

int play_list(bool json) {
    int chapter = -1;
    if (json) printf("{\"schema\":\"tern.scenarios/1\",\"version\":\"%s\",\"scenarios\":[\n", tern_version());
    for (size_t i = 0; i < catalogue_scenarios_count; i++) {
        const struct catalogue_scenario *c = &catalogue_scenarios[i];
        struct scenario *s;
        struct play_error err;
        if (scenario_read(c->file, c->name, c->text, c->len, &s, &err) < 0) return trouble("%s", err.text);
        if (json)
            list_json(s, i == 0);
        else
            list_text(s, &chapter);
        scenario_free(s);
    }
    if (json)
        printf("\n]}\n");
    else
        printf("\n%s\n%s\n", _("'tern play NAME' plays one; 'tern play FILE' one of your own (docs/scenarios.md)."),
               _("L: one of the hosts can also be the Linux kernel, with --against linux."));
    return EXIT_FINE;
}
