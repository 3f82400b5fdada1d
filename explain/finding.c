/* finding.c - the names and words of findings and forms, as finding.def and form.def have them. */
#include "explain/verdict.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name, *rfc, *unit[2], *text[2];
    uint8_t severity;
} findings[FINDINGS] = {
#define FINDING(name, severity, rfc, a, b, en, zh) {#name, rfc, {a, b}, {en, zh}, SEVERITY_##severity},
#include "explain/finding.def"
#undef FINDING
};

struct form {
    const char *name, *rfc, *text[2];
};
static const struct form openings[OPENINGS] = {
#define OPENING(name, rfc, en, zh) {#name, rfc, {en, zh}},
#define CLOSING(name, rfc, en, zh)
#include "explain/form.def"
#undef OPENING
#undef CLOSING
};
static const struct form closings[CLOSINGS] = {
#define OPENING(name, rfc, en, zh)
#define CLOSING(name, rfc, en, zh) {#name, rfc, {en, zh}},
#include "explain/form.def"
#undef OPENING
#undef CLOSING
};

const char *finding_name(unsigned code) { return code < FINDINGS ? findings[code].name : ""; }
const char *finding_rfc(unsigned code) { return code < FINDINGS ? findings[code].rfc : ""; }
const char *finding_unit(unsigned code, int which) { return code < FINDINGS ? findings[code].unit[which != 0] : ""; }
enum severity finding_severity(unsigned code) {
    return code < FINDINGS ? (enum severity)findings[code].severity : SEVERITY_INFO;
}

enum { VALUE = 64 };

/* "7 bytes" of "a:byte,bytes"; plain "7" of "a". */
static const char *number_text(const struct finding *f, const char *p, size_t len, char buf[VALUE]) {
    uint64_t n = *p == 'a' ? f->a : f->b;
    const char *comma = memchr(p, ',', len);
    if (len == 1) {
        snprintf(buf, VALUE, "%" PRIu64, n);
        return buf;
    }
    if (comma == NULL || p[1] != ':') return NULL;
    const char *noun = n == 1 ? p + 2 : comma + 1, *stop = n == 1 ? comma : p + len;
    snprintf(buf, VALUE, "%" PRIu64 " %.*s", n, (int)(stop - noun), noun);
    return buf;
}

/* What stands for the name at p; NULL: it is none. */
static const char *place_text(const struct finding *f, const char *p, size_t len, char buf[VALUE]) {
    static const char *const ends[2] = {"A", "B"};
    bool known = f->end == 0 || f->end == 1;
    if (len == 3 && memcmp(p, "end", 3) == 0) return known ? ends[f->end] : "?";
    if (len == 4 && memcmp(p, "peer", 4) == 0) return known ? ends[!f->end] : "?";
    return len > 0 && (*p == 'a' || *p == 'b') ? number_text(f, p, len, buf) : NULL;
}

void finding_text(const struct finding *f, enum tern_lang lang, char *buf, size_t size) {
    const char *p = f->code < FINDINGS ? findings[f->code].text[lang == TERN_ZH] : "";
    size_t n = 0;
    while (*p != '\0' && n + 1 < size) {
        char number[VALUE];
        const char *stop = *p == '{' ? strchr(p, '}') : NULL;
        const char *value = stop != NULL ? place_text(f, p + 1, (size_t)(stop - p - 1), number) : NULL;
        if (value == NULL) {
            buf[n++] = *p++;
            continue;
        }
        for (; *value != '\0' && n + 1 < size; value++) buf[n++] = *value;
        p = stop + 1;
    }
    if (size > 0) buf[n] = '\0';
}

const char *opening_name(unsigned form) { return form < OPENINGS ? openings[form].name : ""; }
const char *opening_rfc(unsigned form) { return form < OPENINGS ? openings[form].rfc : ""; }
const char *opening_text(unsigned form, enum tern_lang lang) {
    return form < OPENINGS ? openings[form].text[lang == TERN_ZH] : "";
}
const char *closing_name(unsigned form) { return form < CLOSINGS ? closings[form].name : ""; }
const char *closing_rfc(unsigned form) { return form < CLOSINGS ? closings[form].rfc : ""; }
const char *closing_text(unsigned form, enum tern_lang lang) {
    return form < CLOSINGS ? closings[form].text[lang == TERN_ZH] : "";
}

const char *severity_name(unsigned severity) {
    static const char *const names[] = {"info", "note", "warning", "problem"};
    return severity < ARRAY_LEN(names) ? names[severity] : "";
}
const char *certainty_name(unsigned certainty) {
    static const char *const names[] = {"certain", "likely", "undecidable"};
    return certainty < ARRAY_LEN(names) ? names[certainty] : "";
}
const char *limit_name(unsigned limit) {
    static const char *const names[] = {"none", "sender", "receiver", "network"};
    return limit < ARRAY_LEN(names) ? names[limit] : "";
}
const char *repeat_name(unsigned cause) {
    static const char *const names[REPEAT_CAUSES] = {"rto", "fast", "tlp", "syn", "unknown"};
    return cause < REPEAT_CAUSES ? names[cause] : "";
}
const char *marking_name(unsigned marking) {
    static const char *const names[MARKINGS] = {"unknown", "none", "refused", "taken_back", "classic", "accurate"};
    return marking < MARKINGS ? names[marking] : "";
}
