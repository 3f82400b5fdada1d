/* inner.h - what the files of posix/ offer each other: open files, sockets, calls under way. Programs use posix.h. */
#ifndef POSIX_INNER_H
#define POSIX_INNER_H

#include <errno.h>
#include <stdbool.h>

#include "posix/posix.h"
#include "posix/tcp_info.h"

struct epoll;
struct watch;
struct pipe;

enum file_kind { FILE_SOCKET, FILE_EPOLL, FILE_PIPE };

/* An open file: what descriptors refer to. Freed with its last reference. */
struct file {
    enum file_kind kind;
    int refs;
    int flags;             /* O_RDWR, O_NONBLOCK, ... */
    struct watch *watches; /* by epolls: see epoll.c */
};

enum phase { UNCONNECTED, CONNECTING, CONNECTED, LISTENING, SPOILT }; /* SPOILT: shut down before it was connected */
enum { SHUT_RECEIVE = 1, SHUT_SEND = 2, SHUT_BOTH = 3 };

/* Settings that are one int: see options.c for their names. */
enum slot {
    S_REUSEADDR,
    S_REUSEPORT,
    S_DEBUG,
    S_DONTROUTE,
    S_BROADCAST,
    S_KEEPALIVE,
    S_OOBINLINE,
    S_PRIORITY,
    S_RCVLOWAT,
    S_MARK,
    S_TIMESTAMP,
    S_BUSY_POLL,
    S_ZEROCOPY,
    S_SNDBUF,
    S_RCVBUF,
    S_NODELAY,
    S_CORK,
    S_MAXSEG,
    S_KEEPIDLE,
    S_KEEPINTVL,
    S_KEEPCNT,
    S_SYNCNT,
    S_LINGER2,
    S_DEFER_ACCEPT,
    S_WINDOW_CLAMP,
    S_QUICKACK,
    S_USER_TIMEOUT,
    S_NOTSENT_LOWAT,
    S_FASTOPEN,
    S_FASTOPEN_CONNECT,
    S_SAVE_SYN,
    S_INQ,
    S_TOS,
    S_TTL,
    S_MTU_DISCOVER,
    S_RECVERR,
    S_RECVTOS,
    S_RECVTTL,
    S_FREEBIND,
    S_NO_PORT,
    S_V6ONLY,
    S_TCLASS,
    S_HOPS,
    S_MTU_DISCOVER6,
    S_RECVERR6,
    S_RECVTCLASS,
    S_AUTOFLOWLABEL,
    SLOTS
};

struct sock {
    struct file file;
    struct posix *px;
    int domain; /* AF_INET, AF_INET6 */
    enum phase phase;
    uint8_t shut;      /* SHUT_RECEIVE, SHUT_SEND */
    bool fin;          /* the peer's FIN has come */
    bool ended;        /* the stack's connection is CLOSED, and that was noted */
    bool full;         /* a write found no room since the last TERN_EV_WRITE */
    bool defer;        /* Fast Open: connect waits for the first write */
    int error, soft;   /* what SO_ERROR says; what the network reported meanwhile */
    tern_sock handle;  /* zero: none */
    uint32_t slot;     /* place in posix.socks: the stack's user value */
    struct sock *twin; /* listeners that share one of the stack's, in a ring; NULL: alone */

    /* bound to */
    tern_addr local;
    uint16_t port; /* 0: not bound */
    bool locked;   /* the port was asked for, not chosen */
    struct sock *bound_next, **bound_link;
    tern_addr to; /* where a deferred connect leads */
    uint16_t to_port;

    int opt[SLOTS];
    uint64_t set; /* bit n: slot n was set by the application */
    int linger;   /* seconds; -1: off */
    int congestion;
    uint64_t receive_timeout_ns, send_timeout_ns; /* 0: none */

    /* urgent data: see oob.c */
    uint64_t read; /* bytes taken out of the stream so far */
    uint64_t mark; /* the urgent byte is the one after so many */
    uint8_t oob;   /* enum oob */
};

struct posix {
    struct px_config config;
    struct file **fds; /* by number minus first_fd, or as fd_take gives them */
    uint8_t *cloexec;
    size_t fds_size;
    int fds_open;
    struct sock **socks; /* by slot */
    size_t socks_size;
    struct sock *bound;
    struct px_call *deferred;
    uint32_t port_next;
    uint64_t epolls; /* how many are open */
};

/* -1 with errno. */
static inline int fail(int error) {
    errno = error;
    return -1;
}

