// The primitives of reading a message: heads, byte strings, half floats.
#ifndef LFVM_DECODER_READ_H
#define LFVM_DECODER_READ_H

#include <string.h>

#include "decoder.h"

static inline wire_head read_head(decoder *d) {
    size_t left = (size_t)(d->end - d->at);
    if (left == 0) decoder_fail(d, "it ends after %zu bytes", decoder_offset(d));
    uint8_t first = *d->at;
    wire_head head = {.major = first >> 5, .info = first & 31};
    if (head.info < 24) {
        head.value = head.info;
        d->at++;
        return head;
    }
    if (head.info == INDEFINITE) {
        d->at++;
        return head;
    }
    if (head.info > 27) decoder_fail(d, "reserved byte 0x%02x at offset %zu", first, decoder_offset(d));
    size_t width = (size_t)1 << (head.info - 24);
    if (left - 1 < width) decoder_fail(d, "it ends after %zu bytes", (size_t)(d->end - d->start));
    const uint8_t *at = d->at + 1;
    switch (width) {
    case 1: head.value = at[0]; break;
    case 2: head.value = (uint64_t)at[0] << 8 | at[1]; break;
    case 4: {
        uint32_t big;
        memcpy(&big, at, 4);
        head.value = __builtin_bswap32(big);
        break;
    }
    default: {
        uint64_t big;
        memcpy(&big, at, 8);
        head.value = __builtin_bswap64(big);
        break;
    }
    }
    d->at = at + width;
    return head;
}

static inline const char *take_bytes(decoder *d, uint64_t count) {
    if (count > (uint64_t)(d->end - d->at))
        decoder_fail(d, "a length of %llu at offset %zu, but only %zu bytes are left", (unsigned long long)count,
                     decoder_offset(d), (size_t)(d->end - d->at));
    const char *bytes = (const char *)d->at;
    d->at += count;
    return bytes;
}

static inline double half_to_double(uint64_t half) {
    uint64_t exponent = (half >> 10) & 31, mantissa = half & 1023, sign = (half & 0x8000) << 48, bits;
    if (exponent == 0) {  // zero and subnormals
        double value = (double)mantissa * 0x1p-24;
        return sign ? -value : value;
    }
    if (exponent == 31) bits = sign | UINT64_C(0x7ff) << 52 | mantissa << 42;
    else bits = sign | (exponent + 1023 - 15) << 52 | mantissa << 42;
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

#endif
