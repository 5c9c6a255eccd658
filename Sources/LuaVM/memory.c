// The counting allocator of a VM.
#include "memory.h"

#include <stdlib.h>

static bool fits(vm_memory *memory, size_t old_size, size_t size) {
    if (size <= old_size) return true;
    memory->allocations++;
    if (memory->refuse_from != 0 && memory->allocations >= memory->refuse_from
        && memory->allocations - memory->refuse_from < memory->refuse_count) return false;
    if (memory->limit == 0 || memory->is_suspended) return true;
    size_t held = memory->used + memory->buffers, limit = memory->limit + memory->allowance;
    size_t room = held < limit ? limit - held : 0;
    return size - old_size <= room;
}

/// Resizes without counting. Lua takes for granted that shrinking succeeds, so a failure to shrink keeps the block.
static void *resize(void *pointer, size_t old_size, size_t size) {
    void *moved = realloc(pointer, size);
    return moved == NULL && size <= old_size ? pointer : moved;
}

void *vm_lua_allocate(void *context, void *pointer, size_t old_size, size_t size) {
    vm_memory *memory = context;
    if (pointer == NULL) old_size = 0;  // for a new block Lua passes the kind of object here
    if (size == 0) {
        free(pointer);
        memory->used -= old_size;
        return NULL;
    }
    if (!fits(memory, old_size, size)) return NULL;
    void *result = resize(pointer, old_size, size);
    if (result == NULL) return NULL;
    memory->used += size - old_size;  // wraps to a subtraction when it shrinks
    if (memory->used > memory->peak) memory->peak = memory->used;
    return result;
}

void *vm_resize(vm_memory *memory, void *pointer, size_t old_size, size_t size) {
    if (size == 0) {
        free(pointer);
        memory->buffers -= old_size;
        return NULL;
    }
    if (!fits(memory, old_size, size)) return NULL;
    void *result = resize(pointer, old_size, size);
    if (result == NULL) return NULL;
    memory->buffers += size - old_size;
    return result;
}
