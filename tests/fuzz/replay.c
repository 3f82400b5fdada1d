/* replay.c - runs a target over inputs that are kept: files, or packs of many (pack.py). For compilers without libFuzzer. */
#include <stdio.h>

#include "fuzz.h"

static unsigned run_pack(const uint8_t *p, size_t size) {
    unsigned n = 0;
    for (size_t at = 0; at + 4 <= size; n++) {
        size_t len = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        require(len <= size - at - 4);
        uint8_t *one = malloc(len + !len);
        require(one != NULL);
        memcpy(one, p + at + 4, len);
        LLVMFuzzerTestOneInput(one, len);
        free(one);
        at += 4 + len;
    }
    return n;
}

int main(int argc, char **argv) {
    unsigned n = 0;
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f || fseek(f, 0, SEEK_END) != 0) {
            fprintf(stderr, "replay: %s cannot be read\n", argv[i]);
            return 2;
        }
        long size = ftell(f);
        rewind(f);
        uint8_t *p = malloc((size_t)size + 1);
        if (!p || fread(p, 1, (size_t)size, f) != (size_t)size) return 2;
        fclose(f);
        size_t len = strlen(argv[i]);
        if (len > 5 && strcmp(argv[i] + len - 5, ".pack") == 0) {
            n += run_pack(p, (size_t)size);
        } else {
            LLVMFuzzerTestOneInput(p, (size_t)size);
            n++;
        }
        free(p);
    }
    printf("%u inputs\n", n);
    return n ? 0 : 1;
}
