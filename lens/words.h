/* words.h - what the lens says beside the reasons of the core, in English and Chinese. Independent of locales and of
 * the program's catalogue, so that the lens can be used alone. */
#ifndef LENS_WORDS_H
#define LENS_WORDS_H

#include "tern.h"

enum word { WORD_LOST, WORD_REPEATED, WORD_TIMER, WORD_DROPPED, WORD_SEPARATOR, WORDS };
const char *word(enum word w, enum tern_lang lang);
const char *timer_word(const char *timer, enum tern_lang lang);
/* A timer that runs, and how long still, in twelve columns: "rexmit 1.0s". */
void running_text(const char *timer, uint64_t left_ns, enum tern_lang lang, char *buf, size_t size);
/* A user call: "send 78 bytes". */
void call_text(const tern_trace *record, enum tern_lang lang, char *buf, size_t size);

enum many_word { MANY_SEGMENTS, MANY_BYTES, MANY_ACKS };
/* "42 segments", one thing "1 segment". */
void many_text(enum many_word what, uint64_t n, enum tern_lang lang, char *buf, size_t size);

/* "7 more for the same reason". */
void more_text(uint64_t n, enum tern_lang lang, char *buf, size_t size);

/* "9.999 ms": eight columns up to three hours; `before` stands in front. */
void span_text(uint64_t ns, const char *before, char *buf, size_t size);
/* "0", "20 ms", "2.98 s": without what says nothing. */
void moment_text(uint64_t ns, char *buf, size_t size);
/* "2.98 s later". */
void later_text(uint64_t ns, enum tern_lang lang, char *buf, size_t size);
/* "client 10.0.0.1:80", "client [fd00::1]:80". */
void end_text(const char *name, const tern_addr *addr, uint16_t port, char *buf, size_t size);

/* tern_reason_text, and when data leaves with a FIN also why the FIN. */
const char *reason_sentence(uint32_t reason, uint16_t flags, enum tern_lang lang, char *buf, size_t size);

#endif
