// Functions from the wire: bytecode with its upvalues, and names.
#include "decoder.h"
#include "names.h"

typedef struct {
    const char *bytes;
    size_t count;
} bytecode;

static const char *read_bytecode(lua_State *L, void *context, size_t *count) {
    bytecode *code = context;
    *count = code->count;
    code->count = 0;
    return code->bytes;
}

bool decoder_begin_function(decoder *d) {
    lua_State *L = d->L;
    if (d->vm->by_name_only) decoder_fail(d, "a function by value, which a sandbox does not take, before offset %zu", decoder_offset(d));
    if (d->is_rest) decoder_fail(d, "a function with tag %d before offset %zu", TAG_REST, decoder_offset(d));
    uint64_t items = decoder_read_array(d);
    if (items == 0) decoder_fail(d, "a function without bytecode before offset %zu", decoder_offset(d));
    d->owed--;
    d->elements++;
    bytecode code;
    code.bytes = decoder_read_string(d, &code.count);
    decoder_enter(d);
    decoder_push_frame(d, FRAME_FUNCTION, items - 1);
    int status = lua_load(L, read_bytecode, &code, "=function", "b");
    if (status == LUA_ERRMEM) decoder_no_memory(d);
    if (status != LUA_OK) decoder_fail(d, "%.200s", lua_tostring(L, -1));
    lua_Debug function;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">u", &function);
    if (function.nups != items - 1)
        decoder_fail(d, "a function with %d upvalues, not %llu", function.nups, (unsigned long long)(items - 1));
    if (d->is_shared) {
        d->is_shared = false;
        decoder_set_number(d, ++d->shared_count);
    }
    return false;
}

/// [-0, +0] Joins upvalue `index` of the function on top with variable `number`.
static void join(decoder *d, int index, uint64_t number) {
    lua_State *L = d->L;
    if (number >= (uint64_t)d->cell_count) decoder_fail(d, "a variable that is not there before offset %zu", decoder_offset(d));
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->cells);
    lua_rawgeti(L, -1, 2 * (lua_Integer)number + 1);
    lua_rawgeti(L, -2, 2 * (lua_Integer)number + 2);  // function, cells, owner, index
    lua_upvaluejoin(L, -4, index, -2, (int)lua_tointeger(L, -1));
    lua_pop(L, 3);
}

/// [-0, +0] Upvalue `index` of the function on top is the next variable.
static void add_cell(decoder *d, int index) {
    lua_State *L = d->L;
    if (d->cells == LUA_NOREF) {
        lua_newtable(L);
        d->cells = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->cells);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, 2 * d->cell_count + 1);
    lua_pushinteger(L, index);
    lua_rawseti(L, -2, 2 * d->cell_count + 2);
    lua_pop(L, 1);
    d->cell_count++;
}

void decoder_read_upvalue(decoder *d) {
    decoder_frame *frame = &d->frames[d->depth - 1];
    int index = (int)frame->next++;
    frame->left--;
    wire_head head = decoder_read_head(d);
    if (head.major == MAJOR_UNSIGNED && head.info != INDEFINITE) {
        join(d, index, head.value);
        return;
    }
    if (head.major != MAJOR_ARRAY || head.info == INDEFINITE || head.value != 1)
        decoder_fail(d, "no variable before offset %zu", decoder_offset(d));
    decoder_check_room(d, 1);
    d->owed++;
    add_cell(d, index);
    decoder_push_frame(d, FRAME_CELL, 1)->next = index;
}

void decoder_push_name(decoder *d) {
    size_t count;
    const char *name = decoder_read_string(d, &count);
    d->elements++;
    vm_resolve_name(d->L, name, count);
    if (!lua_isfunction(d->L, -1) && !lua_istable(d->L, -1))
        decoder_fail(d, "nothing here has the name \"%.*s\"", count < 100 ? (int)count : 100, name);
}
