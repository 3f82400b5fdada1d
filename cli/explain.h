/* explain.h - `tern explain`: what its options ask for, and the run that does it. Reading, thinking and writing are
 * explain/'s. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <stdio.h>

#include "explain/annotate.h"
#include "explain/report.h"
#include "explain/steps.h"

#include "cli/node.h"
#include "cli/pictures.h"

enum { EXPLAIN_CHOSEN = 16, EXIT_FOUND = 3 };

/* A file that is written beside or instead of the summary. */
struct explain_output {
    bool wanted;
    const char *path; /* NULL or "-": standard output */
    FILE *file;
};

struct explain_choice {
    uint64_t id[EXPLAIN_CHOSEN]; /* of connections; none: all */
    size_t ids;
    bool by_host, by_port, by_state, by_severity;
    ip_addr host;
    unsigned host_len;
    uint16_t port;
    enum tern_state state;
    enum severity severity; /* at least */
};

struct explain_plan {
    const char *const *files;
    size_t files_n;
    const char *iface, *filter; /* live */
    struct explain_choice choice;
    struct explain_output json, connlog, metrics;
    const char *annotate;
    struct pictures pictures;
    struct look_options look;
    enum vantage vantage;
    uint64_t close_wait_ns;
    uint32_t max_flows;
    bool exit_code, keep_privileges, keep_times, follow;
    bool draws; /* ladders of the chosen connections */
};

/* Does the connection interest? */
bool explain_chosen(const struct explain_choice *c, const struct explain_flow *f, const struct verdict *v);
/* Returns an exit code. */
int explain_run(const struct explain_plan *plan);

#endif
