// Objects on the wire: those of a registered type as its name and a state, those whose metatable has __fleet_reduce as a function and its arguments.
#include "encoder_buffer.h"
#include "types.h"
#include "vm.h"

/// [-0, +1] What was written for the object at `object` in an earlier pass, or nil. A second call of the script's function could give something else, and
/// tables that were made for it must not die as long as their addresses count.
static void push_written(encoder *e, lua_State *L, int object) {
    if (e->states == LUA_NOREF) {
        lua_newtable(L);
        e->states = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->states);
    lua_pushvalue(L, object);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

static void keep_written(encoder *e, lua_State *L, int object) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->states);
    lua_pushvalue(L, object);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/// [-1, +results] Calls the function on top with the object at `object`. Only here does code of a script run during encoding: it may send messages, which take
/// another encoder.
static void call(encoder *e, lua_State *L, int object, int results, const char *name) {
    lua_pushvalue(L, object);
    int code = lua_pcall(L, 1, results, 0);
    if (code == LUA_OK) return;
    if (code == LUA_ERRMEM) encoder_no_memory(e, L);
    const char *why = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
    encoder_fail(e, L, LFVM_NOT_ENCODABLE, "%s raised: %.120s", name, why);
}

/// [-1, +1] Table of the constructor and its arguments, for the __fleet_reduce on top.
static void reduce(encoder *e, lua_State *L, int object) {
    int first = lua_gettop(L);
    call(e, L, object, LUA_MULTRET, "__fleet_reduce");
    int count = lua_gettop(L) - first + 1;
    if (count == 0 || !lua_isfunction(L, first))
        encoder_fail(e, L, LFVM_NOT_ENCODABLE, "__fleet_reduce returned no function");
    if (!lua_checkstack(L, LUA_MINSTACK)) encoder_no_memory(e, L);
    lua_createtable(L, count, 1);
    lua_insert(L, first);
    for (int i = count; i >= 1; i--) lua_rawseti(L, first, i);
    lua_pushinteger(L, count);
    lua_setfield(L, first, "n");
}

/// [-1, +1] Table of the name and the state, for the type on top, which has an encode function.
static void encode(encoder *e, lua_State *L, int object) {
    int type = lua_gettop(L);
    lua_createtable(L, 2, 1);
    lua_rawgeti(L, type, TYPE_NAME);
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, type, TYPE_ENCODE);
    call(e, L, object, 1, "encode");
    lua_rawseti(L, -2, 2);
    lua_pushinteger(L, 2);
    lua_setfield(L, -2, "n");
    lua_replace(L, type);
}

/// Writes the head of an object whose parts are in the table on top. Stack: object, parts.
static void begin_parts(encoder *e, lua_State *L) {
    lua_getfield(L, -1, "n");
    lua_Integer count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    encoder_frame *f = encoder_push_frame(e, L);
    f->base = lua_gettop(L) - 1;
    f->state = ENCODER_OBJECT;
    f->last = count;
    e->object_depth++;
    put_head(e, L, MAJOR_TAG, TAG_OBJECT);
    put_head(e, L, MAJOR_ARRAY, (uint64_t)count);
}

/// [-1, +0] A table of a type without an encode function: its name, and the table as any other.
static void begin_typed_table(encoder *e, lua_State *L) {
    put_head(e, L, MAJOR_TAG, TAG_OBJECT);
    put_byte(e, L, MAJOR_ARRAY << 5 | 2);
    size_t count;
    lua_rawgeti(L, -1, TYPE_NAME);
    const char *name = lua_tolstring(L, -1, &count);
    put_bytes(e, L, name, count);
    lua_pop(L, 2);
    encoder_push_frame(e, L)->state = ENCODER_SEQUENCE;
    lua_pushnil(L);
}

bool encoder_begin_object(encoder *e, lua_State *L) {
    if (!lua_checkstack(L, LUA_MINSTACK)) encoder_no_memory(e, L);
    int object = lua_gettop(L);
    lua_getmetatable(L, object);
    lua_pushvalue(L, -1);
    vm_replace_by_type(L);  // object, metatable, type
    bool has_type = !lua_isnil(L, -1), has_function;
    if (has_type) {
        has_function = lua_rawgeti(L, -1, TYPE_ENCODE) != LUA_TNIL;
        lua_pop(L, 1);
        lua_remove(L, -2);  // object, type
        if (!has_function) {
            if (!lua_istable(L, object)) {
                lua_settop(L, object);
                return false;
            }
            begin_typed_table(e, L);
            return true;
        }
    } else {
        lua_pop(L, 1);
        lua_pushliteral(L, "__fleet_reduce");
        has_function = lua_rawget(L, -2) != LUA_TNIL;
        lua_remove(L, -2);  // object, function or nil
        if (!has_function) {
            lua_settop(L, object);
            return false;
        }
    }
    push_written(e, L, object);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        if (has_type) encode(e, L, object);
        else reduce(e, L, object);
        keep_written(e, L, object);
    } else {
        lua_replace(L, -2);
    }
    begin_parts(e, L);  // object, parts
    return true;
}

void encoder_step_object(encoder *e, lua_State *L, encoder_frame *f) {
    while (f->count < f->last) {
        lua_rawgeti(L, f->base + 1, ++f->count);
        if (!encoder_put_scalar(e, L, -1)) {
            encoder_begin(e, L);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    e->object_depth--;
    encoder_pop_frame(e, L);
}
