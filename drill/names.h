/* names.h - what the language calls things: flags, options, ICMP types and codes, symbols of the platform. */
#ifndef DRILL_NAMES_H
#define DRILL_NAMES_H

#include "drill/script.h"

/* "FSRPEWAU." in the order that they are printed in. */
bool flag_of(char letter, uint16_t *flag);
const char *flags_format(uint16_t flags, bool ace, char buf[16]);

bool icmp_type_of(bool v6, const char *name, uint8_t *type);
bool icmp_code_of(bool v6, uint8_t type, const char *name, uint8_t *code);
/* NULL: it has none. */
const char *icmp_type_name(bool v6, uint8_t type);
const char *icmp_code_name(bool v6, uint8_t type, uint8_t code);

/* SOL_SOCKET, O_NONBLOCK, ... */
bool symbol_find(const char *name, int64_t *value);
/* EAGAIN, ... : 0: there is none. */
int errno_find(const char *name);
/* "EAGAIN", or a number. */
const char *errno_format(int error, char buf[16]);

#endif
