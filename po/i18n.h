/* i18n.h - the texts of the program in the user's language: _("text") gives the translation, or the text itself. The
 * catalogue is compiled from po/zh_CN.po. Nothing here knows the library's own sentences: see tern_reason_text. */
#ifndef PO_I18N_H
#define PO_I18N_H

#include "tern.h"

/* Chooses the language: `option` ("en", "zh", "zh_CN", ...) or, when it is NULL, what LC_ALL, LC_MESSAGES, LANG and
 * LANGUAGE ask for, as gettext reads them. False: the option names a language that there is no catalogue for; nothing
 * changes. Before the first call everything is English. */
bool i18n_init(const char *option);
/* The language in use, for tern_reason_text and tern_strerror. */
enum tern_lang i18n_lang(void);
const char *i18n_text(const char *msgid) __attribute__((format_arg(1)));
/* What strerror says, in the user's language. */
const char *i18n_error(int code);

#define _(text) i18n_text(text)
/* Marks a text for the catalogue where a call is not possible; pass it to i18n_text later. */
#define N_(text) text

#endif
