// Handles of shared objects, and the requests that their methods make.
#include "shared.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kind_names[KIND_COUNT] = {
    NULL, "queue", "joinable queue", "simple queue", "connection", "lock", "recursive lock", "semaphore", "bounded semaphore", "event",
    "condition", "barrier", "dictionary", "list", "namespace", "shared value", "shared array", "shared memory", "shareable list",
};

// The address marks userdata of ours.
static const char marker = 0;

// Handles

shared_handle *shared_to_handle(lua_State *L, int index) {
    // By what stands in it, since looking into its metatable takes longer than many a method does.
    if (lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) != sizeof(shared_handle)) return NULL;
    shared_handle *handle = lua_touserdata(L, index);
    return handle->marker == &marker ? handle : NULL;
}

static const char *name_of(const shared_handle *handle) {
    return handle->kind < KIND_COUNT ? kind_names[handle->kind] : "shared object";
}

shared_handle *shared_check_kind(lua_State *L, lua_Integer kind) {
    shared_handle *handle = shared_to_handle(L, 1);
    if (handle == NULL || (kind != 0 && handle->kind != kind)) {
        const char *wanted = kind > 0 && kind < KIND_COUNT ? kind_names[kind] : "shared object";
        const char *is = handle != NULL ? name_of(handle) : luaL_typename(L, 1);
        luaL_argerror(L, 1, lua_pushfstring(L, "%s expected, got %s", wanted, is));
    }
    // A finalizer has got it from what is collected with it: what it would map now nobody would ever free.
    if (handle->is_collected) luaL_error(L, "%s #%I: it has been collected", name_of(handle), (LUAI_UACINT)handle->id);
    *shared_known(vm_of(L), handle) = handle;
    return handle;
}

static int handle_gc(lua_State *L) {
    shared_handle *handle = lua_touserdata(L, 1);
    lfvm *vm = vm_of(L);
    handle->is_collected = true;
    if (*shared_known(vm, handle) == handle) *shared_known(vm, handle) = NULL;
    shared_return(vm, handle);
    shared_unmap(handle);
    if (handle->receipts == 0) return 0;
    lfvm_request request = {.operation = SHARED_FORGET, .object = handle->id, .timeout = -1, .argument = handle->receipts};
    handle->receipts = 0;
    if (vm->callbacks.request != NULL) vm->callbacks.request(vm->callbacks.context, &request, NULL);
    return 0;
}

static int handle_tostring(lua_State *L) {
    const shared_handle *handle = lua_touserdata(L, 1);
    lua_pushfstring(L, "%s: #%I", name_of(handle), (lua_Integer)handle->id);
    return 1;
}

static void push_metatable(lua_State *L, shared_kind kind);

/// [-0, +1, m] Made when the first handle of a kind comes: most states never see one, and all of them together cost as much as Lua's libraries.
static void push_type(lua_State *L, shared_kind kind) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm_of(L)->handle_types);
    if (lua_rawgeti(L, -1, kind) == LUA_TNIL) {
        lua_pop(L, 1);
        push_metatable(L, kind);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, kind);
    }
    lua_remove(L, -2);
}

void shared_push_handle(lua_State *L, uint64_t kind, uint64_t id) {
    lfvm *vm = vm_of(L);
    if (!lua_checkstack(L, LUA_MINSTACK)) luaL_error(L, "not enough memory");
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->handles);
    if (lua_rawgeti(L, -1, (lua_Integer)id) == LUA_TUSERDATA) {
        ((shared_handle *)lua_touserdata(L, -1))->receipts++;
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    if (kind >= KIND_COUNT) kind = 0;
    push_type(L, (shared_kind)kind);
    shared_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (shared_handle){.marker = &marker, .kind = (uint32_t)kind, .id = id};
    lua_pushvalue(L, -1);
    lua_rawseti(L, -4, (lua_Integer)id);
    lua_insert(L, -2);
    handle->receipts = 1;  // from here on there is somebody who gives it back
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

// Requests

void shared_tell(lfvm *vm, shared_operation operation, uint64_t object) {
    static const uint8_t nothing[] = {0x80};
    lfvm_request request = {.operation = (uint32_t)operation, .object = object, .timeout = -1, .bytes = nothing, .count = 1};
    if (vm->callbacks.request != NULL) vm->callbacks.request(vm->callbacks.context, &request, NULL);
}

struct answer {
    const uint8_t *bytes;
    size_t count;
};

static int decode_answer(lua_State *L) {
    const struct answer *answer = lua_touserdata(L, 1);
    lua_pop(L, 1);
    return vm_decode(vm_of(L), L, answer->bytes, answer->count, NULL, true);
}

lfvm_reply_status shared_ask(lua_State *L, shared_request *request, int first, int count, int *results) {
    lfvm *vm = vm_of(L);
    request->fd = -1;
    if (vm->callbacks.request == NULL) luaL_error(L, "there is no host here to share objects with");
    lfvm_message message = {.has_handles = false};
    static const uint8_t nothing[] = {0x80};
    lfvm_request asked = {
        .operation = (uint32_t)request->operation,
        .object = request->handle != NULL ? request->handle->id : 0,
        .timeout = request->timeout,
        .argument = request->argument,
        .bytes = nothing,
        .count = 1,
    };
    if (count > 0) {
        encoder_request encoding = {.what = "value", .in_script = true, .contiguous = true};
        encoder_encode(vm, L, first, count, encoding, &message);
        asked.bytes = message.pieces[0].bytes;
        asked.count = message.total;
        asked.has_handles = message.has_handles;
    }
    lfvm_reply reply = {.fd = -1};
    vm->callbacks.request(vm->callbacks.context, &asked, &reply);
    int before = lua_gettop(L), code = LUA_OK;
    if (!lua_checkstack(L, LUA_MINSTACK)) code = LUA_ERRMEM;
    if (code == LUA_OK && reply.count > 1) {
        struct answer answer = {reply.bytes, reply.count};
        lua_pushcfunction(L, decode_answer);  // a light function: allocates nothing
        lua_pushlightuserdata(L, &answer);
        code = lua_pcall(L, 1, LUA_MULTRET, 0);
    }
    free((void *)(uintptr_t)reply.bytes);
    if (code != LUA_OK) {
        if (reply.fd >= 0) close(reply.fd);
        if (lua_gettop(L) == before) luaL_error(L, "not enough memory");
        lua_error(L);
    }
    if (reply.status == LFVM_REPLY_FAILED) {
        if (reply.fd >= 0) close(reply.fd);
        luaL_error(L, "%s", lua_gettop(L) > before && lua_isstring(L, -1) ? lua_tostring(L, -1) : "the host refused");
    }
    if (reply.status == LFVM_REPLY_TIMED_OUT && vm->interrupt.is_pending) vm_interrupt_raise(vm, L, 1);
    request->fd = reply.fd;
    if (results != NULL) *results = lua_gettop(L) - before;
    return reply.status;
}

int64_t shared_timeout(lua_State *L, int index) {
    if (lua_isnoneornil(L, index)) return -1;
    lua_Number seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds >= 0, index, "a number of seconds, 0 or more, expected");  // not so for NaN either
    return seconds >= 9e9 ? -1 : (int64_t)(seconds * 1e9);
}

