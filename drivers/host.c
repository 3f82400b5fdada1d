/* host.c - malloc, getrandom and the monotonic clock behind a stack. */
#include "drivers/host.h"
#include "po/i18n.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static void *host_alloc(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void host_release(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

int tern_config_host(tern_config *config, struct driver_error *err) {
    tern_config_default(config);
    config->allocator = (tern_allocator){host_alloc, host_release, NULL};
    for (size_t have = 0; have < sizeof config->entropy;) {
        ssize_t n = getrandom(config->entropy + have, sizeof config->entropy - have, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return driver_fail(err, errno, "the kernel gave no random bytes: %s", i18n_error(errno));
        have += (size_t)n;
    }
    return 0;
}

uint64_t tern_host_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
