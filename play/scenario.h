/* scenario.h - a scenario as plain data: two hosts, the link, what the applications do and when, what the network does
 * to which segment, and what must be true. docs/scenarios.md describes the text it is read from (read.c); player.h
 * plays it. Nothing here runs. */
#ifndef PLAY_SCENARIO_H
#define PLAY_SCENARIO_H

#include "tern.h"

enum {
    PLAY_TAKES = 12, /* runs of one scenario */
    PLAY_ACTS = 96,  /* of one run, as all that follow */
    PLAY_RULES = 24,
    PLAY_EXPECTS = 64,
    PLAY_PATH = 20, /* states that an `expect path` lists */
    PLAY_SETS = 16,
    PLAY_TEXT = 640, /* bytes of a title or a note */
    PLAY_ABOUT = 2048,
    PLAY_NAME = 48,
    PLAY_SOURCE_MAX = 65536, /* bytes of a scenario */
};

/* Where something stands in the source. */
struct play_place {
    unsigned line, column;
};

/* In English and Chinese; the second may be empty. */
struct play_words {
    char text[2][PLAY_TEXT];
};

/* "A", "B", "A:40000": a host, or its connections that use this port at either end. port 0: the newest one. */
struct play_who {
    int end;
    uint16_t port;
};

/* A sequence number: relative to the ISN of whose number it is, or as on the wire. */
struct play_number {
    enum { NUMBER_NONE, NUMBER_RELATIVE, NUMBER_WIRE, NUMBER_GUESS } kind;
    uint32_t value;
};

/* Which segments of one direction. */
struct play_match {
    int from;
    enum { MATCH_FLAGS, MATCH_ANY, MATCH_DATA } kind;
    uint16_t flags;          /* PSH is not looked at */
    uint32_t first, last;    /* of those that match, from 1 */
    uint64_t from_ns, to_ns; /* when they leave */
};

struct play_rule {
    struct play_place at;
    enum { RULE_LOSE, RULE_DELAY, RULE_COPY } kind;
    struct play_match match;
    uint64_t by_ns;
};

enum play_verb {
    DO_LISTEN,  /* value: port, count: backlog */
    DO_CONNECT, /* value: the remote port, count: the local one */
    DO_SEND,    /* value: bytes */
    DO_READ,    /* value: bytes */
    DO_PAUSE,
    DO_RESUME,
    DO_SHUTDOWN,
    DO_CLOSE,
    DO_UNLISTEN, /* value: port */
    DO_ABORT,
    DO_OPTION, /* option, value */
    DO_CRASH,
    DO_INJECT,
    DO_SAY,
    DO_EXPECT_STATE, /* state */
    DO_EXPECT_COUNT, /* state, value */
};

/* A segment out of nowhere. */
struct play_forged {
    uint16_t flags, window, mss;
    struct play_number seq, ack;
    uint32_t len;
    tern_addr from;              /* family 0: the other host */
    uint16_t from_port, to_port; /* 0: of the newest connection */
    uint32_t times;              /* each from the next port and the next address */
};

struct play_act {
    struct play_place at;
    enum { WHEN_AT, WHEN_STATE, WHEN_EOF, WHEN_DATA, WHEN_SENT, WHEN_ENDED } when;
    uint64_t at_ns;
    struct play_who cause; /* of the other kinds of `when` */
    enum tern_state cause_state;
    uint64_t cause_bytes;
    uint64_t delay_ns; /* after the cause */

    enum play_verb verb;
    struct play_who who;
    uint64_t value, count;
    bool self, fast, hold; /* of connect and listen */
    enum tern_option option;
    enum tern_state state;
    struct play_forged forged;
    struct play_words words;
};

struct play_expect {
    struct play_place at;
    enum {
        EXPECT_SEGMENT, /* in the order of the file */
        EXPECT_NEVER,
        EXPECT_TOTAL,
        EXPECT_PATH,
        EXPECT_END,
        EXPECT_RECEIVED,
        EXPECT_WRONG, /* value 1: bytes were delivered that this peer never sent */
        EXPECT_ACCEPTED,
    } kind;
    struct play_match match;
    struct play_number seq, ack;
    bool has_len, has_time, lost, has_state[2];
    uint32_t len;
    uint64_t time_ns;
    enum tern_state state[2]; /* of A and B when the segment leaves */
    struct play_who who;
    uint64_t value;
    int error;
    unsigned steps;
    enum tern_state path[PLAY_PATH];
};

enum play_alter { ALTER_NONE = 0, ALTER_TWO_WAY = 1, ALTER_NO_TIME_WAIT = 2, ALTER_COUNTED_ISN = 4 };

struct play_host {
    bool has_isn;
    uint32_t isn[2]; /* the second after a crash */
    unsigned isns;
    struct {
        char name[32];
        uint64_t value;
    } set[PLAY_SETS];
    unsigned sets;
    unsigned alter; /* enum play_alter: rules that the player breaks */
};

struct play_link {
    uint64_t delay_ns, rate_bps;
};

/* One run. */
struct play_take {
    char name[PLAY_NAME];
    struct play_words title;
    struct play_host host[2];
    struct play_link link[2]; /* [0]: from A to B */
    uint32_t mtu;
    uint64_t nat_ns;         /* a NAT on the way forgets who is silent for so long; 0: there is none */
    uint64_t until_ns;       /* 0: until nothing is under way */
    bool linux[2];           /* this end can also be the Linux kernel, in real time; */
    uint64_t linux_until_ns; /* until then; 0: as above */
    struct play_place linux_at;
    unsigned rules, acts, expects;
    struct play_rule rule[PLAY_RULES];
    struct play_act act[PLAY_ACTS];
    struct play_expect expect[PLAY_EXPECTS];
};

enum play_chapter { CHAPTER_OPENING, CHAPTER_CLOSING, CHAPTER_TROUBLE, CHAPTER_WHAT_IF, CHAPTER_OWN, CHAPTERS };

struct scenario {
    char name[PLAY_NAME]; /* of the catalogue, or the file's */
    struct play_words title;
    char about[2][PLAY_ABOUT];
    enum play_chapter chapter;
    char claims[96], figure[32], rfc[64];
    bool wire; /* sequence numbers are best shown as on the wire */
    unsigned takes;
    struct play_take take[PLAY_TAKES];
};

struct play_error {
    char text[512]; /* "FILE:LINE:COLUMN: expected ..., found '...'" */
};

/* Reads a scenario from its text. 0, or -1 and the error. `file` is for errors; `name` for the scenario. */
int scenario_read(const char *file, const char *name, const char *text, size_t len, struct scenario **out,
                  struct play_error *err);
void scenario_free(struct scenario *s);

/* In this language; in English where the other is not written. */
const char *play_text(const struct play_words *words, enum tern_lang lang);

/* The catalogue: every scenario that this program brings along, in the order of its chapters. */
struct catalogue_scenario {
    const char *name, *file, *text;
    size_t len;
};
extern const struct catalogue_scenario catalogue_scenarios[];
extern const size_t catalogue_scenarios_count;
/* NULL: there is none of this name. */
const struct catalogue_scenario *scenario_find(const char *name);

#endif
