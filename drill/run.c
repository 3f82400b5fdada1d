/* run.c - leads a script through its events on a virtual clock: nothing waits, a two-hour pause takes no time. Calls
 * are made by calls*.c, numbers translated by tested.c, failures told by report.c. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "drill/names.h"
#include "drill/run.h"
#include "po/i18n.h"

/* An expected packet with the time '*' is waited for so long. */
#define ANY_TIME_NS (1000000ull * DRILL_SECOND)

const char *run_time(const struct run *r, uint64_t ns, char buf[32]) {
    uint64_t passed = ns > r->world.start_ns ? ns - r->world.start_ns : 0;
    snprintf(buf, 32, "%llu.%06llu", (unsigned long long)(passed / DRILL_SECOND),
             (unsigned long long)(passed % DRILL_SECOND / 1000));
    return buf;
}

/* ---- time ---- */

struct span {
    uint64_t from_ns, to_ns, slack_ns;
};

/* When an event is due. Relative times count from now; but packets injected one after the other keep their pace. */
static struct span span_of(const struct run *r, const struct event *e) {
    const struct when *w = &e->when;
    uint64_t base = w->kind == WHEN_ABSOLUTE ? r->world.start_ns : r->world.now_ns;
    if (w->kind == WHEN_RELATIVE && e->kind == EVENT_IN && r->inject_ns != 0) base = r->inject_ns;
    struct span s = {base + w->from_ns, base + w->to_ns, r->options.tolerance_ns};
    if (w->kind == WHEN_ANY) s = (struct span){0, r->world.now_ns + ANY_TIME_NS, 0};
    uint64_t since = s.from_ns > r->previous_ns ? s.from_ns - r->previous_ns : 0;
    uint64_t share = (uint64_t)((double)since * r->options.tolerance_percent / 100);
    if (share > s.slack_ns) s.slack_ns = share;
    return s;
}

static void check_result(struct run *r, const struct event *e, const struct outcome *out);

static void pending_ended(struct run *r) {
    struct pending *p = &r->pending;
    char want[32], got[32];
    uint64_t now = r->world.now_ns;
    p->active = false;
    if (now + p->slack_ns < p->to_ns || now > p->to_ns + p->slack_ns)
        fail_plain(r, p->event->at, _("%s ended at %s s, not at %s s"), p->event->call->name, run_time(r, now, got),
                   run_time(r, p->to_ns, want));
    check_result(r, p->event, &p->outcome);
    frame_end(&p->frame);
}

/* A call that waits looks again whether it is done. */
static void pending_look(struct run *r) {
    struct pending *p = &r->pending;
    char want[32];
    if (!p->active) return;
    frame_resume(&p->frame, &p->call);
    if (p->outcome.kind != OUTCOME_PENDING)
        pending_ended(r);
    else if (r->world.now_ns > p->to_ns + p->slack_ns && !r->failed)
        fail_plain(r, p->event->at, _("%s still waits; it should have ended at %s s"), p->event->call->name,
                   run_time(r, p->to_ns, want));
}

static uint64_t next_due(const struct run *r) {
    uint64_t due = world_deadline(&r->world);
    if (r->pending.active && r->pending.call.deadline_ns < due) due = r->pending.call.deadline_ns;
    return due < r->world.now_ns ? r->world.now_ns : due;
}

/* One thing that is due until then; false: nothing is. */
static bool step(struct run *r, uint64_t until_ns) {
    uint64_t due = next_due(r);
    if (due > until_ns || due == TERN_NEVER) return false;
    world_step(&r->world, due);
    pending_look(r);
    if (r->world.flooded && !r->failed) fail_plain(r, r->script->events->at, _("the stack does not come to rest"));
    return !r->failed;
}

static void advance(struct run *r, uint64_t to_ns) {
    while (step(r, to_ns)) {
    }
    /* The stack hears of the time also where nothing is due: the call that follows is made then. */
    if (!r->failed && to_ns > r->world.now_ns) world_step(&r->world, to_ns);
    if (!r->failed) pending_look(r);
}

