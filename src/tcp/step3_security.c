/* step3_security.c - third, check security (RFC 9293 3.10.7.4, A.1): IP security options are not in use on the
 * Internet, so every segment matches; the step stands here to keep the RFC's numbering. */
#include "tcp/tcb.h"

enum reason step3_security(struct arrival *a) {
    (void)a;
    return R_NONE;
}
