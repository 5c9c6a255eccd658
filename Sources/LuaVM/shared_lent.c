// What the host lends: locks, queues and pipes that a task uses in mapped memory, without asking, as long as nobody has to wait.
#include <stdlib.h>
#include <unistd.h>

#include "CFleetMapped.h"
#include "shared_memory.h"

// Memory

static bool is_lendable(const shared_handle *handle, bool is_outbox) {
    switch (handle->kind) {
    case KIND_QUEUE: case KIND_SIMPLE_QUEUE: case KIND_CONNECTION: case KIND_LOCK: case KIND_RECURSIVE_LOCK: case KIND_CONDITION:
    case KIND_VALUE: case KIND_ARRAY: case KIND_MEMORY: case KIND_SHAREABLE_LIST: return true;
    default: return false;
    }
}

static shared_lent *make_lent(lua_State *L, uint64_t object) {
    shared_lent *lent = calloc(1, sizeof *lent);
    if (lent == NULL) luaL_error(L, "not enough memory");
    lent->object = object;
    lent->hand = LFS_RING_CELLS;
    return lent;
}

static void free_lent(shared_lent *lent) {
    if (lent->start != NULL) lfs_unmap(lent->start, lent->size);
    free(lent);
}

static shared_lent *borrow_mapped(lua_State *L, shared_handle *handle) {
    shared_mapping *mapping = handle->mapping != NULL && handle->mapping->start != NULL ? handle->mapping : NULL;
    if (mapping == NULL) {
        shared_unmap(handle);
        mapping = shared_map(L, handle);
    }
    shared_lent *lent = make_lent(L, handle->id);
    lent->process = mapping->process;
    lent->lock = (lfs_lent_lock *)((char *)mapping->start + mapping->lock_offset);
    lent->is_recursive = true;
    return handle->lent = lent;
}

shared_lent *shared_borrow(lua_State *L, shared_handle *handle, bool is_outbox) {
    lfvm *vm = vm_of(L);
    if (vm->callbacks.sequence == NULL || *vm->callbacks.sequence == 0) return NULL;
    shared_lent **place = is_outbox ? &handle->outbox : &handle->lent;
    if (*place != NULL) return (*place)->process != 0 ? *place : NULL;
    if (!is_lendable(handle, is_outbox)) return NULL;
    if (handle->kind >= KIND_VALUE) return borrow_mapped(L, handle);
    bool is_ring = handle->kind == KIND_QUEUE || handle->kind == KIND_SIMPLE_QUEUE || handle->kind == KIND_CONNECTION;
    if (is_ring && !handle->is_used) {  // mapping costs as much as asking: only what is used more than once is worth it
        handle->is_used = true;
        return NULL;
    }
    shared_lent *lent = *place = make_lent(L, handle->id);  // the handle frees it, whatever is raised from here on
    shared_request request = {.operation = SHARED_MAP, .handle = handle, .timeout = -1, .argument = is_outbox};
    int results;
    int before = lua_gettop(L);
    shared_ask(L, &request, 0, 0, &results);
    if (request.fd < 0 || results < 6) {  // the host has no descriptor left for it, and is asked
        if (request.fd >= 0) close(request.fd);
        lua_settop(L, before);
        return NULL;
    }
    lent->size = is_ring ? sizeof(lfs_ring) : sizeof(lfs_lent_lock);
    lent->start = lfs_map_memory(request.fd, lent->size);
    close(request.fd);
    if (lent->start == NULL) luaL_error(L, "not enough memory to map shared memory");
    lent->is_recursive = lua_toboolean(L, before + 6);
    if (is_ring) lent->ring = lent->start;
    else lent->lock = lent->start;
    lent->process = (uint64_t)lua_tointeger(L, before + 4);
    lua_settop(L, before);
    if (handle->has_taken && !is_outbox) {  // the host has lent that too
        lent->has_taken = true;
        shared_use(vm, lent);
    }
    return lent;
}

/// The handle has gone, or goes with the task.
static void orphan(shared_lent *lent) {
    if (!lent->is_listed) free_lent(lent);
    else lent->is_orphan = true;
}

