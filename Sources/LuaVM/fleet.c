// The module `fleet`: what a script sees of the worker and the task, and what it may tell the host while it runs.
#include <time.h>

#include "shared.h"
#include "types.h"
#include "vm.h"

const char vm_null = 0;

enum { MESSAGE_PROGRESS = 1, MESSAGE_SEND = 2, MESSAGE_LOG = 3 };

/// Encodes all arguments and hands them to the host.
static int tell(lua_State *L, uint32_t kind) {
    lfvm *vm = vm_of(L);
    lfvm_message message;
    encoder_request request = {.what = "argument", .in_script = true, .contiguous = true};
    encoder_encode(vm, L, 1, lua_gettop(L), request, &message);
    if (vm->callbacks.message != NULL)
        vm->callbacks.message(vm->callbacks.context, kind, message.pieces[0].bytes, message.total);
    return 0;
}

static int fleet_progress(lua_State *L) {
    luaL_checknumber(L, 1);
    if (!lua_isnoneornil(L, 2)) luaL_checknumber(L, 2);
    lua_settop(L, lua_isnoneornil(L, 2) ? 1 : 2);
    return tell(L, MESSAGE_PROGRESS);
}

static int fleet_send(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    return tell(L, MESSAGE_SEND);
}

static int fleet_log(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    if (!lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, lua_isnoneornil(L, 3) ? 2 : 3);
    return tell(L, MESSAGE_LOG);
}

static int fleet_sleep(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0, 1, "a number of seconds, 0 or more, expected");  // not so for NaN either
    if (seconds > 1e9) seconds = 1e9;  // 31 years: time_t does not overflow
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    time_t whole = (time_t)seconds;
    until.tv_sec += whole;
    until.tv_nsec += (long)((seconds - (lua_Number)whole) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    vm_interruptible_sleep(vm_of(L), &until);
    return 0;
}

static int null_tostring(lua_State *L) {
    void *pointer = lua_touserdata(L, 1);
    if (pointer == &vm_null) lua_pushliteral(L, "null");
    else lua_pushfstring(L, "userdata: %p", pointer);
    return 1;
}

/// [-0, +1, m] fleet.null. All light userdata share a metatable; ours gives the null a name.
static void push_null(lua_State *L) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&vm_null);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, null_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
}

void vm_open_fleet(lfvm *vm, lua_State *L) {
    static const luaL_Reg functions[] = {
        {"progress", fleet_progress}, {"send", fleet_send}, {"log", fleet_log}, {"sleep", fleet_sleep},
        {"register", fleet_register}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    shared_open_constructors(L);
    lua_pushvalue(L, -1);
    vm->module = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_setfield(L, -2, "worker");
    lua_newtable(L);
    lua_setfield(L, -2, "state");
    lua_pushliteral(L, "index");
    vm->index_key = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -1);
    vm->task = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, -2, "task");
    push_null(L);
    lua_setfield(L, -2, "null");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "fleet");
    lua_pop(L, 1);
    lua_setglobal(L, "fleet");
}
