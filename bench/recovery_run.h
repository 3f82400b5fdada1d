/* recovery_run.h - transfers over a bad path in virtual time: two hosts, one bottleneck, and what became of every
 * byte. The cases and the tables are recovery.c's. */
#ifndef BENCH_RECOVERY_RUN_H
#define BENCH_RECOVERY_RUN_H

#include "drivers/sim.h"

enum { REC_FLOWS = 16, REC_PAYLOAD = 1448 /* of a full segment with timestamps */ };

/* Another stack as the sending host, on the virtual clock. */
struct rec_sender {
    /* A fresh one, whose send buffer is `window`; `turn` is called whenever it may want more. NULL: there is none. */
    void *(*make)(uint32_t window, void (*turn)(void *ctx), void *ctx);
    void (*free)(void *host);
    const struct sim_guest *(*guest)(void *host);
    bool (*connect)(void *host, struct sim *sim, unsigned i, uint16_t local_port, uint16_t remote_port);
    size_t (*offer)(void *host, unsigned i, size_t most); /* writes so many bytes at most; returns how many it took */
    void (*end)(void *host, unsigned i);                  /* nothing more will be written */
};

struct rec_config {
    uint64_t seed;
    uint32_t congestion; /* enum tern_congestion */
    uint64_t rate_bps;
    uint32_t rtt_us;
    double queue_bdp;  /* bottleneck queue, in bandwidth-delay products */
    uint32_t loss_ppm; /* of data packets */
    uint32_t ack_loss_ppm;
    uint32_t burst_enter_ppm, burst_leave_ppm, burst_loss_ppm;
    uint32_t reorder_ppm, reorder_us, jitter_us, duplicate_ppm;
    uint64_t mark_us;   /* what waits this long in the queue is marked, and both ends agree to that (ECN) */
    uint64_t drop_mask; /* packet numbers from the sender that are lost */
    uint32_t flows;     /* 0: one */
    uint64_t bytes;     /* of each flow; 0: as much as goes in duration_ns */
    uint64_t duration_ns;
    uint64_t stagger_ns;                             /* each flow starts so much after the one before */
    uint64_t change_ns, change_bps;                  /* the rate changes then */
    uint64_t dark_ns, dark_len_ns;                   /* nothing gets through, in either direction */
    uint64_t spike_ns, spike_len_ns, spike_delay_ns; /* packets of that time take so much longer */
    uint32_t buffer;  /* of sender and receiver; 0: as they come, growing and shrinking */
    uint32_t islands; /* tern_config.reassembly_islands; 0: the default */
    bool no_sack, no_timestamps, no_pacing;
    const struct rec_sender *sender; /* instead of tern, with a control of its own; NULL: tern */
    uint64_t limit_ns;               /* of virtual time, for what is still under way at the end; 0: 120 s */
    tern_trace_fn *watch;            /* sees what the sender does; may be NULL */
    void *watch_ctx;
};

struct rec_result {
    uint64_t elapsed_ns;            /* of the measured part */
    uint64_t read[REC_FLOWS];       /* bytes that the applications read in it */
    uint64_t total;                 /* their sum */
    uint64_t done_ns[REC_FLOWS];    /* when the last byte was read, since the flow's SYN; 0: never */
    bool complete;                  /* everything arrived and was acknowledged in the end */
    uint64_t unique, sent, arrived; /* bytes of text: written, sent, delivered by the link */
    uint64_t resent, spurious;      /* sent more than once; arrived more than once, but for the link's copies */
    double queue_mean_ms, queue_max_ms;
    /* tern's alone */
    uint64_t by_rto, by_rack, by_tlp, probes_new, timeouts, undone;
    uint64_t rounds;
};

/* Fills in what most cases share. */
struct rec_config rec_default(uint64_t seed, uint32_t congestion, uint64_t rate_bps, uint32_t rtt_ms);
/* False: it could not be made. */
bool rec_run(const struct rec_config *config, struct rec_result *out);

#endif