int shared_close(lua_State *L) {
    shared_handle *handle = shared_check(L);
    shared_request request = {.operation = SHARED_CLOSE, .handle = handle, .timeout = -1};
    int results;
    shared_ask(L, &request, 0, 0, &results);
    lua_pop(L, results);
    return 0;
}

int shared_wait(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    int64_t timeout = shared_timeout(L, 2);
    lua_Integer count = luaL_len(L, 1);
    luaL_argcheck(L, count > 0 && count < 100000, 1, "a list of queues, connections and events expected");
    lua_settop(L, 2);
    luaL_checkstack(L, (int)count + LUA_MINSTACK, "too many objects");
    for (lua_Integer i = 1; i <= count; i++) {
        lua_geti(L, 1, i);
        if (shared_to_handle(L, -1) == NULL)
            luaL_error(L, "bad argument #1 to 'wait' (item %I is no shared object but a %s)", (LUAI_UACINT)i, luaL_typename(L, -1));
    }
    shared_request request = {.operation = SHARED_WAIT_FOR_ANY, .timeout = timeout};
    int results;
    shared_ask(L, &request, 3, (int)count, &results);
    int base = lua_gettop(L) - results;
    lua_createtable(L, results, 0);
    for (int i = 1; i <= results; i++) {
        lua_geti(L, 1, lua_tointeger(L, base + i));
        lua_rawseti(L, -2, i);
    }
    return 1;
}

// Metatables

/// [-0, +1, m] A metatable of `kind` with its methods.
static void push_metatable(lua_State *L, shared_kind kind) {
    static void (*const methods[KIND_COUNT])(lua_State *, shared_kind) = {
        [KIND_QUEUE] = shared_queue_methods, [KIND_JOINABLE_QUEUE] = shared_queue_methods, [KIND_SIMPLE_QUEUE] = shared_queue_methods,
        [KIND_CONNECTION] = shared_queue_methods, [KIND_LOCK] = shared_lock_methods, [KIND_RECURSIVE_LOCK] = shared_lock_methods,
        [KIND_SEMAPHORE] = shared_lock_methods, [KIND_BOUNDED_SEMAPHORE] = shared_lock_methods, [KIND_EVENT] = shared_lock_methods,
        [KIND_CONDITION] = shared_lock_methods, [KIND_BARRIER] = shared_lock_methods, [KIND_DICTIONARY] = shared_table_methods,
        [KIND_LIST] = shared_table_methods, [KIND_NAMESPACE] = shared_table_methods, [KIND_VALUE] = shared_number_methods,
        [KIND_ARRAY] = shared_number_methods, [KIND_MEMORY] = shared_memory_methods, [KIND_SHAREABLE_LIST] = shared_memory_methods,
    };
    // Every call of a method looks for __index and then for the method. A key that is put in first, while the table has room, is found where it is looked for first.
    lua_createtable(L, 0, 16);
    lua_createtable(L, 0, 16);
    if (methods[kind] != NULL) methods[kind](L, kind);
    if (lua_getfield(L, -2, "__index") == LUA_TNIL) {
        lua_pushvalue(L, -2);
        lua_setfield(L, -4, "__index");
    }
    lua_pop(L, 2);
    lua_pushstring(L, kind == 0 ? "shared object" : kind_names[kind]);
    lua_setfield(L, -2, "__name");
    lua_pushcfunction(L, handle_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, handle_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");  // a script cannot take it for another userdata
}

void shared_open(lfvm *vm, lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    vm->handles = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    vm->handle_types = luaL_ref(L, LUA_REGISTRYINDEX);
}
