/* capture.c - fuzzes the whole of explain: the input is a capture file, read, decoded, followed, concluded, and written in
 * every form. The first byte chooses how many connections are remembered and which form is written. */
#include <stdio.h>
#include <unistd.h>

#include "explain/connlog.h"
#include "explain/drawn.h"
#include "explain/json.h"
#include "explain/report.h"
#include "fuzz.h"
#include "lens/picture.h"

enum { FORMS = 5, CALLS_MAX = 100000 };

struct writing {
    FILE *out;
    unsigned form;
    struct explain_machine machine;
    struct steps steps; /* of the first connection */
    bool first;
};

static void seen(void *ctx, struct explain_flow *f, const struct flow_packet *p, const struct sight *l,
                 const struct passive_view *view) {
    struct writing *w = ctx;
    connlog_packet(f, p, l);
    for (int end = 0; view != NULL && end < 2; end++) require(view->after[end].states != 0);
    if (f->id == 1) steps_add(&w->steps, p, l, view);
}

static void draw(struct writing *w, const struct explain_flow *f) {
    struct ladder_options o = {.name = {"A", "B"}, .width = 120, .out = w->form == 3 ? w->out : NULL};
    o.picture = w->form == 4 ? picture_new("", TERN_EN) : NULL;
    steps_look_back(&w->steps);
    drawn_flow(&o, f, &w->steps);
    if (o.picture == NULL) return;
    picture_svg(o.picture, w->out);
    picture_mermaid(o.picture, w->out);
    picture_free(o.picture);
}

static void done(void *ctx, struct explain_flow *f, uint64_t now_ns) {
    struct writing *w = ctx;
    struct verdict v;
    struct report r = {.out = w->out, .width = 80};
    verdict_of(&w->machine, f, now_ns, &v);
    switch (w->form) {
    case 0: json_flow(w->out, f, &v, f->id == 1 ? &w->steps : NULL, w->first); break;
    case 1: connlog_flow(w->out, f, &v); break;
    case 2: report_full(&r, f, &v); break;
    default:
        if (f->id == 1) draw(w, f);
    }
    w->first = false;
}

/* The reader takes names of files: this is one. */
static const char *file_of(const uint8_t *data, size_t size, char name[32]) {
    static FILE *file;
    if (file == NULL) require((file = tmpfile()) != NULL);
    require(ftruncate(fileno(file), 0) == 0 && pwrite(fileno(file), data, size, 0) == (ssize_t)size);
    snprintf(name, 32, "/proc/self/fd/%d", fileno(file));
    return name;
}

static void explain(struct writing *w, const char *name, uint32_t limit) {
    struct decoder decoder;
    struct totals totals = {0};
    struct flow_table *t = flow_table_new(&w->machine.ops, limit, 10 * SEC_NS);
    struct capture *c = capture_open(&name, 1);
    require(t != NULL && c != NULL);
    decoder_init(&decoder);
    struct capture_packet p;
    struct capture_error e;
    for (unsigned calls = 0;; require(++calls < CALLS_MAX)) {
        int r = capture_next(c, &p, &e);
        if (r == 0) break;
        if (r < 0) continue;
        enum decode_kind kind = decode(&decoder, &p, flow_table_room(t));
        totals_packet(&totals, &p, kind);
        if (kind == DECODE_TCP || kind == DECODE_ICMP) flow_table_take(t, kind == DECODE_ICMP);
    }
    flow_table_end(t);
    require(flow_table_counts(t)->most <= limit);
    totals.flows = *flow_table_counts(t);
    totals_openmetrics(&totals, w->out);
    flow_table_free(t);
    decoder_free(&decoder);
    capture_close(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *out;
    char name[32];
    struct input in = {data, data + size};
    uint8_t how = take8(&in);
    if (out == NULL) require((out = fopen("/dev/null", "we")) != NULL);
    struct writing w = {.out = out, .form = how % FORMS, .first = true};
    machine_init(&w.machine, &(struct explain_options){
                                 .vantage = (enum vantage)(how / FORMS % 4), .seen = seen, .done = done, .ctx = &w});
    explain(&w, file_of(in.at, (size_t)(in.end - in.at), name), how % 2 ? 2 : 100);
    steps_free(&w.steps);
    return 0;
}
