/* error.c - names and sentences of the errors that public calls return, from error.def; and the library's version. */
#include "core/stack.h"

static const struct {
    const char *name, *text[2];
} rows[] = {
#define ERROR(symbol, en, zh) [-(symbol)] = {#symbol, {en, zh}},
#include "core/error.def"
#undef ERROR
};

const char *tern_strerror(int error, enum tern_lang lang) {
    bool known = error <= 0 && (size_t)-error < ARRAY_LEN(rows);
    if (!known) return lang == TERN_ZH ? "未知错误" : "unknown error";
    return rows[-error].text[lang == TERN_ZH];
}

const char *tern_error_name(int error) {
    return error <= 0 && (size_t)-error < ARRAY_LEN(rows) ? rows[-error].name : "unknown";
}

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

const char *tern_version(void) {
    return TEXT(TERN_VERSION_MAJOR) "." TEXT(TERN_VERSION_MINOR) "." TEXT(TERN_VERSION_PATCH);
}
