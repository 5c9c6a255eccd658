// Open addressing with linear probing, at most half full.
#include "pointer_set.h"

#include <string.h>

enum {
    SMALLEST = 16,
    LARGEST_KEPT = 4096,  // slots: 64 KiB; larger, and every later message would pay for clearing it
};

static pointer_slot *find(const pointer_set *set, const void *key) {
    uint64_t hash = ((uint64_t)(uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = set->capacity - 1;
    size_t i = (size_t)(hash >> 32) & mask;
    while (set->slots[i].key != NULL && set->slots[i].key != key) i = (i + 1) & mask;
    return &set->slots[i];
}

static bool grow(pointer_set *set, vm_memory *memory) {
    pointer_set larger = {.capacity = set->capacity == 0 ? SMALLEST : set->capacity * 2, .count = set->count};
    larger.slots = vm_resize(memory, NULL, 0, larger.capacity * sizeof(pointer_slot));
    if (larger.slots == NULL) return false;
    memset(larger.slots, 0, larger.capacity * sizeof(pointer_slot));
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i].key != NULL) *find(&larger, set->slots[i].key) = set->slots[i];
    vm_resize(memory, set->slots, set->capacity * sizeof(pointer_slot), 0);
    *set = larger;
    return true;
}

pointer_slot *pointer_set_slot(pointer_set *set, vm_memory *memory, const void *key) {
    if (set->capacity != 0) {
        pointer_slot *slot = find(set, key);
        if (slot->key != NULL) return slot;
    }
    if ((set->count + 1) * 2 > set->capacity && !grow(set, memory)) return NULL;
    pointer_slot *slot = find(set, key);
    slot->key = key;
    slot->mark = 0;
    set->count++;
    return slot;
}

const pointer_slot *pointer_set_find(const pointer_set *set, const void *key) {
    if (set->capacity == 0) return NULL;
    const pointer_slot *slot = find(set, key);
    return slot->key == NULL ? NULL : slot;
}

void pointer_set_clear(pointer_set *set, vm_memory *memory) {
    if (set->count == 0) return;
    if (set->capacity > LARGEST_KEPT) {
        pointer_set_free(set, memory);
        return;
    }
    memset(set->slots, 0, set->capacity * sizeof(pointer_slot));
    set->count = 0;
}

void pointer_set_free(pointer_set *set, vm_memory *memory) {
    vm_resize(memory, set->slots, set->capacity * sizeof(pointer_slot), 0);
    *set = (pointer_set){0};
}
