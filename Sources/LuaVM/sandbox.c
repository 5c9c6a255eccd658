// The sandbox levels: which of Lua's libraries a state has, and how one state serves task after task while nothing passes from one to the next unasked.
#include "sandbox.h"

#include <string.h>
#include <sys/random.h>

#include "names.h"
#include "vm.h"

// Libraries

/// Upvalue 1: the function's name.
static int refuse(lua_State *L) {
    return luaL_error(L, "%s is not available in the sandbox", lua_tostring(L, lua_upvalueindex(1)));
}

/// [-0, +0, m] Field `field` of the table on top raises; `name` stands in the message.
static void refuse_field(lua_State *L, const char *field, const char *name) {
    lua_pushstring(L, name);
    lua_pushcclosure(L, refuse, 1);
    lua_setfield(L, -2, field);
}

/// [-0, +0, m] Argument `index`, the mode of a chunk, no longer allows bytecode, which can be made to crash the interpreter (reference manual, `load`).
static void allow_text_only(lua_State *L, int index) {
    const char *mode = luaL_optstring(L, index, "bt");
    bool has_text = strchr(mode, 't') != NULL;
    if (lua_gettop(L) < index) lua_settop(L, index);
    lua_pushstring(L, has_text ? "t" : "");
    lua_replace(L, index);
}

/// Upvalue 1: Lua's own.
static int load_text(lua_State *L) {
    if (lua_tostring(L, 1) == NULL) luaL_checktype(L, 1, LUA_TFUNCTION);
    allow_text_only(L, 3);
    return vm_call_original(L);
}

static int load_text_file(lua_State *L) {
    luaL_optstring(L, 1, NULL);
    allow_text_only(L, 2);
    return vm_call_original(L);
}

static int finish_dofile(lua_State *L, int status, lua_KContext context) {
    return lua_gettop(L) - 1;
}

static int do_text_file(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    if (luaL_loadfilex(L, path, "t") != LUA_OK) return lua_error(L);
    lua_callk(L, 0, LUA_MULTRET, 0, finish_dofile);
    return finish_dofile(L, 0, 0);
}

/// As Lua's own searcher for Lua modules, but for bytecode. Upvalue 1: the table package.
static int search_text_module(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    lua_getfield(L, lua_upvalueindex(1), "searchpath");
    lua_pushvalue(L, 1);
    lua_getfield(L, lua_upvalueindex(1), "path");
    if (lua_type(L, -1) != LUA_TSTRING) return luaL_error(L, "'package.path' must be a string");
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2)) return 1;  // where it was looked for
    lua_pop(L, 1);
    const char *path = lua_tostring(L, -1);
    if (luaL_loadfilex(L, path, "t") != LUA_OK)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path, lua_tostring(L, -1));
    lua_insert(L, -2);
    return 2;
}

/// Lua's own, but that it takes note of finalizers.
static int set_metatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) return luaL_error(L, "cannot change a protected metatable");
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) vm_of(L)->sandbox.has_finalizers = true;
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/// Lua's own with "count" alone: what else it does shows how the collector works, or lets a script switch it off.
static int count_memory(lua_State *L) {
    const char *option = luaL_optstring(L, 1, "collect");
    luaL_argcheck(L, strcmp(option, "count") == 0, 1, "only \"count\" is available in the sandbox");
    lua_settop(L, 1);
    return vm_call_original(L);
}

/// [-1, +1, m] Replaces the library on top by a table with those of its functions only.
static void pick(lua_State *L, const char *const *names) {
    lua_newtable(L);
    for (; *names != NULL; names++) {
        lua_getfield(L, -2, *names);
        lua_setfield(L, -2, *names);
    }
    lua_remove(L, -2);
}

static int open_debug(lua_State *L) {
    static const char *const names[] = {"traceback", NULL};
    luaopen_debug(L);
    pick(L, names);
    return 1;
}

static int open_os(lua_State *L) {
    static const char *const names[] = {"time", "clock", "date", "difftime", NULL};
    luaopen_os(L);
    if (vm_of(L)->level >= LFVM_LOCKED) {
        pick(L, names);
        return 1;
    }
    lua_getfield(L, -1, "getenv");  // the environment itself is a list that the host made
    lua_insert(L, -2);
    pick(L, names);
    lua_insert(L, -2);
    lua_setfield(L, -2, "getenv");
    refuse_field(L, "exit", "os.exit");
    return 1;
}

static int open_string(lua_State *L) {
    luaopen_string(L);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    return 1;
}

static int open_package(lua_State *L) {
    luaopen_package(L);
    lua_pushnil(L);
    lua_setfield(L, -2, "loadlib");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "cpath");
    lua_createtable(L, 2, 0);
    lua_getfield(L, -2, "searchers");
    lua_rawgeti(L, -1, 1);  // package.preload
    lua_rawseti(L, -3, 1);
    lua_pop(L, 1);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, search_text_module, 1);
    lua_rawseti(L, -2, 2);
    lua_setfield(L, -2, "searchers");  // here, not in place: require looks it up
    return 1;
}

