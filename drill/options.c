/* options.c - the options of a script, --name=value, in the file and on the command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/script.h"
#include "po/i18n.h"

void drill_options_default(struct drill_options *o) {
    *o = (struct drill_options){
        .bind_port = 8080,
        .connect_port = 8080,
        .mtu = 1500,
        .tolerance_ns = 4000000,
        .tolerance_percent = 12.5,
    };
}

enum option_type {
    TYPE_IGNORED, /* of no meaning here: two machines, devices, real time */
    TYPE_FLAG,
    TYPE_VERSION,
    TYPE_ADDRESS,
    TYPE_PORT,
    TYPE_MTU,
    TYPE_MICROSECONDS,
    TYPE_TICK,
    TYPE_PERCENT,
    TYPE_FATAL,
    TYPE_TEXT,
    TYPE_DEFINE,
};

static const struct row {
    const char *name;
    enum option_type type;
    size_t offset;
} rows[] = {
#define AT(field) offsetof(struct drill_options, field)
    {"ip_version", TYPE_VERSION, AT(version)},
    {"local_ip", TYPE_ADDRESS, AT(local)},
    {"remote_ip", TYPE_ADDRESS, AT(remote)},
    {"bind_port", TYPE_PORT, AT(bind_port)},
    {"connect_port", TYPE_PORT, AT(connect_port)},
    {"mtu", TYPE_MTU, AT(mtu)},
    {"tolerance_usecs", TYPE_MICROSECONDS, AT(tolerance_ns)},
    {"tolerance_percent", TYPE_PERCENT, AT(tolerance_percent)},
    {"tcp_ts_tick_usecs", TYPE_TICK, AT(ts_tick_us)},
    {"tcp_ts_ecr_scaled", TYPE_FLAG, AT(ts_ecr_scaled)},
    {"strict_segments", TYPE_FLAG, AT(strict_segments)},
    {"strict", TYPE_FLAG, AT(strict)},
    {"non_fatal", TYPE_FATAL, 0},
    {"dry_run", TYPE_FLAG, AT(dry_run)},
    {"verbose", TYPE_FLAG, AT(verbose)},
    {"code_command", TYPE_TEXT, AT(code_command)},
    {"define", TYPE_DEFINE, 0},
#undef AT
    {"gateway_ip", TYPE_IGNORED, 0},
    {"netmask_ip", TYPE_IGNORED, 0},
    {"mss", TYPE_IGNORED, 0},
    {"speed", TYPE_IGNORED, 0},
    {"send_omit_free", TYPE_IGNORED, 0},
    {"init_scripts", TYPE_IGNORED, 0},
    {"is_anyip", TYPE_IGNORED, 0},
    {"debug", TYPE_IGNORED, 0},
    {"code_format", TYPE_IGNORED, 0},
    {"code_sockopt", TYPE_IGNORED, 0},
    {"persistent_tun_dev", TYPE_IGNORED, 0},
    {"tun_dev", TYPE_IGNORED, 0},
    {"wire_client", TYPE_IGNORED, 0},
    {"wire_server", TYPE_IGNORED, 0},
    {"wire_server_ip", TYPE_IGNORED, 0},
    {"wire_server_port", TYPE_IGNORED, 0},
    {"wire_client_dev", TYPE_IGNORED, 0},
    {"wire_server_dev", TYPE_IGNORED, 0},
    {"so_filename", TYPE_IGNORED, 0},
    {"so_flags", TYPE_IGNORED, 0},
};

static bool whole(const char *text, unsigned long long min, unsigned long long max, unsigned long long *out) {
    char *end;
    if (*text < '0' || *text > '9') return false;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && *out >= min && *out <= max;
}

static bool version(const char *value, enum ip_version *out) {
    static const char *const names[] = {"ipv4", "ipv6", "ipv4-mapped-ipv6"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        *out = (enum ip_version)i;
        return true;
    }
    return false;
}

/* packet,syscall */
static bool non_fatal(struct drill_options *o, const char *value) {
    while (*value != '\0') {
        size_t n = strcspn(value, ",");
        bool packet = n == 6 && memcmp(value, "packet", n) == 0, call = n == 7 && memcmp(value, "syscall", n) == 0;
        if (!packet && !call) return false;
        o->non_fatal_packet = o->non_fatal_packet || packet;
        o->non_fatal_syscall = o->non_fatal_syscall || call;
        value += n + (value[n] == ',');
    }
    return true;
}

static bool define(struct drill_options *o, struct arena *arena, const char *value) {
    const char *equals = strchr(value, '=');
    size_t n = equals != NULL ? (size_t)(equals - value) : strlen(value);
    struct define *d = arena_take(arena, sizeof *d);
    if (d == NULL || n == 0) return false;
    const char *text = equals != NULL ? equals + 1 : "1";
    d->name = arena_copy(arena, value, n);
    d->value = arena_copy(arena, text, strlen(text));
    d->next = o->defines;
    o->defines = d;
    return d->name != NULL && d->value != NULL;
}

static bool number(const struct row *r, void *to, const char *value) {
    unsigned long long v;
    char *end;
    double percent;
    uint32_t narrow;
    uint64_t wide;
    uint16_t port;
    switch (r->type) {
    case TYPE_PORT:
        if (!whole(value, 1, 65535, &v)) return false;
        port = (uint16_t)v;
        memcpy(to, &port, sizeof port);
        return true;
    case TYPE_MTU:
    case TYPE_TICK:
        if (!whole(value, r->type == TYPE_MTU ? 68 : 0, r->type == TYPE_MTU ? 65535 : 1000000000, &v)) return false;
        narrow = (uint32_t)v;
        memcpy(to, &narrow, sizeof narrow);
        return true;
    case TYPE_MICROSECONDS:
        if (!whole(value, 0, 1000000000000, &v)) return false;
        wide = v * 1000;
        memcpy(to, &wide, sizeof wide);
        return true;
    default:
        percent = strtod(value, &end);
        if (end == value || *end != '\0' || !(percent >= 0 && percent <= 10000)) return false;
        memcpy(to, &percent, sizeof percent);
        return true;
    }
}

static bool store(struct drill_options *o, struct arena *arena, const struct row *r, const char *value) {
    void *to = (char *)o + r->offset;
    switch (r->type) {
    case TYPE_IGNORED: return true;
    case TYPE_FLAG: *(bool *)to = true; return value == NULL || strcmp(value, "1") == 0;
    case TYPE_VERSION: return version(value, to);
    case TYPE_ADDRESS: return tern_addr_parse(value, to) == 0;
    case TYPE_FATAL: return non_fatal(o, value);
    case TYPE_DEFINE: return define(o, arena, value);
    case TYPE_TEXT: return (*(char **)to = arena_copy(arena, value, strlen(value))) != NULL;
    default: return number(r, to, value);
    }
}

bool drill_option(struct drill_options *o, struct arena *arena, const char *name, const char *value,
                  struct drill_error *err) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        if (strcmp(r->name, name) != 0) continue;
        bool bare = r->type == TYPE_FLAG || r->type == TYPE_IGNORED;
        if (value == NULL && !bare)
            snprintf(err->text, sizeof err->text, _("--%s needs a value"), name);
        else if (!store(o, arena, r, value))
            snprintf(err->text, sizeof err->text, _("--%s: '%s' is no value for it"), name, value);
        else
            return true;
        return false;
    }
    snprintf(err->text, sizeof err->text, _("there is no option --%s"), name);
    return false;
}
