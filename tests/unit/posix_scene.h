/* posix_scene.h - scenes: the same socket calls on Linux's loopback and on a tern stack that talks to itself, each
 * result written down and compared. A scene is a function that calls through `os` and says what it sees. */
#ifndef POSIX_SCENE_H
#define POSIX_SCENE_H

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "posix/tcp_info.h"
#include "posix_sides.h"

extern const struct side *os; /* whose turn it is */

/* The call's text, its result, and the error. */
#define SAY(call)                                                                                                      \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long r_ = (long)(call);                                                                                        \
        note("%d: %s = %ld%s%s\n", __LINE__, #call, r_, r_ < 0 ? " " : "", r_ < 0 ? strerrorname_np(errno) : "");      \
    } while (0)

struct pair {
    int listener, client, server;
    uint16_t port;
};

__attribute__((format(printf, 1, 2))) void note(const char *fmt, ...);
int opened(int fd);
struct sockaddr_in in4(const char *text, uint16_t port);
struct sockaddr_in6 in6(const char *text, uint16_t port);
int bind4(int fd, const char *text, uint16_t port);
int bind6(int fd, const char *text, uint16_t port);
int connect4(int fd, const char *text, uint16_t port);
int connect6(int fd, const char *text, uint16_t port);
uint16_t port_of(int fd);
int tcp(int flags);
int set(int fd, int level, int name, int value);
int get(int fd, int level, int name);
int wait_for(int fd, short events);
int ready(int fd);
int state_of(int fd);
void wait_state(int fd, int state);
int request(int fd, unsigned long what);
struct pair pair(void);
void part(const struct pair *p);
bool no_ipv6(void);

/* Runs the scene that *state points to on both sides, and compares. */
void on_both(void **state);
#define SCENE(f)                                                                                                       \
    {                                                                                                                  \
        .name = #f, .test_func = on_both, .initial_state = &(void (*)(void)) { f }                                     \
    }

#endif
