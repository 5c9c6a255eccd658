// The functions of Lua's libraries that mean something else in a worker: os.exit, io.open, io.output, math.randomseed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vm.h"

// Each wrapper has Lua's own function as upvalue 1, and checks the arguments itself so that error messages keep its name.

static int finish_call(lua_State *L, int status, lua_KContext context) {
    return lua_gettop(L);
}

int vm_call_original_yielding(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, finish_call);
    return lua_gettop(L);
}

int vm_call_original(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int os_exit(lua_State *L) {
    lfvm *vm = vm_of(L);
    lua_Integer code;
    if (lua_isboolean(L, 1)) code = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
    else code = luaL_optinteger(L, 1, EXIT_SUCCESS);
    fflush(stdout);
    fflush(stderr);
    if (vm->callbacks.exiting != NULL) vm->callbacks.exiting(vm->callbacks.context, (int)code);
    return vm_call_original(L);
}

/// Whether it names standard output or standard error. In a worker these are regular files, and opening one anew for writing would empty it.
static bool is_standard_stream(const char *path) {
    static const char *const paths[] = {
        "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/proc/self/fd/1", "/proc/self/fd/2",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (strcmp(path, paths[i]) == 0) return true;
    return false;
}

/// As Lua's own check.
static bool is_mode(const char *mode) {
    if (*mode == 0 || strchr("rwa", *mode++) == NULL) return false;
    if (*mode == '+') mode++;
    return strspn(mode, "b") == strlen(mode);
}

static int io_open(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *mode = luaL_optstring(L, 2, "r");
    luaL_argcheck(L, is_mode(mode), 2, "invalid mode");
    bool reads = mode[0] == 'r' && mode[1] != '+';
    if (mode[0] == 'w' && is_standard_stream(path)) {
        lua_pushfstring(L, "a%s", mode + 1);
        lua_replace(L, 2);
    }
    int count = vm_call_original(L);
    if (!reads) vm_note_file(L, 1);
    return count;
}

/// Upvalue 2 is io.open as above.
static int io_output(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING && is_standard_stream(lua_tostring(L, 1))) {
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_pushvalue(L, 1);
        lua_pushliteral(L, "a");
        lua_call(L, 2, 2);
        if (lua_isnil(L, -2)) return luaL_error(L, "%s", lua_tostring(L, -1));
        lua_pop(L, 1);
        lua_replace(L, 1);
    }
    bool opens = lua_type(L, 1) == LUA_TSTRING;
    int count = vm_call_original(L);
    if (opens) vm_note_file(L, 1);
    return count;
}

/// Lua's own fresh seed is the time and addresses: alike in forked siblings.
static int math_randomseed(lua_State *L) {
    if (!lua_isnone(L, 1)) {
        luaL_checknumber(L, 1);
        return vm_call_original(L);
    }
    lua_Integer seed[2];
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) return luaL_error(L, "no random numbers from the system");
    lua_pushinteger(L, seed[0]);
    lua_pushinteger(L, seed[1]);
    return vm_call_original(L);
}

void vm_wrap(lua_State *L, const char *name, lua_CFunction wrapper) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, wrapper, 1);
    lua_setfield(L, -2, name);
}

void vm_wrap_libraries(lfvm *vm, lua_State *L) {
    if (vm->level == LFVM_NONE) {
        lua_getglobal(L, "os");
        vm_wrap(L, "exit", os_exit);
        lua_getglobal(L, "io");
        vm_wrap(L, "open", io_open);
        lua_getfield(L, -1, "output");
        lua_getfield(L, -2, "open");
        lua_pushcclosure(L, io_output, 2);
        lua_setfield(L, -2, "output");
        lua_pop(L, 2);
        vm_wrap_reach(L);
    }
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    vm->randomseed = luaL_ref(L, LUA_REGISTRYINDEX);
    vm_wrap(L, "randomseed", math_randomseed);
    lua_pop(L, 1);
    vm_interrupt_wrap(vm, L);
}

void vm_seed(lfvm *vm, lua_State *L, const uint64_t seed[2]) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->randomseed);
    lua_pushinteger(L, (lua_Integer)seed[0]);
    lua_pushinteger(L, (lua_Integer)seed[1]);
    lua_call(L, 2, 0);
}
