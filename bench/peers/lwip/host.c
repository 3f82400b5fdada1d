/* host.c - a host of lwIP: an interface whose packets are copied once into the other host's memory, and the
 * applications of the bench. Compiled together with lwIP's sources: see build.sh. */
#include "host.h"

#include <string.h>

#include "base/checksum.h"
#include "lwip/init.h"
#include "lwip/ip4.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

enum { QUEUE = 16384, CHUNK = 65535 };

uint32_t peer_window_more;
static struct netif netif;
static struct peer_link out;
static struct pbuf *queue[QUEUE];
static uint32_t queue_head, queue_tail, now_ms, waiting;
static uint64_t received, segments_out;
static int own_side;
static bool with_copies, with_checksums;
static uint8_t in[65536], from[65536];
static const checksum_ops *ck;

uint16_t peer_checksum(const void *data, int len) { return checksum_fold(ck->add(data, (size_t)len, 0)); }
uint16_t peer_checksum_copy(void *to, const void *data, uint16_t len) {
    return checksum_fold(ck->copy_add(to, data, len, 0));
}
u32_t sys_now(void) { return now_ms; }

/* ---- the link ---- */

static err_t send_packet(struct netif *n, struct pbuf *p, const ip4_addr_t *to) {
    (void)n;
    (void)to;
    void *packet;
    uint8_t *room = out.room(p->tot_len, &packet);
    if (room == NULL) return ERR_MEM;
    for (const struct pbuf *q = p; q != NULL; room += q->len, q = q->next) memcpy(room, q->payload, q->len);
    segments_out++;
    out.arrives(packet);
    return ERR_OK;
}

static void *link_room(size_t len, void **packet) {
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_POOL);
    *packet = p;
    return p != NULL && p->next == NULL ? p->payload : NULL;
}

static void link_arrives(void *packet) { queue[queue_tail++ % QUEUE] = packet; }

static err_t netif_start(struct netif *n) {
    n->mtu = PEER_MTU;
    n->output = send_packet;
    return ERR_OK;
}

static void host_open(int side, uint32_t window, bool checksums, bool copies) {
    static bool begun;
    peer_window_more = window - 0x10000;
    own_side = side;
    with_copies = copies;
    with_checksums = checksums;
    queue_head = queue_tail = 0;
    received = segments_out = 0;
    if (begun) return;
    begun = true;
    ck = checksum_ops_best();
    lwip_init();
    ip4_addr_t a, mask, gateway;
    IP4_ADDR(&a, 10, 0, 0, (u8_t)(1 + side));
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 0, 0, 0, 0);
    netif_add(&netif, &a, &mask, &gateway, NULL, netif_start, ip4_input);
    netif_set_default(&netif);
    netif_set_up(&netif);
    netif_set_link_up(&netif);
}

static void connect_link(const struct peer_link *to) {
    out = *to;
    NETIF_SET_CHECKSUM_CTRL(&netif, with_checksums ? NETIF_CHECKSUM_ENABLE_ALL
                                                   : NETIF_CHECKSUM_ENABLE_ALL &
                                                         ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_CHECK_TCP));
}

static size_t host_input(void) {
    size_t n = 0;
    for (; queue_head != queue_tail; n++) ip4_input(queue[queue_head++ % QUEUE], &netif);
    return n;
}

static void host_clock(uint32_t ms) { now_ms = ms; }

/* ---- the applications ---- */

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    (void)err;
    if (p == NULL) {
        tcp_close(pcb);
        return ERR_OK;
    }
    u16_t len = p->tot_len;
    if (with_copies) pbuf_copy_partial(p, in, len, 0);
    received += len;
    tcp_recved(pcb, len);
    pbuf_free(p);
    if (len == 1 && arg != NULL) { /* an echo server */
        tcp_write(pcb, from, 1, TCP_WRITE_FLAG_COPY);
        tcp_output(pcb);
    }
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)arg;
    (void)err;
    tcp_recv(pcb, on_receive);
    tcp_arg(pcb, &netif); /* anything: this is the server's side */
    tcp_nagle_disable(pcb);
    return ERR_OK;
}

static void host_listen(uint16_t port) {
    struct tcp_pcb *pcb = tcp_new();
    tcp_bind(pcb, IP_ADDR_ANY, port);
    pcb = tcp_listen(pcb);
    tcp_accept(pcb, on_accept);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)err;
    if (arg != NULL) {
        tcp_arg(pcb, NULL);
        waiting++;
        tcp_close(pcb);
    }
    return ERR_OK;
}

