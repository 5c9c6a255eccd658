// The tables that an encoder has met: a hash map from an address to a number.
#ifndef LFVM_POINTER_SET_H
#define LFVM_POINTER_SET_H

#include <stdint.h>

#include "memory.h"

typedef struct {
    const void *key;  // NULL: free
    uint32_t mark;    // the encoder's; 0 when new
} pointer_slot;

typedef struct {
    pointer_slot *slots;
    size_t capacity;  // a power of two, or 0
    size_t count;
} pointer_set;

/// The slot of `key`, made if it is new. NULL when there is not enough memory. Valid until the next call.
pointer_slot *pointer_set_slot(pointer_set *set, vm_memory *memory, const void *key);

/// The slot of `key`, or NULL if there is none.
const pointer_slot *pointer_set_find(const pointer_set *set, const void *key);

/// Empties the set. What one huge message needed is given back.
void pointer_set_clear(pointer_set *set, vm_memory *memory);

void pointer_set_free(pointer_set *set, vm_memory *memory);

#endif
