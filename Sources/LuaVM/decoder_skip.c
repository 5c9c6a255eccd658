// Where a message ends, without a VM: for what cannot be decoded, or is decoded elsewhere.
#include <string.h>

#include "LuaVM.h"
#include "wire.h"

enum {
    INDEFINITE_LENGTH = 31,
    DEEPEST = 4096,  // containers of indefinite length inside of each other: several to each of the 1,000 levels that a message may have
};

/// The head at `*at`; false where the bytes end or it is none.
static bool read_any_head(const uint8_t **at, const uint8_t *end, unsigned *major, unsigned *info, uint64_t *value) {
    if (*at == end) return false;
    uint8_t first = *(*at)++;
    *major = first >> 5;
    *info = first & 31;
    *value = *info;
    if (*info < 24 || *info == INDEFINITE_LENGTH) return true;
    if (*info > 27) return false;
    size_t width = (size_t)1 << (*info - 24);
    if ((size_t)(end - *at) < width) return false;
    *value = 0;
    for (size_t i = 0; i < width; i++) *value = *value << 8 | (*at)[i];
    *at += width;
    return true;
}

size_t lfvm_message_size(const uint8_t *bytes, size_t count) {
    const uint8_t *at = bytes, *end = bytes + count;
    uint64_t outer[DEEPEST];  // what the containers around one of indefinite length still lack
    size_t depth = 0;
    uint64_t missing = 1;  // items of the innermost run of definite lengths
    for (;;) {
        unsigned major, info;
        uint64_t value;
        if (missing == 0) {
            if (depth == 0) return (size_t)(at - bytes);
            missing = 1;  // inside of a container of indefinite length: another item, or its end
            if (at < end && *at == BYTE_BREAK) {
                at++;
                missing = outer[--depth];
                continue;
            }
        }
        if (!read_any_head(&at, end, &major, &info, &value)) return 0;
        missing--;
        if (info == INDEFINITE_LENGTH) {
            if ((major != MAJOR_ARRAY && major != MAJOR_MAP) || depth == DEEPEST) return 0;
            outer[depth++] = missing;
            missing = 0;
            continue;
        }
        uint64_t items = 0, left = (uint64_t)(end - at);
        switch (major) {
        case MAJOR_BYTES:
        case MAJOR_TEXT:
            if (value > left) return 0;
            at += value;
            break;
        case MAJOR_ARRAY: items = value; break;
        case MAJOR_MAP:
            if (value > left) return 0;
            items = 2 * value;
            break;
        case MAJOR_TAG: items = 1; break;
        default: break;
        }
        if (items > left || missing > left - items) return 0;  // each takes a byte at least
        missing += items;
    }
}
