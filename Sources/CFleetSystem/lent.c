// Rings of short messages that the host lends: see CFleetLent.h.
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "CFleetLent.h"
#include "CFleetSystem.h"

bool lfs_lent_wait(lfs_lent_pause *pause) {
    if (++pause->count <= 64) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        return true;
    }
    sched_yield();
    if (pause->count % 4 != 0) return true;
    uint64_t now = lfs_now();
    if (pause->deadline == 0) pause->deadline = now + LFS_LENT_PATIENCE;
    return now < pause->deadline;
}

// States of a cell. A position is never used twice, also not after the ring was taken back and lent again: an exchange that expects one succeeds for that message only.
//
//   FREE p      → WRITING t   the producer t has claimed position p
//   WRITING t   → READY p     the message at p is there
//   READY p     → TAKEN t     the consumer t has it in hand
//   READY p     → FREE p+N    it was taken, where nobody keeps it in hand
//   TAKEN t     → FREE p+N    t has answered for it
//   any         → FROZEN      the host took it back
//   WRITING t   → CANCELLED t the same; t may still be writing
//   CANCELLED t → FROZEN      t has stopped
enum { N = LFS_RING_CELLS };
#define FREE (0ull << 62)
#define READY (1ull << 62)
#define TAKEN (2ull << 62)
#define WRITING (3ull << 62)
#define KIND (3ull << 62)
#define FROZEN (FREE | LFS_LENT_REST)
// Above every position.
#define CANCELLED (1ull << 61)

