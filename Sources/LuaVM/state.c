// Making and ending a VM, and what is asked of it between tasks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "shared.h"
#include "vm.h"

static int open_libraries(lua_State *L) {
    lfvm *vm = vm_of(L);
    luaL_openlibs(L);
    vm_wrap_libraries(vm, L);
    shared_open(vm, L);
    vm_open_fleet(vm, L);
    vm_note_libraries(vm, L);
    int *const tables[] = {&vm->scripts, &vm->anchors, &vm->types};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        lua_newtable(L);
        *tables[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    return 0;
}

static void set_caps(lfvm *vm, const lfvm_caps *caps) {
    vm->caps.bytes = caps->bytes != 0 ? caps->bytes : ((size_t)64 << 20) + ((size_t)64 << 10);
    vm->caps.elements = caps->elements != 0 ? caps->elements : 10000000;
    vm->caps.depth = caps->depth != 0 ? caps->depth : 1000;
}

struct state_call {
    const uint64_t *seed;
    uint32_t worker;
    int32_t pid;
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
    set_caps(vm, &options->caps);
    vm->memory.limit = options->memory_limit;
    vm->callbacks = options->callbacks;
    vm->by_name_only = options->by_name_only;
    if (vm->callbacks.output != NULL) vm_install_streams();  // before io takes hold of stdout
    vm->L = lua_newstate(vm_lua_allocate, &vm->memory);
    if (vm->L == NULL) goto fail;
    *(lfvm **)lua_getextraspace(vm->L) = vm;
    lua_setwarnf(vm->L, vm_warn, vm);
    if (vm_protect(vm, open_libraries, NULL) != LFVM_OK) goto fail;
    struct state_call call = {.seed = options->seed};
    vm->call = &call;
    if (vm_protect(vm, seed_body, NULL) != LFVM_OK) goto fail;
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

static int set_worker_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    const struct state_call *call = vm->call;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->module);
    lua_getfield(L, -1, "worker");
    if (!lua_istable(L, -1)) return 0;  // the script put something else there
    lua_pushstring(L, "id");
    lua_pushinteger(L, call->worker);
    lua_rawset(L, -3);
    lua_pushstring(L, "pid");
    lua_pushinteger(L, call->pid);
    lua_rawset(L, -3);
    return 0;
}

void lfvm_set_worker(lfvm *vm, uint32_t id, int32_t pid) {
    struct state_call call = {.worker = id, .pid = pid};
    vm->call = &call;
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
