/* script.c - fuzzes the parser of packetdrill scripts; running them is not its business. */
#include "drill/script.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct drill_error err;
    char *copy = malloc(size + 1);
    require(copy != NULL);
    if (size) memcpy(copy, data, size);
    copy[size] = 0;
    struct script *s = script_parse("fuzz.pkt", copy, size, NULL, &err);
    script_free(s);
    free(copy);
    return 0;
}
