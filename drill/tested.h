/* tested.h - the connection under test, and the translation between the numbers of a script and those on the wire:
 * addresses, sequence numbers, timestamps. Packets come in and go out in the script's numbers. */
#ifndef DRILL_TESTED_H
#define DRILL_TESTED_H

#include "drill/packet.h"

enum tested_kind {
    TESTED_NOTHING,    /* no socket yet: a segment makes a connection that nobody has */
    TESTED_SOCKET,     /* created or bound */
    TESTED_LISTENING,  /* a segment makes a child */
    TESTED_CONNECTING, /* its SYN will tell addresses and numbers */
    TESTED_CHILD,
    TESTED_CONNECTED,
};

enum { STAMPS_KEPT = 512, LABELS_KEPT = 8 };

struct tested {
    enum tested_kind kind;
    int64_t fd; /* of the script: the socket, or the listener of a child not accepted yet; -1: none */
    bool accepted;
    tern_addr local, remote;
    uint16_t local_port, remote_port;
    uint16_t fresh_port; /* of the next child's peer */
    uint32_t remote_isn;
    bool local_known;
    uint32_t local_isn, local_script; /* the ISN on the wire, and as the script writes it */
    uint32_t new_remote;              /* the SYN that was injected last, should it begin anew */
    bool has_new_remote;

    bool stamp_known; /* the first pair: the offset of the two clocks */
    uint32_t stamp_script, stamp_live;
    unsigned stamps;
    struct {
        uint32_t script, live;
    } stamp[STAMPS_KEPT]; /* the latest ones, in a ring */
    unsigned labels;
    struct {
        uint32_t script, live;
    } label[LABELS_KEPT];
};

/* A new socket under test. */
void tested_socket(struct tested *t, int64_t fd);

/* Makes a child out of an injected segment when that is due, and its ends. */
void tested_inject(struct tested *t, const struct packet *k, const struct drill_options *o, struct ends *e);
/* The packet with the numbers of the wire. False: the script echoes a timestamp that it has not seen. */
bool tested_out(const struct tested *t, const struct packet *k, bool ecr_scaled, struct packet *live);

/* Is a packet that was sent of the connection that `want` is about? Binds a connecting socket to its SYN. */
bool tested_owns(struct tested *t, const struct packet *want, const struct packet *live, const struct ends *e,
                 const struct drill_options *o);
/* Learns from a packet that was sent and expected, before it is translated: ISNs of a SYN. */
void tested_learn(struct tested *t, const struct packet *want, const struct packet *live);
/* A packet that was sent, in the script's numbers. */
void tested_in(const struct tested *t, const struct packet *live, struct packet *out);
/* Remembers its timestamp and flow label; false: the flow label is not as the script says. */
bool tested_keep(struct tested *t, const struct packet *want, const struct packet *live);

#endif