static void *host_connect(uint16_t local_port, uint16_t remote_port, bool cycle) {
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t to;
    IP4_ADDR(&to, 10, 0, 0, (u8_t)(2 - own_side));
    if (pcb == NULL) return NULL;
    if (local_port != 0) tcp_bind(pcb, IP_ADDR_ANY, local_port);
    tcp_recv(pcb, on_receive);
    tcp_arg(pcb, cycle ? &netif : NULL);
    tcp_nagle_disable(pcb);
    return tcp_connect(pcb, &to, remote_port, on_connected) == ERR_OK ? pcb : NULL;
}

static void host_fill(void *conn) {
    struct tcp_pcb *pcb = conn;
    for (uint32_t room; (room = tcp_sndbuf(pcb)) > 0 && tcp_sndqueuelen(pcb) < TCP_SND_QUEUELEN - 200;) {
        u16_t n = (u16_t)(room < CHUNK ? room : CHUNK);
        if (tcp_write(pcb, from, n, with_copies ? TCP_WRITE_FLAG_COPY : 0) != ERR_OK) break;
    }
    tcp_output(pcb);
}

static void host_write_byte(void *conn) {
    tcp_write(conn, from, 1, TCP_WRITE_FLAG_COPY);
    tcp_output(conn);
}

static void time_wait_keep(uint32_t n) {
    for (; waiting > n && tcp_tw_pcbs != NULL; waiting--) tcp_abort(tcp_tw_pcbs);
}

static void host_reset(void *conn) { tcp_abort(conn); }

/* ---- transfers: bench/recovery_run.c ---- */

static struct tcp_pcb *transfer[16];

static void transfer_gone(void *arg, err_t err) {
    (void)err;
    *(struct tcp_pcb **)arg = NULL;
}

static bool host_transfer(unsigned i, uint16_t local_port, uint16_t remote_port) {
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t to;
    IP4_ADDR(&to, 10, 0, 0, (u8_t)(2 - own_side));
    if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, local_port) != ERR_OK) return false;
    tcp_arg(pcb, &transfer[i]);
    tcp_err(pcb, transfer_gone);
    tcp_nagle_disable(pcb);
    transfer[i] = pcb;
    return tcp_connect(pcb, &to, remote_port, NULL) == ERR_OK;
}

/* lwIP walks its queue of unsent segments at each write: it gets no more than it can need until the next one. */
static size_t host_offer(unsigned i, size_t most) {
    enum { UNSENT = 256 << 10 };
    struct tcp_pcb *pcb = transfer[i];
    size_t done = 0;
    if (pcb == NULL || pcb->state != ESTABLISHED) return 0;
    while (done < most && tcp_sndqueuelen(pcb) < TCP_SND_QUEUELEN - 200 && pcb->snd_lbb - pcb->snd_nxt < UNSENT) {
        uint32_t n = tcp_sndbuf(pcb);
        if (n > most - done) n = (uint32_t)(most - done);
        if (n > CHUNK) n = CHUNK;
        if (n == 0 || tcp_write(pcb, from, (u16_t)n, with_copies ? TCP_WRITE_FLAG_COPY : 0) != ERR_OK) break;
        done += n;
    }
    if (done != 0) tcp_output(pcb);
    return done;
}

static void host_end(unsigned i) {
    if (transfer[i] != NULL) tcp_shutdown(transfer[i], 0, 1);
    transfer[i] = NULL;
}

static uint32_t host_sleep(void) { return sys_timeouts_sleeptime(); }

static void host_close(void) {
    while (tcp_active_pcbs != NULL) tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs != NULL) tcp_abort(tcp_tw_pcbs);
    while (tcp_listen_pcbs.pcbs != NULL) tcp_close(tcp_listen_pcbs.pcbs);
    waiting = 0;
    for (; queue_head != queue_tail; queue_head++) pbuf_free(queue[queue_head % QUEUE]);
}

__attribute__((visibility("default"))) const struct peer_host_ops *peer_host(void) {
    static const struct peer_host_ops ops = {
        .open = host_open,
        .connect_link = connect_link,
        .link = {link_room, link_arrives},
        .clock = host_clock,
        .input = host_input,
        .timers = sys_check_timeouts,
        .listen = host_listen,
        .connect = host_connect,
        .reset = host_reset,
        .fill = host_fill,
        .write_byte = host_write_byte,
        .received = &received,
        .segments_out = &segments_out,
        .time_wait = &waiting,
        .time_wait_keep = time_wait_keep,
        .close = host_close,
        .transfer = host_transfer,
        .offer = host_offer,
        .end = host_end,
        .sleep_ms = host_sleep,
    };
    return &ops;
}
