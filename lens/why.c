/* why.c - see why.h. */
#include "lens/why.h"

#include <stdio.h>
#include <string.h>

#include "lens/words.h"

void why_add(char *buf, size_t size, const char *separator, const char *text) {
    size_t at = strlen(buf);
    if (text != NULL && text[0] != '\0') snprintf(buf + at, size - at, "%s%s", at > 0 ? separator : "", text);
}

/* "ack = u + 1" stays on one line: no-break spaces around its signs. */
static void keep_sums(const char *text, char *buf, size_t size) {
    size_t at = 0;
    for (size_t i = 0; text[i] != '\0' && at + 3 < size; i++) {
        bool sign =
            text[i] == ' ' && (strchr("=+", text[i + 1]) != NULL || (i > 0 && strchr("=+", text[i - 1]) != NULL));
        if (sign && text[i + 1] != '\0') buf[at++] = (char)0xc2;
        buf[at++] = sign && text[i + 1] != '\0' ? (char)0xa0 : text[i];
    }
    buf[at] = '\0';
}

void why_reason(const struct why *w, int end, uint32_t reason, uint16_t flags) {
    char text[512], sentence[448], kept[448];
    if (reason == 0) return;
    const char *colon = w->lang == TERN_ZH ? "：" : ": ";
    bool named = w->name[end] != NULL;
    keep_sums(reason_sentence(reason, flags, w->lang, sentence, sizeof sentence), kept, sizeof kept);
    snprintf(text, sizeof text, "%s%s%s", named ? w->name[end] : "", named ? colon : "", kept);
    why_add(w->buf, w->size, word(WORD_SEPARATOR, w->lang), text);
}

void why_sum(const struct why *w, const char *what, const sum *s, const numbers *n, int space) {
    char text[160], all[176];
    if (!s->worth) return;
    sum_text(s, n, space, w->absolute, w->lang, text, sizeof text);
    snprintf(all, sizeof all, "%s\xc2\xa0=\xc2\xa0%s", what, text);
    why_add(w->buf, w->size, word(WORD_SEPARATOR, w->lang), all);
}
