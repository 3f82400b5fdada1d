/* command.c - `sysctl` commands of scripts: the names of the kernel that have a counterpart among the settings of a
 * stack, and tern.NAME for every setting. Nothing is ever changed outside the stack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

enum scale { AS_IT_IS, SECONDS, LOW_BITS, TEXT, TRIPLE, PAIR };

static const struct mapped {
    const char *name, *setting, *more;
    enum scale scale;
} mapped[] = {
    {"net.ipv4.tcp_timestamps", "timestamps", NULL, AS_IT_IS},
    {"net.ipv4.tcp_sack", "sack", NULL, AS_IT_IS},
    {"net.ipv4.tcp_window_scaling", "window_scale", NULL, AS_IT_IS},
    {"net.ipv4.tcp_ecn", "ecn", NULL, AS_IT_IS},
    {"net.ipv4.tcp_congestion_control", "congestion", NULL, TEXT},
    {"net.ipv4.tcp_fastopen", "fast_open", NULL, LOW_BITS},
    {"net.ipv4.tcp_syncookies", "syn_cookies", NULL, AS_IT_IS},
    {"net.ipv4.tcp_syn_retries", "syn_retries", NULL, AS_IT_IS},
    {"net.ipv4.tcp_synack_retries", "synack_retries", NULL, AS_IT_IS},
    {"net.ipv4.tcp_retries1", "r1_retries", NULL, AS_IT_IS},
    {"net.ipv4.tcp_keepalive_time", "keepalive_idle_ms", NULL, SECONDS},
    {"net.ipv4.tcp_keepalive_intvl", "keepalive_interval_ms", NULL, SECONDS},
    {"net.ipv4.tcp_keepalive_probes", "keepalive_probes", NULL, AS_IT_IS},
    {"net.ipv4.tcp_fin_timeout", "fin_wait_2_ms", NULL, SECONDS},
    {"net.ipv4.tcp_max_orphans", "orphans_max", NULL, AS_IT_IS},
    {"net.ipv4.tcp_max_tw_buckets", "time_wait_max", NULL, AS_IT_IS},
    {"net.ipv4.tcp_max_syn_backlog", "half_open_max", NULL, AS_IT_IS},
    {"net.ipv4.tcp_invalid_ratelimit", "challenge_ack_ms", NULL, AS_IT_IS},
    {"net.ipv4.tcp_mtu_probing", "blackhole", NULL, LOW_BITS},
    {"net.ipv4.tcp_min_snd_mss", "mss_min", NULL, AS_IT_IS},
    {"net.ipv4.tcp_rmem", "receive_buffer", "receive_buffer_max", TRIPLE},
    {"net.ipv4.tcp_wmem", "send_buffer", "send_buffer_max", TRIPLE},
    {"net.ipv4.ip_local_port_range", "port_first", "port_last", PAIR},
    {"net.ipv4.ip_default_ttl", "ttl", NULL, AS_IT_IS},
    {"net.ipv6.conf.all.hop_limit", "ttl", NULL, AS_IT_IS},
    {"net.core.somaxconn", "backlog_max", NULL, AS_IT_IS},
};

static const struct mapped *mapped_find(const char *name) {
    for (size_t i = 0; i < sizeof mapped / sizeof mapped[0]; i++)
        if (strcmp(mapped[i].name, name) == 0) return &mapped[i];
    return NULL;
}

static bool text_value(const char *setting, const char *text, uint64_t *value) {
    if (strcmp(text, "reno") == 0) text = "newreno";
    return tern_setting_parse(setting, text, value) == 0;
}

static bool set(tern_config *stack, const char *setting, const char *value) {
    uint64_t v;
    return text_value(setting, value, &v) && tern_config_set(stack, setting, v) == 0;
}

static bool set_mapped(tern_config *stack, const struct mapped *m, char *value) {
    char *rest, *first = strtok_r(value, " \t", &rest), text[32];
    char *second = strtok_r(NULL, " \t", &rest), *third = strtok_r(NULL, " \t", &rest);
    if (first == NULL) return false;
    switch (m->scale) {
    case SECONDS: snprintf(text, sizeof text, "%llu", strtoull(first, NULL, 10) * 1000); break;
    case LOW_BITS:
        snprintf(text, sizeof text, "%llu", strtoull(first, NULL, 10) & (m->setting[0] == 'f' ? 3 : 1));
        break;
    case TRIPLE: return second != NULL && third != NULL && set(stack, m->setting, second) && set(stack, m->more, third);
    case PAIR: return second != NULL && set(stack, m->setting, first) && set(stack, m->more, second);
    default: snprintf(text, sizeof text, "%.31s", first);
    }
    return set(stack, m->setting, text);
}

/* One word of a sysctl command, NAME=VALUE. */
static bool assign(tern_config *stack, char *word) {
    char *equals = strchr(word, '=');
    if (equals == NULL || stack == NULL) return false;
    *equals = '\0';
    char *value = equals + 1;
    if (*value == '"' || *value == '\'') {
        value[strcspn(value + 1, "\"'") + 1] = '\0';
        value++;
    }
    if (strncmp(word, "tern.", 5) == 0) return set(stack, word + 5, value);
    const struct mapped *m = mapped_find(word);
    return m != NULL && set_mapped(stack, m, value);
}

/* The next word, quotes kept; NULL at the end. Ends it with NUL. */
static char *next_word(char **at) {
    char *from = *at + strspn(*at, " \t\r\n"), quote = '\0';
    if (*from == '\0') return NULL;
    char *p = from;
    for (; *p != '\0' && (quote != '\0' || strchr(" \t\r\n", *p) == NULL); p++) {
        if (quote == '\0' && (*p == '"' || *p == '\''))
            quote = *p;
        else if (*p == quote)
            quote = '\0';
    }
    *at = *p != '\0' ? p + 1 : p;
    *p = '\0';
    return from;
}

static bool simple(char *command, tern_config *stack) {
    char *word = next_word(&command);
    if (word == NULL) return true;
    if (strcmp(word, "sysctl") != 0 && strcmp(word, "/sbin/sysctl") != 0) return false;
    while ((word = next_word(&command)) != NULL)
        if (word[0] != '-' && word[0] != '>' && !assign(stack, word)) return false;
    return true;
}

bool command_apply(const char *command, tern_config *stack, char *what, size_t size) {
    bool all = true;
    while (*command != '\0') {
        char one[1024];
        size_t n = strcspn(command, ";\n&");
        snprintf(one, sizeof one, "%.*s", (int)n, command);
        bool comment = one[strspn(one, " \t\r")] == '#';
        char first[1024];
        snprintf(first, sizeof first, "%s", one + strspn(one, " \t\r"));
        if (!comment && !simple(one, stack)) {
            if (all) snprintf(what, size, "%s", first);
            all = false;
        }
        command += n;
        command += strspn(command, ";\n&");
    }
    return all;
}
