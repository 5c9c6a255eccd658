// The instruction budget of a task. Without one there is no hook, and nothing is slower.
#include "sandbox.h"
#include "vm.h"

/// Instructions between two looks. Smaller: slower still; larger: a task runs longer past its budget. Any count slows a tight loop by half or more.
enum { USUAL_STEP = 1000 };

static void look(lua_State *L, lua_Debug *activation);

static void look_every(lua_State *L, int step) {
    lua_sethook(L, look, LUA_MASKCOUNT, step);
    vm_interrupt_keep(vm_of(L), L);
}

bool vm_budget_hook(lfvm *vm, lua_State *L) {
    if (vm->budget.limit == 0) return false;
    lua_sethook(L, look, LUA_MASKCOUNT, vm->budget.is_exhausted ? 1 : vm->budget.step);
    return true;
}

/// From here on every instruction raises, in whatever coroutine, so that no pcall holds it.
static void exhaust(vm_budget *budget, lua_State *L) {
    budget->is_exhausted = true;
    look_every(L, 1);
}

static void look(lua_State *L, lua_Debug *activation) {
    lfvm *vm = vm_of(L);
    vm_budget *budget = &vm->budget;
    if (!budget->is_counting) return;
    int step = lua_gethookcount(L);
    budget->used += (uint64_t)step;
    if (budget->used < budget->limit && !budget->is_exhausted) {
        if (step != budget->step) look_every(L, budget->step);  // left so by an earlier task
        return;
    }
    exhaust(budget, L);
    luaL_error(L, "the instruction budget is used up");
}

/// A coroutine counts for itself, and one that ends before its first look would never count: so making one costs a step.
static int make_coroutine(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    vm_budget *budget = &vm_of(L)->budget;
    if (budget->is_counting) {
        budget->used += (uint64_t)budget->step;
        if (budget->used >= budget->limit) exhaust(budget, L);
    }
    return vm_call_original(L);
}

/// Upvalue 1: the script's handler.
static int guard_handler(lua_State *L) {
    if (vm_of(L)->budget.is_exhausted) return 1;  // it would run inside of the hook, where there are no hooks: for ever, if it liked
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int guarded_xpcall(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guard_handler, 1);
    lua_replace(L, 2);
    return vm_call_original_yielding(L);
}

static int keep_hook(lua_State *L) {
    return luaL_error(L, "debug.sethook: the hook is taken by the instruction budget");
}

void vm_budget_wrap(lfvm *vm, lua_State *L) {
    if (vm->budget.limit == 0) return;
    lua_getglobal(L, LUA_COLIBNAME);
    vm_wrap(L, "create", make_coroutine);
    vm_wrap(L, "wrap", make_coroutine);
    lua_pop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    vm_wrap(L, "xpcall", guarded_xpcall);
    lua_pop(L, 1);
    if (vm->level == LFVM_NONE) {
        lua_getglobal(L, LUA_DBLIBNAME);
        lua_pushcfunction(L, keep_hook);
        lua_setfield(L, -2, "sethook");
        lua_pop(L, 1);
    }
    // Now, so that coroutines which a preloaded script makes have it, too: a new one inherits its maker's hook.
    vm->budget.step = vm->budget.limit < USUAL_STEP ? (int)vm->budget.limit : USUAL_STEP;
    look_every(vm->L, vm->budget.step);
}

bool vm_is_per_task(const lfvm *vm) {
    return vm->level != LFVM_NONE || vm->budget.limit != 0;
}

void vm_budget_begin(lfvm *vm) {
    vm->memory.peak = vm->memory.used;
    vm->budget.used = 0;
    vm->budget.is_exhausted = false;
    if (vm->budget.limit == 0) return;
    vm->budget.is_counting = true;
    look_every(vm->L, vm->budget.step);
}

void vm_budget_end(lfvm *vm) {
    vm->budget.is_counting = vm->budget.is_exhausted = false;
}

lfvm_usage lfvm_task_usage(const lfvm *vm) {
    return (lfvm_usage){.memory_peak = vm->memory.peak, .instructions = vm->budget.limit == 0 ? 0 : vm->budget.used};
}
