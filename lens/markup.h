/* markup.h - text inside XML, HTML, JSON and Mermaid: what comes from outside never becomes markup, and never leaves
 * UTF-8. It knows nothing of what is written. */
#ifndef LENS_MARKUP_H
#define LENS_MARKUP_H

#include <stdio.h>

/* As text or in double quotes of an attribute of XML or HTML. Control characters are left out, bytes that are no UTF-8
 * become U+FFFD. */
void xml_put(FILE *out, const char *s);
void xml_put_n(FILE *out, const char *s, size_t bytes);
/* A JSON string with its quotes; it may also stand in a <script>. */
void json_put(FILE *out, const char *s);
/* A label of Mermaid: entities for what it gives a meaning. */
void mermaid_put(FILE *out, const char *s);

#endif