static int open_base(lua_State *L) {
    luaopen_base(L);
    vm_wrap(L, "load", load_text);
    lua_pushcfunction(L, set_metatable);
    lua_setfield(L, -2, "setmetatable");
    if (vm_of(L)->level >= LFVM_LOCKED) {
        vm_wrap(L, "collectgarbage", count_memory);
        static const char *const removed[] = {"dofile", "loadfile"};
        for (size_t i = 0; i < 2; i++) {
            lua_pushnil(L);
            lua_setfield(L, -2, removed[i]);
        }
    } else {
        vm_wrap(L, "loadfile", load_text_file);
        lua_pushcfunction(L, do_text_file);
        lua_setfield(L, -2, "dofile");
    }
    return 1;
}

static void open_libraries(lfvm *vm, lua_State *L) {
    static const luaL_Reg both[] = {
        {LUA_GNAME, open_base},        {LUA_COLIBNAME, luaopen_coroutine}, {LUA_TABLIBNAME, luaopen_table}, {LUA_STRLIBNAME, open_string},
        {LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8},    {LUA_OSLIBNAME, open_os},        {NULL, NULL},
    };
    static const luaL_Reg safe_only[] = {{LUA_LOADLIBNAME, open_package}, {LUA_DBLIBNAME, open_debug}, {NULL, NULL}};
    const luaL_Reg *const lists[] = {both, vm->level >= LFVM_LOCKED ? &safe_only[2] : safe_only};
    for (size_t i = 0; i < 2; i++) {
        for (const luaL_Reg *library = lists[i]; library->func != NULL; library++) {
            luaL_requiref(L, library->name, library->func, 1);
            lua_pop(L, 1);
        }
    }
}

// Worlds: what a task can reach, made anew for each

/// [-0, +0, m] A fresh subtable `name` of the registry.
static void renew_registry_table(lua_State *L, const char *name) {
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, name);
}

/// [-0, +0, m] A closure whose only upvalue is the table of globals: chunks share the upvalue, not with those of another world.
static void hold_environment(lfvm *vm, lua_State *L) {
    static const char maker[] = "local environment = ... return function() return environment end";
    int former = vm->sandbox.environment;
    if (luaL_loadbufferx(L, maker, sizeof maker - 1, "=(sandbox)", "t") != LUA_OK) lua_error(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_call(L, 1, 1);
    vm->sandbox.environment = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_unref(L, LUA_REGISTRYINDEX, former);
}

void vm_open_sandbox(lfvm *vm, lua_State *L) {
    open_libraries(vm, L);
    hold_environment(vm, L);
}

/// [-0, +0, m] Entries of the table at `from` go into the table at `to`.
static void copy_entries(lua_State *L, int from, int to) {
    from = lua_absindex(L, from);
    to = lua_absindex(L, to);
    lua_pushnil(L);
    while (lua_next(L, from)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

/// [-0, +0, m] What preloaded scripts left, into the new world.
static void restore_preloaded(lfvm *vm, lua_State *L) {
    if (vm->sandbox.kept == LUA_NOREF) return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->sandbox.kept);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    int kept = lua_absindex(L, -2), loaded = lua_absindex(L, -1);
    lua_pushnil(L);
    while (lua_next(L, kept)) {  // name of a library, what was added to it
        lua_pushvalue(L, -2);
        if (lua_rawget(L, loaded) == LUA_TTABLE) copy_entries(L, -2, -1);
        lua_pop(L, 2);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->sandbox.kept_modules);
    copy_entries(L, -1, loaded);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->sandbox.kept_types);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->types);
    copy_entries(L, -2, -1);
    lua_pop(L, 5);
}

/// [-0, +0, m] Registry references of the former world, to be given up once the new one is whole.
typedef struct {
    int references[5];
} world;

static world current_world(const lfvm *vm) {
    return (world){{vm->task, vm->module, vm->randomseed, vm->names, vm->library_tables}};
}

/// [-0, +1] fleet.state as the former world left it: the one thing that is passed on, because it was asked for.
static void push_state(lfvm *vm, lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->module);
    lua_pushliteral(L, "state");
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

static void renew(lfvm *vm, lua_State *L) {
    world former = current_world(vm);
    push_state(vm, L);
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    renew_registry_table(L, LUA_LOADED_TABLE);
    renew_registry_table(L, LUA_PRELOAD_TABLE);
    lua_newtable(L);
    int types = vm->types;
    vm->types = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_unref(L, LUA_REGISTRYINDEX, types);
    vm_open_sandbox(vm, L);
    vm_wrap_libraries(vm, L);
    vm_open_fleet(vm, L);
    pointer_set_clear(&vm->libraries, &vm->memory);
    vm_note_libraries(vm, L);
    vm_budget_wrap(vm, L);
    restore_preloaded(vm, L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->module);
    lua_insert(L, -2);
    lua_setfield(L, -2, "state");
    vm_set_worker(vm, L);
    uint64_t seed[2];
    if (getrandom(seed, sizeof seed, 0) == (ssize_t)sizeof seed) vm_seed(vm, L, seed);
    lua_gc(L, LUA_GCRESTART);
    lua_gc(L, LUA_GCINC, 200, 100, 13);
    vm->warnings = vm->warning_goes_on = false;
    vm->attempt = 0;
    vm->sandbox.generation++;
    for (size_t i = 0; i < sizeof former.references / sizeof former.references[0]; i++)
        luaL_unref(L, LUA_REGISTRYINDEX, former.references[i]);
    lua_pop(L, 1);
}

