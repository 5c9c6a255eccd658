// Scripts: compiled chunks by id, and the functions that they offer by name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"

/// Fields of a script in the table `scripts`.
enum {
    SCRIPT_CHUNK = 1,
    SCRIPT_NAME,
    SCRIPT_FUNCTIONS,  // table: name -> function, as far as they were asked for; nil before the chunk has run
    SCRIPT_RETURNED,   // what the chunk returned
    SCRIPT_WORLD,      // the generation of the sandbox's world that it belongs to; nil: the first
};

/// [-0, +1] The script, or nil.
static void push_script(lfvm *vm, lua_State *L, uint32_t id) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->scripts);
    lua_rawgeti(L, -1, id);
    lua_remove(L, -2);
}

// Definition

struct script_source {
    const char *pieces[2];
    size_t counts[2];
    size_t next;
};

struct script_call {
    uint32_t id;
    const char *name;
    const char *mode;
    const uint8_t *bytes;  // source, or an encoded function
    size_t byte_count;
};

static const char *read_source(lua_State *L, void *context, size_t *count) {
    struct script_source *call = context;
    while (call->next < 2 && call->counts[call->next] == 0) call->next++;
    if (call->next == 2) {
        *count = 0;
        return NULL;
    }
    *count = call->counts[call->next];
    return call->pieces[call->next++];
}

/// Skips a byte-order mark and a first line with '#', as luaL_loadfile does; a newline stands in for the line.
static void set_source(struct script_source *call, const char *source, size_t count) {
    if (count >= 3 && memcmp(source, "\xef\xbb\xbf", 3) == 0) {
        source += 3;
        count -= 3;
    }
    if (count > 0 && source[0] == '#') {
        const char *newline = memchr(source, '\n', count);
        size_t skipped = newline == NULL ? count : (size_t)(newline - source) + 1;
        source += skipped;
        count -= skipped;
        bool is_binary = count > 0 && source[0] == LUA_SIGNATURE[0];
        call->pieces[0] = "\n";
        call->counts[0] = is_binary ? 0 : 1;
    }
    call->pieces[1] = source;
    call->counts[1] = count;
}

int vm_load(lua_State *L, const char *source, size_t count, const char *name, const char *mode) {
    struct script_source pieces = {.next = 0};
    set_source(&pieces, source, count);
    return lua_load(L, read_source, &pieces, name, mode);
}

/// [-1, +0, m] The function on top is the chunk of the script.
static void set_script(lfvm *vm, lua_State *L, uint32_t id, const char *name) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->scripts);
    lua_createtable(L, SCRIPT_WORLD, 0);  // chunk, scripts, script
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, SCRIPT_CHUNK);
    lua_pushstring(L, name);
    lua_rawseti(L, -2, SCRIPT_NAME);
    lua_rawseti(L, -2, id);
    lua_pop(L, 2);
}

static int define_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    struct script_call *call = vm->call;
    int code = vm_load(L, (const char *)call->bytes, call->byte_count, call->name, call->mode);
    if (code == LUA_ERRMEM) vm_raise(vm, L, LFVM_MEMORY_LIMIT, "not enough memory");
    if (code != LUA_OK) vm_raise_string(vm, L, LFVM_LOAD_ERROR, -1);
    set_script(vm, L, call->id, call->name);
    return 0;
}

lfvm_status lfvm_define(
    lfvm *vm, uint32_t id, const char *name, const uint8_t *source, size_t count, bool allow_bytecode, lfvm_message *failure) {
    struct script_call call = {
        .id = id, .name = name, .mode = allow_bytecode && vm->level == LFVM_NONE ? "bt" : "t", .bytes = source, .byte_count = count};
    vm->call = &call;
    return vm_protect(vm, define_body, failure);
}

static int define_function_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    const struct script_call *call = vm->call;
    int count = vm_decode(vm, L, call->bytes, call->byte_count, NULL, false);
    if (count != 1 || !lua_isfunction(L, -1)) vm_raise(vm, L, LFVM_NO_FUNCTION, "the message is not one function");
    set_script(vm, L, call->id, "=function");
    return 0;
}

lfvm_status lfvm_define_function(lfvm *vm, uint32_t id, const uint8_t *bytes, size_t count, lfvm_message *failure) {
    struct script_call call = {.id = id, .bytes = bytes, .byte_count = count};
    vm->call = &call;
    return vm_protect(vm, define_function_body, failure);
}

static int forget_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    const struct script_call *call = vm->call;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->scripts);
    if (lua_rawgeti(L, -1, call->id) == LUA_TNIL) return 0;
    lua_pushnil(L);
    lua_rawseti(L, 1, call->id);
    return 0;
}

void lfvm_forget(lfvm *vm, uint32_t id) {
    struct script_call call = {.id = id};
    vm->call = &call;
    vm_protect(vm, forget_body, NULL);
}

// Lookup

/// [-0, +1, e] Follows `name`, with dots between its parts, from the table on top: nil where it leads nowhere. `is_raw`: the first step asks no metamethod.
static void follow(lua_State *L, const char *name, size_t count, bool is_raw) {
    lua_pushvalue(L, -1);
    const char *end = name + count;
    for (;;) {
        const char *dot = memchr(name, '.', (size_t)(end - name));
        const char *stop = dot == NULL ? end : dot;
        lua_pushlstring(L, name, (size_t)(stop - name));  // table, key
        if (is_raw) lua_rawget(L, -2);
        else lua_gettable(L, -2);
        lua_remove(L, -2);
        if (dot == NULL) return;
        if (!lua_istable(L, -1)) {
            lua_pop(L, 1);
            lua_pushnil(L);
            return;
        }
        is_raw = false;
        name = dot + 1;
    }
}

