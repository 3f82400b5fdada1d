/* netns.c - unshare, the maps of users, and the reasons why a system refuses. */
#include "drivers/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/netlink.h"
#include "po/i18n.h"

/* A number of /proc, or -1. */
static long number_of(const char *path) {
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return -1;
    text[n] = '\0';
    return strtol(text, NULL, 10);
}

static int refused(struct driver_error *err, int code, const char *what) {
    if (number_of("/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return driver_fail(err, code,
                           "%s: this system forbids user namespaces "
                           "(kernel.unprivileged_userns_clone is 0)",
                           what);
    if (number_of("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
        return driver_fail(err, code,
                           "%s: AppArmor forbids it "
                           "(kernel.apparmor_restrict_unprivileged_userns is 1)",
                           what);
    if (number_of("/proc/sys/user/max_user_namespaces") == 0)
        return driver_fail(err, code, "%s: this system allows no user namespaces (user.max_user_namespaces is 0)",
                           what);
    if (number_of("/proc/sys/user/max_net_namespaces") == 0)
        return driver_fail(err, code, "%s: this system allows no network namespaces (user.max_net_namespaces is 0)",
                           what);
    if (code == EINVAL || code == ENOSYS)
        return driver_fail(err, code, "%s: the kernel was built without it, or the process has threads", what);
    if (code == EPERM || code == EACCES)
        return driver_fail(err, code, "%s: not permitted; a container or its seccomp filter forbids it", what);
    return driver_fail(err, code, "%s: %s", what, i18n_error(code));
}

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t n = write(fd, text, strlen(text));
    int r = n < 0 ? -errno : 0;
    close(fd);
    return r;
}

/* A user namespace that knows this user and no other; in it the process has every capability. */
static int user_namespace(struct driver_error *err) {
    static const char what[] = "cannot make a user namespace";
    char map[64];
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWUSER) < 0) return refused(err, errno, what);
    int r = write_file("/proc/self/setgroups", "deny");
    if (r < 0 && r != -ENOENT) return refused(err, -r, what);
    snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
    r = write_file("/proc/self/uid_map", map);
    if (r < 0) return refused(err, -r, what);
    snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
    r = write_file("/proc/self/gid_map", map);
    return r < 0 ? refused(err, -r, what) : 0;
}

int netns_enter(struct driver_error *err) {
    int r = unshare(CLONE_NEWNET) < 0 ? -errno : 0;
    if (r == -EPERM) {
        r = user_namespace(err);
        if (r < 0) return r;
        r = unshare(CLONE_NEWNET) < 0 ? -errno : 0;
    }
    if (r < 0) return refused(err, -r, "cannot make a network namespace");
    struct netlink nl;
    r = netlink_open(&nl, NETLINK_ROUTE, err);
    if (r < 0) return r;
    r = netlink_link_up(&nl, "lo", 0, err);
    netlink_close(&nl);
    return r;
}
