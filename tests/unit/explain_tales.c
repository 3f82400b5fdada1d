/* explain_tales.c - see explain_tales.h. The numbers are those that the wire would show; times are those of the usual
 * stacks. */
#include "explain_tales.h"

/* ---- openings ---- */

void open_syn_lost(struct tale *t) {
    t->now_us = 1700000000000000;
    t->rtt_us = 20000;
    t->window[0] = 60000;
    tell_at(t, 0, TCP_SYN, 1000, 0, 0);
    t->window[0] = 0;
    wait_ms(t, 1000);
    handshake(t);
}
void open_ack_lost(struct tale *t) {
    handshake(t); /* the ACK got lost on its way to B */
    t->n--;
    wait_ms(t, 1000);
    tell_at(t, 1, TCP_SYN | TCP_ACK, 900000, 1001, 0);
    tell(t, 0, TCP_ACK, 0);
}
void open_old_syn(struct tale *t) {
    t->rtt_us = 20000;
    t->now_us = 1700000000000000;
    t->window[0] = t->window[1] = 2000;
    tell_at(t, 0, TCP_SYN, 1000, 0, 0);
    wait_ms(t, 5);
    tell_at(t, 1, TCP_SYN | TCP_ACK, 77000, 400, 0); /* to a SYN of long ago */
    tell_at(t, 0, TCP_RST, 400, 0, 0);
    wait_ms(t, 15);
    tell_at(t, 1, TCP_SYN | TCP_ACK, 900000, 1001, 0);
    t->next[0] = 1001;
    t->next[1] = 900001;
    tell(t, 0, TCP_ACK, 0);
}
void open_both(struct tale *t) {
    t->rtt_us = 20000;
    t->now_us = 1700000000000000;
    t->window[0] = t->window[1] = 2000;
    tell_at(t, 0, TCP_SYN, 1000, 0, 0);
    wait_ms(t, 8);
    tell_at(t, 1, TCP_SYN, 5000, 0, 0);
    tell_at(t, 0, TCP_SYN | TCP_ACK, 1000, 5001, 0);
    wait_ms(t, 12);
    tell_at(t, 1, TCP_SYN | TCP_ACK, 5000, 1001, 0);
    t->next[0] = 1001;
    t->next[1] = 5001;
}
void open_fast(struct tale *t) {
    handshake(t);
    t->at[t->n - 3].len = 200;
    t->at[t->n - 3].options.has_ts = t->at[t->n - 2].options.has_ts;
    t->at[t->n - 2].ack += 200;
    t->at[t->n - 1].seq += 200;
    t->next[0] += 200;
    t->got[1] += 200;
}

/* ---- meanwhile ---- */