/* ---- fd.c: descriptors and files ---- */
struct file *file_of(const struct posix *p, int fd);   /* NULL: EBADF */
struct sock *socket_of(const struct posix *p, int fd); /* NULL: EBADF or ENOTSOCK */
static inline struct sock *sock_in(struct file *f) { return (struct sock *)(void *)f; }
int fd_open(struct posix *p, struct file *f, bool cloexec); /* takes over the reference; -1 with errno leaves it */
bool fd_room(const struct posix *p);
void file_hold(struct file *f);
void file_drop(struct posix *p, struct file *f); /* the last one closes it, without waiting */
uint64_t now_of(const struct posix *p);

/* ---- socket.c: what a socket is at the moment ---- */
struct sock *sock_new(struct posix *p, int domain);
void sock_release(struct posix *p, struct sock *s); /* close() of the stack's part */
void sock_free(struct posix *p, struct sock *s);
/* Notes what became of the connection since the last look. */
void sock_refresh(struct sock *s);
/* Linux's idea of the state: TIME-WAIT is CLOSE, since no socket is left. */
enum tern_state sock_state(const struct sock *s);
bool sock_status(const struct sock *s, tern_status_info *out);
int sock_take_error(struct sock *s); /* errno or 0, and forgets it */
void sock_disconnect(struct sock *s);
void sock_attach(struct sock *s, tern_sock handle);
int errno_of(int error); /* of a tern_error */

/* ---- address.c ---- */
int addr_from(const struct sock *s, const struct sockaddr *sa, socklen_t len, tern_addr *addr, uint16_t *port);
void addr_to(const struct sock *s, const tern_addr *addr, uint16_t port, struct sockaddr *sa, socklen_t *len);
bool addr_any(const tern_addr *a);

/* ---- bind.c ---- */
int bind_port(struct sock *s, const tern_addr *addr, uint16_t port); /* 0 or an errno; port 0: an ephemeral one */
bool bind_listener(const struct sock *s);                            /* another one listens where s is about to */
void bind_inherit(struct sock *s, const tern_addr *addr, uint16_t port);
void bind_release(struct sock *s);

/* ---- event.c ---- */
void events_collect(struct posix *p);

/* ---- wait.c ---- */
/* The call to fill in, its file held; NULL with errno. */
struct px_call *call_begin(struct posix *p, struct px_call *local, enum px_kind kind, int fd);
ssize_t call_run(struct posix *p, struct px_call *c); /* waits if need be, and ends it */
ssize_t call_end(struct posix *p, struct px_call *c, ssize_t result);
static inline bool call_expired(const struct posix *p, const struct px_call *c) { return c->deadline_ns <= now_of(p); }
uint64_t call_deadline(const struct posix *p, const struct file *f, int flags, uint64_t timeout_ns);
uint64_t deadline_ms(const struct posix *p, int timeout_ms);
typedef ssize_t call_step(struct posix *p, struct px_call *c);
call_step connect_step, accept_step, receive_step, send_step, close_step, poll_step, epoll_step, splice_step;

/* ---- receive.c, oob.c ---- */
int connect_start(struct sock *s, const tern_addr *addr, uint16_t port); /* 0 or an errno */
/* Copies up to len received bytes, from `skip` bytes on, without consuming any; to NULL: only counts them. */
size_t received_copy(struct sock *s, size_t skip, void *to, size_t len);
uint32_t received_bytes(const struct sock *s);
void received_consume(struct sock *s, size_t len);
enum oob { OOB_NONE, OOB_AHEAD, OOB_READ };
void oob_refresh(struct sock *s, const tern_status_info *st);
bool oob_at(const struct sock *s, uint64_t position); /* is the urgent byte the one at this place of the stream? */
size_t oob_limit(const struct sock *s, uint64_t position, size_t len); /* how far a read goes before the mark */
ssize_t oob_receive(struct sock *s, struct px_call *c);
bool oob_ready(const struct sock *s); /* it is there and nobody has read it */

/* ---- options.c, info.c ---- */
void options_default(struct sock *s);
void options_apply(struct sock *s);
void info_fill(struct sock *s, struct px_tcp_info *out);

/* ---- poll.c, epoll.c, pipe.c ---- */
short file_ready(struct posix *p, struct file *f); /* POLLIN and so on, all that hold */
bool sock_held_back(const struct sock *s);         /* not writable only by TCP_NOTSENT_LOWAT: no event will tell */
void file_wake(struct file *f);                    /* something happened: epolls look at it again */
void epoll_free(struct posix *p, struct epoll *e);
void epoll_forget(struct file *f); /* it is closed */
short epoll_ready(struct posix *p, struct epoll *e);
short pipe_ready(const struct pipe *q);
void pipe_free(struct pipe *q);
ssize_t pipe_read(struct posix *p, struct px_call *c);
ssize_t pipe_write(struct posix *p, struct px_call *c);

#endif
