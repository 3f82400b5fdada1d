/* echo.c - the loop of a real program: an echo service on libtern behind a TUN device, with nothing but tern.h and the
 * system's calls. As root:
 *
 *     cc echo.c $(pkg-config --cflags --libs tern) -o echo
 *     ip tuntap add dev tern0 mode tun && ip addr add 10.9.0.1/24 dev tern0 && ip link set tern0 up
 *     ./echo tern0 10.9.0.2/24 7
 *     nc 10.9.0.2 7                                            (in another terminal)
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <tern.h>

enum { BATCH = 32, MTU = 1500 };

static void *take(void *ctx, size_t size) { return (void)ctx, malloc(size); }
static void give(void *ctx, void *ptr, size_t size) { (void)ctx, (void)size, free(ptr); }

static int must(int result, const char *what) {
    if (result >= 0) return result;
    fprintf(stderr, "%s: %s\n", what, tern_strerror(result, TERN_EN));
    exit(1);
}

static uint64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int tun_open(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0) return fd;
    perror(name);
    exit(1);
}

static tern_stack *host(const char *prefix) {
    tern_stack *stack;
    tern_addr address;
    unsigned prefix_len;
    tern_config config;
    tern_config_default(&config);
    config.allocator = (tern_allocator){take, give, NULL};
    if (getentropy(config.entropy, sizeof config.entropy) != 0) exit(1);
    must(tern_new(&config, clock_ns(), &stack), "tern_new");
    must(tern_iface_add(stack,
                        &(tern_iface_config){.size = sizeof(tern_iface_config), .link = TERN_LINK_IP, .mtu = MTU}),
         "tern_iface_add");
    must(tern_prefix_parse(prefix, &address, &prefix_len), prefix);
    must(tern_addr_add(stack, 0, &address, prefix_len), prefix);
    return stack;
}

/* Sends back what is there, as far as there is room: what does not fit stays unread, and the peer's window shuts. */
static void echo(tern_stack *stack, tern_sock sock) {
    for (;;) {
        tern_span there;
        ptrdiff_t n = tern_read_borrow(stack, sock, &there, 1);
        if (n > 0) n = tern_write(stack, sock, there.data, there.len);
        if (n == TERN_EAGAIN || n == TERN_ENOMEM) return; /* TERN_EV_READ or TERN_EV_WRITE will tell */
        if (n <= 0) { /* the end of the stream, or of the connection: the handle is given back */
            tern_close(stack, sock);
            return;
        }
        tern_read_release(stack, sock, (size_t)n);
    }
}

static void happened(tern_stack *stack, tern_sock listener, const tern_event *event) {
    tern_sock sock;
    if (event->bits & TERN_EV_ACCEPT)
        while (tern_accept(stack, listener, &sock, NULL) == TERN_OK) echo(stack, sock);
    else if (event->bits & (TERN_EV_READ | TERN_EV_EOF | TERN_EV_WRITE | TERN_EV_CLOSED))
        echo(stack, event->sock);
}

int main(int argc, char **argv) {
    static unsigned char bytes[BATCH][MTU];
    static tern_frame frames[BATCH];
    if (argc != 4) return fprintf(stderr, "usage: echo DEVICE ADDRESS/LEN PORT\n"), 2;
    int fd = tun_open(argv[1]), n;
    tern_stack *stack = host(argv[2]);
    tern_sock listener;
    tern_listen_config where = {.size = sizeof where, .port = (uint16_t)atoi(argv[3])};
    must(tern_listen(stack, &where, &listener), argv[3]);
    for (;;) {
        tern_packet packets[BATCH];
        tern_event events[BATCH];
        ssize_t got = 0;
        for (n = 0; n < BATCH && (got = read(fd, bytes[n], MTU)) > 0; n++)
            packets[n] = (tern_packet){.data = bytes[n], .len = (uint32_t)got};
        uint64_t now = clock_ns();
        tern_input(stack, 0, packets, (size_t)n, now);
        tern_expire(stack, now);
        while ((n = tern_poll(stack, events, BATCH)) > 0)
            for (int i = 0; i < n; i++) happened(stack, listener, &events[i]);
        while ((n = tern_output(stack, frames, BATCH, now)) > 0)
            for (int i = 0; i < n; i++) { /* a packet that the device does not take is lost, as on any wire */
                size_t len = tern_frame_copy(&frames[i], bytes[0], MTU);
                if (write(fd, bytes[0], len) < 0) continue;
            }
        uint64_t due = tern_deadline(stack), later = clock_ns(), ms = due > later ? (due - later) / 1000000 + 1 : 0;
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, due == TERN_NEVER ? -1 : (int)(ms < 60000 ? ms : 60000));
    }
}
