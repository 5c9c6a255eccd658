// Methods of queues and of the ends of pipes.
#include "shared.h"

/// Results of an operation that may find nothing or no room: true or the value, else nil or false and why.
static int conclude(lua_State *L, lfvm_reply_status status, int results, bool has_value, const char *nothing) {
    switch (status) {
    case LFVM_REPLY_DONE:
    case LFVM_REPLY_OWNER_DIED:
        if (has_value) return results;
        lua_pushboolean(L, 1);
        return 1;
    case LFVM_REPLY_CLOSED:
        if (has_value) lua_pushnil(L);
        else lua_pushboolean(L, 0);
        lua_pushliteral(L, "closed");
        return 2;
    default:
        if (has_value) lua_pushnil(L);
        else lua_pushboolean(L, 0);
        lua_pushstring(L, nothing);
        return 2;
    }
}

// What is lent

/// Puts the value at index 2 into the ring that is lent; BUSY: there is no room; ASK: the host has to do it.
static lfs_lent_result put_lent(lua_State *L, shared_handle *handle, bool is_pipe, int64_t timeout) {
    lfvm *vm = vm_of(L);
    shared_lent *lent = shared_borrow(L, handle, is_pipe);
    if (lent == NULL || lfs_ring_epoch(lent->ring) & LFS_LENT_HOST) return LFS_LENT_ASK;
    lfvm_message message = {.has_handles = false};
    encoder_request encoding = {.what = "value", .in_script = true, .contiguous = true};
    encoder_encode(vm, L, 2, 1, encoding, &message);
    if (message.has_handles || message.total > LFS_RING_BYTES) return LFS_LENT_ASK;
    uint64_t token = shared_token(vm, lent);
    lfs_lent_pause pause = {0};
    lfs_lent_result result;
    do result = lfs_ring_put(lent->ring, token, message.pieces[0].bytes, message.total);
    while (result == LFS_LENT_BUSY && timeout != 0 && lfs_lent_wait(&pause));
    return result;
}

/// [-0, +1, e] Takes the first value; BUSY: there is none; ASK: the host has to be asked.
static lfs_lent_result take_lent(lua_State *L, shared_handle *handle, bool is_pipe, int64_t timeout) {
    lfvm *vm = vm_of(L);
    shared_lent *lent = shared_borrow(L, handle, false);
    handle->has_taken = true;
    if (lent == NULL) return LFS_LENT_ASK;
    uint64_t token = shared_token(vm, lent), epoch = lfs_ring_epoch(lent->ring);
    if (!is_pipe) {
        shared_use(vm, lent);
        lent->has_taken = true;
        if (epoch != lent->epoch) lent->hand = LFS_RING_CELLS;
        lent->epoch = epoch;
        if (lent->hand != SHARED_NOTHING) {
            lfs_lent_result answered = lfs_ring_answer(lent->ring, token, lent->hand);
            lent->hand = answered == LFS_LENT_DONE ? SHARED_NOTHING : LFS_RING_CELLS;
        }
    }
    uint8_t bytes[LFS_RING_BYTES];
    size_t count;
    uint32_t cell;
    lfs_lent_pause pause = {0};
    lfs_lent_result result;
    do result = lfs_ring_get(lent->ring, token, !is_pipe, bytes, &count, &cell);
    while (result == LFS_LENT_BUSY && timeout != 0 && lfs_lent_wait(&pause));
    if (result != LFS_LENT_DONE) return result;
    if (!is_pipe) lent->hand = cell;
    vm->refuses_handles = true;  // the host has not handed out any
    vm_decode(vm, L, bytes, count, NULL, true);
    return result;
}

// Both

static int give(lua_State *L, shared_operation operation, int64_t timeout, const char *nothing) {
    shared_handle *handle = shared_check(L);
    if (lua_isnoneornil(L, 2)) return luaL_argerror(L, 2, "a value expected, got nil (fleet.null stands for nothing)");
    switch (put_lent(L, handle, operation == SHARED_SEND, timeout)) {
    case LFS_LENT_DONE: return conclude(L, LFVM_REPLY_DONE, 0, false, nothing);
    case LFS_LENT_BUSY: if (timeout == 0) return conclude(L, LFVM_REPLY_TIMED_OUT, 0, false, nothing);  // falls through
    default: break;
    }
    shared_request request = {.operation = operation, .handle = handle, .timeout = timeout};
    int results;
    lfvm_reply_status status = shared_ask(L, &request, 2, 1, &results);
    return conclude(L, status, results, false, nothing);
}

