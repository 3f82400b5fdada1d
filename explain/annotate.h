/* annotate.h - the capture once more, as pcapng, with a comment on each TCP packet that has something to tell: states,
 * findings, artefacts. Wireshark shows them. Packets, times, interfaces and comments of the original stay. */
#ifndef EXPLAIN_ANNOTATE_H
#define EXPLAIN_ANNOTATE_H

#include "explain/verdict.h"
#include "lens/pcapng.h"

struct annotate;

/* 0 or a negative errno. */
int annotate_open(const char *path, enum tern_lang lang, struct annotate **out);
/* What is said of the packet that annotate_packet will be given next. `view` is NULL for copies. */
void annotate_seen(struct annotate *a, const struct explain_flow *f, const struct flow_packet *p,
                   const struct passive_view *view);
void annotate_packet(struct annotate *a, const struct capture_packet *p, const char *iface);
/* 0 or a negative errno: the first of all. NULL is fine. */
int annotate_close(struct annotate *a);

#endif