static bool exchange(uint64_t *at, uint64_t from, uint64_t to) {
    return __atomic_compare_exchange_n(at, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static uint64_t load(const uint64_t *at) {
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/// Whether the message at `position` was in this cell and is somebody's now, or gone.
static bool is_past(lfs_ring_cell *cell, uint64_t state, uint64_t position) {
    if (state == (FREE | (position + N))) return true;
    return (state & KIND) == TAKEN && __atomic_load_n(&cell->position, __ATOMIC_RELAXED) == position;
}

lfs_lent_result lfs_ring_claim(lfs_ring *ring, uint64_t token, lfs_ring_cell **claimed, uint64_t *position) {
    for (int i = 0; i < N; i++) {
        if (load(&ring->control) & LFS_LENT_HOST) return LFS_LENT_ASK;
        uint64_t tail = load(&ring->tail), head = load(&ring->head);
        lfs_ring_cell *cell = &ring->cells[tail % N];
        uint64_t state = load(&cell->state);
        if (state == (READY | tail) || is_past(cell, state, tail)) {  // its producer did not come to say so
            exchange(&ring->tail, tail, tail + 1);
            continue;
        }
        if (state != (FREE | tail)) {
            if (state == FROZEN) return LFS_LENT_ASK;
            if ((state & KIND) == WRITING) return LFS_LENT_BUSY;
            if ((state & KIND) == TAKEN && load(&ring->tail) == tail) return LFS_LENT_ASK;  // a message of the round before is in hand there
            continue;
        }
        if (tail - head >= load(&ring->capacity)) {
            lfs_ring_cell *first = &ring->cells[head % N];
            if (!is_past(first, load(&first->state), head)) return LFS_LENT_BUSY;
            exchange(&ring->head, head, head + 1);
            continue;
        }
        if (!exchange(&cell->state, state, WRITING | token)) continue;
        *claimed = cell;
        *position = tail;
        return LFS_LENT_DONE;
    }
    return LFS_LENT_BUSY;
}

lfs_lent_result lfs_ring_publish(lfs_ring *ring, lfs_ring_cell *cell, uint64_t position, uint64_t token, const void *bytes, size_t count) {
    __atomic_store_n(&cell->position, position, __ATOMIC_RELAXED);
    cell->count = (uint32_t)count;
    memcpy(cell->bytes, bytes, count);
    if (!exchange(&cell->state, WRITING | token, READY | position)) {
        exchange(&cell->state, CANCELLED | token, FROZEN);
        return LFS_LENT_ASK;
    }
    exchange(&ring->tail, position, position + 1);
    return LFS_LENT_DONE;
}

lfs_lent_result lfs_ring_put(lfs_ring *ring, uint64_t token, const void *bytes, size_t count) {
    if (count > LFS_RING_BYTES) return LFS_LENT_ASK;
    lfs_ring_cell *cell;
    uint64_t position;
    lfs_lent_result result = lfs_ring_claim(ring, token, &cell, &position);
    return result == LFS_LENT_DONE ? lfs_ring_publish(ring, cell, position, token, bytes, count) : result;
}

lfs_lent_result lfs_ring_get(lfs_ring *ring, uint64_t token, bool keeps, void *bytes, size_t *count, uint32_t *place) {
    for (int i = 0; i < N; i++) {
        if (load(&ring->control) & LFS_LENT_HOST) return LFS_LENT_ASK;
        uint64_t head = load(&ring->head);
        lfs_ring_cell *cell = &ring->cells[head % N];
        uint64_t state = load(&cell->state);
        if (state == (READY | head)) {
            // Copied before it is taken: if the exchange succeeds, nobody has written there since the message came.
            uint32_t length = __atomic_load_n(&cell->count, __ATOMIC_RELAXED);
            *count = length <= LFS_RING_BYTES ? length : LFS_RING_BYTES;
            memcpy(bytes, cell->bytes, *count);
            if (!exchange(&cell->state, state, keeps ? TAKEN | token : FREE | (head + N))) continue;
            *place = (uint32_t)(head % N);
            exchange(&ring->head, head, head + 1);
            return LFS_LENT_DONE;
        }
        if (state == FROZEN) return LFS_LENT_ASK;
        if (is_past(cell, state, head)) {
            exchange(&ring->head, head, head + 1);
            continue;
        }
        if (load(&ring->head) == head) return LFS_LENT_BUSY;
    }
    return LFS_LENT_BUSY;
}

lfs_lent_result lfs_ring_answer(lfs_ring *ring, uint64_t token, uint32_t place) {
    for (uint32_t i = place < N ? place : 0; i < (place < N ? place + 1 : N); i++) {
        lfs_ring_cell *cell = &ring->cells[i];
        if (load(&cell->state) != (TAKEN | token)) continue;
        uint64_t position = __atomic_load_n(&cell->position, __ATOMIC_RELAXED);
        exchange(&cell->state, TAKEN | token, FREE | (position + N));
    }
    return load(&ring->control) & LFS_LENT_HOST ? LFS_LENT_ASK : LFS_LENT_DONE;
}

size_t lfs_ring_count(lfs_ring *ring, lfs_lent_result *result) {
    size_t count = 0;
    for (uint32_t i = 0; i < N; i++) count += (load(&ring->cells[i].state) & KIND) == READY;
    *result = load(&ring->control) & LFS_LENT_HOST ? LFS_LENT_ASK : LFS_LENT_DONE;
    return count;
}

// The host's side

void lfs_ring_begin(lfs_ring *ring) {
    __atomic_store_n(&ring->control, LFS_LENT_HOST, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < N; i++) __atomic_store_n(&ring->cells[i].state, FROZEN, __ATOMIC_RELEASE);
}

static int compare(const void *left, const void *right) {
    const lfs_ring_entry *a = left, *b = right;
    return a->position < b->position ? -1 : a->position > b->position;
}

size_t lfs_ring_take_back(lfs_ring *ring, uint64_t base, lfs_ring_entry entries[N]) {
    size_t found = 0;
    __atomic_fetch_or(&ring->control, LFS_LENT_HOST, __ATOMIC_ACQ_REL);
    for (uint32_t i = 0; i < N; i++) {
        lfs_ring_cell *cell = &ring->cells[i];
        uint64_t state = load(&cell->state);
        // Fails only while somebody makes another step with this cell, of which there are few; who scribbles does not hold up the host for long.
        for (int tries = 0; tries < 64; tries++) {
            uint64_t after = (state & KIND) == WRITING ? CANCELLED | (state & LFS_LENT_REST) : FROZEN;
            if (__atomic_compare_exchange_n(&cell->state, &state, after, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) break;
        }
        uint32_t count = __atomic_load_n(&cell->count, __ATOMIC_RELAXED);
        lfs_ring_entry entry = {.cell = i, .count = count <= LFS_RING_BYTES ? count : LFS_RING_BYTES};
        if ((state & KIND) == READY) {
            entry.position = state & LFS_LENT_REST;
        } else if ((state & KIND) == TAKEN) {
            entry.position = __atomic_load_n(&cell->position, __ATOMIC_RELAXED);
            entry.taker = state & LFS_LENT_REST;
        } else {
            continue;
        }
        if (entry.position < base || entry.position - base > 1ull << 40) continue;  // scribbled
        entries[found++] = entry;
    }
    qsort(entries, found, sizeof entries[0], compare);
    return found;
}

bool lfs_ring_is_still(lfs_ring *ring, uint64_t dead) {
    bool still = true;
    for (uint32_t i = 0; i < N; i++) {
        uint64_t state = load(&ring->cells[i].state);
        if (state == FROZEN) continue;
        uint64_t writer = state & ~CANCELLED & LFS_LENT_REST;
        if (dead != 0 && writer >> 32 == dead) __atomic_store_n(&ring->cells[i].state, FROZEN, __ATOMIC_RELEASE);
        else still = false;
    }
    return still;
}

void lfs_ring_place(lfs_ring *ring, uint64_t position, uint64_t taker, const void *bytes, size_t count) {
    lfs_ring_cell *cell = &ring->cells[position % N];
    __atomic_store_n(&cell->position, position, __ATOMIC_RELAXED);
    cell->count = (uint32_t)count;
    memcpy(cell->bytes, bytes, count);
    __atomic_store_n(&cell->state, taker != 0 ? TAKEN | taker : READY | position, __ATOMIC_RELEASE);
}

void lfs_ring_lend(lfs_ring *ring, uint64_t base, uint64_t head, uint64_t tail, uint64_t capacity, uint64_t epoch) {
    for (uint64_t position = tail; position < base + N; position++)
        __atomic_store_n(&ring->cells[position % N].state, FREE | position, __ATOMIC_RELEASE);
    __atomic_store_n(&ring->capacity, capacity, __ATOMIC_RELEASE);
    __atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
    __atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
    __atomic_store_n(&ring->control, epoch, __ATOMIC_RELEASE);
}
