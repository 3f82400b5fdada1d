/* eth.c - the Ethernet header with at most one VLAN tag (IEEE 802.3, 802.1Q). Which frames are for us is decided in
 * ip/. */
#include "wire/wire.h"

bool eth_parse(reader *r, eth_header *out) {
    const uint8_t *p = read_bytes(r, 14);
    if (!p) return false;
    memcpy(out->dst, p, 6);
    memcpy(out->src, p + 6, 6);
    out->type = load16(p + 12);
    out->tagged = out->type == ETH_TYPE_VLAN;
    out->tci = 0;
    if (out->tagged) {
        out->tci = read16(r);
        out->type = read16(r);
    }
    return !r->bad;
}

void eth_emit(writer *w, const eth_header *h) {
    write_bytes(w, h->dst, 6);
    write_bytes(w, h->src, 6);
    if (h->tagged) {
        write16(w, ETH_TYPE_VLAN);
        write16(w, h->tci);
    }
    write16(w, h->type);
}

void eth_format(text *t, const eth_header *h) {
    text_str(t, "Ethernet ");
    text_mac(t, h->src);
    text_str(t, " > ");
    text_mac(t, h->dst);
    if (h->tagged) {
        text_str(t, " vlan ");
        text_u64(t, h->tci & 0xfff);
    }
    text_str(t, " type 0x");
    text_hex(t, h->type, 4);
}
