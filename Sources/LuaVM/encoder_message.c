// Whole messages out of the VM: encoders, the two passes, the pieces of the result.
#include "encoder_buffer.h"
#include "vm.h"

enum {
    LARGEST_KEPT = 1 << 20,       // a buffer above this is given back when the next messages are small
    PIECE_THRESHOLD = 64 * 1024,  // below, a copy costs less than one more element of writev
};

static void put_message(encoder *e, lua_State *L, int first, int count) {
    e->at = e->start;
    e->piece_count = e->piece_from = e->outside = e->elements = e->depth = e->object_depth = 0;
    e->number = 0;
    e->cell_count = 0;
    put_head(e, L, MAJOR_ARRAY, (uint64_t)count);
    for (int i = 0; i < count; i++) {
        e->number = i + 1;
        encoder_put_value(e, L, first + i);
    }
}

static void release_states(encoder *e, lua_State *L) {
    luaL_unref(L, LUA_REGISTRYINDEX, e->states);
    e->states = LUA_NOREF;
}

static encoder *take(lfvm *vm, lua_State *L, encoder_request request) {
    encoder *e = vm->encoders;
    while (e != NULL && e->busy) e = e->next;
    if (e == NULL) {
        e = vm_resize(&vm->memory, NULL, 0, sizeof(encoder));
        if (e == NULL) {
            if (request.in_script) luaL_error(L, "not enough memory");
            vm_raise(vm, L, LFVM_MEMORY_LIMIT, "not enough memory");
        }
        *e = (encoder){.vm = vm, .next = vm->encoders, .states = LUA_NOREF};
        vm->encoders = e;
    }
    e->busy = true;
    e->in_script = request.in_script;
    e->what = request.what;
    e->cap = request.limit != 0 && request.limit < vm->caps.bytes ? request.limit : vm->caps.bytes;
    e->copied_below = request.contiguous ? SIZE_MAX : PIECE_THRESHOLD;
    e->scanning = e->tagging = e->has_handles = false;
    e->shared_count = 0;
    pointer_set_clear(&e->met, &vm->memory);
    if (e->states != LUA_NOREF) release_states(e, L);  // left by an error
    if (e->last_total < LARGEST_KEPT / 4) encoder_shrink(e, LARGEST_KEPT);
    return e;
}

void encoder_encode(lfvm *vm, lua_State *L, int first, int count, encoder_request request, lfvm_message *message) {
    encoder *e = take(vm, L, request);
    put_message(e, L, first, count);
    if (e->scanning) {
        e->scanning = false;
        e->tagging = true;
        put_message(e, L, first, count);
    }
    encoder_close_piece(e, L);
    e->number = 0;
    size_t total = 0;
    const uint8_t *own = e->start;
    for (size_t i = 0; i < e->piece_count; i++) {
        lfvm_piece *piece = &e->pieces[i];
        total += piece->count;
        if (piece->bytes != NULL) continue;
        piece->bytes = own;
        own += piece->count;
    }
    if (total > e->cap) encoder_fail(e, L, LFVM_RESULT_LIMIT, "the message is larger than %zu bytes", e->cap);
    if (e->states != LUA_NOREF) release_states(e, L);
    e->last_total = total - e->outside;
    e->busy = request.is_kept;
    *message = (lfvm_message){e->pieces, e->piece_count, total, e->has_handles};
}

void encoder_reset_all(lfvm *vm) {
    for (encoder *e = vm->encoders; e != NULL; e = e->next) e->busy = false;
    if (vm->anchor_count == 0) return;
    lua_rawgeti(vm->L, LUA_REGISTRYINDEX, vm->anchors);
    for (; vm->anchor_count > 0; vm->anchor_count--) {
        lua_pushnil(vm->L);
        lua_rawseti(vm->L, -2, vm->anchor_count);  // the keys are there: allocates nothing
    }
    lua_pop(vm->L, 1);
}

void encoder_free_all(lfvm *vm) {
    while (vm->encoders != NULL) {
        encoder *e = vm->encoders;
        vm->encoders = e->next;
        pointer_set_free(&e->met, &vm->memory);
        encoder_shrink(e, 0);
        vm_resize(&vm->memory, e->frames, e->frame_capacity * sizeof(encoder_frame), 0);
        vm_resize(&vm->memory, e, sizeof(encoder), 0);
    }
}
