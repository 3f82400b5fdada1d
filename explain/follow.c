/* follow.c - see follow.h: inotify(7) where the system lets us have one, which saves waiting; nothing depends on it but that
 * a file moved away is noticed. */
#include "explain/follow.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "po/i18n.h"

enum { WAIT_MS = 200 };

const char *follow_begin(struct follow *f, const char *path) {
    struct stat st;
    *f = (struct follow){.watch = -1};
    if (stat(path, &st) < 0 || S_ISDIR(st.st_mode)) return NULL;
    if (!S_ISREG(st.st_mode)) return N_("only a regular file can be followed");
    f->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (f->watch >= 0 && inotify_add_watch(f->watch, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF) < 0) follow_end(f);
    return NULL;
}

void follow_end(struct follow *f) {
    if (f->watch >= 0) close(f->watch);
    f->watch = -1;
}

/* What the system has told since: IN_ bits. */
static uint32_t changes(const struct follow *f) {
    struct inotify_event events[32]; /* a file that is watched itself has no name in them */
    uint32_t all = 0;
    ssize_t got;
    while (f->watch >= 0 && (got = read(f->watch, events, sizeof events)) > 0)
        for (size_t i = 0; i < (size_t)got / sizeof events[0]; i++) all |= events[i].mask;
    return all;
}

/* A file written anew in its place may have grown beyond what was read: its first bytes tell. */
static bool begins_as_before(struct follow *f, int fd, uint64_t read) {
    uint8_t now[FOLLOW_HEAD];
    ssize_t got = pread(fd, now, (size_t)min_u64(read, sizeof now), 0);
    if (got < 0 || (size_t)got < f->known || memcmp(now, f->head, f->known) != 0) return false;
    f->known = (size_t)got;
    memcpy(f->head, now, f->known);
    return true;
}

const char *follow_wait(struct follow *f, int fd, uint64_t read) {
    struct pollfd ready = {.fd = f->watch, .events = POLLIN};
    struct stat st;
    if (f->over != NULL) return f->over;
    bool same = begins_as_before(f, fd, read);
    poll(&ready, 1, WAIT_MS);
    uint32_t changed = changes(f);
    if (fstat(fd, &st) < 0) return NULL; /* reading will say what is wrong */
    if ((uint64_t)st.st_size < read) return N_("the file became shorter while it was followed");
    if (!same || !begins_as_before(f, fd, read)) return N_("the file was written anew while it was followed");
    if (st.st_nlink == 0) f->over = N_("the file was removed or replaced while it was followed");
    if (changed & IN_MOVE_SELF) f->over = N_("the file was moved away while it was followed");
    return NULL;
}
