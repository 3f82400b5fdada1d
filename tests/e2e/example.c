#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <tern.h>

static void *take(void *ctx, size_t size) { return (void)ctx, malloc(size); }
static void give(void *ctx, void *ptr, size_t size) { (void)ctx, (void)size, free(ptr); }

static tern_stack *host(const char *address) {
    tern_stack *stack;
    tern_addr addr;
    tern_config config;
    tern_config_default(&config);
    config.allocator = (tern_allocator){take, give, NULL};
    if (getentropy(config.entropy, sizeof config.entropy) || tern_new(&config, 0, &stack)) exit(1);
    tern_iface_add(stack, &(tern_iface_config){.size = sizeof(tern_iface_config), .link = TERN_LINK_IP, .mtu = 1500});
    tern_addr_parse(address, &addr);
    tern_addr_add(stack, 0, &addr, 24);
    return stack;
}

/* The wire: every packet that leaves one host arrives at the other. */
static void carry(tern_stack *from, tern_stack *to, uint64_t now) {
    static unsigned char bytes[1500];
    for (tern_frame frame; tern_output(from, &frame, 1, now) == 1;) {
        tern_packet packet = {.data = bytes, .len = (uint32_t)tern_frame_copy(&frame, bytes, sizeof bytes)};
        tern_input(to, 0, &packet, 1, now);
    }
}

int main(void) {
    tern_stack *client = host("10.0.0.1"), *server = host("10.0.0.2");
    tern_sock listener, served, sock;
    tern_listen(server, &(tern_listen_config){.size = sizeof(tern_listen_config), .port = 7}, &listener);

    tern_open open = {.size = sizeof open, .remote_port = 7};
    tern_addr_parse("10.0.0.2", &open.remote);
    tern_connect(client, &open, &sock);
    tern_write(client, sock, "hello, world", 12);

    for (uint64_t now = 0; now < 10; now++) { /* ten turns, a nanosecond each */
        carry(client, server, now);
        carry(server, client, now);
    }
    char text[64];
    tern_accept(server, listener, &served, NULL);
    printf("the server read: %.*s\n", (int)tern_read(server, served, text, sizeof text), text);
    tern_free(client);
    tern_free(server);
}
