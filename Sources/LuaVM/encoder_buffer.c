// The encoder's buffer: its growth, the pieces of a message, and heads whose counts become known last.
#include "encoder_buffer.h"

#include "vm.h"

enum { SMALLEST_BUFFER = 4096 };

void encoder_no_memory(encoder *e, lua_State *L) {
    encoder_fail(e, L, LFVM_MEMORY_LIMIT, "not enough memory");
}

static _Noreturn void too_large(encoder *e, lua_State *L) {
    encoder_fail(e, L, LFVM_RESULT_LIMIT, "the message is larger than %zu bytes", e->cap);
}

lfvm_status encoder_try_grow(encoder *e, size_t more) {
    size_t used = (size_t)(e->at - e->start), capacity = (size_t)(e->end - e->start);
    size_t cap = e->cap;
    if (more > cap + SLACK || used + e->outside > cap + SLACK - more) return LFVM_RESULT_LIMIT;
    size_t larger = capacity * 2;
    if (larger < used + more) larger = used + more;
    if (larger < SMALLEST_BUFFER) larger = SMALLEST_BUFFER;
    uint8_t *moved = vm_resize(&e->vm->memory, e->start, capacity, larger);
    if (moved == NULL) return LFVM_MEMORY_LIMIT;
    e->start = moved;
    e->at = moved + used;
    e->end = moved + larger;
    return LFVM_OK;
}

void encoder_grow(encoder *e, lua_State *L, size_t more) {
    lfvm_status status = encoder_try_grow(e, more);
    if (status == LFVM_RESULT_LIMIT) too_large(e, L);
    if (status != LFVM_OK) encoder_no_memory(e, L);
}

static void add_piece(encoder *e, lua_State *L, const uint8_t *bytes, size_t count) {
    if (e->piece_count == e->piece_capacity) {
        size_t larger = e->piece_capacity == 0 ? 4 : e->piece_capacity * 2;
        lfvm_piece *moved = vm_resize(
            &e->vm->memory, e->pieces, e->piece_capacity * sizeof(lfvm_piece), larger * sizeof(lfvm_piece));
        if (moved == NULL) encoder_no_memory(e, L);
        e->pieces = moved;
        e->piece_capacity = larger;
    }
    e->pieces[e->piece_count++] = (lfvm_piece){bytes, count};
}

void encoder_close_piece(encoder *e, lua_State *L) {
    size_t used = (size_t)(e->at - e->start);
    if (used > e->piece_from) add_piece(e, L, NULL, used - e->piece_from);
    e->piece_from = used;
}

void encoder_put_outside(encoder *e, lua_State *L, int index, const char *bytes, size_t count) {
    size_t cap = e->cap, used = (size_t)(e->at - e->start) + e->outside;
    if (count > cap || used > cap - count) too_large(e, L);
    encoder_close_piece(e, L);
    // The script may drop the string before the message is sent: the table `anchors` keeps it.
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->vm->anchors);
    lua_pushvalue(L, index < 0 ? index - 1 : index);
    lua_rawseti(L, -2, e->vm->anchor_count + 1);
    e->vm->anchor_count++;  // only now: encoder_reset_all takes for granted that the keys are there
    lua_pop(L, 1);
    add_piece(e, L, (const uint8_t *)bytes, count);
    e->outside += count;
}

void encoder_reserve_head(encoder *e, lua_State *L, encoder_frame *f, size_t count) {
    f->width = count <= 23 ? 1 : count <= UINT16_MAX ? 3 : 5;
    f->room = count <= 23 ? 23 : count <= UINT16_MAX ? UINT16_MAX : UINT32_MAX;
    need(e, L, LARGEST_HEAD);
    f->head = (size_t)(e->at - e->start);
    e->at += f->width;
}

void encoder_write_head(encoder *e, const encoder_frame *f, unsigned major, uint32_t count) {
    if (e->scanning) return;  // the buffer starts anew now and then: the head is no longer where it was
    uint8_t *at = e->start + f->head, first = (uint8_t)(major << 5);
    if (f->width == 1) {
        at[0] = (uint8_t)(first | count);
    } else if (f->width == 3) {
        at[0] = first | 25;
        at[1] = (uint8_t)(count >> 8);
        at[2] = (uint8_t)count;
    } else {
        at[0] = first | 26;
        count = __builtin_bswap32(count);
        memcpy(at + 1, &count, 4);
    }
}

void encoder_widen_head(encoder *e, lua_State *L, encoder_frame *f) {
    if (f->width == 5) too_large(e, L);
    size_t content = f->head + f->width;
    f->room = f->width == 1 ? UINT16_MAX : UINT32_MAX;
    f->width += 2;
    if (e->scanning) return;
    need(e, L, 2);
    memmove(e->start + content + 2, e->start + content, (size_t)(e->at - e->start) - content);
    e->at += 2;
    if (f->head >= e->piece_from) return;
    size_t from = 0;
    for (size_t i = 0;; i++) {  // the piece with the head is one of the closed ones
        if (e->pieces[i].bytes != NULL) continue;
        from += e->pieces[i].count;
        if (f->head >= from) continue;
        e->pieces[i].count += 2;
        e->piece_from += 2;
        return;
    }
}

void encoder_shrink(encoder *e, size_t kept) {
    vm_memory *memory = &e->vm->memory;
    size_t capacity = (size_t)(e->end - e->start);
    if (capacity > kept) {
        vm_resize(memory, e->start, capacity, 0);
        e->start = e->at = e->end = NULL;
    }
    if (e->piece_capacity * sizeof(lfvm_piece) > kept) {
        vm_resize(memory, e->pieces, e->piece_capacity * sizeof(lfvm_piece), 0);
        e->pieces = NULL;
        e->piece_capacity = 0;
    }
}

encoder_frame *encoder_push_frame(encoder *e, lua_State *L) {
    if (e->depth >= e->vm->caps.depth)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "nested deeper than %u levels", e->vm->caps.depth);
    if (e->depth == e->frame_capacity) {
        size_t larger = e->frame_capacity == 0 ? 16 : e->frame_capacity * 2;
        encoder_frame *moved = vm_resize(
            &e->vm->memory, e->frames, e->frame_capacity * sizeof(encoder_frame), larger * sizeof(encoder_frame));
        if (moved == NULL) encoder_no_memory(e, L);
        e->frames = moved;
        e->frame_capacity = larger;
    }
    if (!lua_checkstack(L, LUA_MINSTACK)) encoder_no_memory(e, L);
    encoder_frame *f = &e->frames[e->depth++];
    *f = (encoder_frame){.base = lua_gettop(L)};
    return f;
}
