/* packetdrill.h - the table of functions through which the packetdrill tool drives a stack that lives in a shared object
 * (its --so_filename mode), in its order; declared here from the interface's description. What fills it is
 * packetdrill.c. */
#ifndef POSIX_PACKETDRILL_H
#define POSIX_PACKETDRILL_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

/* All but `userdata` are functions that get it as their first argument, then what the call of that name gets; results
 * and errno are Linux's. Packets are bare IP datagrams. */
struct packetdrill_interface {
    void *userdata;
    void (*free)(void *userdata);
    int (*socket)(void *userdata, int domain, int type, int protocol);
    int (*bind)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(void *userdata, int fd, int backlog);
    int (*accept)(void *userdata, int fd, struct sockaddr *addr, socklen_t *len);
    int (*connect)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*read)(void *userdata, int fd, void *buf, size_t len);
    ssize_t (*readv)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*recv)(void *userdata, int fd, void *buf, size_t len, int flags);
    ssize_t (*recvfrom)(void *userdata, int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                        socklen_t *addrlen);
    ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(void *userdata, int fd, const void *buf, size_t len);
    ssize_t (*writev)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*send)(void *userdata, int fd, const void *buf, size_t len, int flags);
    ssize_t (*sendto)(void *userdata, int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                      socklen_t addrlen);
    ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *msg, int flags);
    int (*fcntl)(void *userdata, int fd, int command, ...);
    int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
    int (*close)(void *userdata, int fd);
    int (*shutdown)(void *userdata, int fd, int how);
    int (*getsockopt)(void *userdata, int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(void *userdata, int fd, int level, int name, const void *value, socklen_t len);
    int (*poll)(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms);
    /* A datagram for the stack; it is processed to the end. */
    int (*netdev_send)(void *userdata, const void *packet, size_t len);
    /* The oldest datagram that the stack sent, and when; *len is the buffer's size, then the datagram's. Time goes on
     * until there is one; *len = 0: there will be none. */
    int (*netdev_receive)(void *userdata, void *packet, size_t *len, long long *time_us);
    int (*usleep)(void *userdata, useconds_t us);
    int (*gettimeofday)(void *userdata, struct timeval *tv, struct timezone *tz);
    int (*epoll_create)(void *userdata, int size);
    int (*epoll_ctl)(void *userdata, int epfd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *userdata, int epfd, struct epoll_event *events, int max, int timeout_ms);
    int (*pipe)(void *userdata, int fds[2]);
    ssize_t (*splice)(void *userdata, int from, loff_t *from_at, int to, loff_t *to_at, size_t len, unsigned flags);
};

/* The one symbol that the tool looks up. `flags` is the text of --so_flags, or NULL: see packetdrill_world.h. */
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *iface);

#endif
