/* privilege.c - capabilities, users and no_new_privs. */
#include "drivers/privilege.h"
#include "po/i18n.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534 };

/* A user or group number of the environment; false: none, or root's. */
static bool env_id(const char *name, unsigned *id) {
    const char *text = getenv(name);
    if (text == NULL || *text < '0' || *text > '9') return false;
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || v == 0 || v >= UINT32_MAX) return false;
    *id = (unsigned)v;
    return true;
}

/* Is every user of the machine mapped here, or only some in a user namespace? */
static bool all_users_mapped(void) {
    unsigned inside, outside, count;
    FILE *f = fopen("/proc/self/uid_map", "re");
    if (f == NULL) return true;
    int n = fscanf(f, "%u %u %u", &inside, &outside, &count);
    fclose(f);
    return n == 3 && inside == 0 && outside == 0 && count == UINT32_MAX;
}

static int become(unsigned uid, unsigned gid, struct driver_error *err) {
    gid_t group = gid;
    if (setgroups(1, &group) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return driver_fail(err, errno, "cannot become user %u: %s", uid, i18n_error(errno));
    return 0;
}

static int change_user(enum privilege_user user, struct driver_error *err) {
    unsigned uid = NOBODY, gid = NOBODY;
    if (user == PRIVILEGE_KEEP_USER || geteuid() != 0 || !all_users_mapped()) return 0;
    if (env_id("SUDO_UID", &uid)) {
        if (!env_id("SUDO_GID", &gid)) gid = NOBODY;
    } else if (user == PRIVILEGE_CALLER) {
        return 0;
    }
    return become(uid, gid, err);
}

/* The bounding set goes first: it takes a capability to shrink it. Without that one it holds nothing we could get. */
static void drop_bounding(void) {
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int verify(struct driver_error *err) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return driver_fail(err, errno, "cannot ask which privileges are left: %s", i18n_error(errno));
    for (int i = 0; i < 2; i++)
        if ((data[i].effective | data[i].permitted | data[i].inheritable) != 0)
            return driver_fail(err, EPERM, "some privileges could not be dropped");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return driver_fail(err, EPERM, "no_new_privs did not hold");
    return 0;
}

int drop_privileges(enum privilege_user user, struct driver_error *err) {
    drop_bounding();
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    int r = change_user(user, err);
    if (r < 0) return r;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    if (syscall(SYS_capset, &header, none) < 0)
        return driver_fail(err, errno, "cannot drop capabilities: %s", i18n_error(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return driver_fail(err, errno, "cannot forbid new privileges: %s", i18n_error(errno));
    return verify(err);
}
