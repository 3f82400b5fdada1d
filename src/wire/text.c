/* text.c - the small formatter behind every *_format function. What a header looks like as text is in its own file. */
#include "wire/wire.h"

text text_of(char *buf, size_t cap) {
    if (cap) buf[0] = '\0';
    return (text){buf, 0, cap};
}

void text_str(text *t, const char *s) {
    while (*s && t->len + 1 < t->cap) t->at[t->len++] = *s++;
    if (t->len < t->cap) t->at[t->len] = '\0';
}

/* At least `digits` digits. */
static void number(text *t, uint64_t v, unsigned base, unsigned digits) {
    char buf[24];
    char *p = buf + sizeof buf - 1;
    *p = '\0';
    for (unsigned n = 0; (n < digits || v) && p > buf; n++, v /= base) *--p = "0123456789abcdef"[v % base];
    text_str(t, p);
}

void text_u64(text *t, uint64_t v) { number(t, v, 10, 1); }

void text_hex(text *t, uint64_t v, unsigned digits) { number(t, v, 16, digits); }

void text_mac(text *t, const uint8_t mac[6]) {
    for (unsigned i = 0; i < 6; i++) {
        if (i) text_str(t, ":");
        text_hex(t, mac[i], 2);
    }
}
