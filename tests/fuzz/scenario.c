/* scenario.c - fuzzes the reader of scenarios; playing them is not its business. */
#include "fuzz.h"
#include "play/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct scenario *s = NULL;
    struct play_error err;
    char *copy = malloc(size + 1);
    require(copy != NULL);
    if (size) memcpy(copy, data, size);
    copy[size] = 0;
    if (scenario_read("fuzz.scn", "fuzz", copy, size, &s, &err) == 0) scenario_free(s);
    free(copy);
    return 0;
}
