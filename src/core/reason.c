/* reason.c - names and sentences of every outcome, from reason.def; the counting is where things happen. */
#include "core/stack.h"

struct reason_row {
    const char *name, *rfc, *text[2];
    enum tern_severity severity;
};

static const struct reason_row rows[REASONS] = {
#define REASON(symbol, severity, rfc, en, zh) {#symbol, rfc, {en, zh}, TERN_SEV_##severity},
#include "core/reason.def"
#undef REASON
};

static const struct reason_row *row(unsigned reason) { return &rows[reason < REASONS ? reason : R_NONE]; }

unsigned tern_reason_count(void) { return REASONS; }
const char *tern_reason_name(unsigned reason) { return row(reason)->name; }
const char *tern_reason_text(unsigned reason, enum tern_lang lang) { return row(reason)->text[lang == TERN_ZH]; }
const char *tern_reason_rfc(unsigned reason) { return row(reason)->rfc; }
enum tern_severity tern_reason_severity(unsigned reason) { return row(reason)->severity; }

uint64_t tern_reason_counter(const tern_stack *public, unsigned reason) {
    const struct stack *s = (const struct stack *)(const void *)public;
    return s && reason < REASONS ? s->reason_count[reason] : 0;
}
