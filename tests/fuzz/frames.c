/* frames.c - fuzzes a host on Ethernet, ARP, neighbour discovery, autoconfiguration, fragments, extension headers: the
 * input is a list of frames with time between them. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[70000];
    struct input in = {data, data + size};
    struct fuzz_heap heap = {0};
    tern_stack *stack;
    tern_config c;
    tern_config_default(&c);
    c.allocator = (tern_allocator){fuzz_alloc, fuzz_release, &heap};
    memset(c.entropy, 3, sizeof c.entropy);
    c.dad = 0;
    uint64_t now = SEC_NS;
    require(tern_new(&c, now, &stack) == TERN_OK);
    tern_iface_config iface = {
        .size = sizeof iface, .link = TERN_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
    tern_addr four = {4, {10, 0, 0, 1}}, six = {6, {0xfd, [15] = 1}};
    require(tern_iface_add(stack, &iface) == 0 && tern_addr_add(stack, 0, &four, 24) == TERN_OK);
    require(tern_addr_add(stack, 0, &six, 64) == TERN_OK);
    tern_listen_config l = {.size = sizeof l, .port = 80};
    tern_sock listener;
    require(tern_listen(stack, &l, &listener) == TERN_OK);
    for (unsigned i = 0; i < 100 && input_left(&in); i++) {
        uint8_t how = take8(&in);
        size_t len;
        now += (uint64_t)take8(&in) * (how & 1 ? 100 : 1) * MS_NS;
        if (how & 2) heap.fail_in = take8(&in);
        uint8_t *p = take_bytes(&in, how & 4 ? take16(&in) : take8(&in), &len);
        tern_packet k = {.data = p, .len = (uint32_t)len, .flags = how & 8 ? TERN_PKT_CSUM_OK : 0};
        tern_input(stack, 0, &k, 1, now);
        free(p);
        tern_expire(stack, now);
        tern_event ev[8];
        while (tern_poll(stack, ev, 8) > 0) {
        }
        tern_frame frames[8];
        for (int n, rounds = 0; rounds < 1000 && (n = tern_output(stack, frames, 8, now)) > 0; rounds++)
            for (int k2 = 0; k2 < n; k2++) require(tern_frame_copy(&frames[k2], bytes, sizeof bytes) != 0);
        require(stack_of(stack)->mem_used == heap.live);
    }
    tern_free(stack);
    require(heap.live == 0);
    return 0;
}
