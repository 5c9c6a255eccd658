// Types of the script: metatables that fleet.register gave a name, which stands for them on the wire.
#ifndef LFVM_TYPES_H
#define LFVM_TYPES_H

#include <lua.h>

/// Fields of a type.
enum {
    TYPE_METATABLE = 1,
    TYPE_ENCODE,  // function or nil
    TYPE_DECODE,  // function or nil
    TYPE_NAME,
};

/// fleet.register(name, metatable [, {encode = f, decode = f}])
int fleet_register(lua_State *L);

/// [-1, +1] The type for the name or the metatable on top, or nil.
void vm_replace_by_type(lua_State *L);

#endif