/* Waits for what is done at its time. */
static void wait_for(struct run *r, const struct event *e, const struct span *s) {
    char want[32], got[32];
    if (r->world.now_ns > s->from_ns + s->slack_ns)
        fail_plain(r, e->at, _("it is %s s already; this was due at %s s"), run_time(r, r->world.now_ns, got),
                   run_time(r, s->from_ns, want));
    advance(r, s->from_ns);
}

/* ---- packets ---- */

static void inject(struct run *r, const struct event *e, const struct span *s) {
    static __thread uint8_t datagram[DATAGRAM_MOST];
    struct packet live;
    struct ends ends;
    tested_inject(&r->tested, e->packet, &r->options, &ends);
    if (!tested_out(&r->tested, e->packet, r->options.ts_ecr_scaled, &live)) {
        fail_plain(r, e->at, _("it echoes a timestamp that no expected packet had"));
        return;
    }
    size_t n = packet_encode(&live, &ends, datagram, sizeof datagram);
    if (n == 0) {
        fail_plain(r, e->at, _("this packet is larger than 65535 bytes"));
        return;
    }
    world_inject(&r->world, datagram, n);
    pending_look(r);
    r->inject_ns = s->from_ns;
}

struct found {
    struct packet live;
    uint64_t time_ns;
};

/* The next packet of the connection, sent by then. Others are dropped, unless the script is strict. */
static bool find_packet(struct run *r, const struct event *e, uint64_t until_ns, struct found *out) {
    for (;;) {
        struct ends ends;
        struct sent *sent = world_take(&r->world);
        if (sent == NULL) {
            if (!step(r, until_ns)) return false;
            continue;
        }
        enum flaw flaw = packet_decode(sent->data, sent->len, &out->live, &ends);
        out->time_ns = sent->time_ns;
        free(sent);
        bool own = tested_owns(&r->tested, e->packet, &out->live, &ends, &r->options);
        if (flaw != FLAW_NONE) fail_packet(r, e, &out->live, 0, flaw_text(flaw));
        if (!own && r->options.strict && flaw == FLAW_NONE)
            fail_packet(r, e, &out->live, 0, _("a packet that is not of this connection came first"));
        if (r->failed) return false;
        if (own) return true;
    }
}

/* Adds segments up to the expected length: a kernel would have left the cutting to the device. False: one does not
 * continue the sum. */
static bool add_up(struct run *r, const struct event *e, uint64_t until_ns, struct found *sum) {
    const struct packet *want = e->packet;
    uint32_t each = sum->live.len;
    bool whole = r->options.strict_segments || want->kind != PACKET_TCP;
    while (!whole && each > 0 && sum->live.len < want->len) {
        struct found next;
        if (!find_packet(r, e, until_ns, &next)) return !r->failed;
        uint16_t may_differ = TERN_FIN | TERN_PSH | TERN_CWR;
        bool fits = next.live.seq == sum->live.seq + sum->live.len && next.live.len <= each &&
                    !((next.live.flags ^ sum->live.flags) & ~may_differ) && next.live.ack == sum->live.ack;
        if (!fits) {
            struct packet got;
            tested_in(&r->tested, &next.live, &got);
            fail_packet(r, e, &got, 0, _("this segment does not continue the one before"));
            return false;
        }
        next.live.flags = (uint16_t)((next.live.flags & ~TERN_CWR) | (sum->live.flags & TERN_CWR));
        next.live.seq = sum->live.seq;
        next.live.len += sum->live.len;
        *sum = next;
    }
    return true;
}

