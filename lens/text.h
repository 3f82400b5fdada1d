/* text.h - text in columns: how wide UTF-8 is on a terminal, and rows that are filled column by column. It knows
 * nothing of packets; locales and wcwidth are not asked, so that a ladder looks the same everywhere. */
#ifndef LENS_TEXT_H
#define LENS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads one character of `s` (which ends at `end`); returns its bytes, at least 1. Bad bytes read as U+FFFD. */
size_t utf8_next(const char *s, const char *end, uint32_t *cp);
/* 0 for marks that combine and for control characters, 2 for East Asian wide ones, else 1. */
unsigned char_width(uint32_t cp);
/* Columns of a string; control characters and SGR sequences count nothing. */
size_t text_width(const char *s);
/* How many bytes of `s` fit into `columns`, broken where a reader would: at a space, or between wide characters but not
 * before closing punctuation; never at a no-break space. At least one character unless `s` is empty. */
size_t text_wrap(const char *s, size_t columns);
/* Takes the spaces out that stand between two wide characters: a Chinese word put into a Chinese sentence. */
void text_close_up(char *s);

enum { ROW_BYTES = 2048 };

/* One line in the making. What does not fit in ROW_BYTES is left out. */
typedef struct row {
    size_t len, column;
    bool colour;
    char text[ROW_BYTES];
} row;

void row_start(row *r, bool colour);
void row_put(row *r, const char *s);
void row_put_n(row *r, const char *s, size_t bytes);
void row_putf(row *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void row_repeat(row *r, const char *glyph, size_t times);
/* Fills with spaces up to a column; does nothing when already there. */
void row_to(row *r, size_t column);
/* Puts `s` cut or padded to exactly `columns`. */
void row_cell(row *r, const char *s, size_t columns);
/* Switches the look; every row_look ends with row_look(r, LOOK_PLAIN). Costs no columns. */
enum look { LOOK_PLAIN, LOOK_DIM, LOOK_BOLD, LOOK_GREEN, LOOK_YELLOW, LOOK_RED, LOOK_MAGENTA, LOOK_CYAN };
void row_look(row *r, enum look look);
/* Drops trailing spaces. */
void row_trim(row *r);

/* Should this stream have colours? `when` is "auto", "always" or "never"; auto asks the terminal, NO_COLOR,
 * CLICOLOR_FORCE and TERM. */
bool colour_wanted(const char *when, int fd);
/* Columns of the terminal behind fd, or `otherwise` when it is none. */
unsigned terminal_width(int fd, unsigned otherwise);

#endif
