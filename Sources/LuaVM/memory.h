// Memory of one VM: what Lua holds, what our buffers hold, and the limit on both.
#ifndef LFVM_MEMORY_H
#define LFVM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    size_t used;     // bytes that Lua holds
    size_t peak;     // the most it ever held
    size_t buffers;  // bytes of our own buffers: not reported, but they count against the limit
    size_t limit;    // of used + buffers; 0: none
    size_t allowance;  // what is preloaded, on top of the limit
    size_t pristine;   // used when the VM was new
    bool is_suspended;  // no limit for the moment

    // For tests (LuaVMTesting.h): allocations are counted, and `refuse_count` from number `refuse_from` on are refused.
    size_t allocations, refuse_from, refuse_count;
} vm_memory;

/// The lua_Alloc of a VM; `memory` is its vm_memory.
void *vm_lua_allocate(void *memory, void *pointer, size_t old_size, size_t size);

/// Grows or shrinks one of our buffers. NULL, and the buffer unchanged, when there is not enough memory. Size 0 frees.
void *vm_resize(vm_memory *memory, void *pointer, size_t old_size, size_t size);

#endif
