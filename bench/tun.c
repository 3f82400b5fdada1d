#include "bench/bench.h"
void bench_tun(const struct bench *b) { (void)b; }
