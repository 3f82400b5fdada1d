/* markup.c - see markup.h. XML 1.0 2.2 and 2.4, RFC 8259 7. */
#include "lens/markup.h"

#include <stdbool.h>
#include <string.h>

#include "lens/text.h"

/* One character of UTF-8, whole or replaced. */
static void put_char(FILE *out, const char *s, size_t n, uint32_t cp) {
    if (cp == 0xfffd && n == 1)
        fputs("\xef\xbf\xbd", out);
    else
        fwrite(s, 1, n, out);
}

/* XML 1.0 knows no such character, not even as a reference. */
static bool no_xml(uint32_t cp) { return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xfffe || cp == 0xffff; }

void xml_put_n(FILE *out, const char *s, size_t bytes) {
    for (const char *end = s + bytes; s < end;) {
        uint32_t cp;
        size_t n = utf8_next(s, end, &cp);
        switch (cp) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\n':
        case '\t': fputc(' ', out); break;
        default:
            if (!no_xml(cp)) put_char(out, s, n, cp);
        }
        s += n;
    }
}

void xml_put(FILE *out, const char *s) { xml_put_n(out, s, strlen(s)); }

void json_put(FILE *out, const char *s) {
    putc('"', out);
    for (const char *end = s + strlen(s); s < end;) {
        uint32_t cp;
        size_t n = utf8_next(s, end, &cp);
        if (cp == '"' || cp == '\\')
            fprintf(out, "\\%c", (char)cp);
        else if (cp < 0x20 || cp == '<' || cp == 0x2028 || cp == 0x2029)
            fprintf(out, "\\u%04x", (unsigned)cp);
        else
            put_char(out, s, n, cp);
        s += n;
    }
    putc('"', out);
}

void mermaid_put(FILE *out, const char *s) {
    for (const char *end = s + strlen(s); s < end;) {
        uint32_t cp;
        size_t n = utf8_next(s, end, &cp);
        if (cp == '\n' || cp == '\t' || cp == 0xa0)
            fputc(' ', out);
        else if (cp < 0x80 && cp > 0x20 && strchr("#;<>&%\"{}`\\", (int)cp) != NULL)
            fprintf(out, "#%u;", (unsigned)cp);
        else if (!no_xml(cp))
            put_char(out, s, n, cp);
        s += n;
    }
}
