/* verdict.h - what happened to a captured connection, in the words of a senior engineer: how it opened and closed, who
 * did what first, what went wrong and how sure that is. It prints nothing. Findings, forms and their words are in
 * finding.def and form.def; the states are passive.h's.
 *
 *     struct explain_machine m;
 *     machine_init(&m, &options);          m.ops goes to the flow table
 *     ... the table feeds it ...
 *     in m.options.done: verdict_of(&m, flow, now, &v), flow->finding[0 .. flow->findings)
 */
#ifndef EXPLAIN_VERDICT_H
#define EXPLAIN_VERDICT_H

#include "explain/passive.h"

enum severity {
    SEVERITY_INFO,    /* normal: how it was */
    SEVERITY_NOTE,    /* worth knowing; nothing is broken */
    SEVERITY_WARNING, /* it cost something, or may be a fault */
    SEVERITY_PROBLEM, /* a fault */
};

enum finding_code {
#define FINDING(name, severity, rfc, a, b, en, zh) FINDING_##name,
#include "explain/finding.def"
#undef FINDING
    FINDINGS
};

enum opening {
#define OPENING(name, rfc, en, zh) OPENING_##name,
#define CLOSING(name, rfc, en, zh)
#include "explain/form.def"
#undef OPENING
#undef CLOSING
    OPENINGS
};

enum closing {
#define OPENING(name, rfc, en, zh)
#define CLOSING(name, rfc, en, zh) CLOSING_##name,
#include "explain/form.def"
#undef OPENING
#undef CLOSING
    CLOSINGS
};

/* Why a segment came again. */
enum repeat_cause {
    REPEAT_RTO,  /* nothing came back: the timer went off [RFC6298] */
    REPEAT_FAST, /* duplicate ACKs, or SACK, told of a hole [RFC5681, RFC6675, RFC8985] */
    REPEAT_TLP,  /* the last segment asked for an ACK [RFC8985 7] */
    REPEAT_SYN,  /* the opening was repeated */
    REPEAT_UNKNOWN,
    REPEAT_CAUSES
};

enum limit { LIMIT_NONE, LIMIT_SENDER, LIMIT_RECEIVER, LIMIT_NETWORK };

/* Congestion marks instead of drops: RFC 3168, and the accurate form of RFC 9768. */
enum marking {
    MARKING_UNKNOWN,
    MARKING_NONE,       /* nobody asked */
    MARKING_REFUSED,    /* the answer to who asked says no */
    MARKING_TAKEN_BACK, /* asked, not answered, and asked no more */
    MARKING_CLASSIC,
    MARKING_ACCURATE,
    MARKINGS
};

/* The round trip, in microseconds; samples 0: never measured. As seen from where the capture was taken. */
struct verdict_rtt {
    uint32_t samples, min_us, max_us, mean_us;
};

struct verdict_end {
    uint64_t bytes;    /* of payload, each counted once */
    uint64_t segments; /* with payload, SYN or FIN */
    uint32_t repeats[REPEAT_CAUSES];
    uint32_t needless;     /* of these: what they repeated had arrived */
    uint32_t out_of_order; /* overtaken on the way, not repeated */
    uint32_t zero_windows; /* times that it shut its window */
    uint64_t zero_ns;      /* for how long in all */
    uint32_t probes, keepalives;
    struct verdict_rtt rtt; /* of what it sent: until it was acknowledged */
    uint64_t missing;       /* bytes that the other end acknowledged and the capture does not have */
    uint8_t limit;          /* enum limit: what bounds its speed */
    uint16_t mss;           /* offered; 0: not known */
    int8_t shift;           /* window scale offered, -1: none */
    bool timestamps, sack;
    uint8_t options;             /* enum flow_option, of its SYN */
    bool offers;                 /* its SYN was seen with all of its options */
    bool fin, reset;             /* it sent one */
    uint32_t capable, marked;    /* packets that may be marked; that are, where they were captured */
    uint32_t told, reduced;      /* marks told of by the other end; times that it said to have slowed down for them */
    struct statement state;      /* by now */
    uint64_t time_wait_until_ns; /* 0: it holds none; with an MSL of 30 s */
    uint64_t close_wait_ns;      /* for how long it has been in CLOSE-WAIT, 0: it is not */
};

struct verdict {
    uint8_t opening, closing; /* enum opening, enum closing */
    int8_t opened_by;         /* END_A, END_B; -1: not known, or both */
    int8_t closed_first;      /* the same for the first FIN or RST; -1 also: nobody has */
    int8_t reset_by;
    uint8_t vantage, vantage_certainty; /* enum vantage, enum certainty */
    uint8_t severity;                   /* the highest of the findings */
    uint8_t marking, marking_certainty; /* enum marking, enum certainty */
    bool marking_accurate_asked;
    uint64_t setup_ns;   /* from the first SYN to the end of the handshake; 0: not seen */
    uint64_t near_ns[2]; /* round trip from the capture's place to A and back, to B and back; 0: not known */
    uint64_t established_ns, closing_ns; /* when; 0: not seen */
    struct verdict_end end[2];
};

struct explain_options {
    enum vantage vantage; /* what the user says; VANTAGE_UNKNOWN: find out */
    bool at_host;         /* it was taken at the host that has this address: then it is at A or at B of a connection */
    ip_addr host;
    uint64_t close_wait_ns; /* longer than this in CLOSE-WAIT is suspicious; 0: 60 s */
    /* After each packet; `look` and `view` are NULL for copies and for what is not heeded. NULL: not wanted. */
    void (*seen)(void *ctx, struct explain_flow *flow, const struct flow_packet *packet, const struct sight *look,
                 const struct passive_view *view);
    /* A connection is over, or the capture is. */
    void (*done)(void *ctx, struct explain_flow *flow, uint64_t now_ns);
    void *ctx;
};

/* Follows connections for a flow table. A plain value; `ops.ctx` points to it, so it must not move. */
struct explain_machine {
    struct flow_machine ops;
    struct explain_options options;
};
void machine_init(struct explain_machine *m, const struct explain_options *options);

/* The conclusions by now, in the midst of a connection too. */
void verdict_of(const struct explain_machine *m, const struct explain_flow *flow, uint64_t now_ns, struct verdict *out);
/* The findings by now; returns how many, at most `max` are written. `done` finds them in flow->finding. */
size_t verdict_findings(const struct explain_machine *m, const struct explain_flow *flow, uint64_t now_ns,
                        struct finding *out, size_t max);

/* "CLOSE_WAIT_LEAK"; "9293 3.6"; "count" or "", what a and b are. Never NULL. */
const char *finding_name(unsigned code);
const char *finding_rfc(unsigned code);
enum severity finding_severity(unsigned code);
const char *finding_unit(unsigned code, int which); /* 0: of a, 1: of b */
/* One sentence. */
void finding_text(const struct finding *f, enum tern_lang lang, char *buf, size_t size);

const char *opening_name(unsigned form); /* "THREE_WAY" */
const char *opening_rfc(unsigned form);
const char *opening_text(unsigned form, enum tern_lang lang);
const char *closing_name(unsigned form);
const char *closing_rfc(unsigned form);
const char *closing_text(unsigned form, enum tern_lang lang);
const char *severity_name(unsigned severity);   /* "warning" */
const char *certainty_name(unsigned certainty); /* "likely" */
const char *limit_name(unsigned limit);
const char *repeat_name(unsigned cause);
const char *marking_name(unsigned marking); /* "classic" */

#endif
