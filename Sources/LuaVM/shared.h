// Shared objects inside of Lua: a handle is a userdata, and every operation on it a request to the host.
#ifndef LFVM_SHARED_H
#define LFVM_SHARED_H

#include "CFleetLent.h"
#include "vm.h"

/// The numbers of SharedKind.
typedef enum {
    KIND_QUEUE = 1, KIND_JOINABLE_QUEUE, KIND_SIMPLE_QUEUE, KIND_CONNECTION, KIND_LOCK, KIND_RECURSIVE_LOCK, KIND_SEMAPHORE,
    KIND_BOUNDED_SEMAPHORE, KIND_EVENT, KIND_CONDITION, KIND_BARRIER, KIND_DICTIONARY, KIND_LIST, KIND_NAMESPACE, KIND_VALUE,
    KIND_ARRAY, KIND_MEMORY, KIND_SHAREABLE_LIST, KIND_COUNT,
} shared_kind;

/// The numbers of SharedOperation.
typedef enum {
    SHARED_CREATE = 1, SHARED_FORGET = 2, SHARED_CLOSE = 3, SHARED_WAIT_FOR_ANY = 4, SHARED_LEAVE = 6,
    SHARED_PUT = 10, SHARED_GET, SHARED_SIZE, SHARED_TASK_DONE, SHARED_JOIN,
    SHARED_SEND = 20, SHARED_RECEIVE, SHARED_POLL,
    SHARED_ACQUIRE = 30, SHARED_RELEASE, SHARED_VALUE,
    SHARED_SET = 40, SHARED_CLEAR, SHARED_IS_SET, SHARED_WAIT,
    SHARED_WAIT_FOR_NOTICE = 50, SHARED_NOTIFY,
    SHARED_ARRIVE = 60, SHARED_ABORT, SHARED_RESET, SHARED_WAITING_PARTIES,
    SHARED_TABLE_GET = 70, SHARED_TABLE_SET, SHARED_TABLE_COUNT, SHARED_TABLE_ENTRIES, SHARED_BEGIN_UPDATE, SHARED_END_UPDATE,
    SHARED_TABLE_INSERT, SHARED_TABLE_REMOVE, SHARED_TABLE_CLEAR,
    SHARED_MAP = 90,
} shared_operation;

/// Mapped memory of a handle, made on first use.
typedef struct {
    void *start;
    size_t size;     // bytes
    size_t count;    // elements
    uint32_t type;   // lfs_element
    uint64_t process;      // the worker's number in lent memory
    size_t lock_offset;    // of the object's lock, which lies behind it
    size_t mapped_size;    // bytes, with the lock
    char name[200];  // for messages: "shared array hits"
} shared_mapping;

enum { SHARED_NOTHING = LFS_RING_CELLS + 1 };

/// Memory of a handle in which the host lends the object's state: see CFleetLent.h.
typedef struct shared_lent {
    struct shared_lent *next;  // in the list of those that the running task has used
    void *start;               // mapped, if it is not part of a shared_mapping
    size_t size;
    uint64_t object;
    uint64_t process;          // the upper half of the tokens
    lfs_lent_lock *lock;       // of a lock, else NULL
    lfs_ring *ring;            // of a queue or connection, else NULL
    bool is_recursive;
    bool is_listed;
    bool is_orphan;            // its handle was collected: it goes with the task
    bool has_taken;            // from a queue, in the running task
    uint32_t hand;             // the cell with what the task has in hand, as of `epoch`; LFS_RING_CELLS: not known; SHARED_NOTHING: nothing
    uint64_t epoch;
} shared_lent;

/// One for each object and VM.
typedef struct {
    const void *marker;  // says that it is one
    uint32_t kind;
    uint32_t receipts;  // how often the handle was received
    uint64_t id;
    shared_mapping *mapping;
    shared_lent *lent;    // made on first use
    shared_lent *outbox;  // of a connection: what the other end receives
    bool is_used;         // a queue or connection: something was asked already
    bool has_taken;       // something may be in hand that the host gave
    bool is_collected;    // it is of no more use
} shared_handle;

/// What is asked, and how long to wait.
typedef struct {
    shared_operation operation;
    shared_handle *handle;        // NULL: none
    int64_t timeout;              // nanoseconds; -1: as long as it takes
    int64_t argument;
    int fd;                       // after the request: the descriptor that came, or -1
} shared_request;

