#include "bench/peer.h"
const struct peer_lwip *peer_lwip(void) { return 0; }
const char *peer_lwip_missing(void) { return "none"; }
void peer_lwip_bulk(const struct bulk_case *c, uint64_t ns, struct samples out[3]) { (void)c; (void)ns; (void)out; }
void peer_lwip_conn(uint32_t idle, uint32_t time_wait, uint64_t ns, struct samples cycles[2], struct samples *same,struct samples *random){(void)idle;(void)time_wait;(void)ns;(void)cycles;(void)same;(void)random;}
