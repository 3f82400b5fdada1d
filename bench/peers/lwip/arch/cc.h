/* cc.h - what lwIP wants to know of the compiler. */
#ifndef PEER_CC_H
#define PEER_CC_H

#include <stdint.h>
#include <stdlib.h>

#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) abort()
#define LWIP_RAND() ((uint32_t)rand())

#endif
