/* plain_network.h - a new network namespace takes some settings over from the host; here they become what the kernel comes
 * with. What it does not know, or does not let us change, stays as it is. */
#ifndef TESTS_PLAIN_NETWORK_H
#define TESTS_PLAIN_NETWORK_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline void plain_network(void) {
    static const struct {
        const char *name, *value;
    } settings[] = {
        {"ip_forward", "0"}, /* sets others back, so it comes first */
        {"conf/all/rp_filter", "0"},
        {"conf/default/rp_filter", "0"},
        {"conf/all/arp_filter", "0"},
        {"conf/default/arp_filter", "0"},
        {"conf/all/arp_ignore", "0"},
        {"conf/default/arp_ignore", "0"},
        {"conf/all/arp_announce", "0"},
        {"conf/default/arp_announce", "0"},
        {"conf/all/proxy_arp", "0"},
        {"conf/default/proxy_arp", "0"},
        {"tcp_rmem", "4096 131072 6291456"},
        {"tcp_wmem", "4096 16384 4194304"},
        {"tcp_ecn", "2"},
        {"tcp_timestamps", "1"},
        {"tcp_sack", "1"},
        {"tcp_window_scaling", "1"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", settings[i].name);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) continue;
        if (write(fd, settings[i].value, strlen(settings[i].value)) < 0) fprintf(stderr, "%s stays\n", path);
        close(fd);
    }
}

#endif
