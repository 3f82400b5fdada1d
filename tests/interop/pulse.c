/* pulse.c - see pulse.h. */
#include "pulse.h"

#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/host.h"

enum { TRIES = 10 };
#define LATE_NS 10000000u /* far below any timer of the kernel's TCP */

static uint64_t last_ns, *latest_ns; /* latest: of this test, known to the parent */

void pulse_rest(void) { last_ns = tern_host_now(); }

void pulse_beat(uint64_t meant_ns) {
    uint64_t now = tern_host_now(), took = now - last_ns;
    last_ns = now;
    if (latest_ns != NULL && took > meant_ns && took - meant_ns > *latest_ns) *latest_ns = took - meant_ns;
}

_Noreturn static void run_one(const struct CMUnitTest *test) {
    pulse_rest();
    int failed = _cmocka_run_group_tests(test->name, test, 1, NULL, NULL);
    pulse_beat(0);
    exit(failed);
}

/* Its exit code; -1: it was killed. */
static int in_a_child(const struct CMUnitTest *test) {
    int status;
    *latest_ns = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) run_one(test);
    if (child < 0) return -1;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int outcome(const struct CMUnitTest *test) {
    for (int i = 1;; i++) {
        int code = in_a_child(test);
        if (code == 0 || code == 77) return code;
        if (code < 0) printf("%s was killed\n", test->name);
        if (code < 0 || i == TRIES || *latest_ns < LATE_NS) return 1;
        printf("%s was kept from running for %u ms: once more\n", test->name, (unsigned)(*latest_ns / 1000000u));
    }
}

int pulse_run(const struct CMUnitTest *tests, size_t n, const char *filter) {
    int failed = 0;
    latest_ns = mmap(NULL, sizeof *latest_ns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (latest_ns == MAP_FAILED) return 1;
    for (size_t i = 0; i < n; i++) {
        if (filter != NULL && fnmatch(filter, tests[i].name, 0) != 0) continue;
        int code = outcome(&tests[i]);
        if (code == 77) return 77;
        failed += code;
    }
    return failed;
}
