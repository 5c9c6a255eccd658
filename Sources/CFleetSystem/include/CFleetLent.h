// State of shared objects that the host lends to those who have mapped it: a lock's word, and a ring of short messages.
//
// While an object is lent, who has its memory works on it alone, by single atomic operations. Who cannot go on so (somebody else has the lock, nothing is there, a
// message is long) asks the host, which takes the object back first: one atomic store for a lock, one for each cell of a ring. From then on only the host changes it,
// whatever the others were doing at that moment fails, and they ask the host too. When nobody waits any more it is lent again. So a SIGKILL between any two
// instructions leaves a state that the host can read, and nobody ever waits for another process here.
//
// Who scribbles over the memory harms those who have the object, and nobody else: the host believes no number in it and waits for nothing in it.
#ifndef CFLEETLENT_H
#define CFLEETLENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// The host decides; who does not have it asks.
#define LFS_LENT_HOST (1ull << 63)
/// A lock that is free and whose last owner ended with it.
#define LFS_LENT_LEFT (1ull << 62)
/// The rest of a word: who has it (the process's number in the upper half, the task's in the lower), 0: nobody; or a position.
#define LFS_LENT_REST (LFS_LENT_LEFT - 1)

typedef enum {
    LFS_LENT_DONE = 0,
    LFS_LENT_OWNER_DIED,  // done; the owner before ended with it
    LFS_LENT_OWN,         // it is the caller's already
    LFS_LENT_BUSY,        // for the moment: somebody else has it; empty; full
    LFS_LENT_ASK,         // the host has it, or has to do this
    LFS_LENT_FOREIGN,     // it is not the caller's
} lfs_lent_result;

// Pauses

/// How long somebody who would have to ask the host looks for himself, in nanoseconds: about what asking costs. Smaller: more asking; larger: processor time that others could use.
enum { LFS_LENT_PATIENCE = 30000 };

typedef struct {
    uint32_t count;
    uint64_t deadline;
} lfs_lent_pause;

/// A moment passes; others that want this processor have it. False: that was long enough.
bool lfs_lent_wait(lfs_lent_pause *pause);

// Locks

/// The word is changed from 0 to its owner's token by the owner, back by the owner, and by the host.
typedef struct {
    uint64_t word;
    uint32_t depth;  // how often the owner took it; the owner's own
    uint32_t reserved[13];
} lfs_lent_lock;

_Static_assert(sizeof(lfs_lent_lock) == 64, "a line of the cache");

