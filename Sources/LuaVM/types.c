// fleet.register, and the table of types: it has each under its name and under its metatable.
#include "types.h"

#include "vm.h"

void vm_replace_by_type(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm_of(L)->types);
    lua_insert(L, -2);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/// [-0, +0] Forgets the type that has the value at `index` as its name or metatable.
static void forget(lua_State *L, int index) {
    lua_pushvalue(L, index);
    vm_replace_by_type(L);
    if (!lua_isnil(L, -1)) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, vm_of(L)->types);
        for (int field = TYPE_METATABLE; field <= TYPE_NAME; field += TYPE_NAME - TYPE_METATABLE) {
            lua_rawgeti(L, -2, field);
            lua_pushnil(L);
            lua_rawset(L, -3);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/// [-0, +0, e] Field `name` of the options at index 3 becomes field `field` of the type on top.
static void set_option(lua_State *L, const char *name, int field) {
    if (lua_isnoneornil(L, 3)) return;
    lua_getfield(L, 3, name);
    if (!lua_isnil(L, -1) && !lua_isfunction(L, -1))
        luaL_error(L, "bad argument #3 to 'register' (field '%s' is no function)", name);
    lua_rawseti(L, -2, field);
}

int fleet_register(lua_State *L) {
    luaL_checktype(L, 1, LUA_TSTRING);
    luaL_checktype(L, 2, LUA_TTABLE);
    vm_of(L)->sandbox.has_finalizers = true;  // its metatable may have __gc by the time an object gets it
    if (!lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    lua_createtable(L, TYPE_NAME, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, TYPE_METATABLE);
    set_option(L, "encode", TYPE_ENCODE);
    set_option(L, "decode", TYPE_DECODE);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, TYPE_NAME);
    forget(L, 1);
    forget(L, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm_of(L)->types);
    for (int key = 1; key <= 2; key++) {
        lua_pushvalue(L, key);
        lua_pushvalue(L, 4);
        lua_rawset(L, -3);
    }
    return 0;
}