static int take(lua_State *L, shared_operation operation, int64_t timeout, const char *nothing) {
    shared_handle *handle = shared_check(L);
    if (operation == SHARED_GET || operation == SHARED_RECEIVE) {
        int before = lua_gettop(L);
        switch (take_lent(L, handle, operation == SHARED_RECEIVE, timeout)) {
        case LFS_LENT_DONE: return lua_gettop(L) - before;
        case LFS_LENT_BUSY: if (timeout == 0) return conclude(L, LFVM_REPLY_TIMED_OUT, 0, true, nothing);  // falls through
        default: break;
        }
    }
    shared_request request = {.operation = operation, .handle = handle, .timeout = timeout};
    int results;
    lfvm_reply_status status = shared_ask(L, &request, 0, 0, &results);
    return conclude(L, status, results, true, nothing);
}

/// How many messages are there to get, without the host; -1: it has to be asked.
static lua_Integer count_lent(lua_State *L, shared_handle *handle) {
    shared_lent *lent = shared_borrow(L, handle, false);
    if (lent == NULL || lent->ring == NULL) return -1;
    lfs_lent_result result;
    size_t count = lfs_ring_count(lent->ring, &result);
    return result == LFS_LENT_DONE ? (lua_Integer)count : -1;
}

static int queue_put(lua_State *L) {
    return give(L, SHARED_PUT, shared_timeout(L, 3), "timeout");
}

static int queue_try_put(lua_State *L) {
    return give(L, SHARED_PUT, 0, "full");
}

static int queue_get(lua_State *L) {
    return take(L, SHARED_GET, shared_timeout(L, 2), "timeout");
}

static int queue_try_get(lua_State *L) {
    return take(L, SHARED_GET, 0, "empty");
}

static int queue_size(lua_State *L) {
    lua_Integer count = count_lent(L, shared_check(L));
    if (count >= 0) {
        lua_pushinteger(L, count);
        return 1;
    }
    return take(L, SHARED_SIZE, 0, "");
}

static int queue_task_done(lua_State *L) {
    take(L, SHARED_TASK_DONE, 0, "");
    return 0;
}

static int queue_join(lua_State *L) {
    shared_handle *handle = shared_check(L);
    shared_request request = {.operation = SHARED_JOIN, .handle = handle, .timeout = shared_timeout(L, 2)};
    int results;
    return conclude(L, shared_ask(L, &request, 0, 0, &results), results, false, "timeout");
}

static int next_item(lua_State *L) {
    lua_settop(L, 1);
    return queue_get(L);
}

/// for item in q:items() do … end: until the end of the stream.
static int queue_items(lua_State *L) {
    shared_check(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, next_item, 1);
    lua_pushvalue(L, 1);
    return 2;
}

static int connection_send(lua_State *L) {
    return give(L, SHARED_SEND, shared_timeout(L, 3), "timeout");
}

static int connection_receive(lua_State *L) {
    return take(L, SHARED_RECEIVE, shared_timeout(L, 2), "timeout");
}

/// Without a timeout it does not wait, as in Python.
static int connection_poll(lua_State *L) {
    if (count_lent(L, shared_check(L)) > 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    return take(L, SHARED_POLL, lua_isnoneornil(L, 2) ? 0 : shared_timeout(L, 2), "");
}

void shared_queue_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg queue[] = {
        {"put", queue_put}, {"try_put", queue_try_put}, {"get", queue_get}, {"try_get", queue_try_get}, {"size", queue_size},
        {"items", queue_items}, {"close", shared_close}, {NULL, NULL},
    };
    static const luaL_Reg joinable[] = {{"task_done", queue_task_done}, {"join", queue_join}, {NULL, NULL}};
    static const luaL_Reg connection[] = {
        {"send", connection_send}, {"recv", connection_receive}, {"poll", connection_poll}, {"close", shared_close}, {NULL, NULL},
    };
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, kind == KIND_CONNECTION ? connection : queue, 1);
    if (kind == KIND_CONNECTION) return;
    lua_pushinteger(L, kind);
    lua_pushcclosure(L, queue_size, 1);
    lua_setfield(L, -3, "__len");
    if (kind != KIND_JOINABLE_QUEUE) return;
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, joinable, 1);
}