void say_little(struct tale *t) { exchange(t, 100, 100); }
void repeat_after_timeout(struct tale *t) {
    bulk(t, 0, 10, LEN_MAX);
    uint32_t a = t->next[0];
    tell(t, 0, TCP_ACK | TCP_PSH, 500);
    wait_ms(t, 240);
    tell_at(t, 0, TCP_ACK | TCP_PSH, a, t->next[1], 500);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, 0);
}
void repeat_hole(struct tale *t, bool sack, bool before_capture) {
    uint32_t first = t->next[0];
    for (unsigned i = 0; i < 10; i++) {
        if (i == 2 && before_capture)
            t->next[0] += LEN_MAX;
        else
            tell(t, 0, TCP_ACK, LEN_MAX);
    }
    wait_ms(t, 20);
    uint32_t lost = first + 2 * LEN_MAX;
    for (unsigned i = 0; i < 7; i++) {
        struct told_packet *p = tell_at(t, 1, TCP_ACK, t->next[1], lost, 0);
        if (sack) {
            p->options.sack_count = 1;
            p->options.sack[0].left = seq_of(lost + LEN_MAX);
            p->options.sack[0].right = seq_of(lost + (i + 2) * LEN_MAX);
        }
        wait_us(t, 30);
    }
    tell_at(t, 0, TCP_ACK, lost, t->next[1], LEN_MAX);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, 0);
}
void repeat_tail(struct tale *t) {
    bulk(t, 0, 10, LEN_MAX);
    tell(t, 0, TCP_ACK, LEN_MAX);
    uint32_t last = t->next[0];
    tell(t, 0, TCP_ACK | TCP_PSH, 700);
    wait_ms(t, 45);
    tell_at(t, 0, TCP_ACK | TCP_PSH, last, t->next[1], 700);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, 0);
}
void repeat_needless(struct tale *t) {
    bulk(t, 0, 10, LEN_MAX);
    uint32_t a = t->next[0];
    tell(t, 0, TCP_ACK | TCP_PSH, 500);
    wait_ms(t, 230);
    tell_at(t, 0, TCP_ACK | TCP_PSH, a, t->next[1], 500);
    wait_ms(t, 5);
    tell(t, 1, TCP_ACK, 0);
    wait_ms(t, 15);
    struct told_packet *p = tell(t, 1, TCP_ACK, 0);
    p->options.sack_count = 1;
    p->options.sack[0].left = seq_of(a);
    p->options.sack[0].right = seq_of(a + 500);
}
void overtake(struct tale *t) {
    bulk(t, 1, 10, LEN_MAX);
    uint32_t b = t->next[1];
    uint16_t id = (uint16_t)(t->n + 1);
    tell_at(t, 1, TCP_ACK, b + LEN_MAX, t->next[0], LEN_MAX)->ip_id = (uint16_t)(id + 1);
    wait_us(t, 60);
    tell_at(t, 1, TCP_ACK, b, t->next[0], LEN_MAX)->ip_id = id;
    t->next[1] = b + 2 * LEN_MAX;
    wait_us(t, 60);
    tell(t, 0, TCP_ACK, 0);
}
void damage(struct tale *t) {
    bulk(t, 1, 10, LEN_MAX);
    uint32_t b = t->next[1];
    tell(t, 1, TCP_ACK | TCP_PSH, 600)->damaged = true;
    wait_ms(t, 250);
    tell_at(t, 1, TCP_ACK | TCP_PSH, b, t->next[0], 600);
    tell(t, 0, TCP_ACK, 0);
}
void stray(struct tale *t) {
    exchange(t, 100, 100);
    tell_at(t, 1, TCP_ACK, t->next[1] + 1500000000, t->next[0], 100);
    tell(t, 0, TCP_ACK, 0);
}
void syn_inside(struct tale *t) {
    exchange(t, 100, 100);
    wait_ms(t, 300);
    tell_at(t, 0, TCP_SYN, 77777777, 0, 0);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, 0);
    wait_ms(t, 300);
    exchange(t, 100, 100);
}
void reset_outside(struct tale *t) {
    exchange(t, 100, 3000);
    tell_at(t, 1, TCP_RST, t->next[1] + 500000000, 0, 0);
    exchange(t, 100, 300);
}
void shut_window(struct tale *t, bool opens) {
    for (unsigned i = 0; i < 4; i++) {
        tell(t, 0, TCP_ACK, LEN_MAX);
        wait_ms(t, 20);
        tell(t, 1, TCP_ACK, 0)->window = i == 3 ? 0 : 100;
    }
    for (unsigned i = 0; i < 4; i++) {
        wait_ms(t, 400u << i);
        tell_at(t, 0, TCP_ACK, t->next[0] - 1, t->next[1], 0);
        wait_ms(t, 20);
        tell(t, 1, TCP_ACK, 0)->window = 0;
    }
    if (!opens) return;
    tell(t, 1, TCP_ACK, 0);
    bulk(t, 0, 10, LEN_MAX);
}
void keep_alive(struct tale *t) {
    for (int i = 0; i < 3; i++) {
        wait_ms(t, 7200000);
        tell_at(t, 0, TCP_ACK, t->next[0] - 1, t->next[1], 0);
        wait_ms(t, 20);
        tell(t, 1, TCP_ACK, 0);
    }
}
void told_mtu(struct tale *t) {
    uint32_t a = t->next[0];
    tell(t, 0, TCP_ACK, LEN_MAX);
    wait_ms(t, 4);
    told_icmp(t, 0, 3, 4, 1400);
    t->at[t->n - 1].seq = a;
    t->next[0] = a;
    bulk(t, 0, 20, 1360);
}

/* ---- endings ---- */

