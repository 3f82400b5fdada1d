/* play.h - what the parts of `tern play` share: play.c has the options and goes through the runs, play_list.c tells
 * what there is, play_show.c draws a run at its pace, play_against.c plays against the Linux kernel. */
#ifndef CLI_PLAY_H
#define CLI_PLAY_H

#include "cli/node.h"
#include "cli/pictures.h"
#include "play/player.h"

struct play_options {
    bool fast, step, json, paced;
    bool against, linux[2]; /* against the kernel, at these ends */
    bool quiet;             /* standard output is for a file */
    double speed;           /* of the clock; with `paced` it was asked for */
    const char *pcap, *run;
    struct look_options look;
    struct pictures pictures;
};

/* The catalogue by chapters, as text or as JSON. An exit code. */
int play_list(bool json);
/* Title, what it is about, claims: above the runs. */
void play_heading(const struct scenario *s);
/* One run, its pictures and its verdict. NODE_DONE: the reader has had enough. Else 0 or an exit code. */
int play_show(const struct scenario *s, unsigned take, const struct play_result *r, struct play_options *o);
void play_json(const struct scenario *s, unsigned take, int linux_end, const struct play_result *r, bool first);

/* One run with the kernel at `linux_end`; again when this machine was so busy that it went wrong. As play_linux. */
int play_against(const struct scenario *s, const char *file, unsigned take, int linux_end, struct play_result *r,
                 struct play_error *err);
/* Every run of the catalogue that can have the kernel at an end that is asked for, many at a time, with a line each. */
int play_against_all(const struct play_options *o);
/* "linux", "linux:A", "linux:B". */
bool play_against_option(const char *value, struct play_options *o);

#endif
