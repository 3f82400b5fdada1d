/* driver.c - the sentences of failures, and a device's description for the stack. No device lives here. */
#include "drivers/driver.h"

#include "po/i18n.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* NOLINTNEXTLINE(misc-redundant-expression): that both are the same is what it says */
_Static_assert(DEVICE_END == -ENODATA, "DEVICE_END is -ENODATA");

int driver_fail(struct driver_error *err, int code, const char *format, ...) {
    if (err == NULL) return -code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, i18n_text(format), args);
    va_end(args);
    err->code = code;
    return -code;
}

void device_iface(const struct device *dev, tern_iface_config *out) {
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    out->name = dev->name;
    out->link = dev->link;
    out->flags = dev->iface_flags;
    out->mtu = dev->mtu;
    out->tso_max = dev->tso_max;
    memcpy(out->mac, dev->mac, sizeof out->mac);
}
