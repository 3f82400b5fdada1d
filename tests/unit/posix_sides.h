/* posix_sides.h - the same socket calls over two implementations: the Linux kernel's, and tern's on one stack that talks
 * to itself in virtual time. */
#ifndef POSIX_SIDES_H
#define POSIX_SIDES_H

#include <stdbool.h>
#include <stdint.h>

#include "posix/posix.h"

struct side {
    const char *name;
    const char *host4, *host6; /* this host's addresses */
    int (*socket)(int domain, int type, int protocol);
    int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(int fd, int backlog);
    int (*accept4)(int fd, struct sockaddr *addr, socklen_t *len, int flags);
    int (*connect)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*getsockname)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*getpeername)(int fd, struct sockaddr *addr, socklen_t *len);
    ssize_t (*read)(int fd, void *buf, size_t len);
    ssize_t (*readv)(int fd, const struct iovec *iov, int count);
    ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
    ssize_t (*recvfrom)(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *addrlen);
    ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(int fd, const void *buf, size_t len);
    ssize_t (*writev)(int fd, const struct iovec *iov, int count);
    ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
    ssize_t (*sendto)(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t addrlen);
    ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
    int (*shutdown)(int fd, int how);
    int (*close)(int fd);
    int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
    int (*fcntl)(int fd, int command, long argument);
    int (*ioctl)(int fd, unsigned long request, void *argument);
    int (*dup)(int fd);
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
    int (*epoll_create1)(int flags);
    int (*epoll_ctl)(int epfd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(int epfd, struct epoll_event *events, int max, int timeout_ms);
    int (*pipe)(int fds[2]);
    ssize_t (*splice)(int from, loff_t *from_at, int to, loff_t *to_at, size_t len, unsigned flags);
};

extern const struct side kernel_side, tern_side;

/* Older kernels answer some calls otherwise; this one is from before 6.1. */
bool kernel_too_old(void);

/* The kernel's side gets a network of its own, where the system has one for us. */
void own_network(void);

/* A stack with 10.0.0.1 and fd00::1, and its end. */
void tern_side_begin(void);
void tern_side_end(void);
extern struct posix *tern_posix; /* what tern_side works on */
extern tern_stack *tern_host;
extern uint64_t tern_now;
/* Lets the host do what it has to do at this instant. */
void tern_settle(void);
enum px_pumped tern_pump(void *ctx, uint64_t until_ns);

#endif