void close_both(struct tale *t) {
    uint32_t a = t->next[0], b = t->next[1];
    tell_at(t, 0, TCP_FIN | TCP_ACK, a, b, 0);
    wait_ms(t, 5);
    tell_at(t, 1, TCP_FIN | TCP_ACK, b, a, 0);
    tell_at(t, 0, TCP_ACK, a + 1, b + 1, 0);
    wait_ms(t, 15);
    tell_at(t, 1, TCP_ACK, b + 1, a + 1, 0);
}
void close_half(struct tale *t) {
    tell(t, 0, TCP_FIN | TCP_ACK, 0);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, 0);
    bulk(t, 1, 30, LEN_MAX);
    tell(t, 1, TCP_FIN | TCP_ACK, 0);
    tell(t, 0, TCP_ACK, 0);
}
void close_leak(struct tale *t, uint64_t s) {
    tell(t, 0, TCP_FIN | TCP_ACK, 0);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, 0);
    wait_ms(t, s * 1000);
    tell_at(t, 0, TCP_ACK, t->next[0], t->next[1], 0); /* the capture goes on */
}
void close_to_nobody(struct tale *t) {
    uint32_t a = t->next[0];
    tell(t, 0, TCP_FIN | TCP_ACK, 0);
    for (unsigned i = 0; i < 6; i++) {
        wait_ms(t, 240u << i);
        tell_at(t, 0, TCP_FIN | TCP_ACK, a, t->next[1], 0);
    }
}
void close_ack_lost(struct tale *t) {
    close_four(t, 0);
    wait_ms(t, 220);
    tell_at(t, 1, TCP_FIN | TCP_ACK, t->next[1] - 1, t->next[0], 0);
    tell(t, 0, TCP_ACK, 0);
}
void close_late_reset(struct tale *t) {
    close_four(t, 0);
    wait_ms(t, 5);
    tell_at(t, 0, TCP_RST, t->next[0], 0, 0);
}
void abort_quiet(struct tale *t) {
    tell(t, 0, TCP_ACK | TCP_PSH, 30);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, 0);
    wait_ms(t, 900);
    tell(t, 0, TCP_RST | TCP_ACK, 0);
}
void abort_unread(struct tale *t) {
    exchange(t, 100, 5000);
    wait_ms(t, 300);
    tell(t, 0, TCP_RST | TCP_ACK, 0);
}
void abort_flying(struct tale *t) {
    exchange(t, 100, 100);
    wait_ms(t, 3);
    tell(t, 0, TCP_ACK, LEN_MAX);
    tell(t, 0, TCP_ACK, LEN_MAX);
    wait_us(t, 50);
    tell(t, 0, TCP_RST | TCP_ACK, 0);
}
void reset_closed(struct tale *t) {
    exchange(t, 100, 3000);
    tell(t, 0, TCP_FIN | TCP_ACK, 0);
    wait_ms(t, 20);
    tell(t, 1, TCP_ACK, LEN_MAX);
    tell_at(t, 0, TCP_RST, t->next[0], 0, 0);
}
void reset_restarted(struct tale *t) {
    exchange(t, 100, 3000);
    wait_ms(t, 30000);
    tell(t, 0, TCP_ACK | TCP_PSH, 50);
    wait_ms(t, 20);
    tell_at(t, 1, TCP_RST, t->next[1], 0, 0);
}
void reset_forged(struct tale *t) {
    exchange(t, 100, 3000);
    tell(t, 0, TCP_ACK | TCP_PSH, 300);
    wait_ms(t, 2);
    struct told_packet *p = tell_at(t, 1, TCP_RST | TCP_ACK, t->next[1], t->next[0], 0);
    p->ttl = 41;
}
void repeat_to_nobody(struct tale *t, uint32_t len, unsigned times) {
    uint32_t a = t->next[0];
    tell(t, 0, TCP_ACK | TCP_PSH, len);
    for (unsigned i = 0; i < times; i++) {
        wait_ms(t, 240u << i);
        tell_at(t, 0, TCP_ACK | TCP_PSH, a, t->next[1], len);
    }
}
void forget(struct tale *t) {
    wait_ms(t, 400000);
    repeat_to_nobody(t, 80, 6);
}
void probe_nobody(struct tale *t, bool reset) {
    wait_ms(t, 7200000);
    for (unsigned i = 0; i < 9; i++) {
        tell_at(t, 0, TCP_ACK, t->next[0] - 1, t->next[1], 0);
        wait_ms(t, 75000);
    }
    if (reset) tell(t, 0, TCP_RST | TCP_ACK, 0);
}
