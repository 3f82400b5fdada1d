/* peer_gvisor.c - gVisor's netstack in the same run: asks bench/peers/gvisor, a program of its own, for one run of a
 * measure, and reads the figures that it prints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/peer.h"

enum { WORDS = 5, ROOM = 24 };

/* Beside this program, in peers/. */
static bool program(char path[512]) {
    ssize_t n = readlink("/proc/self/exe", path, 480);
    char *end = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    if (end == NULL) return false;
    strcpy(end, "/peers/gvisor");
    return access(path, X_OK) == 0;
}

const char *peer_gvisor_missing(void) {
    char path[512];
    return program(path) ? NULL : "bench/peers/gvisor/build.sh makes it where Debian's golang-gvisor-gvisor-dev is";
}

static bool ask(const char *what, const uint64_t *number, unsigned numbers, double *value, unsigned values) {
    char path[512], text[WORDS][ROOM];
    char *word[WORDS + 2] = {path, (char *)what};
    int ends[2];
    if (!program(path)) return false;
    for (unsigned i = 0; i < numbers; i++) {
        snprintf(text[i], ROOM, "%llu", (unsigned long long)number[i]);
        word[2 + i] = text[i];
    }
    fflush(stdout);
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child < 0) give_up_bench("no process for gVisor");
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv(path, word);
        _exit(127);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    unsigned got = 0;
    while (in != NULL && got < values && fscanf(in, "%lf", &value[got]) == 1) got++;
    if (in != NULL) fclose(in);
    waitpid(child, NULL, 0);
    if (got < values) give_up_bench("gVisor's program ended without figures");
    return true;
}

bool peer_gvisor_bulk(uint32_t window, uint64_t ns, struct samples out[3]) {
    double value[3];
    if (!ask("bulk", (uint64_t[]){window, ns}, 2, value, 3)) return false;
    for (int i = 0; i < 3; i++) samples_add(&out[i], value[i]);
    return true;
}

bool peer_gvisor_conn(uint64_t ns, struct samples cycles[3], struct samples *trip) {
    double value[4];
    if (!ask("conn", (uint64_t[]){ns}, 1, value, 4)) return false;
    for (int i = 0; i < 3; i++) samples_add(&cycles[i], value[i]);
    samples_add(trip, value[3]);
    return true;
}

bool peer_gvisor_memory(uint32_t count, struct samples *bytes) {
    double value;
    if (!ask("memory", (uint64_t[]){count}, 1, &value, 1)) return false;
    samples_add(bytes, value);
    return true;
}
