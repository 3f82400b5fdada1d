/* catalogue.h - the shape of the table that scripts/po2c.py makes from po/zh_CN.po. Its one user is i18n.c. */
#ifndef PO_CATALOGUE_H
#define PO_CATALOGUE_H

#include <stddef.h>

struct catalogue_entry {
    const char *msgid, *msgstr;
};

extern const struct catalogue_entry catalogue_zh[]; /* sorted by msgid as strcmp sorts; ends with a pair of "" */
extern const size_t catalogue_zh_count;             /* without the last */

#endif
