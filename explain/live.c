/* live.c - see live.h. */
#include "explain/live.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "po/i18n.h"

enum { SNAPLEN = 262144, WAIT_MS = 100, BUFFER = 32 << 20 };

/* What is around IP, or between IPv6 and TCP, hides the rest from a filter: tunnels and extension headers come as a
 * whole, and are looked into here. So do tags, where the link can have any: libpcap refuses the words elsewhere. "vlan"
 * is last, it moves all that comes after it. */
#define USUAL                                                                                                          \
    "tcp or icmp or icmp6 or ip6 proto 0 or ip6 proto 43 or ip6 proto 44 or ip6 proto 60 or (ip[6:2] & 0x1fff != 0) "  \
    "or proto 4 or proto 41 or proto 47 or udp port 4789 or udp port 8472 or udp port 6081 or udp port 2152 or udp "   \
    "port 6635 or ether proto 0x8864 or ether proto 0x8847 or ether proto 0x88a8"
static const char usual[] = USUAL, usual_tagged[] = USUAL " or vlan";

struct live {
    pcap_t *pcap;
    uint64_t packets;
    bool nanoseconds;
    uint32_t linktype;
};

/* The usual reasons in the user's language; libpcap knows none. */
static const char *refusal(pcap_t *p, int code) {
    const char *more = pcap_geterr(p);
    switch (code) {
    case PCAP_ERROR_NO_SUCH_DEVICE: return i18n_error(ENODEV);
    case PCAP_ERROR_PERM_DENIED: return _("this needs root or CAP_NET_RAW");
    case PCAP_ERROR_IFACE_NOT_UP: return _("the interface is down");
    default: return more[0] != '\0' ? more : pcap_statustostr(code);
    }
}

static int start(struct live *l, const char *iface, const char *filter, char error[LIVE_ERROR]) {
    struct bpf_program program;
    pcap_t *p = l->pcap;
    pcap_set_snaplen(p, SNAPLEN);
    pcap_set_promisc(p, 0);
    pcap_set_timeout(p, WAIT_MS);
    pcap_set_buffer_size(p, BUFFER);
    l->nanoseconds = pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO) == 0;
    int r = pcap_activate(p);
    if (r < 0) {
        snprintf(error, LIVE_ERROR, _("%s: %s"), iface, refusal(p, r));
        return -1;
    }
    l->linktype = (uint32_t)pcap_datalink(p);
    if (filter == NULL) filter = l->linktype == DLT_EN10MB ? usual_tagged : usual;
    if (pcap_compile(p, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0) {
        snprintf(error, LIVE_ERROR, "%s", pcap_geterr(p));
        return -1;
    }
    r = pcap_setfilter(p, &program);
    pcap_freecode(&program);
    if (r < 0) snprintf(error, LIVE_ERROR, "%s", pcap_geterr(p));
    char why[PCAP_ERRBUF_SIZE];
    if (r == 0 && pcap_setnonblock(p, 1, why) < 0) { /* waiting is done here, so that a signal ends it */
        snprintf(error, LIVE_ERROR, "%s", why);
        r = -1;
    }
    return r;
}

struct live *live_open(const char *iface, const char *filter, char error[LIVE_ERROR]) {
    char why[PCAP_ERRBUF_SIZE];
    struct live *l = calloc(1, sizeof *l);
    snprintf(error, LIVE_ERROR, "%s", "");
    if (l == NULL) return NULL;
    l->pcap = pcap_create(iface, why);
    if (l->pcap == NULL) {
        snprintf(error, LIVE_ERROR, "%s", why);
        free(l);
        return NULL;
    }
    if (start(l, iface, filter, error) < 0) {
        live_close(l);
        return NULL;
    }
    return l;
}

void live_close(struct live *l) {
    if (l == NULL) return;
    pcap_close(l->pcap);
    free(l);
}

int live_next(struct live *l, struct capture_packet *out, char error[LIVE_ERROR]) {
    struct pcap_pkthdr *head;
    const u_char *data;
    int r = pcap_next_ex(l->pcap, &head, &data);
    if (r == 0) {
        struct pollfd ready = {.fd = pcap_get_selectable_fd(l->pcap), .events = POLLIN};
        poll(&ready, 1, WAIT_MS);
        r = pcap_next_ex(l->pcap, &head, &data);
    }
    if (r < 0) snprintf(error, LIVE_ERROR, "%s", pcap_geterr(l->pcap));
    if (r <= 0) return r < 0 ? -1 : 0;
    uint64_t part = (uint64_t)head->ts.tv_usec * (l->nanoseconds ? 1 : 1000);
    *out = (struct capture_packet){.number = ++l->packets,
                                   .time_ns = (uint64_t)head->ts.tv_sec * SEC_NS + part,
                                   .data = data,
                                   .captured = head->caplen,
                                   .wire = max_u32(head->len, head->caplen),
                                   .linktype = l->linktype,
                                   .timed = true};
    return 1;
}

uint64_t live_dropped(struct live *l) {
    struct pcap_stat s = {0};
    return pcap_stats(l->pcap, &s) == 0 ? (uint64_t)s.ps_drop + s.ps_ifdrop : 0;
}