static void expect(struct run *r, const struct event *e, const struct span *s) {
    const struct drill_options *o = &r->options;
    uint64_t until = s->to_ns + s->slack_ns;
    struct packet got;
    struct found found;
    char from[32], to[32], at[32], why[160] = "";
    if (!find_packet(r, e, until, &found)) {
        if (!r->failed) fail_packet(r, e, NULL, 0, _("no such packet was sent in time"));
        return;
    }
    tested_learn(&r->tested, e->packet, &found.live);
    if (!add_up(r, e, until, &found)) return;
    bool stamps = o->ts_tick_us != 0 && r->tested.stamp_known;
    found.live.has_ports = e->packet->has_ports;
    found.live.src_port = e->packet->src_port;
    found.live.dst_port = e->packet->dst_port;
    struct rules rules = {stamps, o->strict, stamps ? s->slack_ns / 1000 / o->ts_tick_us : 0};
    tested_in(&r->tested, &found.live, &got);
    unsigned cells = packet_differs(e->packet, &got, &rules);
    bool label = tested_keep(&r->tested, e->packet, &found.live);
    if (!label) snprintf(why, sizeof why, _("the flow label 0x%05x is not as the script has it"), found.live.ip.label);
    if (e->when.kind != WHEN_ANY && (found.time_ns + s->slack_ns < s->from_ns || found.time_ns > until)) {
        run_time(r, found.time_ns, at);
        run_time(r, s->from_ns, from);
        run_time(r, s->to_ns, to);
        if (s->from_ns == s->to_ns)
            snprintf(why, sizeof why, _("it was sent at %s s, not at %s s"), at, from);
        else
            snprintf(why, sizeof why, _("it was sent at %s s, not between %s s and %s s"), at, from, to);
    }
    if (cells != 0 || why[0] != '\0') fail_packet(r, e, &got, cells, why);
}

/* ---- calls ---- */

static void check_result(struct run *r, const struct event *e, const struct outcome *out) {
    const struct call *c = e->call;
    const struct expr *want = c->result;
    char got_error[16], want_error[16];
    if (r->failed) return;
    if (out->kind == OUTCOME_WRONG) {
        fail_plain(r, out->at.line != 0 ? out->at : e->at, "%s: %s", c->name, out->text);
        return;
    }
    bool differs = want->kind == EXPR_INTEGER && want->value != out->result;
    bool other = c->error != 0 && c->error != out->error;
    if (!differs && !other) return;
    const char *got = out->result == -1 ? errno_format(out->error, got_error) : "";
    const char *wanted = c->error != 0 ? errno_format(c->error, want_error) : "";
    fail_plain(r, e->at, _("%s gave %lld%s%s, expected was %lld%s%s"), c->name, (long long)out->result,
               got[0] != '\0' ? " " : "", got, (long long)want->value, wanted[0] != '\0' ? " " : "", wanted);
}

/* Only one call may wait: an earlier one is given its time. */
static void pending_finish(struct run *r) {
    struct pending *p = &r->pending;
    char want[32];
    if (!p->active) return;
    uint64_t until = p->to_ns + p->slack_ns;
    while (p->active && step(r, until)) {
    }
    if (!p->active || r->failed) return;
    fail_plain(r, p->event->at, _("%s still waits; it should have ended at %s s"), p->event->call->name,
               run_time(r, p->to_ns, want));
}

static void make_call(struct run *r, const struct event *e, const struct span *s) {
    struct pending *p = &r->pending;
    if (!e->when.blocking) {
        struct frame f;
        struct outcome out;
        frame_begin(&f, r, e->call, NULL, &out);
        check_result(r, e, &out);
        frame_end(&f);
        pending_look(r);
        return;
    }
    p->event = e;
    p->from_ns = s->from_ns;
    p->to_ns = s->to_ns;
    uint64_t share = (uint64_t)((double)(s->to_ns - s->from_ns) * r->options.tolerance_percent / 100);
    p->slack_ns = share > r->options.tolerance_ns ? share : r->options.tolerance_ns;
    frame_begin(&p->frame, r, e->call, &p->call, &p->outcome);
    p->active = true;
    if (p->outcome.kind != OUTCOME_PENDING) pending_ended(r);
}

/* ---- commands and code ---- */

