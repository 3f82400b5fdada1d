/* script.h - a packetdrill script as plain values: options, events, packets, calls, and where each stands in its file.
 * Reading one is parse.c's, running one run.c's. docs/man/tern-drill.1.scd describes the language. */
#ifndef DRILL_SCRIPT_H
#define DRILL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tern.h"

enum { DRILL_SECOND = 1000000000 };

struct place {
    unsigned line, column; /* from 1 on; line 0: the command line */
};

/* What is wrong, and where. */
struct drill_error {
    struct place at;
    char text[512];
};

/* ---- expressions: the arguments and results of calls ---- */

enum expr_kind {
    EXPR_INTEGER, /* also a symbol, and symbols joined with | */
    EXPR_STRING,
    EXPR_ELLIPSIS,
    EXPR_LIST,  /* [a, b] */
    EXPR_BRACE, /* {a, name=b}: fields have a name */
    EXPR_CALL,  /* htons(8080), inet_addr("...") */
};

struct expr {
    enum expr_kind kind;
    struct place at;
    int64_t value;
    char *text;         /* a string's bytes; a call's name; a symbol as written */
    size_t text_len;    /* of a string */
    char *field;        /* its name within braces, or NULL */
    struct expr *first; /* of a list, brace, call */
    struct expr *next;  /* in the list that it is in */
};

/* ---- packets ---- */

enum packet_kind { PACKET_TCP, PACKET_UDP, PACKET_ICMP };

enum option_kind {
    OPTION_EOL = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WSCALE = 3,
    OPTION_SACK_OK = 4,
    OPTION_SACK = 5,
    OPTION_TS = 8,
    OPTION_MD5 = 19,
    OPTION_UTO = 28,
    OPTION_FO = 34,
    OPTION_ACCECN0 = 172,
    OPTION_ACCECN1 = 174,
    OPTION_FOEXP = 254,
};

/* One TCP option as written or as found. Kinds that are not named above only have their bytes. */
struct tcp_option {
    uint8_t kind;
    uint8_t bytes_len, blocks; /* blocks: SACK's, or AccECN's counters in left[] */
    uint32_t a, b;             /* mss, wscale; TS value and echo; user timeout, 1: in minutes */
    uint32_t left[4], right[4];
    uint8_t bytes[40]; /* md5, FO, FOEXP without its magic number, unknown kinds */
};

enum { OPTIONS_AT_MOST = 40 };

enum { ECN_NOT_STATED = -1, ECN_EITHER = 4 }; /* else 0 to 3, the bits themselves */

struct ip_spec {
    int8_t ecn;
    int16_t tos, ttl; /* -1: not stated */
    bool has_label;
    uint32_t label;
};

enum echoed { ECHOED_NOTHING, ECHOED_TCP, ECHOED_UDP, ECHOED_RAW };

struct packet {
    enum packet_kind kind;
    struct ip_spec ip;
    bool has_ports;
    uint16_t src_port, dst_port;

    uint16_t flags; /* enum tern_tcp_flags */
    bool flags_ace; /* written as an ACE number */
    bool seq_any, seq_absolute, ack_absolute, has_window, options_any;
    uint32_t seq, len, ack; /* len: of UDP too */
    uint16_t window, urgent;
    uint8_t options_n;
    struct tcp_option options[OPTIONS_AT_MOST];

    uint8_t icmp_type, icmp_code;
    bool has_mtu, has_id;
    uint32_t mtu, id;
    enum echoed echoed;
    uint32_t echoed_seq, echoed_len;
};

/* ---- events ---- */

enum when_kind { WHEN_ABSOLUTE, WHEN_RELATIVE, WHEN_ANY };

struct when {
    enum when_kind kind;
    bool range;    /* a~b: anywhere between */
    bool blocking; /* a...b: the call begins at a and ends at b */
    uint64_t from_ns, to_ns;
};

enum event_kind { EVENT_IN, EVENT_OUT, EVENT_CALL, EVENT_COMMAND, EVENT_CODE };

struct call {
    const struct call_def *def;
    char *name;
    struct expr *args; /* a chain */
    unsigned args_n;
    struct expr *result; /* EXPR_ELLIPSIS: whatever it is */
    int error;           /* errno, 0: not compared */
};

struct event {
    enum event_kind kind;
    struct place at;
    struct when when;
    struct packet *packet;
    struct call *call;
    char *text; /* a command; code without its margin */
    struct event *next;
};

/* ---- the script ---- */

enum ip_version { IP_V4, IP_V6, IP_V4_MAPPED };

struct define {
    char *name, *value;
    struct define *next;
};

struct drill_options {
    enum ip_version version;
    tern_addr local, remote; /* family 0: the default of the version */
    uint16_t bind_port, connect_port;
    uint32_t mtu;
    uint64_t tolerance_ns;
    double tolerance_percent;
    uint32_t ts_tick_us; /* 0: timestamps are not compared */
    bool ts_ecr_scaled;
    bool strict_segments; /* packets are never added up */
    bool non_fatal_packet, non_fatal_syscall;
    bool strict; /* nothing may be sent but what is written; echoed timestamps are compared */
    bool dry_run, verbose;
    char *code_command; /* NULL: python3 */
    struct define *defines;
};

struct arena;

struct script {
    const char *path;
    char *source;
    size_t source_len;
    struct arena *arena;
    struct drill_options options;
    char *first_command, *last_command; /* without a time; NULL: none */
    struct place first_at, last_at;
    struct event *events;
    unsigned events_n;
};

void drill_options_default(struct drill_options *o);
/* Takes --name or --name=value (without the dashes), from a command line. Returns false and says why in `err`. */
bool drill_option(struct drill_options *o, struct arena *arena, const char *name, const char *value,
                  struct drill_error *err);

/* Reads `path`. `base`: the options to start from; `over`: names with values that stand on the command line, which
 * count more than the script's. NULL and err: it cannot be read, or is wrong. */
struct overrides {
    size_t n;
    struct {
        const char *name, *value; /* value may be NULL */
    } of[32];
};
struct script *script_read(const char *path, const struct overrides *over, struct drill_error *err);
struct script *script_parse(const char *path, const char *text, size_t len, const struct overrides *over,
                            struct drill_error *err);
void script_free(struct script *s);
/* The line of the source, without its end. */
const char *script_line(const struct script *s, unsigned line, size_t *len);

/* ---- memory that lives as long as the script ---- */

struct arena *arena_new(void);
void arena_free(struct arena *a);
/* Zeroed; NULL when there is no memory. */
void *arena_take(struct arena *a, size_t size);
char *arena_copy(struct arena *a, const char *text, size_t len);

#endif
