// Methods of locks, semaphores, events, conditions and barriers.
#include "shared.h"

/// [-0, +n] What a status is in Lua: true, and "owner died" where the host says so; or false and "timeout" or "broken".
static int push_status(lua_State *L, lfvm_reply_status status) {
    lua_pushboolean(L, status == LFVM_REPLY_DONE || status == LFVM_REPLY_OWNER_DIED);
    switch (status) {
    case LFVM_REPLY_DONE: return 1;
    case LFVM_REPLY_OWNER_DIED: lua_pushliteral(L, "owner died"); return 2;
    case LFVM_REPLY_BROKEN: lua_pushliteral(L, "broken"); return 2;
    default: lua_pushliteral(L, "timeout"); return 2;
    }
}

/// [-0, +n, e] Asks; the values of the answer, or its status.
static int ask(lua_State *L, shared_operation operation, int64_t timeout, int64_t argument) {
    shared_request request = {
        .operation = operation, .handle = shared_check(L), .timeout = timeout, .argument = argument};
    int results;
    lfvm_reply_status status = shared_ask(L, &request, 0, 0, &results);
    return status == LFVM_REPLY_DONE && results > 0 ? results : push_status(L, status);
}

static bool is_lock(const shared_handle *handle) {
    return handle->kind != KIND_SEMAPHORE && handle->kind != KIND_BOUNDED_SEMAPHORE;
}

static int acquire(lua_State *L, shared_handle *handle, int64_t timeout) {
    return is_lock(handle) ? push_status(L, shared_acquire_lock(L, handle, timeout)) : ask(L, SHARED_ACQUIRE, timeout, 0);
}

static void release(lua_State *L, shared_handle *handle) {
    if (is_lock(handle)) return shared_release_lock(L, handle);
    shared_request request = {.operation = SHARED_RELEASE, .handle = handle, .timeout = -1};
    shared_ask(L, &request, 0, 0, NULL);
}

/// The lock of the handle where it is lent and mapped already.
SHARED_FAST lfs_lent_lock *lent_lock(const lfvm *vm, const shared_handle *handle) {
    const shared_lent *lent = handle->lent;
    return lent != NULL && lent->process != 0 && vm->callbacks.sequence != NULL ? lent->lock : NULL;
}

/// lock:acquire(timeout). One that is free, and that the task has used before, takes one atomic operation and nothing else.
SHARED_FAST int acquire_as(lua_State *L, shared_kind kind) {
    shared_handle *handle = shared_self(L, kind);
    lfvm *vm = vm_of(L);
    lfs_lent_lock *lock = lent_lock(vm, handle);
    if (__builtin_expect(lock != NULL && handle->lent->is_listed && lfs_lock_take(lock, shared_token(vm, handle->lent)), true)) {
        lock->depth = 1;
        lua_pushboolean(L, 1);
        return 1;
    }
    return acquire(L, handle, shared_timeout(L, 2));
}

/// lock:release(). Likewise. The depth is the owner's own: where somebody else has the lock, the exchange fails.
SHARED_FAST int release_as(lua_State *L, shared_kind kind) {
    shared_handle *handle = shared_self(L, kind);
    lfvm *vm = vm_of(L);
    lfs_lent_lock *lock = lent_lock(vm, handle);
    if (__builtin_expect(lock != NULL && lock->depth <= 1 && lfs_lock_drop(lock, shared_token(vm, handle->lent)), true)) return 0;
    release(L, handle);
    return 0;
}

static int lock_acquire(lua_State *L) {
    return acquire_as(L, KIND_LOCK);
}

static int lock_release(lua_State *L) {
    return release_as(L, KIND_LOCK);
}

static int recursive_acquire(lua_State *L) {
    return acquire_as(L, KIND_RECURSIVE_LOCK);
}

static int recursive_release(lua_State *L) {
    return release_as(L, KIND_RECURSIVE_LOCK);
}

/// Of any other kind.
int shared_acquire(lua_State *L) {
    return acquire_as(L, (shared_kind)lua_tointeger(L, lua_upvalueindex(1)));
}

int shared_release(lua_State *L) {
    return release_as(L, (shared_kind)lua_tointeger(L, lua_upvalueindex(1)));
}

static int try_acquire(lua_State *L) {
    return acquire(L, shared_check(L), 0);
}

/// Of a lock: whether somebody has it; of a semaphore: its permits.
static int lock_value(lua_State *L) {
    shared_handle *handle = shared_check(L);
    shared_lent *lent = is_lock(handle) ? shared_borrow(L, handle, false) : NULL;
    if (lent != NULL && lent->lock != NULL) {
        uint64_t word = __atomic_load_n(&lent->lock->word, __ATOMIC_RELAXED);
        if (!(word & LFS_LENT_HOST)) {
            lua_pushboolean(L, (word & LFS_LENT_REST) != 0);
            return 1;
        }
    }
    return ask(L, SHARED_VALUE, -1, 0);
}

/// The __close of what `with` holds: stack: table, error. Runs after an error, when the traceback is taken already.
static int end_with(lua_State *L) {
    lua_rawgeti(L, 1, 1);
    lua_replace(L, 1);
    lua_settop(L, 1);
    release(L, shared_to_handle(L, 1));
    return 0;
}

