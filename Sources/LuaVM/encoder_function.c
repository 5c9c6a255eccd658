// Functions on the wire: a Lua function as its bytecode and its upvalues, anything that a library owns as a name.
#include "encoder_buffer.h"
#include "names.h"
#include "vm.h"

typedef struct {
    encoder *e;
    lfvm_status status;
} dump_target;

static int write_dump(lua_State *L, const void *bytes, size_t count, void *context) {
    dump_target *target = context;
    encoder *e = target->e;
    if ((size_t)(e->end - e->at) < count) {
        target->status = encoder_try_grow(e, count);
        if (target->status != LFVM_OK) return 1;
    }
    memcpy(e->at, bytes, count);
    e->at += count;
    return 0;
}

/// [-0, +0] The bytecode of the function on top, with its debug information, as a byte string.
static void put_bytecode(encoder *e, lua_State *L) {
    need(e, L, LARGEST_HEAD);
    size_t head = (size_t)(e->at - e->start);
    e->at += LARGEST_HEAD;  // moved together once the count is known
    dump_target target = {e, LFVM_OK};
    lua_dump(L, write_dump, &target, 0);
    if (target.status == LFVM_MEMORY_LIMIT) encoder_no_memory(e, L);
    if (target.status != LFVM_OK)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "the message is larger than %zu bytes", e->cap);
    size_t content = head + LARGEST_HEAD, count = (size_t)(e->at - e->start) - content;
    e->at = e->start + head;
    put_head_unchecked(e, MAJOR_BYTES, count);
    memmove(e->at, e->start + content, count);
    e->at += count;
}

void encoder_begin_function(encoder *e, lua_State *L) {
    lua_Debug function;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">u", &function);
    encoder_frame *f = encoder_push_frame(e, L);
    f->state = ENCODER_UPVALUES;
    f->last = function.nups;
    put_head(e, L, MAJOR_TAG, TAG_FUNCTION);
    put_head(e, L, MAJOR_ARRAY, (uint64_t)function.nups + 1);
    put_bytecode(e, L);
}

// The mark of a variable that upvalues share: its number and the pass in which it got it.
static uint32_t cell_mark(const encoder *e, uint32_t number) {
    return (number + 1) << 1 | e->tagging;
}

void encoder_step_upvalues(encoder *e, lua_State *L, encoder_frame *f) {
    while (f->count < f->last) {
        int index = (int)++f->count;
        pointer_slot *slot = pointer_set_slot(&e->met, &e->vm->memory, lua_upvalueid(L, f->base, index));
        if (slot == NULL) encoder_no_memory(e, L);
        if (slot->mark != 0 && (slot->mark & 1) == e->tagging) {
            put_head(e, L, MAJOR_UNSIGNED, (slot->mark >> 1) - 1);
            continue;
        }
        slot->mark = cell_mark(e, e->cell_count++);
        put_byte(e, L, MAJOR_ARRAY << 5 | 1);
        lua_getupvalue(L, f->base, index);
        if (!encoder_put_scalar(e, L, -1)) {
            encoder_begin(e, L);
            return;
        }
        lua_pop(L, 1);
    }
    encoder_pop_frame(e, L);
}

bool encoder_put_name(encoder *e, lua_State *L) {
    lfvm *vm = e->vm;
    if (lua_istable(L, -1)) {
        const char *name = vm_library_name(vm, lua_topointer(L, -1));
        if (name == NULL) return false;
        put_head(e, L, MAJOR_TAG, TAG_NAME);
        put_bytes(e, L, name, strlen(name));
        lua_pop(L, 1);
        return true;
    }
    bool is_c = lua_iscfunction(L, -1);
    if (!is_c && !vm->by_name_only) return false;
    vm_push_function_name(vm, L);
    if (lua_isnil(L, -1)) {
        if (is_c) encoder_fail(e, L, LFVM_NOT_ENCODABLE, "C function that no library has");
        encoder_fail(e, L, LFVM_NOT_ENCODABLE, "Lua function without a name: in a sandbox functions cross by name only");
    }
    size_t count;
    const char *name = lua_tolstring(L, -1, &count);
    put_head(e, L, MAJOR_TAG, TAG_NAME);
    put_bytes(e, L, name, count);
    lua_pop(L, 2);
    return true;
}
