/* http_request.c - what a request asks for: its head, its path, the file behind it. Everything here comes from
 * strangers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/http.h"

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the percent signs up to '?'; returns the length, or negative the status. */
static int decode(const char *target, size_t len, char *out, size_t size) {
    size_t at = 0;
    for (size_t i = 0; i < len && target[i] != '?' && target[i] != '#'; i++) {
        char c = target[i];
        if (c == '%') {
            int high = i + 2 < len ? hex(target[i + 1]) : -1, low = high >= 0 ? hex(target[i + 2]) : -1;
            if (low < 0) return -400;
            c = (char)(high << 4 | low);
            i += 2;
            if (c == '/') return -400; /* an encoded slash is no separator, and no file has one */
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) return -400;
        if (at + 2 > size) return -414;
        out[at++] = c;
    }
    out[at] = '\0';
    return (int)at;
}

/* Drops empty and "." components in place; refuses ".." wherever it stands: no honest client sends it. */
static int clean_path(char *path) {
    char *to = path;
    const char *from = path;
    if (*from != '/') return 400;
    while (*from != '\0') {
        from += strspn(from, "/");
        size_t n = strcspn(from, "/");
        if (n == 2 && from[0] == '.' && from[1] == '.') return 400;
        if (n > 0 && !(n == 1 && from[0] == '.')) {
            *to++ = '/'; /* a component has a '/' before it, so this never runs ahead of `from` */
            memmove(to, from, n);
            to += n;
        }
        from += n;
    }
    if (to == path) *to++ = '/';
    *to = '\0';
    return 0;
}

static bool value_has(const char *value, size_t len, const char *token) {
    size_t n = strlen(token);
    for (size_t i = 0; i + n <= len; i++)
        if (strncasecmp(value + i, token, n) == 0 && (i == 0 || strchr(" ,\t", value[i - 1]) != NULL) &&
            (i + n == len || strchr(" ,\t", value[i + n]) != NULL))
            return true;
    return false;
}

/* One header line. */
static int header(const char *line, size_t len, struct http_request *out, bool *host) {
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line || memchr(line, ' ', (size_t)(colon - line)) != NULL) return 400;
    size_t name = (size_t)(colon - line), rest = len - name - 1;
    const char *value = colon + 1;
    while (rest > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        rest--;
    }
    if (name == 4 && strncasecmp(line, "Host", 4) == 0) {
        if (*host) return 400;
        *host = true;
    }
    if (name == 10 && strncasecmp(line, "Connection", 10) == 0) {
        if (value_has(value, rest, "close"))
            out->keep = false;
        else if (value_has(value, rest, "keep-alive"))
            out->keep = true;
    }
    if (name == 14 && strncasecmp(line, "Content-Length", 14) == 0 && !(rest == 1 && *value == '0')) return 413;
    if (name == 17 && strncasecmp(line, "Transfer-Encoding", 17) == 0) return 413;
    return 0;
}

/* "GET /path HTTP/1.1" */
static int request_line(const char *line, size_t len, struct http_request *out, bool *needs_host) {
    const char *space = memchr(line, ' ', len);
    if (space == NULL || space == line) return 400;
    size_t method = (size_t)(space - line), rest = len - method - 1;
    const char *target = space + 1, *version = memchr(target, ' ', rest);
    if (version == NULL) return 400;
    size_t target_len = (size_t)(version - target), version_len = rest - target_len - 1;
    version++;
    if (version_len != 8 || memcmp(version, "HTTP/", 5) != 0) return 400;
    if (memcmp(version, "HTTP/1.", 7) != 0) return 505;
    bool get = method == 3 && memcmp(line, "GET", 3) == 0;
    out->head_only = method == 4 && memcmp(line, "HEAD", 4) == 0;
    out->keep = *needs_host = version[7] >= '1';
    if (!get && !out->head_only) return 405;
    int n = decode(target, target_len, out->path, sizeof out->path);
    return n < 0 ? -n : clean_path(out->path);
}

int http_parse(const char *head, size_t len, struct http_request *out) {
    const char *at = head, *end = head + len;
    bool host = false, needs_host = false;
    int status = 0;
    memset(out, 0, sizeof *out);
    for (bool first = true; at < end; first = false) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) return 400;
        size_t line = (size_t)(stop - at);
        if (line > 0 && at[line - 1] == '\r') line--;
        if (line == 0) break;
        if (memchr(at, '\0', line) != NULL || memchr(at, '\r', line) != NULL) return 400;
        int code = first ? request_line(at, line, out, &needs_host) : header(at, line, out, &host);
        if (code == 400) return 400;
        if (status == 0) status = code;
        at = stop + 1;
    }
    if (status == 0 && (out->path[0] == '\0' || (needs_host && !host))) status = 400; /* [RFC9112 3.2] */
    return status;
}

const char *http_content_type(const char *path) {
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".htm", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
        {".json", "application/json"},
        {".xml", "application/xml"},
        {".pdf", "application/pdf"},
        {".wasm", "application/wasm"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},
        {".webp", "image/webp"},
        {".ico", "image/vnd.microsoft.icon"},
        {".gz", "application/gzip"},
        {".woff2", "font/woff2"},
        {".mp4", "video/mp4"},
        {".mp3", "audio/mpeg"},
    };
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t n = strlen(types[i].suffix);
        if (len > n && strcasecmp(path + len - n, types[i].suffix) == 0) return types[i].type;
    }
    return "application/octet-stream";
}

int http_open_dir(const char *path) { return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

/* Walks one component at a time, so that nothing on the way can be a link that leads out. */
int http_open_file(int dir, const char *path, uint64_t *size, const char **type) {
    char name[256];
    int at = dup(dir);
    struct stat st;
    *type = http_content_type(path);
    while (at >= 0 && *path != '\0') {
        while (*path == '/') path++;
        size_t n = strcspn(path, "/");
        bool leaf = path[n] == '\0';
        if (n >= sizeof name) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        path += n;
        if (n == 0) break;
        int next = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (leaf ? 0 : O_DIRECTORY));
        int saved = errno;
        close(at);
        errno = saved;
        at = next;
    }
    if (at >= 0 && fstat(at, &st) == 0 && S_ISDIR(st.st_mode)) {
        int next = openat(at, "index.html", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        close(at);
        at = next;
        *type = http_content_type("index.html");
    }
    if (at < 0) return -1;
    if (fstat(at, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(at);
        errno = ENOENT;
        return -1;
    }
    *size = (uint64_t)st.st_size;
    return at;
}
