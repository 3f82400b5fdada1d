/* demo.h - what the two kinds of `tern demo` share: the page, who watches, the report at the end. */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "cli/node.h"
#include "cli/pictures.h"
#include "cli/service.h"
#include "lens/tally.h"

enum { DEMO_MSL_MS = 1500, DEMO_PORT = 80 };

struct demo {
    bool mem, fast, slow;
    const char *path; /* of the capture */
    struct look_options look;
    struct ladder *ladder;
    struct pictures pictures;
    struct pcapng *pcap;
    bool pcap_failed;
    struct tally tally;    /* of the server, tern */
    uint64_t time_wait_ns; /* when the server entered TIME-WAIT, 0: not yet */
    bool over;             /* the connection is gone */
    const char *name[2];   /* of the ends in the ladder */
    int server_end;
    uint32_t peer_rtt_us; /* as the other end measured it, 0: unknown */
    char body[256];       /* the first line that the client got */
    size_t body_len;      /* of everything that it got */
};

/* The page that tern serves. */
extern const char demo_page[];
extern const size_t demo_page_len;

int demo_kernel(struct demo *d); /* DEMO_REFUSED: namespaces or TUN are not to be had, which was said */
int demo_mem(struct demo *d);
enum { DEMO_REFUSED = 100 };

/* Opens the ladder and the capture. `epoch_ns` as in pcapng.h. 0 or an exit code. */
int demo_watch(struct demo *d, bool both, int server_end, uint64_t epoch_ns, const char *iface, const char *about);
/* The server's trace: feeds tally and capture, notices TIME-WAIT and the end. The ladder is the caller's. */
void demo_server_record(struct demo *d, const tern_trace *record);
/* What the client received. */
void demo_body(struct demo *d, const char *data, size_t len);
/* Counts 2 MSL down; call it often. `left_ns` to go. */
void demo_countdown(struct demo *d, uint64_t left_ns);
int demo_report(struct demo *d);

#endif
