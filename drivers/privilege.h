/* privilege.h - giving up every privilege once the device is open: what comes from the network then meets a process
 * that can do nothing special. There is no way back. */
#ifndef DRIVERS_PRIVILEGE_H
#define DRIVERS_PRIVILEGE_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

enum privilege_user {
    PRIVILEGE_KEEP_USER = 0, /* stay the same user, without capabilities: files of this user can still be written */
    PRIVILEGE_CALLER,        /* root through sudo: become the user who called it; otherwise as KEEP_USER */
    PRIVILEGE_NOBODY,        /* root: become the caller of sudo, or nobody (65534) */
};

/* Drops all capabilities (effective, permitted, inheritable, ambient and the bounding set) and forbids new ones
 * (no_new_privs). Who is not root stays who he is; so does the root of a user namespace that has no other users.
 * Returns 0 only when the kernel confirms that nothing is left. Call it while the process has one thread. */
int drop_privileges(enum privilege_user user, struct driver_error *err);

#ifdef __cplusplus
}
#endif
#endif
