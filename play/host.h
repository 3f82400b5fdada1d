/* host.h - a host as the applications of a run see it: the user calls of RFC 9293 3.10, and what else is asked of it.
 * There are two kinds: a stack of tern's (host_tern.c) and the Linux kernel (kernel_calls.c). */
#ifndef PLAY_HOST_H
#define PLAY_HOST_H

#include "play/stage.h"

/* As the functions of tern.h, on the host at `end`. */
struct host_calls {
    int (*listen)(struct stage *g, int end, const tern_listen_config *config, tern_sock *out);
    int (*accept)(struct stage *g, int end, tern_sock listener, tern_sock *out, tern_flow *flow);
    /* `flow` gets the local port. To itself, if that is the remote address. */
    int (*connect)(struct stage *g, int end, const tern_open *open, tern_sock *out, tern_flow *flow);
    ptrdiff_t (*write)(struct stage *g, int end, tern_sock sock, const void *data, size_t len);
    ptrdiff_t (*read)(struct stage *g, int end, tern_sock sock, void *buf, size_t len);
    int (*shutdown)(struct stage *g, int end, tern_sock sock);
    int (*close)(struct stage *g, int end, tern_sock sock); /* a listener, too */
    int (*abort)(struct stage *g, int end, tern_sock sock);
    int (*set)(struct stage *g, int end, tern_sock sock, enum tern_option option, int64_t value);
    /* The state of the newest connection that is meant; without any, LISTEN or CLOSED. */
    enum tern_state (*state)(struct stage *g, const struct play_who *who);
    uint64_t (*count)(struct stage *g, int end, enum tern_state state);
    /* A packet arrives that came over no link. */
    void (*arrive)(struct stage *g, int end, const uint8_t *bytes, uint32_t len);
};

extern const struct host_calls host_tern, host_kernel;

#endif
