/* error.c - the system's own messages in the user's language, whatever locales the machine has. Errors that a user of
 * tern hardly meets stay as the C library says them. */
#include "po/i18n.h"

#include <errno.h>
#include <string.h>

const char *i18n_error(int code) {
    switch (code) {
    case EPERM: return _("Operation not permitted");
    case ENOENT: return _("No such file or directory");
    case EIO: return _("Input/output error");
    case ENXIO: return _("No such device or address");
    case EAGAIN: return _("Resource temporarily unavailable");
    case ENOMEM: return _("Cannot allocate memory");
    case EACCES: return _("Permission denied");
    case EBUSY: return _("Device or resource busy");
    case EEXIST: return _("File exists");
    case ENODEV: return _("No such device");
    case ENOTDIR: return _("Not a directory");
    case EISDIR: return _("Is a directory");
    case EINVAL: return _("Invalid argument");
    case EMFILE: return _("Too many open files");
    case ENFILE: return _("Too many open files in system");
    case EFBIG: return _("File too large");
    case ENOSPC: return _("No space left on device");
    case EROFS: return _("Read-only file system");
    case EPIPE: return _("Broken pipe");
    case ENAMETOOLONG: return _("File name too long");
    case ENOSYS: return _("Function not implemented");
    case ELOOP: return _("Too many levels of symbolic links");
    case EOPNOTSUPP: return _("Operation not supported");
    case EADDRINUSE: return _("Address already in use");
    case EADDRNOTAVAIL: return _("Cannot assign requested address");
    case ENETDOWN: return _("Network is down");
    case ENETUNREACH: return _("Network is unreachable");
    case ECONNRESET: return _("Connection reset by peer");
    case ECONNREFUSED: return _("Connection refused");
    default: return strerror(code);
    }
}
