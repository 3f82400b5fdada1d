/* wire.c - fuzzes the parsers of headers and options, each with its printer: the first byte says which. */
#include "fuzz.h"

static void print_tcp(text *t, reader *r) {
    tcp_header h;
    if (tcp_parse(r, &h) != TCP_PARSE_OK) return;
    tcp_format(t, &h, (uint32_t)reader_left(r));
    uint8_t bytes[60];
    writer w = writer_of(bytes, sizeof bytes);
    tcp_emit(&w, &h); /* may not fit: then it says so */
}

static void print_icmp(text *t, reader *r, bool v6) {
    icmp_message m;
    nd_message nd;
    if (!icmp_parse(r, &m)) return;
    if (v6) {
        icmp6_format(t, &m);
        if (nd_parse(&m, &nd)) nd_format(t, m.type, &nd);
    } else {
        icmp4_format(t, &m);
    }
}

static void print_ip6(text *t, reader *r) {
    ip6_header h;
    ip6_chain chain;
    uint32_t problem = 0;
    if (!ip6_parse(r, &h)) return;
    ip6_format(t, &h);
    ip6_walk(r, h.next_header, &chain, &problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, data + size};
    uint8_t which = take8(&in);
    size_t len;
    uint8_t *p = take_bytes(&in, size, &len);
    char buf[512];
    text t = text_of(buf, sizeof buf);
    reader r = reader_of(p, len);
    eth_header eth;
    arp_packet arp;
    ip4_header ip4;
    switch (which % 7) {
    case 0:
        if (eth_parse(&r, &eth)) eth_format(&t, &eth);
        break;
    case 1:
        if (arp_parse(&r, &arp)) arp_format(&t, &arp);
        break;
    case 2:
        if (ip4_parse(&r, &ip4)) ip4_format(&t, &ip4);
        break;
    case 3: print_ip6(&t, &r); break;
    case 4: print_icmp(&t, &r, false); break;
    case 5: print_icmp(&t, &r, true); break;
    default: print_tcp(&t, &r); break;
    }
    require(t.len < sizeof buf);
    free(p);
    return 0;
}
