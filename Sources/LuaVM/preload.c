// Scripts that run once before all tasks: modules and data that a fork shares.
#include <string.h>

#include "sandbox.h"
#include "vm.h"

struct preload_call {
    const char *name, *mode;
    const char *source;
    size_t count;
    const char *module;
    size_t module_count;
};

static int preload_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    const struct preload_call *call = vm->call;
    if (vm->level != LFVM_NONE && vm->sandbox.pristine == LUA_NOREF) vm_note_pristine(vm, L);
    int code = vm_load(L, call->source, call->count, call->name, call->mode);
    if (code != LUA_OK) vm_raise_string(vm, L, LFVM_LOAD_ERROR, -1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1) || call->module_count == 0) return 0;
    if (vm->level >= LFVM_LOCKED) lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);  // there is no require
    else luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushlstring(L, call->module, call->module_count);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    return 0;
}

lfvm_status lfvm_preload(
    lfvm *vm, const char *name, const uint8_t *source, size_t count, bool allow_bytecode, const char *module, size_t module_count,
    lfvm_message *failure) {
    struct preload_call call = {
        .name = name,
        .mode = allow_bytecode && vm->level == LFVM_NONE ? "bt" : "t",
        .source = (const char *)source,
        .count = count,
        .module = module,
        .module_count = module_count,
    };
    vm->call = &call;
    // The limit is a task's; what is preloaded comes on top of it.
    vm->memory.is_suspended = true;
    lfvm_status status = vm_protect(vm, preload_body, failure);
    vm->memory.is_suspended = false;
    return status;
}

static int seal_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    lua_gc(L, LUA_GCCOLLECT);
    vm_keep_preloaded(vm, L);
    return 0;
}

lfvm_status lfvm_end_preload(lfvm *vm, lfvm_message *failure) {
    vm->memory.is_suspended = true;
    lfvm_status status = vm_protect(vm, seal_body, failure);
    vm->memory.is_suspended = false;
    if (vm->memory.used > vm->memory.pristine) vm->memory.allowance = vm->memory.used - vm->memory.pristine;
    vm->memory.peak = vm->memory.used;
    return status;
}
