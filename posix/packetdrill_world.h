/* packetdrill_world.h - the world behind the adapter for packetdrill: one stack on a bare IP link whose other end is the
 * script, and a clock that moves only when somebody asks for it. Two threads come here: the tool's main thread, which
 * lets time pass, and one for calls that block.
 *
 * --so_flags is a list of NAME=VALUE, joined by commas: addr=ADDRESS/PREFIX (again for each), mtu=BYTES, and the
 * settings of tern_config by their names. Without addr=, the environment's PKT_LOCAL_IP and PKT_PREFIX_LEN say it, and
 * without those the host is 192.168.0.1/16 and fd3d:a0b:17d6::1/48; PKT_MTU, or 1500. */
#ifndef POSIX_PACKETDRILL_WORLD_H
#define POSIX_PACKETDRILL_WORLD_H

#include "posix/posix.h"

struct world;

/* NULL: the flags make no sense; a sentence went to standard error. */
struct world *world_new(const char *flags);
void world_free(struct world *w);
struct posix *world_posix(struct world *w);

/* Around each socket call: world_enter takes the lock and prepares for a call that blocks; world_leave lets the stack
 * answer, sleeps if the call has to wait, and gives the result with errno. */
void world_enter(struct world *w);
ssize_t world_leave(struct world *w, ssize_t result);

int world_send(struct world *w, const void *packet, size_t len);
int world_receive(struct world *w, void *packet, size_t *len, long long *time_us);
void world_sleep(struct world *w, uint64_t us);
uint64_t world_now_us(struct world *w);

#endif
