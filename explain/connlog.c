/* connlog.c - see connlog.h. Where their model and ours differ, theirs is followed: the originator is A, who sent the
 * first SYN, or whom the ports make so. */
#include "explain/connlog.h"

#include <inttypes.h>
#include <time.h>

#include "base/siphash.h"
#include "explain/name.h"

static const char fields[] =
    "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\t"
    "resp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\t"
    "orig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents";
static const char types[] = "time\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\t"
                            "bool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]";

static void moment(FILE *out, const char *what, uint64_t ns) {
    char said[40];
    struct tm tm;
    time_t s = (time_t)(ns / SEC_NS);
    if (gmtime_r(&s, &tm) == NULL || strftime(said, sizeof said, "%Y-%m-%d-%H-%M-%S", &tm) == 0) return;
    fprintf(out, "#%s\t%s\n", what, said);
}

void connlog_begin(FILE *out, uint64_t opened_ns) {
    fputs("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n", out);
    moment(out, "open", opened_ns);
    fprintf(out, "#fields\t%s\n#types\t%s\n", fields, types);
}

void connlog_end(FILE *out, uint64_t closed_ns) { moment(out, "close", closed_ns); }

/* ---- history ---- */

static void letter(struct explain_flow *f, int from, char c) {
    uint32_t bit = c == '^' ? 1u : 2u << (c - 'a');
    size_t n = strlen(f->history);
    if (f->history_seen[from] & bit || n + 1 >= sizeof f->history) return;
    f->history_seen[from] |= bit;
    f->history[n] = from == END_A && c != '^' ? (char)(c - 'a' + 'A') : c;
    f->history[n + 1] = '\0';
}

void connlog_packet(struct explain_flow *f, const struct flow_packet *p, const struct sight *l) {
    uint16_t flags = p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST);
    int from = p->from;
    if (l == NULL) return;
    if (p->marks & FLOW_SUM_WRONG) {
        letter(f, from, 'c');
        return;
    }
    if ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST)))
        letter(f, from, 'q');
    else if ((flags & TCP_FIN) && (flags & TCP_RST))
        letter(f, from, 'i');
    else if (flags & TCP_SYN)
        letter(f, from, flags & TCP_ACK ? 'h' : 's');
    if (l->repeated && p->len > 0) letter(f, from, 't');
    if (p->len > 0 && l->fresh) letter(f, from, 'd');
    if (l->ahead && p->len > 0) letter(f, from, 'g');
    if (p->tcp.window == 0 && (flags & TCP_ACK) && !(flags & TCP_RST)) letter(f, from, 'w');
    if (flags & TCP_FIN) letter(f, from, 'f');
    if (flags & TCP_RST) letter(f, from, 'r');
    if (flags == TCP_ACK && p->len == 0) letter(f, from, 'a');
}

static bool has(const struct explain_flow *f, char c) { return strchr(f->history, c) != NULL; }

/* The thirteen words of the log, out of what each end showed. */
static const char *conn_state(const struct explain_flow *f) {
    bool syn = has(f, 'S'), answer = has(f, 'h') || (syn && has(f, 's')), up = syn && answer;
    bool fin_a = has(f, 'F'), fin_b = has(f, 'f'), rst_a = has(f, 'R'), rst_b = has(f, 'r');
    if (up) {
        if (fin_a && fin_b) return "SF";
        if (rst_a) return "RSTO";
        if (rst_b) return "RSTR";
        return fin_a ? "S2" : fin_b ? "S3" : "S1";
    }
    if (syn) {
        if (rst_b) return "REJ";
        if (rst_a) return "RSTOS0";
        return fin_a ? "SH" : "S0";
    }
    if (answer) return rst_b ? "RSTRH" : fin_b ? "SHR" : "OTH";
    return "OTH";
}

/* ---- the line ---- */

/* "C" and 17 letters and digits, the same for the same connection of the same capture. */
static void uid(const struct explain_flow *f, char buf[20]) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct {
        uint64_t id, first_ns;
        ip_addr a, b;
        uint16_t ports[4];
    } what = {f->id, f->first_ns, f->end[END_A].addr, f->end[END_B].addr, {f->end[END_A].port, f->end[END_B].port}};
    uint64_t half[2];
    for (uint64_t i = 0; i < 2; i++) half[i] = siphash24(&(siphash_key){i, 0}, &what, sizeof what);
    buf[0] = 'C';
    for (int i = 1; i < 18; i++, half[i & 1] /= 62) buf[i] = digits[half[i & 1] % 62];
    buf[18] = '\0';
}

void connlog_flow(FILE *out, const struct explain_flow *f, const struct verdict *v) {
    const struct flow_half *a = &f->end[END_A], *b = &f->end[END_B];
    char id[20], from[TERN_ADDR_TEXT], to[TERN_ADDR_TEXT];
    uint64_t lasted = f->last_ns > f->first_ns ? f->last_ns - f->first_ns : 0;
    uid(f, id);
    fprintf(out, "%" PRIu64 ".%06" PRIu64 "\t%s\t%s\t%u\t%s\t%u\ttcp\t-\t", f->first_ns / SEC_NS,
            f->first_ns % SEC_NS / 1000, id, ip_format(&a->addr, from), a->port, ip_format(&b->addr, to), b->port);
    if (a->packets + b->packets > 1)
        fprintf(out, "%" PRIu64 ".%06" PRIu64 "\t%" PRIu64 "\t%" PRIu64, lasted / SEC_NS, lasted % SEC_NS / 1000,
                v->end[END_A].bytes, v->end[END_B].bytes);
    else
        fputs("-\t-\t-", out);
    fprintf(out, "\t%s\t-\t-\t%" PRIu64 "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t-\n", conn_state(f),
            v->end[END_A].missing + v->end[END_B].missing, f->history[0] != '\0' ? f->history : "-", a->packets,
            a->ip_bytes, b->packets, b->ip_bytes);
}
