// Names of functions and of libraries' tables, found by looking through package.loaded.
#include "names.h"

#include <string.h>

#include "vm.h"

static const char *const libraries[] = {
    LUA_GNAME,      LUA_COLIBNAME,  LUA_DBLIBNAME,  LUA_IOLIBNAME, LUA_MATHLIBNAME, LUA_OSLIBNAME,
    LUA_LOADLIBNAME, LUA_STRLIBNAME, LUA_TABLIBNAME, LUA_UTF8LIBNAME, "fleet",
};
enum { LIBRARY_COUNT = sizeof libraries / sizeof libraries[0] };

// The tables are kept alive in `library_tables`: so an address is never another table's.
void vm_note_libraries(lfvm *vm, lua_State *L) {
    lua_createtable(L, LIBRARY_COUNT, 0);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    for (int i = 0; i < LIBRARY_COUNT; i++) {
        if (lua_getfield(L, -1, libraries[i]) != LUA_TTABLE) {  // this level has it not
            lua_pop(L, 1);
            continue;
        }
        pointer_slot *slot = pointer_set_slot(&vm->libraries, &vm->memory, lua_topointer(L, -1));
        if (slot == NULL) luaL_error(L, "not enough memory");
        slot->mark = (uint32_t)i;
        lua_rawseti(L, -3, i + 1);
    }
    lua_pop(L, 1);
    vm->library_tables = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    vm->names = luaL_ref(L, LUA_REGISTRYINDEX);
}

const char *vm_library_name(const lfvm *vm, const void *table) {
    const pointer_slot *slot = pointer_set_find(&vm->libraries, table);
    return slot == NULL ? NULL : libraries[slot->mark];
}

/// [-0, +1 if found] The string key under which the table on top has the value at `value`.
static bool find_key(lua_State *L, int value) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_rawequal(L, -1, value)) {
            lua_pop(L, 1);
            return true;
        }
        lua_pop(L, 1);
    }
    return false;
}

/// [-0, +1 if found, m] Looks through the table on top, which is module `module`.
static bool find_in_module(lua_State *L, int value, const char *module) {
    if (!find_key(L, value)) return false;
    if (strcmp(module, LUA_GNAME) != 0) {
        lua_pushfstring(L, "%s.%s", module, lua_tostring(L, -1));
        lua_replace(L, -2);
    }
    return true;
}

/// [-0, +1, m] Searches the standard libraries first, so that a module that lends a function from there gives it no name of its own.
static void search(lfvm *vm, lua_State *L, int value) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->library_tables);
    for (int i = 0; i < LIBRARY_COUNT; i++) {
        if (lua_rawgeti(L, -1, i + 1) == LUA_TTABLE && find_in_module(L, value, libraries[i])) {
            lua_replace(L, -3);
            lua_pop(L, 1);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    while (lua_next(L, -2)) {  // loaded, module's name, module
        if (lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1) && find_in_module(L, value, lua_tostring(L, -2))) {
            lua_replace(L, -4);
            lua_pop(L, 2);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushnil(L);
}

void vm_push_function_name(lfvm *vm, lua_State *L) {
    int value = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->names);
    lua_pushvalue(L, value);
    if (lua_rawget(L, -2) == LUA_TSTRING) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    search(vm, L, value);  // names, name
    if (lua_iscfunction(L, value) && !lua_isnil(L, -1)) {  // a Lua function may leave its module, a library's hardly
        lua_pushvalue(L, value);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
    }
    lua_remove(L, -2);
}

void vm_resolve_name(lua_State *L, const char *name, size_t count) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    const char *dot = memrchr(name, '.', count);
    if (dot == NULL) {  // a module's table, else a global
        lua_pushlstring(L, name, count);
        if (lua_rawget(L, -2) != LUA_TTABLE) {
            lua_pop(L, 1);
            lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
            lua_pushlstring(L, name, count);
            lua_rawget(L, -2);
            lua_remove(L, -2);
        }
    } else {
        lua_pushlstring(L, name, (size_t)(dot - name));
        lua_rawget(L, -2);
        if (lua_istable(L, -1)) {
            lua_pushlstring(L, dot + 1, (size_t)(name + count - dot - 1));
            lua_rawget(L, -2);
            lua_remove(L, -2);
        } else {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
    }
    lua_remove(L, -2);
}
