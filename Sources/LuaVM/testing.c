// Failure injection for the tests.
#include "LuaVMTesting.h"

#include "vm.h"

size_t lfvm_refuse_allocations(lfvm *vm, size_t first, size_t count) {
    size_t made = vm->memory.allocations;
    vm->memory.allocations = 0;
    vm->memory.refuse_from = count == 0 ? 0 : first;
    vm->memory.refuse_count = count;
    return made;
}
