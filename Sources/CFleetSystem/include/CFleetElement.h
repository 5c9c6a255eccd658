// Numbers in memory that several processes share: each is read, written, added to and exchanged atomically, by host and workers with the same code.
#ifndef CFLEETELEMENT_H
#define CFLEETELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// The types; the numbers are those of SharedElement.
typedef enum {
    LFS_I8 = 1, LFS_I16, LFS_I32, LFS_I64, LFS_U8, LFS_U16, LFS_U32, LFS_U64, LFS_F32, LFS_F64, LFS_BOOL,
} lfs_element;

static inline bool lfs_element_is_float(lfs_element type) {
    return type == LFS_F32 || type == LFS_F64;
}

static inline size_t lfs_element_size(lfs_element type) {
    switch (type) {
    case LFS_I16: case LFS_U16: return 2;
    case LFS_I32: case LFS_U32: case LFS_F32: return 4;
    case LFS_I64: case LFS_U64: case LFS_F64: return 8;
    default: return 1;
    }
}

/// Whether an integer has a place in the type. A u64 is taken as the bits of a Lua integer.
static inline bool lfs_element_fits(lfs_element type, int64_t value) {
    switch (type) {
    case LFS_I8: return value >= INT8_MIN && value <= INT8_MAX;
    case LFS_I16: return value >= INT16_MIN && value <= INT16_MAX;
    case LFS_I32: return value >= INT32_MIN && value <= INT32_MAX;
    case LFS_U8: return value >= 0 && value <= UINT8_MAX;
    case LFS_U16: return value >= 0 && value <= UINT16_MAX;
    case LFS_U32: return value >= 0 && value <= UINT32_MAX;
    case LFS_BOOL: return value == 0 || value == 1;
    default: return true;
    }
}

/// The bits of an element, with the sign carried on for signed integers.
static inline uint64_t lfs_element_load(const void *at, lfs_element type) {
    switch (type) {
    case LFS_I8: return (uint64_t)(int64_t)__atomic_load_n((const int8_t *)at, __ATOMIC_SEQ_CST);
    case LFS_I16: return (uint64_t)(int64_t)__atomic_load_n((const int16_t *)at, __ATOMIC_SEQ_CST);
    case LFS_I32: return (uint64_t)(int64_t)__atomic_load_n((const int32_t *)at, __ATOMIC_SEQ_CST);
    case LFS_U16: return __atomic_load_n((const uint16_t *)at, __ATOMIC_SEQ_CST);
    case LFS_U32: case LFS_F32: return __atomic_load_n((const uint32_t *)at, __ATOMIC_SEQ_CST);
    case LFS_I64: case LFS_U64: case LFS_F64: return __atomic_load_n((const uint64_t *)at, __ATOMIC_SEQ_CST);
    default: return __atomic_load_n((const uint8_t *)at, __ATOMIC_SEQ_CST);
    }
}

static inline void lfs_element_store(void *at, lfs_element type, uint64_t bits) {
    switch (lfs_element_size(type)) {
    case 1: __atomic_store_n((uint8_t *)at, (uint8_t)bits, __ATOMIC_SEQ_CST); return;
    case 2: __atomic_store_n((uint16_t *)at, (uint16_t)bits, __ATOMIC_SEQ_CST); return;
    case 4: __atomic_store_n((uint32_t *)at, (uint32_t)bits, __ATOMIC_SEQ_CST); return;
    default: __atomic_store_n((uint64_t *)at, bits, __ATOMIC_SEQ_CST);
    }
}

/// Writes `bits` if the element has the bits `*expected`; else false, and `*expected` is what it has.
static inline bool lfs_element_exchange(void *at, lfs_element type, uint64_t *expected, uint64_t bits) {
    bool done;
    switch (lfs_element_size(type)) {
    case 1: {
        uint8_t old = (uint8_t)*expected;
        done = __atomic_compare_exchange_n((uint8_t *)at, &old, (uint8_t)bits, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        break;
    }
    case 2: {
        uint16_t old = (uint16_t)*expected;
        done = __atomic_compare_exchange_n((uint16_t *)at, &old, (uint16_t)bits, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        break;
    }
    case 4: {
        uint32_t old = (uint32_t)*expected;
        done = __atomic_compare_exchange_n((uint32_t *)at, &old, (uint32_t)bits, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        break;
    }
    default:
        return __atomic_compare_exchange_n((uint64_t *)at, expected, bits, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (!done) *expected = lfs_element_load(at, type);
    return done;
}

static inline double lfs_element_to_double(lfs_element type, uint64_t bits) {
    if (type == LFS_F64) {
        double value;
        memcpy(&value, &bits, 8);
        return value;
    }
    uint32_t half = (uint32_t)bits;
    float value;
    memcpy(&value, &half, 4);
    return (double)value;
}

static inline uint64_t lfs_element_from_double(lfs_element type, double number) {
    if (type == LFS_F64) {
        uint64_t bits;
        memcpy(&bits, &number, 8);
        return bits;
    }
    float value = (float)number;
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

/// Adds to an integer; `*result` is the sum. False, and nothing changed, where the sum has no place in the type. 64 bits wrap around, as in Lua.
static inline bool lfs_element_add(void *at, lfs_element type, int64_t value, int64_t *result) {
    if (type == LFS_I64 || type == LFS_U64) {
        *result = (int64_t)(__atomic_fetch_add((uint64_t *)at, (uint64_t)value, __ATOMIC_SEQ_CST) + (uint64_t)value);
        return true;
    }
    uint64_t bits = lfs_element_load(at, type);
    do {
        if (__builtin_add_overflow((int64_t)bits, value, result) || !lfs_element_fits(type, *result)) return false;
    } while (!lfs_element_exchange(at, type, &bits, (uint64_t)*result));
    return true;
}

/// Adds to a float; returns the sum.
static inline double lfs_element_add_double(void *at, lfs_element type, double value) {
    uint64_t bits = lfs_element_load(at, type);
    double sum;
    do sum = lfs_element_to_double(type, bits) + value;
    while (!lfs_element_exchange(at, type, &bits, lfs_element_from_double(type, sum)));
    return type == LFS_F32 ? (double)(float)sum : sum;
}

#endif
