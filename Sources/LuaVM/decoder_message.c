// Whole messages into the VM: decoders and their ends, good and bad.
#include <stdarg.h>
#include <stdio.h>

#include "decoder_read.h"

void decoder_fail(decoder *d, const char *format, ...) {
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    d->busy = false;
    if (d->in_script) luaL_error(d->L, "malformed message: %s", text);
    vm_raise(d->vm, d->L, LFVM_BAD_MESSAGE, "malformed message: %s", text);
}

void decoder_no_memory(decoder *d) {
    d->busy = false;
    if (d->in_script) luaL_error(d->L, "not enough memory");
    vm_raise(d->vm, d->L, LFVM_MEMORY_LIMIT, "not enough memory");
}

// Reading, for the other files

wire_head decoder_read_head(decoder *d) {
    return read_head(d);
}

void decoder_check_room(decoder *d, uint64_t items) {
    uint64_t left = (uint64_t)(d->end - d->at), room = d->owed < left ? left - d->owed : 0;
    if (items > room)
        decoder_fail(d, "a length of %llu at offset %zu, but only %llu bytes are left", (unsigned long long)items,
                     decoder_offset(d), (unsigned long long)left);
}

uint64_t decoder_read_array(decoder *d) {
    wire_head head = read_head(d);
    if (head.major != MAJOR_ARRAY || head.info == INDEFINITE)
        decoder_fail(d, "no array of definite length before offset %zu", decoder_offset(d));
    decoder_check_room(d, head.value);
    d->owed += head.value;
    return head.value;
}

const char *decoder_read_string(decoder *d, size_t *count) {
    wire_head head = read_head(d);
    if ((head.major != MAJOR_BYTES && head.major != MAJOR_TEXT) || head.info == INDEFINITE)
        decoder_fail(d, "no byte string before offset %zu", decoder_offset(d));
    *count = (size_t)head.value;
    return take_bytes(d, head.value);
}

// Messages

static void release(decoder *d, lua_State *L) {
    luaL_unref(L, LUA_REGISTRYINDEX, d->shared);
    luaL_unref(L, LUA_REGISTRYINDEX, d->cells);
    d->shared = d->cells = LUA_NOREF;
}

static decoder *take(lfvm *vm, lua_State *L, bool in_script) {
    decoder *d = vm->decoders;
    while (d != NULL && d->busy) d = d->next;
    if (d == NULL) {
        d = vm_resize(&vm->memory, NULL, 0, sizeof(decoder));
        if (d == NULL) {
            if (in_script) luaL_error(L, "not enough memory");
            vm_raise(vm, L, LFVM_MEMORY_LIMIT, "not enough memory");
        }
        *d = (decoder){.vm = vm, .next = vm->decoders, .shared = LUA_NOREF, .cells = LUA_NOREF};
        vm->decoders = d;
    }
    if (d->shared != LUA_NOREF || d->cells != LUA_NOREF) release(d, L);  // left by an error
    d->L = L;
    d->busy = true;
    d->in_script = in_script;
    d->refuses_handles = vm->refuses_handles;
    vm->refuses_handles = false;
    d->is_shared = d->is_rest = false;
    d->elements = d->levels = d->depth = 0;
    d->shared_count = d->cell_count = 0;
    return d;
}

int vm_decode(lfvm *vm, lua_State *L, const uint8_t *bytes, size_t count, const uint8_t **after, bool in_script) {
    decoder *d = take(vm, L, in_script);
    d->start = d->at = bytes;
    d->end = bytes + count;
    d->owed = 0;
    if (count > vm->caps.bytes) {
        if (after != NULL) count = lfvm_message_size(bytes, count);  // others follow it
        if (count > vm->caps.bytes) decoder_fail(d, "more than %zu bytes", vm->caps.bytes);
    }
    uint64_t items = decoder_read_array(d);
    if (items > LUAI_MAXSTACK - LUA_MINSTACK || !lua_checkstack(L, (int)items + LUA_MINSTACK))
        decoder_fail(d, "too many values: %llu", (unsigned long long)items);
    for (uint64_t i = 0; i < items; i++) {
        d->owed--;
        decoder_read_value(d);
    }
    if (after != NULL) *after = d->at;
    else if (d->at != d->end) decoder_fail(d, "%zu bytes after the end", (size_t)(d->end - d->at));
    if (d->shared != LUA_NOREF || d->cells != LUA_NOREF) release(d, L);
    d->busy = false;
    return (int)items;
}

void vm_decoders_reset(lfvm *vm) {
    for (decoder *d = vm->decoders; d != NULL; d = d->next) d->busy = false;
}

void vm_decoders_free(lfvm *vm) {
    while (vm->decoders != NULL) {
        decoder *d = vm->decoders;
        vm->decoders = d->next;
        vm_resize(&vm->memory, d->frames, d->frame_capacity * sizeof(decoder_frame), 0);
        vm_resize(&vm->memory, d, sizeof(decoder), 0);
    }
}
