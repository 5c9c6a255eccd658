// How the encoder's files write bytes, and what each offers to the others.
#ifndef LFVM_ENCODER_BUFFER_H
#define LFVM_ENCODER_BUFFER_H

#include <string.h>

#include "encoder.h"
#include "wire.h"

enum {
    LARGEST_HEAD = 9,
    SLACK = 2 * LARGEST_HEAD,  // the buffer may pass the cap by this much; the exact check comes last
};

_Noreturn void encoder_no_memory(encoder *e, lua_State *L);

/// Makes room for `more` bytes: LFVM_MEMORY_LIMIT or LFVM_RESULT_LIMIT if it cannot.
lfvm_status encoder_try_grow(encoder *e, size_t more);
void encoder_grow(encoder *e, lua_State *L, size_t more);

/// A string that stays in Lua's memory: the one at stack index `index`.
void encoder_put_outside(encoder *e, lua_State *L, int index, const char *bytes, size_t count);
void encoder_close_piece(encoder *e, lua_State *L);

/// Reserves the head of an array or map of probably `count` items; writes it when the count is known.
void encoder_reserve_head(encoder *e, lua_State *L, encoder_frame *f, size_t count);
void encoder_write_head(encoder *e, const encoder_frame *f, unsigned major, uint32_t count);
/// Makes room in a head for more items, by moving what follows it.
void encoder_widen_head(encoder *e, lua_State *L, encoder_frame *f);

/// Gives back buffers above `kept` bytes.
void encoder_shrink(encoder *e, size_t kept);

/// A new frame for the value on top.
encoder_frame *encoder_push_frame(encoder *e, lua_State *L);

/// [-1, +0] The frame on top is complete and its value on top of the stack.
static inline void encoder_pop_frame(encoder *e, lua_State *L) {
    lua_pop(L, 1);
    e->depth--;
}

/// [-0, +0] Writes the value if it has no parts; false, and nothing written, if it has or cannot be sent.
bool encoder_put_scalar(encoder *e, lua_State *L, int index);

/// [-1, +0 or a frame] Begins the value on top, which encoder_put_scalar has refused.
void encoder_begin(encoder *e, lua_State *L);

// encoder_function.c
void encoder_begin_function(encoder *e, lua_State *L);
void encoder_step_upvalues(encoder *e, lua_State *L, encoder_frame *f);
/// [-1, +0] Writes the function or library table on top as a name, if it has one and is to be sent so.
bool encoder_put_name(encoder *e, lua_State *L);

// encoder_object.c
/// [-0, +0 or the frame's] For a value with a metatable on top of it: whether it is an object of a registered type; then its frame has begun.
bool encoder_begin_object(encoder *e, lua_State *L);
void encoder_step_object(encoder *e, lua_State *L, encoder_frame *f);

static inline void need(encoder *e, lua_State *L, size_t count) {
    if ((size_t)(e->end - e->at) < count) encoder_grow(e, L, count);
}

static inline void put_byte(encoder *e, lua_State *L, uint8_t byte) {
    need(e, L, 1);
    *e->at++ = byte;
}

/// The shortest head. The caller has made room for LARGEST_HEAD.
static inline void put_head_unchecked(encoder *e, unsigned major, uint64_t value) {
    uint8_t *at = e->at;
    uint8_t first = (uint8_t)(major << 5);
    if (value < 24) {
        *at++ = (uint8_t)(first | value);
    } else if (value <= UINT8_MAX) {
        *at++ = first | 24;
        *at++ = (uint8_t)value;
    } else if (value <= UINT16_MAX) {
        *at++ = first | 25;
        *at++ = (uint8_t)(value >> 8);
        *at++ = (uint8_t)value;
    } else if (value <= UINT32_MAX) {
        uint32_t big = __builtin_bswap32((uint32_t)value);
        *at++ = first | 26;
        memcpy(at, &big, 4);
        at += 4;
    } else {
        uint64_t big = __builtin_bswap64(value);
        *at++ = first | 27;
        memcpy(at, &big, 8);
        at += 8;
    }
    e->at = at;
}

static inline void put_head(encoder *e, lua_State *L, unsigned major, uint64_t value) {
    need(e, L, LARGEST_HEAD);
    put_head_unchecked(e, major, value);
}

static inline void put_bytes(encoder *e, lua_State *L, const char *bytes, size_t count) {
    need(e, L, LARGEST_HEAD + count);
    put_head_unchecked(e, MAJOR_BYTES, count);
    memcpy(e->at, bytes, count);
    e->at += count;
}

#endif
