/* explain_tales.h - what can happen on a connection, each as a piece that others go before and after: openings, what
 * goes wrong meanwhile, endings. explain_corpus.h tells the segments, spoils and explains them. */
#ifndef TESTS_EXPLAIN_TALES_H
#define TESTS_EXPLAIN_TALES_H

#include "explain_corpus.h"

/* Openings; each leaves an open connection. */
void open_syn_lost(struct tale *t);
void open_ack_lost(struct tale *t); /* the ACK that completes the handshake, behind the capture */
void open_old_syn(struct tale *t);
void open_both(struct tale *t);
void open_fast(struct tale *t); /* with data on the SYN */

/* Meanwhile. */
void say_little(struct tale *t);
void repeat_after_timeout(struct tale *t);
void repeat_hole(struct tale *t, bool sack, bool before_capture); /* of ten segments the third is lost */
void repeat_tail(struct tale *t);
void repeat_needless(struct tale *t);
void overtake(struct tale *t);
void damage(struct tale *t);
void stray(struct tale *t);
void syn_inside(struct tale *t);
void reset_outside(struct tale *t);
void shut_window(struct tale *t, bool opens);
void keep_alive(struct tale *t);
void told_mtu(struct tale *t);

/* Endings. */
void close_both(struct tale *t);
void close_half(struct tale *t);
void close_leak(struct tale *t, uint64_t s); /* A has closed, B does not for so long */
void close_to_nobody(struct tale *t);
void close_ack_lost(struct tale *t);
void close_late_reset(struct tale *t);
void abort_quiet(struct tale *t);
void abort_unread(struct tale *t);
void abort_flying(struct tale *t);
void reset_closed(struct tale *t); /* data comes after A has closed for good */
void reset_restarted(struct tale *t);
void reset_forged(struct tale *t);
void repeat_to_nobody(struct tale *t, uint32_t len, unsigned times);
void forget(struct tale *t); /* a long silence, then nothing comes through */
void probe_nobody(struct tale *t, bool reset);

#endif
