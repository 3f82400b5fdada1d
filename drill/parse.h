/* parse.h - what the parts of the parser share. */
#ifndef DRILL_PARSE_H
#define DRILL_PARSE_H

#include "drill/scan.h"

struct parse {
    struct scan scan;
    struct script *script;
};

/* Memory of the script; when there is none the parse has failed, and the zeroed spare is given. */
void *parse_take(struct parse *p, size_t size);
/* Says what was expected instead of the token at hand. */
void parse_expected(struct parse *p, const char *what);
bool parse_is_sign(const struct parse *p, char sign);
bool parse_is_word(const struct parse *p, const char *word);
/* Takes the sign if it is at hand. */
bool parse_sign(struct parse *p, char sign);
bool parse_word(struct parse *p, const char *word);
/* Takes it, or fails. */
void parse_need(struct parse *p, char sign);
/* A number from `min` to `max`, maybe with a minus. `what` names it in the error. */
int64_t parse_number(struct parse *p, const char *what, int64_t min, int64_t max);

/* Behind '<' (inject) or '>'. */
struct packet *parse_packet(struct parse *p, bool inject);
struct call *parse_call(struct parse *p);

#endif
