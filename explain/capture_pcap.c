/* capture_pcap.c - the older format: one header, then records (draft-ietf-opsawg-pcap). Also the variant of patched
 * libpcaps whose records say the interface and the direction. */
#include "explain/capture_inner.h"
#include "po/i18n.h"

enum { FILE_HEADER = 24, RECORD = 16, RECORD_LONG = 24 };

int pcap_start(struct source *c, struct capture_error *e) {
    static const struct {
        uint32_t magic, record;
        uint8_t decimal;
    } kinds[] = {{0xa1b2c3d4, RECORD, 6}, {0xa1b23c4d, RECORD, 9}, {0xa1b2cd34, RECORD_LONG, 6}};
    uint32_t magic;
    size_t k = 0;
    memcpy(&magic, c->in.at, 4);
    for (; k < ARRAY_LEN(kinds); k++) {
        c->swapped = magic == __builtin_bswap32(kinds[k].magic);
        if (c->swapped || magic == kinds[k].magic) break;
    }
    if (k == ARRAY_LEN(kinds)) return capture_wrong(c, e, true, N_("this is no capture file"), 0, 0);
    if (input_need(&c->in, FILE_HEADER) < FILE_HEADER) return capture_short(c, e);
    struct capture_iface *i = capture_iface_new(c, &c->iface);
    if (i == NULL) return capture_wrong(c, e, true, N_("there are too many interfaces"), 0, 0);
    c->format = FORMAT_PCAP;
    c->record = kinds[k].record;
    i->decimal = kinds[k].decimal;
    i->snaplen = get32(c, c->in.at + 16);
    i->linktype = get32(c, c->in.at + 20) & 0xffff; /* above it: how long the frame check sequence is */
    input_take(&c->in, FILE_HEADER);
    return 1;
}

int pcap_next(struct source *c, struct capture_packet *out, struct capture_error *e) {
    input_take(&c->in, c->skip);
    c->skip = 0;
    c->block++;
    size_t there = input_need(&c->in, c->record);
    if (unlikely(there < c->record)) return there == 0 && c->in.state == INPUT_END ? 0 : capture_short(c, e);
    const uint8_t *p = c->in.at;
    const struct capture_iface *i = &c->ifaces->at[c->iface];
    uint32_t seconds = get32(c, p), part = get32(c, p + 4), captured = get32(c, p + 8), wire = get32(c, p + 12);
    if (unlikely(captured > PACKET_MAX))
        return capture_wrong(c, e, true, N_("the record claims %llu bytes; no packet is so long"), captured, 0);
    uint64_t limit = i->decimal == 9 ? SEC_NS : 1000000;
    if (unlikely(input_need(&c->in, c->record + captured) < c->record + captured)) return capture_short(c, e);
    p = c->in.at;
    *out = (struct capture_packet){.time_ns = seconds * SEC_NS + min_u64(part, limit - 1) * (SEC_NS / limit),
                                   .data = p + c->record,
                                   .captured = captured,
                                   .wire = max_u32(wire, captured),
                                   .linktype = i->linktype,
                                   .iface = c->iface,
                                   .timed = part < limit,
                                   .place = {0, c->block, c->in.offset}};
    if (c->record == RECORD_LONG) out->direction = p[22] == 4 ? CAPTURE_OUT : CAPTURE_IN;
    c->skip = c->record + captured;
    return 1;
}
