/* annotate.c - see annotate.h. */
#include "explain/annotate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "explain/drawn.h"
#include "explain/name.h"
#include "lens/why.h"
#include "lens/words.h"
#include "po/i18n.h"

enum { COMMENT = 2048, IFACES = 4096 };

struct annotate {
    struct pcapng *out;
    enum tern_lang lang;
    uint32_t ifaces;
    int number[IFACES]; /* of each interface of the capture in the file; -1: not yet */
    char comment[COMMENT];
};

int annotate_open(const char *path, enum tern_lang lang, struct annotate **out) {
    char application[32];
    snprintf(application, sizeof application, "tern %s", tern_version());
    struct pcapng_options options = {.lang = lang, .application = application};
    struct annotate *a = calloc(1, sizeof *a);
    if (a == NULL) return -ENOMEM;
    a->lang = lang;
    for (size_t i = 0; i < IFACES; i++) a->number[i] = -1;
    int r = pcapng_open(path, &options, &a->out);
    if (r < 0) {
        free(a);
        return r;
    }
    *out = a;
    return 0;
}

/* "#3 A ESTABLISHED, B SYN-RECEIVED or ESTABLISHED" */
void annotate_seen(struct annotate *a, const struct explain_flow *f, const struct flow_packet *p,
                   const struct passive_view *view) {
    const uint16_t told[2] = {0, 0};
    char states[2][STATES_TEXT], remarks[COMMENT - 400];
    drawn_remarks(f, p, view, told, a->lang, remarks, sizeof remarks);
    if (p->marks & FLOW_ELSEWHERE)
        why_add(remarks, sizeof remarks, word(WORD_SEPARATOR, a->lang), _("captured at the other place"));
    if (p->twin != 0) drawn_transit(p->transit_ns, a->lang, remarks, sizeof remarks);
    size_t at = (size_t)snprintf(a->comment, COMMENT, "#%" PRIu64, f->id);
    for (int end = END_A; view != NULL && end <= END_B; end++)
        at += (size_t)snprintf(a->comment + at, COMMENT - at, "%s %s %s", end == END_A ? "" : ",",
                               end == END_A ? "A" : "B", states_name(view->after[end].states, _(" or "), states[end]));
    if (remarks[0] != '\0') snprintf(a->comment + at, COMMENT - at, "; %s", remarks);
}

void annotate_packet(struct annotate *a, const struct capture_packet *p, const char *iface) {
    uint32_t i = p->iface < IFACES ? p->iface : IFACES - 1;
    char both[2 * COMMENT + 1];
    if (a->number[i] < 0) a->number[i] = pcapng_iface(a->out, (enum pcapng_linktype)p->linktype, iface, NULL);
    const char *comment = a->comment;
    if (p->comment_len > 0) {
        snprintf(both, sizeof both, "%.*s\n%s", (int)min_u32(p->comment_len, COMMENT), p->comment, a->comment);
        comment = both;
    }
    if (a->number[i] >= 0)
        pcapng_packet_cut(a->out, a->number[i], (enum pcapng_direction)p->direction, p->time_ns, p->data, p->captured,
                          p->wire, comment);
    a->comment[0] = '\0';
}

int annotate_close(struct annotate *a) {
    if (a == NULL) return 0;
    int r = pcapng_close(a->out);
    free(a);
    return r;
}
