// Interrupting a task: a signal sets a hook on the coroutine that runs, and the hook raises an error, once.
//
// lua_sethook is the one function of Lua that a signal handler may call (reference manual; lua.c does the same at Ctrl-C). It reaches one coroutine, so `running` says which, and
// each switch from one to another looks whether an interrupt came while it was between the two: without that the hook may stand on one that never runs again.
// A finalizer runs without hooks, and one long call into C has none: who asked for the interrupt has to have something stronger up his sleeve.
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

// The word in the worker's page, see WorkerPage.Interrupt.
enum { STAGE_ASKED = 1, STAGE_SENDING = 2, STAGE_SENT = 3, STAGE_WITHDRAWN = 4 };
enum { REASON_CANCELLED = 1, REASON_DEADLINE = 2 };

static inline uint32_t task_of(uint64_t word) { return (uint32_t)word; }
static inline unsigned stage_of(uint64_t word) { return word >> 32 & 0xff; }
static inline unsigned reason_of(uint64_t word) { return word >> 40 & 0xff; }
static inline uint64_t with_stage(uint64_t word, unsigned stage) { return (word & ~((uint64_t)0xff << 32)) | (uint64_t)stage << 32; }

_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t), "the word is mapped memory, written by Swift too");

/// The process's; NULL: no signal is caught.
static _Atomic uint64_t *word;
/// The VM whose task runs and was not interrupted. A thread's own: tests run several VMs.
static _Thread_local lfvm *volatile interruptible;
/// The process of a task of its own, which gets the signal instead of this one; 0: none.
static volatile pid_t child;
static volatile uint32_t child_task;

static void fire(lua_State *L, lua_Debug *activation);

static void arm(lua_State *L) {
    lua_sethook(L, fire, LUA_MASKCOUNT, 1);
}

static void set_pending(lfvm *vm) {
    vm->interrupt.is_pending = 1;
    atomic_signal_fence(memory_order_seq_cst);
    volatile struct timespec *patience = vm->interrupt.patience;
    if (patience != NULL) patience->tv_sec = patience->tv_nsec = 0;
    arm(vm->interrupt.running);
}

static bool is_asked_for(uint32_t task) {
    uint64_t now = atomic_load(word);
    return stage_of(now) != 0 && stage_of(now) != STAGE_WITHDRAWN && task_of(now) == task;
}

// The signal

/// Not to the process: a C module of the script may have started threads, and those have no VM.
static void signal_main_thread(pid_t pid) {
    syscall(SYS_tgkill, pid, pid, lfvm_interrupt_signal());
}

static void on_signal(int number) {
    int saved = errno;
    if (child != 0 && is_asked_for(child_task)) signal_main_thread(child);
    lfvm *vm = interruptible;
    if (vm != NULL && !vm->interrupt.is_pending && is_asked_for(*(const volatile uint32_t *)vm->interrupt.task)) set_pending(vm);
    errno = saved;
}

int lfvm_catch_interrupts(void *page_word) {
    word = page_word;
    // No SA_RESTART: a call that waits ends with EINTR, and the script goes on to its end.
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    return sigaction(lfvm_interrupt_signal(), &action, NULL) == 0 ? 0 : -errno;
}

void lfvm_set_running_task(lfvm *vm, const uint32_t *task) {
    vm->interrupt.task = word != NULL ? task : NULL;
}

void lfvm_forward_interrupts(int32_t pid, uint32_t task) {
    child = 0;
    if (word == NULL || pid == 0) return;
    child_task = task;
    atomic_signal_fence(memory_order_seq_cst);
    child = pid;
    atomic_signal_fence(memory_order_seq_cst);
    // It may have been asked for before this process knew the child.
    if (is_asked_for(task)) signal_main_thread(pid);
}

// A task's time

/// What was asked for an earlier task is off. The signal of one that is on its way has come when this returns.
static void settle(uint32_t task) {
    for (;;) {
        uint64_t now = atomic_load(word);
        if (task_of(now) == task) return;
        switch (stage_of(now)) {
        case STAGE_ASKED:
            if (atomic_compare_exchange_strong(word, &now, with_stage(now, STAGE_WITHDRAWN))) return;
            break;
        case STAGE_SENDING: sched_yield(); break;  // the fork server is between two instructions, or ends, and this process with it
        default: return;
        }
    }
}

void vm_interrupt_begin(lfvm *vm) {
    uint32_t task = *vm->interrupt.task;
    if (atomic_load(word) != 0) settle(task);
    vm->interrupt.running = vm->L;
    vm->interrupt.unwinding = NULL;
    vm->interrupt.is_pending = 0;
    atomic_signal_fence(memory_order_seq_cst);
    interruptible = vm;
    atomic_signal_fence(memory_order_seq_cst);
    if (is_asked_for(task) && !vm->interrupt.is_pending) set_pending(vm);
}

/// The hook that L has without an interrupt: the budget's, or none.
static void disarm(lfvm *vm, lua_State *L) {
    if (!vm_budget_hook(vm, L)) lua_sethook(L, NULL, 0, 0);
}

void vm_interrupt_end(lfvm *vm) {
    interruptible = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    if (!vm->interrupt.is_pending) return;
    vm->interrupt.is_pending = 0;
    disarm(vm, vm->L);
}

void vm_interrupt_keep(lfvm *vm, lua_State *L) {
    if (vm->interrupt.is_pending) arm(L);
}

void vm_interrupt_raise(lfvm *vm, lua_State *L, int level) {
    uint64_t now = atomic_load(word);
    interruptible = NULL;  // once
    atomic_signal_fence(memory_order_seq_cst);
    vm->interrupt.is_pending = 0;
    vm->interrupt.unwinding = L;
    disarm(vm, L);
    luaL_where(L, level);
    lua_pushstring(L, reason_of(now) == REASON_DEADLINE ? "deadline" : "cancelled");
    lua_concat(L, 2);
    lua_error(L);
    __builtin_unreachable();
}