void shared_return(lfvm *vm, shared_handle *handle) {
    shared_mapping *mapping = handle->mapping;
    if (handle->lent != NULL && handle->lent->is_listed && mapping != NULL && mapping->start != NULL) {
        // The task may still have the lock that lies in it: the memory stays until then.
        handle->lent->start = mapping->start;
        handle->lent->size = mapping->mapped_size;
        mapping->start = NULL;
    }
    if (handle->lent != NULL) orphan(handle->lent);
    if (handle->outbox != NULL) orphan(handle->outbox);
    handle->lent = handle->outbox = NULL;
}

void shared_task_ends(lfvm *vm) {
    shared_lent *lent = vm->lent;
    vm->lent = NULL;
    while (lent != NULL) {
        shared_lent *next = lent->next;
        if (vm->callbacks.sequence != NULL && lent->process != 0) {
            uint64_t token = shared_token(vm, lent);
            bool is_known = false;  // to the host, which has taken it back
            if (lent->lock != NULL) is_known = lfs_lock_leave(lent->lock, token) == LFS_LENT_ASK;
            // Also where nothing is in hand now: what was may have been taken back with it.
            else if (lent->ring != NULL && lent->has_taken) is_known = lfs_ring_answer(lent->ring, token, LFS_RING_CELLS) == LFS_LENT_ASK;
            if (is_known) shared_tell(vm, SHARED_LEAVE, lent->object);
        }
        lent->is_listed = lent->has_taken = false;
        lent->hand = LFS_RING_CELLS;
        if (lent->is_orphan) free_lent(lent);
        lent = next;
    }
}

// Locks

static lfvm_reply_status ask_for_lock(lua_State *L, shared_handle *handle, int64_t timeout) {
    shared_request request = {.operation = SHARED_ACQUIRE, .handle = handle, .timeout = timeout};
    int results;
    lfvm_reply_status status = shared_ask(L, &request, 0, 0, &results);
    lua_pop(L, results);
    return status;
}

lfvm_reply_status shared_acquire_lock(lua_State *L, shared_handle *handle, int64_t timeout) {
    lfvm *vm = vm_of(L);
    shared_lent *lent = shared_borrow(L, handle, false);
    if (lent == NULL || lent->lock == NULL) return ask_for_lock(L, handle, timeout);
    uint64_t token = shared_token(vm, lent);
    lfs_lent_pause pause = {0};
    lfvm_reply_status status;
    for (;;) {
        lfs_lent_result result = lfs_lock_try(lent->lock, token);
        if (result == LFS_LENT_OWN && lent->is_recursive) {
            lent->lock->depth++;
            return LFVM_REPLY_DONE;
        }
        if (result <= LFS_LENT_OWNER_DIED) {
            status = result == LFS_LENT_DONE ? LFVM_REPLY_DONE : LFVM_REPLY_OWNER_DIED;
            break;
        }
        if (result == LFS_LENT_BUSY && timeout == 0) return LFVM_REPLY_TIMED_OUT;
        if (result == LFS_LENT_BUSY && lfs_lent_wait(&pause)) continue;
        status = ask_for_lock(L, handle, timeout);
        break;
    }
    if (status == LFVM_REPLY_DONE || status == LFVM_REPLY_OWNER_DIED) {
        lent->lock->depth = 1;
        shared_use(vm, lent);
    }
    return status;
}

void shared_release_lock(lua_State *L, shared_handle *handle) {
    lfvm *vm = vm_of(L);
    shared_lent *lent = handle->lent;
    if (lent == NULL || lent->process == 0 || vm->callbacks.sequence == NULL) lent = shared_borrow(L, handle, false);
    if (lent != NULL && lent->lock != NULL) {
        uint64_t token = shared_token(vm, lent);
        if (lfs_lock_is_own(lent->lock, token)) {
            if (lent->lock->depth > 1) {
                lent->lock->depth--;
                return;
            }
            switch (lfs_lock_release(lent->lock, token)) {
            case LFS_LENT_DONE: return;
            case LFS_LENT_ASK: shared_tell(vm, SHARED_RELEASE, handle->id); return;
            default: break;
            }
        }
    }
    shared_request request = {.operation = SHARED_RELEASE, .handle = handle, .timeout = -1};
    int results;
    shared_ask(L, &request, 0, 0, &results);
    lua_pop(L, results);
}
