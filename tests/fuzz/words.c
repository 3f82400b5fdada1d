/* words.c - fuzzes everything that reads a person's words: addresses, prefixes, settings, states, the head of an HTTP
 * request. */
#include "cli/http.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, data + size};
    uint8_t which = take8(&in);
    size_t len;
    char *word = (char *)take_bytes(&in, size, &len);
    char *whole = malloc(len + 1);
    require(whole != NULL);
    memcpy(whole, word, len);
    whole[len] = 0;
    tern_addr a;
    unsigned prefix;
    uint64_t value;
    enum tern_state state;
    tern_config c;
    struct http_request request;
    char out[TERN_ADDR_TEXT];
    switch (which % 5) {
    case 0:
        if (tern_addr_parse(whole, &a) == TERN_OK) { /* what is written is read back as the same */
            tern_addr again;
            require(tern_addr_parse(tern_addr_format(&a, out), &again) == TERN_OK);
            require(memcmp(&a, &again, sizeof a) == 0);
        }
        break;
    case 1: require(tern_prefix_parse(whole, &a, &prefix) != TERN_OK || prefix <= 128); break;
    case 2: tern_state_parse(whole, &state); break;
    case 3:
        tern_config_default(&c);
        if (tern_setting_parse("msl_ms", whole, &value) == TERN_OK) tern_config_set(&c, "msl_ms", value);
        tern_config_set(&c, whole, 1);
        break;
    default: http_parse(word, len, &request); break;
    }
    free(whole);
    free(word);
    return 0;
}
