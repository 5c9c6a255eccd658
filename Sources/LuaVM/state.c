// Making and ending a VM, and what is asked of it between tasks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "shared.h"
#include "vm.h"

static int open_libraries(lua_State *L) {
    lfvm *vm = vm_of(L);
    if (vm->level == LFVM_NONE) luaL_openlibs(L);
    else vm_open_sandbox(vm, L);
    vm_wrap_libraries(vm, L);
    shared_open(vm, L);
    vm_open_fleet(vm, L);
    vm_note_libraries(vm, L);
    vm_budget_wrap(vm, L);
    int *const tables[] = {&vm->scripts, &vm->anchors, &vm->types};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        lua_newtable(L);
        *tables[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    return 0;
}

static void set_caps(lfvm *vm, const lfvm_caps *caps) {
    bool is_locked = vm->level >= LFVM_LOCKED;
    vm->caps.bytes = caps->bytes != 0 ? caps->bytes : ((size_t)(is_locked ? 8 : 64) << 20) + ((size_t)64 << 10);
    vm->caps.elements = caps->elements != 0 ? caps->elements : is_locked ? 1000000 : 10000000;
    vm->caps.depth = caps->depth != 0 ? caps->depth : is_locked ? 200 : 1000;
}

struct state_call {
    const uint64_t *seed;
};

static int seed_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    const struct state_call *call = vm->call;
    vm_seed(vm, L, call->seed);
    return 0;
}

lfvm *lfvm_create(const lfvm_options *options) {
    lfvm *vm = calloc(1, sizeof *vm);
    if (vm == NULL) return NULL;
    vm->level = options->level;
    vm->sandbox = (vm_sandbox){
        .environment = LUA_NOREF, .pristine = LUA_NOREF, .kept = LUA_NOREF, .kept_modules = LUA_NOREF, .kept_types = LUA_NOREF};
    vm->budget.limit = options->instructions;
    vm->interrupt.is_wrapped = options->interruptible;
    vm->result_limit = options->result_limit;
    set_caps(vm, &options->caps);
    vm->memory.limit = options->memory_limit;
    vm->callbacks = options->callbacks;
    vm->by_name_only = options->by_name_only || vm->level != LFVM_NONE;
    if (vm->callbacks.output != NULL) vm_install_streams();  // before io takes hold of stdout
    vm->L = lua_newstate(vm_lua_allocate, &vm->memory);
    if (vm->L == NULL) goto fail;
    *(lfvm **)lua_getextraspace(vm->L) = vm;
    lua_setwarnf(vm->L, vm_warn, vm);
    lua_gc(vm->L, LUA_GCSTOP);  // there is no garbage yet
    if (vm_protect(vm, open_libraries, NULL) != LFVM_OK) goto fail;
    struct state_call call = {.seed = options->seed};
    vm->call = &call;
    if (vm_protect(vm, seed_body, NULL) != LFVM_OK) goto fail;
    lua_gc(vm->L, LUA_GCRESTART);
    // As after a collection: the next one begins when as much again is in use. A small task then ends without one, which in a fork would write to
    // every page that has an object.
    lua_gc(vm->L, LUA_GCSTEP, -(int)(vm->memory.used / 1024));
    vm->memory.pristine = vm->memory.used;
    return vm;
fail:
    lfvm_destroy(vm);
    return NULL;
}

void lfvm_destroy(lfvm *vm) {
    if (vm->L != NULL) {
        lfvm *before = vm_enter(vm);
        lua_settop(vm->L, 0);
        lua_close(vm->L);
        fflush(stdout);
        vm_leave(before);
    }
    shared_task_ends(vm);
    encoder_free_all(vm);
    vm_decoders_free(vm);
    pointer_set_free(&vm->libraries, &vm->memory);
    free(vm);
}

void lfvm_reseed(lfvm *vm, const uint64_t seed[2]) {
    struct state_call call = {.seed = seed};
    vm->call = &call;
    vm_protect(vm, seed_body, NULL);
}

void vm_set_worker(lfvm *vm, lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->module);
    lua_getfield(L, -1, "worker");
    if (lua_istable(L, -1)) {  // else the script put something else there
        lua_pushstring(L, "id");
        lua_pushinteger(L, vm->worker_id);
        lua_rawset(L, -3);
        lua_pushstring(L, "pid");
        lua_pushinteger(L, vm->worker_pid);
        lua_rawset(L, -3);
    }
    lua_pop(L, 2);
}

static int set_worker_body(lua_State *L) {
    vm_set_worker(vm_of(L), L);
    return 0;
}

void lfvm_set_worker(lfvm *vm, uint32_t id, int32_t pid) {
    vm->worker_id = id;
    vm->worker_pid = pid;
    vm_protect(vm, set_worker_body, NULL);
}

void lfvm_set_callbacks(lfvm *vm, const lfvm_callbacks *callbacks) {
    vm->callbacks = *callbacks;
}

void lfvm_flush(lfvm *vm) {
    lfvm *before = vm_enter(vm);
    fflush(stdout);
    fflush(stderr);
    vm_leave(before);
}

uint32_t lfvm_reach_of(const lfvm *vm) {
    return vm->reach;
}

size_t lfvm_memory_used(const lfvm *vm) {
    return vm->memory.used;
}

size_t lfvm_memory_peak(const lfvm *vm) {
    return vm->memory.peak;
}
