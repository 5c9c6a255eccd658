// Names of what libraries own: the same in every worker, so that a name can stand for the value.
#ifndef LFVM_NAMES_H
#define LFVM_NAMES_H

#include <lua.h>

#include "LuaVM.h"

/// [-0, +0, m] Remembers the tables of the standard libraries: at the start, before a script can change what they are.
void vm_note_libraries(lfvm *vm, lua_State *L);

/// The name of a standard library's table, "string" or "_G"; NULL for another address.
const char *vm_library_name(const lfvm *vm, const void *table);

/// [-0, +1, m] The name of the function on top, such as "string.format", "print" or "mymodule.fn", or nil.
void vm_push_function_name(lfvm *vm, lua_State *L);

/// [-0, +1, m] What a name stands for in this VM, or nil: a module, a field of a module, a global. Runs no code of the script.
void vm_resolve_name(lua_State *L, const char *name, size_t count);

#endif
