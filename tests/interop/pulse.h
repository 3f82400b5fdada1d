/* pulse.h - tests in real time on a machine that may be busy: each runs in a process of its own, and whether that was let run
 * on time is noted. A test that failed is tried again when it was not, and only then: the kernel's timers went on
 * without it, and what it saw says nothing. */
#ifndef INTEROP_PULSE_H
#define INTEROP_PULSE_H

#include <stddef.h>
#include <stdint.h>

struct CMUnitTest;

/* Called often. Since the call before, the test meant to take this long and hardly more. */
void pulse_beat(uint64_t meant_ns);
/* What came before took the time that it needed. */
void pulse_rest(void);

/* Runs the tests, those whose names match `filter`; NULL: all. For main to return: how many failed, or 77. */
int pulse_run(const struct CMUnitTest *tests, size_t n, const char *filter);

#endif
