// What a VM remembers of its sandbox level, its preloaded scripts and its budgets.
#ifndef LFVM_SANDBOX_H
#define LFVM_SANDBOX_H

#include <lua.h>

#include "LuaVM.h"

typedef struct {
    lua_Integer generation;  // of the world: what the present task can reach
    bool is_used;            // a task, or a preloaded script, may have left something in this world
    bool has_finalizers;     // a metatable with __gc was set in this world
    bool is_tainted;         // finalizers make finalizers without end: this state must serve no other task

    // References in the registry.
    int environment;   // a closure with the world's globals as its upvalue
    int pristine;      // libraries as they were before the first preloaded script
    int kept;          // name of a library -> what preloaded scripts added to it
    int kept_modules;  // name -> module
    int kept_types;
} vm_sandbox;

typedef struct {
    uint64_t limit;  // instructions of a task; 0: none
    int step;        // instructions between two looks
    bool is_counting;
    bool is_exhausted;
    uint64_t used;
} vm_budget;

/// Whether every task is called by itself: it has a world or a budget of its own.
bool vm_is_per_task(const lfvm *vm);

/// [-0, +0, e] Opens the libraries of the VM's level, not `none`.
void vm_open_sandbox(lfvm *vm, lua_State *L);

/// [-0, +0, e] Before a task: at `safe` and `locked` everything that it can reach is new, but for fleet.state and preloaded scripts.
void vm_begin_world(lfvm *vm, lua_State *L);

/// After a task, outside of vm_protect: lets finalizers run that the task left. The task's message stays valid.
void vm_end_world(lfvm *vm);

/// [-0, +0] Moves the chunk on top into the present world, where it is of another. True: what it returned and defined is gone, too.
bool vm_enter_world(lfvm *vm, lua_State *L, lua_Integer *generation);

/// [-0, +0, m] Before the first preloaded script, and after the last.
void vm_note_pristine(lfvm *vm, lua_State *L);
void vm_keep_preloaded(lfvm *vm, lua_State *L);

/// [-0, +0, m] With an instruction budget: coroutines count, and a script cannot take the hook away.
void vm_budget_wrap(lfvm *vm, lua_State *L);

/// Sets the budget's hook on L; false: there is no budget.
bool vm_budget_hook(lfvm *vm, lua_State *L);

/// The task's instructions count from here on, and no longer.
void vm_budget_begin(lfvm *vm);
void vm_budget_end(lfvm *vm);

#endif
