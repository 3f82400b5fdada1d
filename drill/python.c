/* python.c - %{ code }%: one interpreter that runs the snippets of many scripts, one after the other. See drill.h.
 * Asked over a pipe: lengths, values, code; answered with a length and what went wrong. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drill/drill.h"
#include "po/i18n.h"

extern char **environ;

struct python {
    pid_t pid;
    int to, from;
};

enum { ANSWER_WITHIN_MS = 20000 };

static const char server[] = "import sys, textwrap\n"
                             "ask, answer = sys.stdin.buffer, sys.stdout.buffer\n"
                             "sys.stdout = sys.stderr\n"
                             "names = {}\n"
                             "while True:\n"
                             "    line = ask.readline()\n"
                             "    if not line:\n"
                             "        break\n"
                             "    fresh, values, code = map(int, line.split())\n"
                             "    values, code = ask.read(values).decode(), ask.read(code).decode('utf-8', 'replace')\n"
                             "    said = ''\n"
                             "    try:\n"
                             "        if fresh:\n"
                             "            names = {}\n"
                             "        exec(values, names)\n"
                             "        exec(compile(textwrap.dedent(code), 'code', 'exec'), names)\n"
                             "    except BaseException as e:\n"
                             "        at = e.__traceback__\n"
                             "        while at.tb_next:\n"
                             "            at = at.tb_next\n"
                             "        lines = code.split('\\n')\n"
                             "        row = lines[at.tb_lineno - 1].strip() if at.tb_lineno <= len(lines) else ''\n"
                             "        seen = [n for n in sorted(names) if n.startswith('tcpi_') and n in row]\n"
                             "        said = type(e).__name__ + (': ' + str(e) if str(e) else '') + ': ' + row\n"
                             "        said += ''.join('; %s = %s' % (n, names[n]) for n in seen)\n"
                             "    said = said.encode()[:900]\n"
                             "    answer.write(b'%d\\n' % len(said) + said)\n"
                             "    answer.flush()\n";

/* Both ends are closed in children: several interpreters may be started at once. */
static bool start(struct python *p, const char *command) {
    int to[2], from[2];
    posix_spawn_file_actions_t files;
    char *argv[] = {(char *)(command != NULL ? command : "python3"), "-c", (char *)server, NULL};
    if (pipe2(to, O_CLOEXEC) < 0) return false;
    if (pipe2(from, O_CLOEXEC) < 0) {
        close(to[0]);
        close(to[1]);
        return false;
    }
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, to[0], 0);
    posix_spawn_file_actions_adddup2(&files, from[1], 1);
    int error = posix_spawnp(&p->pid, argv[0], &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(to[0]);
    close(from[1]);
    p->to = to[1];
    p->from = from[0];
    if (error == 0) return true;
    close(p->to);
    close(p->from);
    errno = error;
    return false;
}

static bool write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool read_some(int fd, char *to, size_t len) {
    while (len > 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, ANSWER_WITHIN_MS);
        if (ready < 0 && errno == EINTR) continue;
        ssize_t n = ready > 0 ? read(fd, to, len) : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

static bool answer(const struct python *p, char *text, size_t size) {
    char digits[8] = "", all[1024];
    size_t n = 0;
    while (n < sizeof digits - 1 && read_some(p->from, digits + n, 1) && digits[n] != '\n') n++;
    if (n == 0 || digits[n] != '\n') return false;
    size_t len = (size_t)strtoul(digits, NULL, 10);
    if (len >= sizeof all || !read_some(p->from, all, len)) return false;
    all[len] = '\0';
    snprintf(text, size, "%s", all);
    return true;
}

bool python_run(struct python **python, const char *command, const char *values, const char *code, bool fresh,
                char *text, size_t size) {
    char head[80];
    if (*python == NULL) {
        struct python *p = calloc(1, sizeof *p);
        if (p == NULL || !start(p, command)) {
            snprintf(text, size, "%s: %s", command != NULL ? command : "python3", i18n_error(errno));
            free(p);
            return false;
        }
        *python = p;
    }
    struct python *p = *python;
    snprintf(head, sizeof head, "%d %zu %zu\n", fresh, strlen(values), strlen(code));
    bool asked = write_all(p->to, head, strlen(head)) && write_all(p->to, values, strlen(values)) &&
                 write_all(p->to, code, strlen(code));
    if (asked && answer(p, text, size)) return text[0] == '\0';
    snprintf(text, size, "%s", _("the interpreter does not answer"));
    python_end(p);
    *python = NULL;
    return false;
}

void python_end(struct python *p) {
    if (p == NULL) return;
    close(p->to);
    close(p->from);
    kill(p->pid, SIGTERM);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    free(p);
}