static bool is_callable(lua_State *L, int index) {
    if (lua_isfunction(L, index)) return true;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/// Writes the names of the functions in the table on top: "a, b, c".
static void list_functions(lua_State *L, char *out, size_t size) {
    enum { MOST = 12 };
    const char *names[MOST];
    int count = 0, all = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1) && all++ < MOST) names[count++] = lua_tostring(L, -2);
        lua_pop(L, 1);
    }
    qsort(names, (size_t)count, sizeof names[0], compare_names);
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < count; i++) {
        int written = snprintf(out + at, size - at, "%s%.40s", i == 0 ? "" : ", ", names[i]);
        if ((size_t)written >= size - at) break;
        at += (size_t)written;
    }
    if (all > count) snprintf(out + at, size - at, ", and %d more", all - count);
}

/// Stack: chunk and returned value on top.
static _Noreturn void fail_lookup(lfvm *vm, lua_State *L, const char *name, size_t count) {
    int shown = count < 100 ? (int)count : 100;
    lua_Debug chunk;
    lua_pushvalue(L, -2);
    lua_getinfo(L, ">S", &chunk);
    if (!lua_istable(L, -1))
        vm_raise(vm, L, LFVM_NO_FUNCTION, "%s: no function \"%.*s\" (the script returned %s%s, and there is no such global)", chunk.short_src,
                 shown, name, lua_isnil(L, -1) ? "nothing" : "a ", lua_isnil(L, -1) ? "" : luaL_typename(L, -1));
    char list[600];
    list_functions(L, list, sizeof list);
    vm_raise(vm, L, LFVM_NO_FUNCTION, "%s: no function \"%.*s\" (the script returned a table %s%s)", chunk.short_src, shown, name,
             list[0] ? "with: " : "without functions", list);
}

/// [-0, +1, e] Finds a function for the first time. Stack: script on top; its chunk has run.
static void find_function(lfvm *vm, lua_State *L, const char *name, size_t count) {
    lua_rawgeti(L, -1, SCRIPT_RETURNED);
    bool is_found = false;
    if (lua_istable(L, -1)) {
        follow(L, name, count, false);
        if (lua_isnil(L, -1)) lua_pop(L, 1);
        else is_found = true;
    }
    if (!is_found) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        follow(L, name, count, true);  // raw: a strict environment raises for an unknown global
        lua_remove(L, -2);
    }
    // script, returned value, function
    if (is_callable(L, -1)) {
        lua_remove(L, -2);
        return;
    }
    if (!lua_isnil(L, -1))
        vm_raise(vm, L, LFVM_NO_FUNCTION, "\"%.*s\" is a %s, not a function", count < 100 ? (int)count : 100, name, luaL_typename(L, -1));
    lua_pop(L, 1);
    lua_rawgeti(L, -2, SCRIPT_CHUNK);
    lua_insert(L, -2);
    fail_lookup(vm, L, name, count);
}

/// [-0, +1, e] The table of functions of the script on top; runs its chunk if it has not run.
static void push_functions(lua_State *L) {
    if (lua_rawgeti(L, -1, SCRIPT_FUNCTIONS) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_rawgeti(L, -1, SCRIPT_CHUNK);
    lua_call(L, 0, 1);  // if it raises, the chunk runs again for the next task
    lua_rawseti(L, -2, SCRIPT_RETURNED);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, SCRIPT_FUNCTIONS);
}

/// [-0, +0, m] The script on top belongs to the task's world from here on; what it did in another one is forgotten.
static void enter_world(lfvm *vm, lua_State *L) {
    lua_rawgeti(L, -1, SCRIPT_WORLD);
    lua_Integer generation = lua_tointeger(L, -1);
    lua_rawgeti(L, -2, SCRIPT_CHUNK);
    bool is_new = vm_enter_world(vm, L, &generation);
    lua_pop(L, 2);
    if (!is_new) return;
    for (int field = SCRIPT_FUNCTIONS; field <= SCRIPT_RETURNED; field++) {
        lua_pushnil(L);
        lua_rawseti(L, -2, field);
    }
    lua_pushinteger(L, generation);
    lua_rawseti(L, -2, SCRIPT_WORLD);
}

void vm_push_function(lfvm *vm, lua_State *L, uint32_t id, const char *name, size_t count) {
    push_script(vm, L, id);
    if (lua_isnil(L, -1)) vm_raise(vm, L, LFVM_NO_FUNCTION, "script %u is not defined", id);
    enter_world(vm, L);
    if (name == NULL) {
        lua_rawgeti(L, -1, SCRIPT_CHUNK);
        lua_remove(L, -2);
        return;
    }
    push_functions(L);
    lua_pushlstring(L, name, count);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {  // script, functions, name, nil
        lua_pop(L, 1);
        lua_pushvalue(L, -3);
        find_function(vm, L, name, count);
        lua_remove(L, -2);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);  // script, functions, name, function, name, function
        lua_rawset(L, -5);
    }
    lua_replace(L, -4);
    lua_pop(L, 2);
}

void vm_push_script_name(lfvm *vm, lua_State *L, uint32_t id) {
    push_script(vm, L, id);
    if (lua_isnil(L, -1)) return;
    lua_rawgeti(L, -1, SCRIPT_NAME);
    lua_remove(L, -2);
}
