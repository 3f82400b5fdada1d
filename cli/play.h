/* play.h - what the parts of `tern play` share: play.c has the options and goes through the runs, play_list.c tells
 * what there is, play_show.c draws a run at its pace. */
#ifndef CLI_PLAY_H
#define CLI_PLAY_H

#include "cli/node.h"
#include "cli/pictures.h"
#include "play/player.h"

struct play_options {
    bool fast, step, json, paced;
    bool quiet;   /* standard output is for a file */
    double speed; /* of the clock; with `paced` it was asked for */
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
void play_json(const struct scenario *s, unsigned take, const struct play_result *r, bool first);

#endif
