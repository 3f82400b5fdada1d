/* i18n.c - which language, and the look-up in the compiled catalogue. The texts are in po/; scripts/po2c.py makes the
 * sorted table. */
#include "po/i18n.h"

#include "po/catalogue.h"

#include <stdlib.h>
#include <string.h>

static enum tern_lang language = TERN_EN;

/* Does the locale name ("zh_CN.UTF-8", "zh-Hans", "zh") speak this language? */
static bool speaks(const char *locale, const char *code) {
    size_t n = strlen(code);
    return strncmp(locale, code, n) == 0 && (locale[n] == '\0' || strchr("_-.@:", locale[n]) != NULL);
}

static bool known(const char *locale, enum tern_lang *out) {
    if (speaks(locale, "zh")) {
        *out = TERN_ZH;
        return true;
    }
    if (speaks(locale, "en") || speaks(locale, "C") || speaks(locale, "POSIX")) {
        *out = TERN_EN;
        return true;
    }
    return false;
}

static const char *env(const char *name) {
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* As gettext does it: the first of LC_ALL, LC_MESSAGES and LANG is the locale; unless that is plain "C", LANGUAGE is a
 * list of better wishes. */
static enum tern_lang from_environment(void) {
    const char *locale = env("LC_ALL"), *list = env("LANGUAGE");
    if (!locale) locale = env("LC_MESSAGES");
    if (!locale) locale = env("LANG");
    enum tern_lang found = TERN_EN;
    if (locale && (strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0)) return TERN_EN;
    for (const char *at = list; at; at = strchr(at, ':')) {
        if (*at == ':') at++;
        if (known(at, &found)) return found;
    }
    if (locale) known(locale, &found);
    return found;
}

bool i18n_init(const char *option) {
    if (option) return known(option, &language);
    language = from_environment();
    return true;
}

enum tern_lang i18n_lang(void) { return language; }

static int compare(const void *key, const void *entry) {
    return strcmp(key, ((const struct catalogue_entry *)entry)->msgid);
}

const char *i18n_text(const char *msgid) {
    if (language == TERN_EN) return msgid;
    const struct catalogue_entry *e = bsearch(msgid, catalogue_zh, catalogue_zh_count, sizeof catalogue_zh[0], compare);
    return e ? e->msgstr : msgid;
}
