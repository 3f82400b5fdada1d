/* test_cli_http.c - requests as strangers write them: heads, paths and files below a directory (RFC 9110, 9112,
 * 3986). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/http.h"

static struct http_request q;

static int parse(const char *head) { return http_parse(head, strlen(head), &q); }

static void heads(void **state) {
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_string_equal(q.path, "/");
    assert_true(q.keep);
    assert_false(q.head_only);
    assert_int_equal(parse("HEAD /a/b.txt?x=../y HTTP/1.1\nhost:a\nConnection: foo, Close\n\n"), 0);
    assert_string_equal(q.path, "/a/b.txt");
    assert_true(q.head_only);
    assert_false(q.keep);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_false(q.keep);
    assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0);
    assert_true(q.keep);
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
    assert_int_equal(parse("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), 413);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), 0);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 413);
}

static void bad_heads(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / FTP/1.1\r\n\r\n",
        " / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",                       /* no Host [RFC9112 3.2] */
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", /* two */
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",           /* space before the colon [RFC9112 5.1] */
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", /* a bare CR */
        "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(parse(bad[i]), 400);
    char nul[] = "GET / HTTP/1.1\r\nHost: aXb\r\n\r\n";
    *strchr(nul, 'X') = '\0';
    assert_int_equal(http_parse(nul, sizeof nul - 1, &q), 400);
}

static int path_of(const char *target) {
    char head[3000];
    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    return parse(head);
}

static void paths(void **state) {
    (void)state;
    static const char *const good[][2] = {
        {"/a", "/a"},       {"/a/", "/a"},      {"//a///b", "/a/b"}, {"/./a/./b", "/a/b"},     {"/%61%2e%62", "/a.b"},
        {"/a%20b", "/a b"}, {"/a?b#c", "/a"},   {"/...", "/..."},    {"/.hidden", "/.hidden"}, {"/%E4%B8%AD", "/中"},
        {"/.", "/"},        {"/a..b", "/a..b"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(path_of(good[i][0]), 0);
        assert_string_equal(q.path, good[i][1]);
    }
    static const char *const bad[] = {"/..",  "/../a",  "/a/../b", "/a/..", "/%2e%2e/a", "/.%2e/", "/a%2fb",
                                      "/%00", "/a%0ab", "/%",      "/%4",   "/%zz",      "/%2",    "/a%7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(path_of(bad[i]), 400);
    char longest[2500];
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(path_of(longest), 414);
}

/* Whatever comes, nothing is read outside the head (run under ASan), and a path that is given never climbs. */
static void noise(void **state) {
    (void)state;
    static const char alphabet[] = "GET HEAD/.%2eF\r\n:?#ab\0HTTP/1.1";
    uint32_t x = 1;
    for (int i = 0; i < 200000; i++) {
        char *head = malloc(64);
        size_t len = 0;
        memcpy(head, "GET /", 5);
        for (len = 5; len < 40; len++) {
            x = x * 1664525u + 1013904223u;
            head[len] = alphabet[(x >> 16) % sizeof alphabet];
        }
        memcpy(head + len, " HTTP/1.0\r\n\r\n", 13);
        char *exact = malloc(len + 13);
        memcpy(exact, head, len + 13);
        if (http_parse(exact, len + 13, &q) == 0) {
            assert_int_equal(q.path[0], '/');
            assert_null(strstr(q.path, "/../"));
            assert_null(strstr(q.path, "//"));
        }
        free(exact);
        free(head);
    }
}

static void types(void **state) {
    (void)state;
    assert_string_equal(http_content_type("/a/index.HTML"), "text/html; charset=utf-8");
    assert_string_equal(http_content_type("/x.svg"), "image/svg+xml");
    assert_string_equal(http_content_type("/.html"), "text/html; charset=utf-8");
    assert_string_equal(http_content_type("/noext"), "application/octet-stream");
    assert_string_equal(http_content_type("/x.html.bin"), "application/octet-stream");
}

static void put(const char *dir, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void files(void **state) {
    (void)state;
    char dir[] = "/tmp/tern-http-XXXXXX", path[256], command[64];
    uint64_t size;
    const char *type;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sub", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    put(dir, "a.txt", "hello");
    put(dir, "sub/index.html", "<p>");
    snprintf(path, sizeof path, "%s/link", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/up", dir);
    assert_int_equal(symlink("/", path), 0);
    snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0644), 0);
    int root = http_open_dir(dir), fd;
    assert_true(root >= 0);
    fd = http_open_file(root, "/a.txt", &size, &type);
    assert_true(fd >= 0);
    assert_int_equal(size, 5);
    assert_string_equal(type, "text/plain; charset=utf-8");
    close(fd);
    fd = http_open_file(root, "/sub", &size, &type);
    assert_true(fd >= 0);
    assert_string_equal(type, "text/html; charset=utf-8");
    close(fd);
    static const char *const none[] = {"/", "/nix", "/a.txt/b", "/link", "/up/etc/passwd", "/fifo", "/sub/nix"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(http_open_file(root, none[i], &size, &type), -1);
    close(root);
    assert_int_equal(http_open_dir("/etc/passwd"), -1);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads), cmocka_unit_test(bad_heads), cmocka_unit_test(paths),
        cmocka_unit_test(noise), cmocka_unit_test(types),     cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