static void run_command(struct run *r, struct place at, const char *text, tern_config *stack) {
    char what[128] = "";
    if (command_apply(text, stack, what, sizeof what)) return;
    if (r->setup->shell) {
        int status = system(text); /* NOLINT(cert-env33-c): a script's own commands, only when asked for */
        if (status != 0) fail_plain(r, at, _("the command ended with status %d"), status);
        return;
    }
    r->result->skipped++;
    if (!r->setup->quiet_skips) warn_plain(r, at, _("skipped, it is no setting of the stack: %s"), what);
}

static void take_snapshot(struct run *r, const struct event *e) {
    struct snapshot *n = arena_take(r->script->arena, sizeof *n);
    struct tested *t = &r->tested;
    socklen_t len = sizeof n->info;
    if (n == NULL) return;
    n->event = e;
    for (unsigned i = 0; i < r->fds; i++) {
        if (r->fd[i].script != t->fd) continue;
        n->taken = px_getsockopt(r->world.posix, r->fd[i].live, IPPROTO_TCP, TCP_INFO, &n->info, &len) == 0;
    }
    if (t->kind == TESTED_CHILD && !t->accepted) n->taken = false;
    *r->last_snapshot = n;
    r->last_snapshot = &n->next;
}

static const char constants[] =
    "TCP_ESTABLISHED, TCP_SYN_SENT, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT = 1, 2, 3, 4, 5, 6\n"
    "TCP_CLOSE, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_LISTEN, TCP_CLOSING = 7, 8, 9, 10, 11\n"
    "TCP_CA_Open, TCP_CA_Disorder, TCP_CA_CWR, TCP_CA_Recovery, TCP_CA_Loss = 0, 1, 2, 3, 4\n"
    "TCPI_OPT_TIMESTAMPS, TCPI_OPT_SACK, TCPI_OPT_WSCALE, TCPI_OPT_ECN, TCPI_OPT_ECN_SEEN, TCPI_OPT_SYN_DATA = "
    "1, 2, 4, 8, 16, 32\n";