/// lock:with(fn, ...): what fn returns. The lock is let go however fn ends.
int shared_with(lua_State *L) {
    shared_handle *handle = shared_check(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int count = lua_gettop(L) - 2;
    // A guard, made before the lock is taken: it can fail.
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, end_with);
    lua_setfield(L, -2, "__close");
    lua_insert(L, 2);
    lua_insert(L, 2);
    lua_pop(L, acquire(L, handle, -1));
    lua_pushvalue(L, 3);  // handle, guard, its metatable, fn, arguments
    lua_setmetatable(L, 2);
    lua_remove(L, 3);
    lua_toclose(L, 2);
    lua_call(L, count, LUA_MULTRET);
    return lua_gettop(L) - 2;
}

static int event_set(lua_State *L) {
    ask(L, SHARED_SET, -1, 0);
    return 0;
}

static int event_clear(lua_State *L) {
    ask(L, SHARED_CLEAR, -1, 0);
    return 0;
}

static int event_is_set(lua_State *L) {
    return ask(L, SHARED_IS_SET, -1, 0);
}

static int event_wait(lua_State *L) {
    return ask(L, SHARED_WAIT, shared_timeout(L, 2), 0);
}

/// Waits for a notice; the lock is held as often afterwards as before.
static int wait_for_notice(lua_State *L, int64_t timeout) {
    shared_lent *lent = shared_borrow(L, shared_check(L), false);
    uint32_t depth = lent != NULL ? lent->lock->depth : 0;
    int results = ask(L, SHARED_WAIT_FOR_NOTICE, timeout, 0);
    if (lent != NULL) lent->lock->depth = depth;
    return results;
}

static int condition_wait(lua_State *L) {
    return wait_for_notice(L, shared_timeout(L, 2));
}

static int condition_notify(lua_State *L) {
    lua_Integer count = luaL_optinteger(L, 2, 1);
    luaL_argcheck(L, count >= 0, 2, "a number of waiters, 0 or more, expected");
    ask(L, SHARED_NOTIFY, -1, count);
    return 0;
}

static int condition_notify_all(lua_State *L) {
    ask(L, SHARED_NOTIFY, -1, -1);
    return 0;
}

/// cond:wait_for(predicate): waits until it holds; its value.
static int condition_wait_for(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    for (;;) {
        lua_pushvalue(L, 2);
        lua_call(L, 0, 1);
        if (lua_toboolean(L, -1)) return 1;
        lua_settop(L, 2);
        wait_for_notice(L, -1);
        lua_settop(L, 2);
    }
}

/// The number of this party in the round, from 1; or false and "broken" or "timeout".
static int barrier_wait(lua_State *L) {
    return ask(L, SHARED_ARRIVE, shared_timeout(L, 2), 0);
}

static int barrier_abort(lua_State *L) {
    ask(L, SHARED_ABORT, -1, 0);
    return 0;
}

static int barrier_reset(lua_State *L) {
    ask(L, SHARED_RESET, -1, 0);
    return 0;
}

/// Waiting, parties, whether it is broken.
static int barrier_status(lua_State *L) {
    return ask(L, SHARED_WAITING_PARTIES, -1, 0);
}

void shared_lock_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg plain_pair[] = {{"acquire", lock_acquire}, {"release", lock_release}, {NULL, NULL}};
    static const luaL_Reg recursive_pair[] = {{"acquire", recursive_acquire}, {"release", recursive_release}, {NULL, NULL}};
    static const luaL_Reg pair[] = {{"acquire", shared_acquire}, {"release", shared_release}, {NULL, NULL}};
    static const luaL_Reg locks[] = {{"try_acquire", try_acquire}, {"with", shared_with}, {NULL, NULL}};
    static const luaL_Reg lock[] = {{"is_locked", lock_value}, {NULL, NULL}};
    static const luaL_Reg semaphore[] = {{"value", lock_value}, {NULL, NULL}};
    static const luaL_Reg event[] = {
        {"set", event_set}, {"clear", event_clear}, {"is_set", event_is_set}, {"wait", event_wait}, {NULL, NULL},
    };
    static const luaL_Reg condition[] = {
        {"wait", condition_wait}, {"wait_for", condition_wait_for}, {"notify", condition_notify}, {"notify_all", condition_notify_all},
        {NULL, NULL},
    };
    static const luaL_Reg barrier[] = {
        {"wait", barrier_wait}, {"abort", barrier_abort}, {"reset", barrier_reset}, {"status", barrier_status}, {NULL, NULL},
    };
    const luaL_Reg *own = kind == KIND_EVENT ? event
        : kind == KIND_CONDITION ? condition
        : kind == KIND_BARRIER ? barrier
        : kind == KIND_SEMAPHORE || kind == KIND_BOUNDED_SEMAPHORE ? semaphore : lock;
    if (kind != KIND_EVENT && kind != KIND_BARRIER) {
        lua_pushinteger(L, kind);
        luaL_setfuncs(L, kind == KIND_LOCK ? plain_pair : kind == KIND_RECURSIVE_LOCK ? recursive_pair : pair, 1);
        lua_pushinteger(L, kind);
        luaL_setfuncs(L, locks, 1);
    }
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, own, 1);
}
