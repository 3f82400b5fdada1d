/* service.h - what tern serves, and a server: listeners, their connections, and the services behind them. */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include "cli/http.h"
#include "tern.h"

enum { SERVICES_MAX = 16 };

enum service_kind { SERVICE_ECHO, SERVICE_DISCARD, SERVICE_CHARGEN, SERVICE_HTTP };

struct service {
    enum service_kind kind;
    uint16_t port;
    uint64_t limit;        /* chargen: bytes, then the end; 0: none */
    struct http_root root; /* http */
    tern_sock listener;
};

/* A connection. */
struct client {
    struct client *next, **link;
    struct service *service;
    tern_sock sock;
    uint64_t made;      /* chargen: bytes so far */
    bool leaving, said; /* the server closes; our FIN is asked for */
    struct http http;
};

struct server {
    tern_stack *stack;
    struct service service[SERVICES_MAX];
    size_t services;
    struct client *clients;
    size_t clients_n, clients_max; /* more are reset at once */
    uint64_t served, now_ns, ticked_ns;
};

/* Listens on every port on every address. Returns 0 or the error of services[*which]. */
int server_listen(struct server *s, size_t *which);
/* An event of tern_poll; false: it concerns none of the server's sockets. */
bool server_event(struct server *s, const tern_event *event);
/* Now and then, at least once a second: time limits. */
void server_tick(struct server *s, uint64_t now_ns);
/* No new connections; those that exist get our FIN after what was written, and end with the peer's. */
void server_close(struct server *s);
/* Resets what is left. */
void server_abort(struct server *s);

const char *service_name(enum service_kind kind);

#endif