static void values_of(const struct px_tcp_info *i, char *text, size_t size) {
    size_t n = (size_t)snprintf(text, size, "%s", constants);
#define VALUE(type, name)                                                                                              \
    if (n < size) n += (size_t)snprintf(text + n, size - n, #name " = %llu\n", (unsigned long long)i->name);
    VALUE(, tcpi_state)
    VALUE(, tcpi_ca_state)
    VALUE(, tcpi_retransmits)
    VALUE(, tcpi_probes)
    VALUE(, tcpi_backoff)
    VALUE(, tcpi_options)
    VALUE(, tcpi_snd_wscale)
    VALUE(, tcpi_rcv_wscale)
    VALUE(, tcpi_delivery_rate_app_limited)
    VALUE(, tcpi_fastopen_client_fail)
    PX_TCP_INFO_FIELDS(VALUE)
#undef VALUE
}

/* All snippets, at the end, each with the values of its time. */
static void run_code(struct run *r) {
    char values[8192], text[600];
    bool fresh = true;
    for (const struct snapshot *s = r->snapshots; s != NULL && !r->failed; s = s->next, fresh = false) {
        if (s->taken)
            values_of(&s->info, values, sizeof values);
        else
            snprintf(values, sizeof values, "%s", constants);
        if (python_run(r->setup->python, r->options.code_command, values, s->event->text, fresh, text, sizeof text))
            continue;
        const char *hint = s->taken ? "" : _(" (there was no connected socket to ask)");
        fail_plain(r, s->event->at, "%s%s", text, hint);
    }
}

/* ---- the whole ---- */

static void run_event(struct run *r, const struct event *e) {
    if (e->kind == EVENT_CALL && e->when.blocking) pending_finish(r);
    struct span s = span_of(r, e);
    bool was_inject = e->kind == EVENT_IN;
    if (e->kind != EVENT_OUT && !r->failed) wait_for(r, e, &s);
    if (r->failed) return;
    switch (e->kind) {
    case EVENT_IN: inject(r, e, &s); break;
    case EVENT_OUT: expect(r, e, &s); break;
    case EVENT_CALL: make_call(r, e, &s); break;
    case EVENT_COMMAND: run_command(r, e->at, e->text, NULL); break;
    case EVENT_CODE: take_snapshot(r, e); break;
    }
    if (!was_inject) r->inject_ns = 0;
    r->previous_ns = e->when.kind == WHEN_ANY ? r->world.now_ns : s.from_ns;
}

/* With --strict: what was sent and not written down. */
static void check_rest(struct run *r, const struct event *last) {
    struct sent *sent = r->options.strict && !r->failed ? world_take(&r->world) : NULL;
    struct packet live, got;
    struct ends ends;
    if (sent == NULL) return;
    packet_decode(sent->data, sent->len, &live, &ends);
    tested_in(&r->tested, &live, &got);
    free(sent);
    fail_packet(r, last, &got, 0, _("this packet was sent behind it, and the script does not say so"));
}

static void default_addresses(struct drill_options *o) {
    bool v6 = o->version == IP_V6;
    if (o->local.family == 0) tern_addr_parse(v6 ? "fd3d:a0b:17d6::1" : "192.168.0.1", &o->local);
    if (o->remote.family == 0) tern_addr_parse(v6 ? "fd3d:fa7b:d17d::1" : "192.0.2.1", &o->remote);
}

static struct pcapng *capture(struct run *r) {
    struct pcapng *pcap = NULL;
    struct pcapng_options o = {.lang = i18n_lang(), .application = "tern drill"};
    if (r->setup->pcap == NULL) return NULL;
    int error = pcapng_open(r->setup->pcap, &o, &pcap);
    if (error < 0)
        warn_plain(r, r->script->events->at, _("%s: cannot open: %s"), r->setup->pcap, i18n_error(-error));
    else
        pcapng_iface(pcap, PCAPNG_RAW, "drill", r->script->path);
    return pcap;
}

static void run_script(struct run *r) {
    struct world_config config = {.stack = r->setup->stack};
    const struct event *last = r->script->events;
    default_addresses(&r->options);
    config.mtu = r->options.mtu;
    config.local[0] = r->options.local;
    config.stack.autoconf = 0;
    if (r->script->first_command != NULL) run_command(r, r->script->first_at, r->script->first_command, &config.stack);
    config.pcap = capture(r);
    int error = r->failed ? 0 : world_open(&r->world, &config);
    if (error < 0) fail_plain(r, last->at, "%s", tern_strerror(error, i18n_lang()));
    r->previous_ns = r->world.start_ns;
    for (const struct event *e = last; e != NULL && !r->failed; last = e, e = e->next) run_event(r, e);
    if (!r->failed) pending_finish(r);
    if (r->script->last_command != NULL) run_command(r, r->script->last_at, r->script->last_command, NULL);
    check_rest(r, last);
    if (!r->failed) run_code(r);
    if (r->pending.active) {
        px_cancel(r->world.posix, &r->pending.call);
        frame_end(&r->pending.frame);
    }
    r->result->clock_ns = r->world.now_ns - r->world.start_ns;
    world_close(&r->world);
    pcapng_close(config.pcap);
}

void drill_run(const char *path, const struct drill_setup *setup, struct drill_result *result) {
    struct drill_error err;
    size_t size;
    memset(result, 0, sizeof *result);
    struct script *script = script_read(path, &setup->over, &err);
    if (script == NULL) {
        result->verdict = VERDICT_BAD;
        result->at = err.at;
        snprintf(result->text, sizeof result->text, "%s", err.text);
        return;
    }
    struct run *r = calloc(1, sizeof *r);
    FILE *report = r != NULL ? open_memstream(&result->report, &size) : NULL;
    if (report == NULL) {
        result->verdict = VERDICT_BAD;
        snprintf(result->text, sizeof result->text, "%s", i18n_error(ENOMEM));
    } else {
        r->script = script;
        r->setup = setup;
        r->options = script->options;
        r->report = report;
        r->result = result;
        r->last_snapshot = &r->snapshots;
        r->tested.fd = -1;
        if (!r->options.dry_run) run_script(r);
        if (r->failed) result->verdict = VERDICT_FAIL;
        fclose(report);
    }
    free(r);
    script_free(script);
}
