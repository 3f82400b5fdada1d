/* service.c - see service.h: echo (RFC 862), discard (RFC 863), chargen (RFC 864); HTTP is http.c. A service is one
 * function that goes as far as it can now, and is called again at every event. */
#include "cli/service.h"

#include <stdlib.h>
#include <string.h>

const char *service_name(enum service_kind kind) {
    static const char *const names[] = {"echo", "discard", "chargen", "http"};
    return names[kind];
}

/* ---- the services: HTTP_WAITS, HTTP_DONE or HTTP_BROKEN ---- */

static enum http_result echo_turn(struct server *s, struct client *c) {
    for (;;) {
        tern_span spans[2];
        int n = tern_read_borrow(s->stack, c->sock, spans, 2);
        if (n <= 0) return n == 0 ? HTTP_DONE : n == TERN_EAGAIN ? HTTP_WAITS : HTTP_BROKEN;
        ptrdiff_t sent = tern_write(s->stack, c->sock, spans[0].data, spans[0].len);
        if (sent <= 0) return comes_later(sent) || sent == 0 ? HTTP_WAITS : HTTP_BROKEN;
        tern_read_release(s->stack, c->sock, (size_t)sent);
    }
}

static enum http_result discard_turn(struct server *s, struct client *c) {
    for (;;) {
        tern_span spans[8];
        size_t len = 0;
        int n = tern_read_borrow(s->stack, c->sock, spans, 8);
        if (n <= 0) return n == 0 ? HTTP_DONE : n == TERN_EAGAIN ? HTTP_WAITS : HTTP_BROKEN;
        for (int i = 0; i < n; i++) len += spans[i].len;
        tern_read_release(s->stack, c->sock, len);
    }
}

/* Lines of 72 of the 95 printing characters, each line one further: the pattern repeats after 95 lines. */
enum { LINE = 74, PATTERN = 95 * LINE, REPEATS = 10 };

static const char *pattern(void) {
    static char text[PATTERN * (REPEATS + 1)];
    if (text[0] != '\0') return text;
    for (size_t i = 0; i < sizeof text; i++) {
        size_t line = i / LINE, column = i % LINE;
        text[i] = column == 72 ? '\r' : column == 73 ? '\n' : (char)(' ' + (line + column) % 95);
    }
    return text;
}

/* Says that nothing more comes, once, and waits for the peer to say so too. */
static enum http_result leave(struct server *s, struct client *c) {
    if (!c->said) {
        int r = tern_shutdown(s->stack, c->sock);
        if (r < 0) return comes_later(r) ? HTTP_WAITS : HTTP_BROKEN;
        c->said = true;
    }
    return discard_turn(s, c);
}

static enum http_result chargen_turn(struct server *s, struct client *c) {
    enum http_result heard = discard_turn(s, c);
    if (heard == HTTP_BROKEN || (heard == HTTP_DONE && c->service->limit == 0))
        return heard; /* the peer has enough; of a limited number it gets all */
    for (;;) {
        void *ptr[2];
        size_t len[2];
        uint64_t left = c->service->limit > 0 ? c->service->limit - c->made : UINT64_MAX;
        if (left == 0) return leave(s, c);
        int r = tern_write_reserve(s->stack, c->sock, PATTERN * REPEATS, ptr, len);
        if (r < 0 || len[0] == 0) return comes_later(r) || r >= 0 ? HTTP_WAITS : HTTP_BROKEN;
        size_t part = len[0] < PATTERN * REPEATS ? len[0] : PATTERN * REPEATS;
        if (part > left) part = (size_t)left;
        memcpy(ptr[0], pattern() + c->made % PATTERN, part);
        tern_write_commit(s->stack, c->sock, part);
        c->made += part;
    }
}

static enum http_result turn(struct server *s, struct client *c) {
    if (c->leaving) return leave(s, c);
    switch (c->service->kind) {
    case SERVICE_ECHO: return echo_turn(s, c);
    case SERVICE_DISCARD: return discard_turn(s, c);
    case SERVICE_CHARGEN: return chargen_turn(s, c);
    default: return http_turn(&c->http, s->now_ns);
    }
}

/* ---- connections ---- */

static void forget(struct server *s, struct client *c) {
    if (c->service->kind == SERVICE_HTTP) http_end(&c->http);
    *c->link = c->next;
    if (c->next != NULL) c->next->link = c->link;
    s->clients_n--;
    free(c);
}

static void settle(struct server *s, struct client *c, enum http_result result) {
    if (result == HTTP_WAITS) return;
    if (result == HTTP_DONE)
        tern_close(s->stack, c->sock);
    else
        tern_abort(s->stack, c->sock);
    forget(s, c);
}

static void welcome(struct server *s, struct service *service) {
    tern_sock sock;
    while (tern_accept(s->stack, service->listener, &sock, NULL) == 0) {
        struct client *c = s->clients_n < s->clients_max ? calloc(1, sizeof *c) : NULL;
        if (c == NULL) {
            tern_abort(s->stack, sock);
            continue;
        }
        c->service = service;
        c->sock = sock;
        c->next = s->clients;
        c->link = &s->clients;
        if (c->next != NULL) c->next->link = &c->next;
        s->clients = c;
        s->clients_n++;
        s->served++;
        tern_set_user(s->stack, sock, (uintptr_t)c);
        if (service->kind == SERVICE_HTTP) http_start(&c->http, &service->root, s->stack, sock, s->now_ns);
        settle(s, c, turn(s, c));
    }
}

int server_listen(struct server *s, size_t *which) {
    for (*which = 0; *which < s->services; ++*which) {
        struct service *service = &s->service[*which];
        tern_listen_config lc = {.size = sizeof lc, .port = service->port, .backlog = 512};
        int r = tern_listen(s->stack, &lc, &service->listener);
        if (r < 0) return r;
    }
    return 0;
}

bool server_event(struct server *s, const tern_event *event) {
    if (event->sock.id == 0) return false;
    for (size_t i = 0; i < s->services; i++) {
        if (s->service[i].listener.id != event->sock.id) continue;
        if (event->bits & TERN_EV_ACCEPT) welcome(s, &s->service[i]);
        return true;
    }
    struct client *c = (struct client *)(uintptr_t)event->user;
    if (c == NULL || c->sock.id != event->sock.id) return false;
    if (event->bits & TERN_EV_CLOSED) {
        tern_close(s->stack, c->sock); /* the handle of an ended connection */
        forget(s, c);
        return true;
    }
    settle(s, c, turn(s, c));
    return true;
}

void server_tick(struct server *s, uint64_t now_ns) {
    s->now_ns = now_ns;
    if (now_ns - s->ticked_ns < 1000000000u) return;
    s->ticked_ns = now_ns;
    for (struct client *c = s->clients, *next; c != NULL; c = next) {
        next = c->next;
        if (c->service->kind == SERVICE_HTTP && !c->leaving) settle(s, c, http_tick(&c->http, now_ns));
    }
}

void server_close(struct server *s) {
    for (size_t i = 0; i < s->services; i++) tern_close(s->stack, s->service[i].listener);
    s->services = 0;
    for (struct client *c = s->clients, *next; c != NULL; c = next) {
        next = c->next;
        c->leaving = true;
        settle(s, c, turn(s, c));
    }
}

void server_abort(struct server *s) {
    for (struct client *c = s->clients, *next; c != NULL; c = next) {
        next = c->next;
        settle(s, c, HTTP_BROKEN);
    }
}
