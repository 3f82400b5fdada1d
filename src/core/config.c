/* config.c - the settings of a stack by name, from config.def: defaults, limits and their check. */
#include "core/stack.h"

struct setting_row {
    tern_setting public;
    uint16_t offset, size;
};

static const struct setting_row rows[] = {
#define SETTING(field, def, min, max, unit, en, zh)                                                                    \
    {{#field, unit, def, min, max, en, zh}, offsetof(tern_config, field), sizeof(((tern_config *)0)->field)},
#include "core/config.def"
#undef SETTING
};

static const tern_setting_name names[] = {
#define SETTING(field, def, min, max, unit, en, zh)
#define NAMED(setting, name, value) {#setting, name, value},
#include "core/config.def"
#undef SETTING
#undef NAMED
};

static uint64_t field_get(const tern_config *c, const struct setting_row *r) {
    const char *at = (const char *)c + r->offset;
    uint64_t wide;
    uint32_t narrow;
    if (r->size == 8) {
        memcpy(&wide, at, 8);
        return wide;
    }
    memcpy(&narrow, at, 4);
    return narrow;
}

static void field_set(tern_config *c, const struct setting_row *r, uint64_t v) {
    char *at = (char *)c + r->offset;
    uint32_t narrow = (uint32_t)v;
    if (r->size == 8)
        memcpy(at, &v, 8);
    else
        memcpy(at, &narrow, 4);
}

static bool in_limits(const struct setting_row *r, uint64_t v) { return v >= r->public.min && v <= r->public.max; }

static bool same_text(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

void tern_config_default(tern_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) field_set(config, &rows[i], rows[i].public.value_default);
}

int tern_config_set(tern_config *config, const char *name, uint64_t value) {
    if (!config || !name) return TERN_EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!same_text(rows[i].public.name, name)) continue;
        if (!in_limits(&rows[i], value)) return TERN_ERANGE;
        field_set(config, &rows[i], value);
        return TERN_OK;
    }
    return TERN_ENAME;
}

bool tern_setting_at(size_t i, tern_setting *out) {
    if (i >= ARRAY_LEN(rows) || !out) return false;
    *out = rows[i].public;
    return true;
}

bool tern_setting_name_at(size_t i, tern_setting_name *out) {
    if (i >= ARRAY_LEN(names) || !out) return false;
    *out = names[i];
    return true;
}

static bool decimal(const char *from, uint64_t *value) {
    uint64_t v = 0;
    if (!*from) return false;
    for (; *from; from++) {
        if (*from < '0' || *from > '9' || v > (UINT64_MAX - (uint64_t)(*from - '0')) / 10) return false;
        v = v * 10 + (uint64_t)(*from - '0');
    }
    *value = v;
    return true;
}

int tern_setting_parse(const char *setting, const char *from, uint64_t *value) {
    if (!setting || !from || !value) return TERN_EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (same_text(names[i].setting, setting) && same_text(names[i].name, from))
            return *value = names[i].value, TERN_OK;
    return decimal(from, value) ? TERN_OK : TERN_ENAME;
}

int config_check(const tern_config *c) {
    if (!c || c->size != sizeof *c || !c->allocator.alloc || !c->allocator.release) return TERN_EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!in_limits(&rows[i], field_get(c, &rows[i]))) return TERN_EINVAL;
    if (c->port_first > c->port_last || c->rto_min_ms > c->rto_max_ms) return TERN_EINVAL;
    return TERN_OK;
}
