// Shared tables with the syntax of Lua's own: d.key, d.key = v, #l, pairs(d), and an update that nobody comes between.
#include <string.h>

#include "shared.h"

/// Upvalue 1: the kind; 2, of __index: the table of methods.

static int table_get(lua_State *L) {
    shared_request request = {.operation = SHARED_TABLE_GET, .handle = shared_check(L), .timeout = -1};
    luaL_checkany(L, 2);
    int results;
    shared_ask(L, &request, 2, 1, &results);
    return results;
}

static int table_set(lua_State *L) {
    shared_request request = {.operation = SHARED_TABLE_SET, .handle = shared_check(L), .timeout = -1};
    lua_settop(L, 3);
    shared_ask(L, &request, 2, 2, NULL);
    return 0;
}

static int table_index(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
        lua_pop(L, 1);
    }
    return table_get(L);
}

static int table_new_index(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
            return luaL_error(L, "'%s' is the name of a method; use :set(\"%s\", value) and :get(\"%s\")", lua_tostring(L, 2),
                              lua_tostring(L, 2), lua_tostring(L, 2));
        lua_pop(L, 1);
    }
    return table_set(L);
}

static int table_len(lua_State *L) {
    lua_settop(L, 1);
    shared_request request = {.operation = SHARED_TABLE_COUNT, .handle = shared_check(L), .timeout = -1};
    int results;
    shared_ask(L, &request, 0, 0, &results);
    return results;
}

/// [-0, +1] The entries as they are now: a table of key, value, key, value….
static void push_entries(lua_State *L) {
    shared_request request = {.operation = SHARED_TABLE_ENTRIES, .handle = shared_check(L), .timeout = -1};
    shared_ask(L, &request, 0, 0, NULL);
}

/// Upvalues: entries, the place of the next one.
static int next_entry(lua_State *L) {
    lua_Integer place = lua_tointeger(L, lua_upvalueindex(2));
    lua_pushinteger(L, place + 2);
    lua_replace(L, lua_upvalueindex(2));
    if (lua_rawgeti(L, lua_upvalueindex(1), place) == LUA_TNIL) return 1;
    lua_rawgeti(L, lua_upvalueindex(1), place + 1);
    return 2;
}

static int table_pairs(lua_State *L) {
    push_entries(L);
    lua_pushinteger(L, 1);
    lua_pushcclosure(L, next_entry, 2);
    lua_pushvalue(L, 1);
    return 2;
}

/// An ordinary table of what is in it now; nested tables are still the live ones.
static int table_copy(lua_State *L) {
    lua_settop(L, 1);
    push_entries(L);
    lua_newtable(L);
    for (lua_Integer i = 1; lua_rawgeti(L, 2, i) != LUA_TNIL; i += 2) {
        lua_rawgeti(L, 2, i + 1);
        lua_rawset(L, 3);
    }
    lua_settop(L, 3);
    return 1;
}

static int table_insert(lua_State *L) {
    shared_request request = {.operation = SHARED_TABLE_INSERT, .handle = shared_check(L), .timeout = -1};
    if (lua_gettop(L) == 2) {
        lua_pushinteger(L, 0);  // at the end
        lua_insert(L, 2);
    } else {
        luaL_checkinteger(L, 2);
    }
    luaL_argcheck(L, !lua_isnoneornil(L, 3), lua_gettop(L), "a value expected, got nil");
    lua_settop(L, 3);
    shared_ask(L, &request, 2, 2, NULL);
    return 0;
}

static int table_remove(lua_State *L) {
    shared_request request = {.operation = SHARED_TABLE_REMOVE, .handle = shared_check(L), .timeout = -1};
    lua_Integer position = luaL_optinteger(L, 2, 0);  // 0: the last
    lua_settop(L, 1);
    lua_pushinteger(L, position);
    int results;
    shared_ask(L, &request, 2, 1, &results);
    return results;
}

static int table_clear(lua_State *L) {
    shared_request request = {.operation = SHARED_TABLE_CLEAR, .handle = shared_check(L), .timeout = -1};
    shared_ask(L, &request, 0, 0, NULL);
    return 0;
}

/// The __close of an update's guard {handle}: an error comes out of the function, and nothing changes. The guard is empty after success.
static int abandon_update(lua_State *L) {
    if (lua_rawgeti(L, 1, 1) == LUA_TNIL) return 0;
    shared_request request = {.operation = SHARED_END_UPDATE, .handle = shared_to_handle(L, -1), .timeout = -1, .argument = 1};
    shared_ask(L, &request, 0, 0, NULL);
    return 0;
}

/// d:update(key, fn [, budget]): fn(value) returns the new value, which update returns. Nobody else writes to the table meanwhile, for `budget` seconds at most.
static int table_update(lua_State *L) {
    shared_handle *handle = shared_check(L);
    luaL_checkany(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    shared_request begin = {.operation = SHARED_BEGIN_UPDATE, .handle = handle, .timeout = shared_timeout(L, 4)};
    lua_settop(L, 3);  // table, key, fn
    lua_createtable(L, 1, 0);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, abandon_update);
    lua_setfield(L, -2, "__close");
    lua_setmetatable(L, -2);  // table, key, fn, guard
    lua_toclose(L, 4);
    lua_pushvalue(L, 3);
    shared_ask(L, &begin, 2, 1, NULL);  // guard, fn, value
    lua_pushvalue(L, 1);
    lua_rawseti(L, 4, 1);
    lua_call(L, 1, 1);  // table, key, fn, guard, new value
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 5);
    shared_request end = {.operation = SHARED_END_UPDATE, .handle = handle, .timeout = -1};
    // If the value cannot be sent, the guard ends the update.
    shared_ask(L, &end, 6, 2, NULL);
    lua_pushnil(L);
    lua_rawseti(L, 4, 1);
    lua_settop(L, 5);
    return 1;
}

void shared_table_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg methods[] = {
        {"get", table_get}, {"set", table_set}, {"update", table_update}, {"copy", table_copy}, {"insert", table_insert},
        {"remove", table_remove}, {"clear", table_clear}, {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__len", table_len}, {"__pairs", table_pairs}, {NULL, NULL}};
    static const luaL_Reg indexing[] = {{"__index", table_index}, {"__newindex", table_new_index}, {NULL, NULL}};
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, methods, 1);
    lua_pushvalue(L, -2);  // metatable, methods, metatable
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, meta, 1);
    lua_pushinteger(L, kind);
    lua_pushvalue(L, -3);
    luaL_setfuncs(L, indexing, 2);
    lua_pop(L, 1);
}
