/* scene.h - one connection between tern and the kernel with somebody in the middle: what the tests of the guards
 * begin with. */
#ifndef INTEROP_SCENE_H
#define INTEROP_SCENE_H

#include "kernel.h"
#include "middle.h"

enum { SCENE_PORT = 7600 };

struct scene {
    struct world *w;
    struct middle *m;
    struct kernel k;
    struct world_config config;
    int family;
    struct end ours, listener; /* listener: where tern is the server */
    int fd, listener_fd;       /* where the kernel is */
};

/* A world with nothing in it; `config` may be NULL. */
void scene_begin(struct scene *s, int family, const struct world_config *config);
/* The connection: tern opens it, or the kernel does, from this port, 0: any. */
void scene_connect(struct scene *s, bool tern_opens, uint16_t port);
/* Both. */
void scene_open(struct scene *s, int family, bool tern_opens, const struct world_config *config);
void scene_close(struct scene *s);

enum tern_state scene_ours(struct scene *s);
enum tern_state scene_theirs(struct scene *s);
tern_status_info scene_status(struct scene *s);

/* A few bytes there and back: the connection lives. */
void scene_lives(struct scene *s);
/* The kernel's end of the stream: n bytes arrive whole and right. */
void scene_kernel_reads(struct scene *s, uint64_t from, uint64_t n);
/* The kernel's socket vanishes, without a word that reaches tern. */
void scene_kernel_forgets(struct scene *s);

/* A segment as the kernel would send it next: ports, numbers, window, timestamps. */
struct segment scene_segment(struct scene *s, uint16_t flags);
void scene_inject(struct scene *s, const struct segment *seg);

/* Writes a setting of the kernel in this namespace; false: it has none such, or refuses. */
bool scene_sysctl(const char *name, const char *value);

#endif
