/* http.h - a small static HTTP/1.1 server on tern's sockets (RFC 9110, 9112): GET and HEAD, files below one directory
 * or one page in memory. No ranges, no compression, no request bodies, no TLS. */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include "tern.h"

enum { HTTP_HEAD_MAX = 8192, HTTP_ANSWER_MAX = 1024 };

struct http_root {
    int dir;          /* an open directory, or -1: `page` is all there is */
    const char *page; /* HTML */
    size_t page_len;
    bool once; /* close after each answer */
};

/* Opens a directory for serving; -1 with errno. */
int http_open_dir(const char *path);

enum http_phase { HTTP_READS_HEAD, HTTP_ANSWERS, HTTP_LINGERS };

/* One connection. */
struct http {
    const struct http_root *root;
    tern_stack *stack;
    tern_sock sock;
    enum http_phase phase;
    uint64_t since_ns; /* of the phase's latest progress */
    char *head;        /* HTTP_HEAD_MAX bytes while a request is read */
    size_t head_len;
    char answer[HTTP_ANSWER_MAX];
    size_t answer_len, answer_at;
    int file; /* -1: none */
    const char *memory;
    uint64_t body_at, body_left;
    bool keep; /* another request may follow */
    unsigned requests;
};

/* Of a call that sends: not now; an event tells when there is room, or may be memory. */
static inline bool comes_later(ptrdiff_t r) { return r == TERN_EAGAIN || r == TERN_ENOMEM; }

enum http_result {
    HTTP_WAITS, /* for an event or a tick */
    HTTP_DONE,  /* close it */
    HTTP_BROKEN /* abort it: what was promised cannot be sent */
};

void http_start(struct http *h, const struct http_root *root, tern_stack *stack, tern_sock sock, uint64_t now_ns);
/* Does all that can be done now. Then call http_end unless it waits. */
enum http_result http_turn(struct http *h, uint64_t now_ns);
/* About once a second: what takes too long ends. */
enum http_result http_tick(struct http *h, uint64_t now_ns);
void http_end(struct http *h);

/* ---- the parts, for tests ---- */

struct http_request {
    bool head_only, keep;
    char path[1024]; /* decoded, starts with '/', no "." or ".." components, no doubled '/' */
};
/* Reads a whole head (ends with an empty line); returns 0 or the status to answer with. */
int http_parse(const char *head, size_t len, struct http_request *out);
const char *http_content_type(const char *path);
/* Opens a regular file below `dir`, "index.html" for a directory; follows no symbolic links. -1 with errno. */
int http_open_file(int dir, const char *path, uint64_t *size, const char **type);

#endif
