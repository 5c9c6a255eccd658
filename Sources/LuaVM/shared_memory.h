// What the files about mapped memory share.
#ifndef LFVM_SHARED_MEMORY_H
#define LFVM_SHARED_MEMORY_H

#include <string.h>

#include "CFleetMapped.h"
#include "shared.h"

/// By lfs_element.
extern const char *const shared_type_names[];

/// The memory of the handle at index 1, mapped on first use; raises.
shared_mapping *shared_check_mapping(lua_State *L);
/// The same of a handle.
shared_mapping *shared_map_again(lua_State *L, shared_handle *handle);
static inline shared_mapping *shared_mapping_of(lua_State *L, shared_handle *handle) {
    shared_mapping *mapping = handle->mapping;
    return __builtin_expect(mapping != NULL && mapping->start != NULL, true) ? mapping : shared_map_again(L, handle);
}
/// The range that starts at stack index `index`, first and number, in elements of `unit` bytes; raises where it is outside.
void shared_check_range(lua_State *L, const char *name, size_t size, size_t unit, int index, size_t *offset, size_t *count);
/// [-0, +1, m] A table of `count` elements.
void shared_push_elements(lua_State *L, const char *at, lfs_element type, size_t count);
/// Writes the first `count` items of the table at stack index `table`; raises for one that has no place.
void shared_set_elements(lua_State *L, const char *name, char *at, lfs_element type, int table, size_t count);

int shared_array_len(lua_State *L);
/// [-0, +0, m] Adds a lock's methods to the table of methods on top.
void shared_set_lock_methods(lua_State *L, shared_kind kind);
/// [-0, +0, m] Sets the methods of shared memory; the metatable, and its table of methods above it, are on top.
void shared_bytes_methods(lua_State *L, shared_kind kind);
/// [-0, +0, m] Adds metamethods, with kind and methods as upvalues, to the metatable below the table of methods on top.
void shared_set_meta(lua_State *L, shared_kind kind, const luaL_Reg *meta);

#endif