/// Makes the metatables; at the start of a VM.
void shared_open(lfvm *vm, lua_State *L);
/// [-0, +0, m] Adds fleet.Queue and the others to the table on top.
void shared_open_constructors(lua_State *L);

/// [-0, +1, m] The handle's userdata; it was received once more.
void shared_push_handle(lua_State *L, uint64_t kind, uint64_t id);
/// The handle at `index`, or NULL if something else is there.
shared_handle *shared_to_handle(lua_State *L, int index);
/// The handle at stack index 1, of this kind where that is not 0; raises.
shared_handle *shared_check_kind(lua_State *L, lua_Integer kind);

/// Where a handle is noted that is in use. Handles lie about this far apart.
static inline void **shared_known(lfvm *vm, const void *handle) {
    return &vm->known_handles[(uintptr_t)handle / 128 % 8];
}
/// The same, for methods of one kind that have to be fast. What is in use is told by its address, which is its own until it is collected: looking into the value takes longer
/// than many a method does.
#define SHARED_FAST static inline __attribute__((always_inline))
SHARED_FAST shared_handle *shared_self(lua_State *L, shared_kind kind) {
    shared_handle *handle = lua_touserdata(L, 1);
    if (__builtin_expect(handle != NULL && handle == *shared_known(vm_of(L), handle) && handle->kind == kind, true)) return handle;
    return shared_check_kind(L, kind);
}
/// The same of the kind whose methods those of the running function are: upvalue 1 of every method.
static inline shared_handle *shared_check(lua_State *L) {
    return shared_self(L, (shared_kind)lua_tointeger(L, lua_upvalueindex(1)));
}

/// [-0, +n, e] Sends the `count` values from `first` on and waits for the answer, whose values it pushes. A failure is raised as an error of the script.
lfvm_reply_status shared_ask(lua_State *L, shared_request *request, int first, int count, int *results);

/// The same without a message and without an answer.
void shared_tell(lfvm *vm, shared_operation operation, uint64_t object);

// What is lent (shared_lent.c)

/// The lent memory of a handle, mapped on first use, or NULL where the host has to be asked. `is_outbox`: what the other end of a connection receives. Raises.
shared_lent *shared_borrow(lua_State *L, shared_handle *handle, bool is_outbox);
/// Who the running task is in the memory; never 0 where shared_borrow returned it.
static inline uint64_t shared_token(const lfvm *vm, const shared_lent *lent) {
    return lent->process << 32 | *vm->callbacks.sequence;
}
/// The running task uses it: at its end nothing stays behind.
static inline void shared_use(lfvm *vm, shared_lent *lent) {
    if (lent->is_listed) return;
    lent->is_listed = true;
    lent->next = vm->lent;
    vm->lent = lent;
}
/// The task is over: what it still has of lent objects is given back. Calls no Lua.
void shared_task_ends(lfvm *vm);
/// A handle is collected.
void shared_return(lfvm *vm, shared_handle *handle);

/// Acquires the lock at stack index 1; as the host answers.
lfvm_reply_status shared_acquire_lock(lua_State *L, shared_handle *handle, int64_t timeout);
/// Lets it go; an error of the script where it is not held.
void shared_release_lock(lua_State *L, shared_handle *handle);

/// [-0, +0, e] Seconds at `index` as nanoseconds; nil or none: -1.
int64_t shared_timeout(lua_State *L, int index);

/// [-0, +0, m] Each sets the methods of a kind; the metatable, and its table of methods above it, are on top.
void shared_queue_methods(lua_State *L, shared_kind kind);
void shared_lock_methods(lua_State *L, shared_kind kind);
void shared_table_methods(lua_State *L, shared_kind kind);
void shared_memory_methods(lua_State *L, shared_kind kind);
void shared_number_methods(lua_State *L, shared_kind kind);

/// fleet.wait(list, timeout)
int shared_wait(lua_State *L);
/// lock:with(fn, ...)
int shared_with(lua_State *L);
int shared_acquire(lua_State *L);
int shared_release(lua_State *L);
int shared_close(lua_State *L);

/// Maps the memory of a handle if it is not mapped yet; raises.
shared_mapping *shared_map(lua_State *L, shared_handle *handle);
void shared_unmap(shared_handle *handle);
/// Writes the values at `list` into a new list; `capacities` of `count` slots.
void shared_fill_list(lua_State *L, shared_handle *handle, int list, size_t count, const uint32_t *capacities);

#endif