static void fire(lua_State *L, lua_Debug *activation) {
    lfvm *vm = vm_of(L);
    if (vm->interrupt.is_pending) vm_interrupt_raise(vm, L, 0);
    disarm(vm, L);  // left so by an earlier interrupt, which was raised elsewhere
}

// Coroutines

/// `L` runs from here on.
static void run_in(lfvm *vm, lua_State *L) {
    vm->interrupt.running = L;
    atomic_signal_fence(memory_order_seq_cst);
    if (vm->interrupt.is_pending) arm(L);
}

static lua_State *check_coroutine(lua_State *L, int index) {
    lua_State *co = lua_tothread(L, index);
    luaL_argexpected(L, co != NULL, index, "thread");
    return co;
}

/// Closes the to-be-closed variables of `co`; as lua_resetthread.
static int reset(lfvm *vm, lua_State *L, lua_State *co) {
    run_in(vm, co);
    int status = lua_resetthread(co);
    run_in(vm, L);
    return status;
}

/// Moves `count` arguments to `co` and its results back; -1, and the error on top, where it fails. As auxresume of lcorolib.c, but that the error of an interrupt
/// closes what the coroutine has open, and goes on in the one that resumed it: else that one would not be interrupted.
static int resume(lua_State *L, lua_State *co, int count) {
    lfvm *vm = vm_of(L);
    if (!lua_checkstack(co, count)) {
        lua_pushliteral(L, "too many arguments to resume");
        return -1;
    }
    lua_xmove(L, co, count);
    run_in(vm, co);
    int results, status = lua_resume(co, L, count, &results);
    run_in(vm, L);
    if (status == LUA_OK || status == LUA_YIELD) {
        if (vm->interrupt.unwinding == co) vm->interrupt.unwinding = NULL;  // it was caught in there
        if (!lua_checkstack(L, results + 1)) {
            lua_pop(co, results);
            lua_pushliteral(L, "too many results to resume");
            return -1;
        }
        lua_xmove(co, L, results);
        return results;
    }
    if (vm->interrupt.unwinding == co) {
        reset(vm, L, co);
        lua_xmove(co, L, 1);
        vm->interrupt.unwinding = L;
        lua_error(L);
    }
    lua_xmove(co, L, 1);
    return -1;
}

static int co_resume(lua_State *L) {
    lua_State *co = check_coroutine(L, 1);
    int results = resume(L, co, lua_gettop(L) - 1);
    lua_pushboolean(L, results >= 0);
    if (results < 0) results = 1;
    lua_insert(L, -(results + 1));
    return results + 1;
}

/// Upvalue 1: the coroutine. As auxwrap of lcorolib.c.
static int call_wrapped(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int results = resume(L, co, lua_gettop(L));
    if (results >= 0) return results;
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD) {
        status = reset(vm_of(L), L, co);
        lua_xmove(co, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int co_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

static int co_close(lua_State *L) {
    lfvm *vm = vm_of(L);
    lua_State *co = check_coroutine(L, 1);
    lua_Debug activation;
    bool has_resumed = lua_status(co) == LUA_OK && lua_getstack(co, 0, &activation);
    if (co == L || has_resumed) return luaL_error(L, "cannot close a %s coroutine", co == L ? "running" : "normal");
    if (reset(vm, L, co) == LUA_OK) {
        if (vm->interrupt.unwinding == co) vm->interrupt.unwinding = NULL;
        lua_pushboolean(L, 1);
        return 1;
    }
    if (vm->interrupt.unwinding == co) {
        lua_xmove(co, L, 1);
        vm->interrupt.unwinding = L;
        return lua_error(L);
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
}

void vm_interrupt_wrap(lfvm *vm, lua_State *L) {
    if (!vm->interrupt.is_wrapped) return;
    lua_getglobal(L, LUA_COLIBNAME);
    lua_pushcfunction(L, co_resume);
    lua_setfield(L, -2, "resume");
    lua_pushcfunction(L, co_wrap);
    lua_setfield(L, -2, "wrap");
    lua_pushcfunction(L, co_close);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
}

// Waits

/// A wait whose time stands in `patience` ends at once if the signal comes before the kernel has read it, and with EINTR if it comes later. So these are the bare system calls: the C
/// library may hand the kernel a copy.
static void begin_wait(lfvm *vm, volatile struct timespec *patience) {
    vm->interrupt.patience = patience;
    atomic_signal_fence(memory_order_seq_cst);
    if (vm->interrupt.is_pending) patience->tv_sec = patience->tv_nsec = 0;
}

static void end_wait(lfvm *vm) {
    vm->interrupt.patience = NULL;
    atomic_signal_fence(memory_order_seq_cst);
}

void vm_interruptible_sleep(lfvm *vm, const struct timespec *until) {
    volatile struct timespec patience = *until;
    begin_wait(vm, &patience);
    while (syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &patience, NULL) != 0 && errno == EINTR && !vm->interrupt.is_pending) {}
    end_wait(vm);
}

bool lfvm_await_input(int fd) {
    lfvm *vm = interruptible;
    if (vm == NULL) return true;
    volatile struct timespec patience = {.tv_sec = 1 << 30};
    struct pollfd input = {.fd = fd, .events = POLLIN};
    begin_wait(vm, &patience);
    long ready;
    do ready = syscall(SYS_ppoll, &input, 1, &patience, NULL, 0);
    while (ready <= 0 && !vm->interrupt.is_pending && (ready == 0 || errno == EINTR));
    end_wait(vm);
    return ready > 0 || !vm->interrupt.is_pending;
}