void vm_begin_world(lfvm *vm, lua_State *L) {
    if (vm->level == LFVM_NONE) return;
    if (vm->sandbox.is_used) {
        lua_checkstack(L, LUA_MINSTACK);
        renew(vm, L);
    }
    vm->sandbox.is_used = true;
}

/// Runs finalizers of the task that ended, so that they do not run in the next one's time.
static int end_world_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    renew(vm, L);
    for (int round = 0; round < 3 && vm->sandbox.has_finalizers; round++) {
        vm->sandbox.has_finalizers = false;  // set again by a finalizer that makes another one
        lua_gc(L, LUA_GCCOLLECT);
    }
    vm->sandbox.is_tainted = vm->sandbox.has_finalizers;
    return 0;
}

void vm_end_world(lfvm *vm) {
    if (vm->level == LFVM_NONE || !vm->sandbox.has_finalizers) return;
    lua_settop(vm->L, 0);
    lfvm *before = vm_enter(vm);
    lua_pushcfunction(vm->L, end_world_body);
    if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK) vm->sandbox.is_tainted = true;
    lua_settop(vm->L, 0);
    vm_leave(before);
}

bool lfvm_is_tainted(const lfvm *vm) {
    return vm->sandbox.is_tainted;
}

bool vm_enter_world(lfvm *vm, lua_State *L, lua_Integer *generation) {
    if (vm->level == LFVM_NONE || *generation == vm->sandbox.generation) return false;
    *generation = vm->sandbox.generation;
    if (!lua_iscfunction(L, -1)) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, vm->sandbox.environment);
        lua_upvaluejoin(L, -2, 1, -1, 1);
        lua_pop(L, 1);
    }
    return true;
}

// Preloaded scripts

/// [-0, +1, m] A table: name of each library -> copy of its table.
static void push_snapshot(lua_State *L) {
    lua_newtable(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    while (lua_next(L, -2)) {  // snapshot, loaded, name, library
        if (lua_istable(L, -1)) {
            lua_newtable(L);
            copy_entries(L, -2, -1);
            lua_pushvalue(L, -3);
            lua_insert(L, -2);
            lua_rawset(L, -6);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void vm_note_pristine(lfvm *vm, lua_State *L) {
    push_snapshot(L);
    vm->sandbox.pristine = luaL_ref(L, LUA_REGISTRYINDEX);
}

/// [-0, +1, m] A table of the entries of the table at `now` that the table at `before` has not, or has otherwise.
static void push_difference(lua_State *L, int now, int before) {
    now = lua_absindex(L, now);
    before = lua_absindex(L, before);
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, now)) {  // difference, key, value
        lua_pushvalue(L, -2);
        lua_rawget(L, before);
        bool is_same = lua_rawequal(L, -1, -2);
        lua_pop(L, 1);
        if (!is_same) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, -5);
        }
        lua_pop(L, 1);
    }
}

void vm_keep_preloaded(lfvm *vm, lua_State *L) {
    if (vm->level == LFVM_NONE || vm->sandbox.pristine == LUA_NOREF) return;
    lua_checkstack(L, LUA_MINSTACK);
    int top = lua_gettop(L);
    lua_newtable(L);                                               // top + 1: kept
    lua_newtable(L);                                               // top + 2: modules
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->sandbox.pristine);       // top + 3
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);      // top + 4
    lua_pushnil(L);
    while (lua_next(L, top + 4)) {  // name, module
        lua_pushvalue(L, -2);
        bool is_library = lua_rawget(L, top + 3) == LUA_TTABLE;
        lua_pushvalue(L, -3);
        if (is_library && lua_istable(L, -3)) {  // name, module, before, name
            push_difference(L, -3, -2);
            lua_rawset(L, top + 1);
        } else {
            lua_pushvalue(L, -3);
            lua_rawset(L, top + 2);
        }
        lua_pop(L, 2);
    }
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->types);
    copy_entries(L, -1, -2);
    lua_settop(L, -2);
    vm->sandbox.kept_types = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_unref(L, LUA_REGISTRYINDEX, vm->sandbox.pristine);
    vm->sandbox.pristine = LUA_NOREF;
    lua_settop(L, top + 2);
    vm->sandbox.kept_modules = luaL_ref(L, LUA_REGISTRYINDEX);
    vm->sandbox.kept = luaL_ref(L, LUA_REGISTRYINDEX);
    vm->sandbox.is_used = true;  // the first task gets a world of its own, too
}
