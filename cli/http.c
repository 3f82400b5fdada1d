/* http.c - one HTTP connection: reads heads, sends answers, closes in good order. What a head means is
 * http_request.c's. */
#include "cli/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000u
#define HEAD_TIME (15u * (uint64_t)SECOND)  /* for a whole head, and between two requests */
#define STALL_TIME (60u * (uint64_t)SECOND) /* without the peer taking a byte */
#define LINGER_TIME (3u * (uint64_t)SECOND) /* for the peer's FIN */

void http_start(struct http *h, const struct http_root *root, tern_stack *stack, tern_sock sock, uint64_t now_ns) {
    *h = (struct http){.root = root, .stack = stack, .sock = sock, .file = -1, .since_ns = now_ns};
}

static void end_body(struct http *h) {
    if (h->file >= 0) close(h->file);
    h->file = -1;
    h->memory = NULL;
    h->body_left = 0;
}

void http_end(struct http *h) {
    end_body(h);
    free(h->head);
    h->head = NULL;
}

static const char *status_text(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
    }
}

static void date(char *buf, size_t size) {
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(buf, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* Begins an answer whose body of `len` bytes is already in place. */
static void answer(struct http *h, int status, const char *type, uint64_t len, const char *body) {
    char now[64];
    date(now, sizeof now);
    int n = snprintf(h->answer, sizeof h->answer,
                     "HTTP/1.1 %d %s\r\nServer: tern\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %llu\r\n"
                     "%s%s\r\n%s",
                     status, status_text(status), now, type, (unsigned long long)len,
                     status == 405 ? "Allow: GET, HEAD\r\n" : "", h->keep ? "" : "Connection: close\r\n", body);
    h->answer_len = n > 0 && (size_t)n < sizeof h->answer ? (size_t)n : 0;
    h->answer_at = 0;
    h->phase = HTTP_ANSWERS;
}

static void answer_status(struct http *h, int status, bool head_only) {
    char body[64];
    if (status != 404) h->keep = false; /* what follows may not be a request */
    snprintf(body, sizeof body, "%d %s\n", status, status_text(status));
    answer(h, status, "text/plain; charset=utf-8", strlen(body), head_only ? "" : body);
}

static void respond(struct http *h) {
    struct http_request q;
    uint64_t size = h->root->page_len;
    const char *type = "text/html; charset=utf-8";
    int status = http_parse(h->head, h->head_len, &q);
    h->requests++;
    h->keep = q.keep && !h->root->once;
    if (status != 0) {
        answer_status(h, status, q.head_only);
        return;
    }
    if (h->root->dir >= 0)
        h->file = http_open_file(h->root->dir, q.path, &size, &type);
    else if (strcmp(q.path, "/") == 0 || strcmp(q.path, "/index.html") == 0)
        h->memory = h->root->page;
    if (h->file < 0 && h->memory == NULL) {
        answer_status(h, 404, q.head_only);
        return;
    }
    answer(h, 200, type, size, "");
    h->body_at = 0;
    h->body_left = q.head_only ? 0 : size;
    if (q.head_only) end_body(h);
}

/* The length of the head within what is there, its empty line included; 0: not whole. */
static size_t head_end(const char *head, size_t len) {
    for (size_t i = 0; i + 1 < len; i++) {
        if (head[i] != '\n') continue;
        if (head[i + 1] == '\n') return i + 2;
        if (i + 2 < len && head[i + 1] == '\r' && head[i + 2] == '\n') return i + 3;
    }
    return 0;
}

enum step { STEP_ON, STEP_WAIT, STEP_DONE, STEP_BROKEN };

/* Takes bytes up to the end of the head and no further: the next request stays in the socket. */
static enum step read_head(struct http *h) {
    tern_span spans[2];
    int n = tern_read_borrow(h->stack, h->sock, spans, 2);
    if (n == TERN_EAGAIN) return STEP_WAIT;
    if (n <= 0) {
        if (n == 0 && h->head_len > 0) {
            answer_status(h, 400, false);
            return STEP_ON;
        }
        return n == 0 ? STEP_DONE : STEP_BROKEN;
    }
    if (h->head == NULL && (h->head = malloc(HTTP_HEAD_MAX)) == NULL) return STEP_BROKEN;
    size_t before = h->head_len, room = HTTP_HEAD_MAX - before, take = spans[0].len < room ? spans[0].len : room;
    memcpy(h->head + before, spans[0].data, take);
    if (before == 0) { /* empty lines before a request are skipped [RFC9112 2.2] */
        size_t skip = 0;
        while (skip < take && (h->head[skip] == '\r' || h->head[skip] == '\n')) skip++;
        if (skip > 0) {
            tern_read_release(h->stack, h->sock, skip);
            return STEP_ON;
        }
    }
    size_t end = head_end(h->head, before + take);
    if (end > 0) take = end - before;
    tern_read_release(h->stack, h->sock, take);
    h->head_len = before + take;
    if (end > 0)
        respond(h);
    else if (h->head_len == HTTP_HEAD_MAX)
        answer_status(h, 431, false);
    else
        return STEP_ON;
    free(h->head);
    h->head = NULL;
    h->head_len = 0;
    return STEP_ON;
}

/* Fills the send buffer straight from the file. */
static enum step send_body(struct http *h) {
    void *ptr[2];
    size_t len[2], got = 0;
    size_t want = h->body_left < (1u << 20) ? (size_t)h->body_left : 1u << 20;
    int r = tern_write_reserve(h->stack, h->sock, want, ptr, len);
    if (comes_later(r) || (r >= 0 && len[0] == 0)) return STEP_WAIT;
    if (r < 0) return STEP_BROKEN;
    for (int i = 0; i < 2 && len[i] > 0 && got < want; i++) {
        size_t part = len[i] < want - got ? len[i] : want - got;
        ssize_t n = (ssize_t)part;
        if (h->memory != NULL)
            memcpy(ptr[i], h->memory + h->body_at + got, part);
        else
            n = pread(h->file, ptr[i], part, (off_t)(h->body_at + got));
        if (n <= 0) break; /* the file became shorter */
        got += (size_t)n;
        if ((size_t)n < part) break;
    }
    if (got == 0 || tern_write_commit(h->stack, h->sock, got) < 0) return STEP_BROKEN;
    h->body_at += got;
    h->body_left -= got;
    return STEP_ON;
}

static enum step send_answer(struct http *h) {
    if (h->answer_at < h->answer_len) {
        ptrdiff_t n = tern_write(h->stack, h->sock, h->answer + h->answer_at, h->answer_len - h->answer_at);
        if (comes_later(n)) return STEP_WAIT;
        if (n < 0) return STEP_BROKEN;
        h->answer_at += (size_t)n;
        return STEP_ON;
    }
    if (h->body_left > 0) return send_body(h);
    end_body(h);
    if (!h->keep) {
        int r = tern_shutdown(h->stack, h->sock);
        if (r < 0) return comes_later(r) ? STEP_WAIT : STEP_BROKEN;
    }
    h->phase = h->keep ? HTTP_READS_HEAD : HTTP_LINGERS;
    return STEP_ON;
}

/* Closing with bytes unread would reset, and the answer could be lost: what the peer still sends is read and
 * forgotten. */
static enum step linger(struct http *h) {
    tern_span spans[2];
    int n = tern_read_borrow(h->stack, h->sock, spans, 2);
    if (n == TERN_EAGAIN) return STEP_WAIT;
    if (n <= 0) return n == 0 ? STEP_DONE : STEP_BROKEN;
    tern_read_release(h->stack, h->sock, (size_t)spans[0].len + (n > 1 ? spans[1].len : 0));
    return STEP_ON;
}

enum http_result http_turn(struct http *h, uint64_t now_ns) {
    for (;;) {
        enum http_phase before = h->phase;
        enum step s = h->phase == HTTP_READS_HEAD ? read_head(h)
                      : h->phase == HTTP_ANSWERS  ? send_answer(h)
                                                  : linger(h);
        if (h->phase != before || (s == STEP_ON && h->phase == HTTP_ANSWERS)) h->since_ns = now_ns;
        if (s != STEP_ON) return s == STEP_WAIT ? HTTP_WAITS : s == STEP_DONE ? HTTP_DONE : HTTP_BROKEN;
    }
}

enum http_result http_tick(struct http *h, uint64_t now_ns) {
    uint64_t quiet = now_ns - h->since_ns;
    switch (h->phase) {
    case HTTP_READS_HEAD:
        if (quiet < HEAD_TIME) return HTTP_WAITS;
        if (h->head_len == 0) return HTTP_DONE;
        answer_status(h, 408, false);
        return http_turn(h, now_ns);
    case HTTP_ANSWERS: return quiet < STALL_TIME ? HTTP_WAITS : HTTP_BROKEN;
    default: return quiet < LINGER_TIME ? HTTP_WAITS : HTTP_DONE;
    }
}
