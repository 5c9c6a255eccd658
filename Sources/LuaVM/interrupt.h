// Interrupting a task: an error that a signal raises in the coroutine that runs.
#ifndef LFVM_INTERRUPT_H
#define LFVM_INTERRUPT_H

#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "LuaVM.h"

/// What a VM knows of it. The signal handler, which runs on the VM's thread, reads and writes what is volatile.
typedef struct {
    bool is_wrapped;                 // tasks can be interrupted: coroutines say which of them runs
    const uint32_t *task;            // the number of the task that runs; NULL: nothing interrupts
    lua_State *volatile running;     // the coroutine that runs, or is about to
    volatile sig_atomic_t is_pending;  // the error has been asked for and not been raised
    volatile struct timespec *volatile patience;  // of a wait that ends at once when it becomes zero
    lua_State *unwinding;            // the coroutine in which the error was raised last, and whether that ended it is not known
} vm_interrupt;

/// [-0, +0, m] Replaces the functions that run a coroutine, where tasks can be interrupted.
void vm_interrupt_wrap(lfvm *vm, lua_State *L);

// The next two only where `task` is not NULL.

/// A task has begun: from here on it can be interrupted, and is at once if that was asked for already.
void vm_interrupt_begin(lfvm *vm);
/// It has ended: from here on nothing is raised.
void vm_interrupt_end(lfvm *vm);

/// The hook of L was set anew: an interrupt that is pending sets its own again.
void vm_interrupt_keep(lfvm *vm, lua_State *L);

/// Raises what is pending, with the position of the function at `level`.
_Noreturn void vm_interrupt_raise(lfvm *vm, lua_State *L, int level);

/// Sleeps until the moment of CLOCK_MONOTONIC, or until the task is interrupted: the error comes with the next instruction of the script.
void vm_interruptible_sleep(lfvm *vm, const struct timespec *until);

#endif
