/* apart.c - a child process whose result comes back through a pipe. */
#include "bench/apart.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

void apart_run(void (*fn)(const void *ctx, struct apart *result), const void *ctx, struct apart *result) {
    int ends[2];
    memset(result, 0, sizeof *result);
    if (pipe(ends) < 0) give_up_bench("no pipe: %s", strerror(errno));
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) give_up_bench("no process: %s", strerror(errno));
    if (child == 0) {
        result->ok = true;
        fn(ctx, result);
        _exit(write(ends[1], result, sizeof *result) == (ssize_t)sizeof *result ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], result, sizeof *result) != (ssize_t)sizeof *result) {
        result->ok = false;
        snprintf(result->text, sizeof result->text, "the process that measured ended without a result");
    }
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
}