/// Acquires a lock that is free, lent, and whose last owner let it go. The exchange acquires: what the owner before wrote is seen.
static inline bool lfs_lock_take(lfs_lent_lock *lock, uint64_t token) {
    uint64_t word = 0;
    return __atomic_compare_exchange_n(&lock->word, &word, token, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/// Lets go of one that is the caller's and lent. Releases: the next owner sees what this one wrote.
static inline bool lfs_lock_drop(lfs_lent_lock *lock, uint64_t token) {
    return __atomic_compare_exchange_n(&lock->word, &token, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/// Acquires a free lock.
static inline lfs_lent_result lfs_lock_try(lfs_lent_lock *lock, uint64_t token) {
    uint64_t word = 0;
    if (__atomic_compare_exchange_n(&lock->word, &word, token, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return LFS_LENT_DONE;
    if (word == LFS_LENT_LEFT && __atomic_compare_exchange_n(&lock->word, &word, token, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return LFS_LENT_OWNER_DIED;
    if ((word & LFS_LENT_REST) == token) return LFS_LENT_OWN;
    return word & LFS_LENT_HOST ? LFS_LENT_ASK : LFS_LENT_BUSY;
}

static inline bool lfs_lock_is_own(const lfs_lent_lock *lock, uint64_t token) {
    return (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) & LFS_LENT_REST) == token;
}

/// The host: nobody has it.
static inline bool lfs_lock_is_free(const lfs_lent_lock *lock) {
    return (__atomic_load_n(&lock->word, __ATOMIC_ACQUIRE) & LFS_LENT_REST) == 0;
}

/// Lets it go. ASK: it is not the caller's any more, and the host, which has somebody waiting, has to be told.
static inline lfs_lent_result lfs_lock_release(lfs_lent_lock *lock, uint64_t token) {
    uint64_t word = token;
    for (;;) {
        uint64_t free = word & LFS_LENT_HOST;
        if (__atomic_compare_exchange_n(&lock->word, &word, free, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return free ? LFS_LENT_ASK : LFS_LENT_DONE;
        if ((word & LFS_LENT_REST) != token) return LFS_LENT_FOREIGN;
    }
}

/// The owner ends with it. ASK: the host has to see to it.
static inline lfs_lent_result lfs_lock_leave(lfs_lent_lock *lock, uint64_t token) {
    uint64_t word = token;
    if (__atomic_compare_exchange_n(&lock->word, &word, LFS_LENT_LEFT, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) return LFS_LENT_DONE;
    return word == (token | LFS_LENT_HOST) ? LFS_LENT_ASK : LFS_LENT_FOREIGN;
}

/// The host: takes it back. Returns the word as it was.
static inline uint64_t lfs_lock_take_back(lfs_lent_lock *lock) {
    return __atomic_fetch_or(&lock->word, LFS_LENT_HOST, __ATOMIC_ACQ_REL);
}

/// The host, which has it: the word becomes `word`, where the owner has not let go meanwhile. False: it has, and says so in a moment.
static inline bool lfs_lock_publish(lfs_lent_lock *lock, uint64_t before, uint64_t word) {
    uint64_t found = before;
    if (__atomic_compare_exchange_n(&lock->word, &found, word, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return true;
    if (found == LFS_LENT_HOST && (before & LFS_LENT_REST) == (word & LFS_LENT_REST)) return false;
    __atomic_store_n(&lock->word, word, __ATOMIC_RELEASE);  // the owner let go, and is no longer the owner; or somebody scribbled
    return true;
}

// Rings

enum {
    LFS_RING_CELLS = 128,  // smaller: producers that are ahead ask sooner; larger: more memory a queue
    LFS_RING_BYTES = 232,  // of the longest message
};

/// The state says all: its upper two bits what the cell is, the rest a position in the stream of messages, or who has it.
typedef struct {
    uint64_t state;
    uint64_t position;  // of what is in it; written before `state` says that it is there
    uint32_t count;
    uint8_t bytes[LFS_RING_BYTES];
    uint8_t reserved[4];
} lfs_ring_cell;

_Static_assert(sizeof(lfs_ring_cell) == 256, "four lines of the cache");

typedef struct {
    uint64_t control;   // LFS_LENT_HOST, or how often it was lent
    uint64_t capacity;  // messages
    uint64_t reserved[6];
    uint64_t head;      // the position of the next message out, or one that was: only a hint, as the cells say it
    uint64_t reserved2[7];
    uint64_t tail;      // likewise of the next one in
    uint64_t reserved3[7];
    lfs_ring_cell cells[LFS_RING_CELLS];
} lfs_ring;

/// Puts a message at the end. BUSY: it is full, or somebody else is putting one there.
lfs_lent_result lfs_ring_put(lfs_ring *ring, uint64_t token, const void *bytes, size_t count);
/// The same in two steps, for tests of a death between them: the cell is claimed; then the message is in it.
lfs_lent_result lfs_ring_claim(lfs_ring *ring, uint64_t token, lfs_ring_cell *_Nullable *_Nonnull cell, uint64_t *position);
lfs_lent_result lfs_ring_publish(lfs_ring *ring, lfs_ring_cell *cell, uint64_t position, uint64_t token, const void *bytes, size_t count);
/// Takes the first message into `bytes`, which has room for LFS_RING_BYTES. BUSY: there is none. `keeps`: it stays in the taker's hand until lfs_ring_answer; `*cell` is where.
lfs_lent_result lfs_ring_get(lfs_ring *ring, uint64_t token, bool keeps, void *bytes, size_t *count, uint32_t *cell);
/// What the caller has in hand is done with, in `cell` or, where that is not less than LFS_RING_CELLS, wherever it is. ASK: the host knows of it.
lfs_lent_result lfs_ring_answer(lfs_ring *ring, uint64_t token, uint32_t cell);
/// Messages that can be got; LFS_LENT_ASK in `*result`: the host knows.
size_t lfs_ring_count(lfs_ring *ring, lfs_lent_result *result);
/// How often it was lent.
static inline uint64_t lfs_ring_epoch(lfs_ring *ring) {
    return __atomic_load_n(&ring->control, __ATOMIC_ACQUIRE);
}

/// What the host finds in a ring.
typedef struct {
    uint64_t position;
    uint64_t taker;  // 0: nobody
    uint32_t cell;
    uint32_t count;
} lfs_ring_entry;

/// The host: new memory, not lent.
void lfs_ring_begin(lfs_ring *ring);
/// The host: takes it back. The messages by position: those in somebody's hand and those that nobody has. `base`: as it was lent. Returns how many.
size_t lfs_ring_take_back(lfs_ring *ring, uint64_t base, lfs_ring_entry entries[_Nonnull LFS_RING_CELLS]);
static inline lfs_ring_cell *lfs_ring_cell_at(lfs_ring *ring, uint32_t cell) {
    return &ring->cells[cell % LFS_RING_CELLS];
}
static inline const uint8_t *lfs_ring_bytes(const lfs_ring_cell *cell) {
    return cell->bytes;
}
static inline uint64_t lfs_ring_tail(const lfs_ring *ring) {
    return __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}
/// The host: whether it can be lent. Not while a process that had begun to put a message in may still write: it says when it has stopped. `dead`: the number of a process that has ended; 0: none.
bool lfs_ring_is_still(lfs_ring *ring, uint64_t dead);
/// The host: the message at `position`; `taker` has it in hand, or nobody.
void lfs_ring_place(lfs_ring *ring, uint64_t position, uint64_t taker, const void *bytes, size_t count);
/// The host: lends it. Messages stand from `base` on; those before `head` are in hand, `tail` is the position behind the last.
void lfs_ring_lend(lfs_ring *ring, uint64_t base, uint64_t head, uint64_t tail, uint64_t capacity, uint64_t epoch);

#pragma clang assume_nonnull end
#endif
