// The bytes of shared memory inside of Lua: the whole, and slices of it.
#include <string.h>

#include "shared_memory.h"

/// A part of a shared memory; its user value is the memory's handle, which it keeps.
typedef struct {
    size_t offset, size;
} shared_slice;

/// The bytes that a method works on.
typedef struct {
    char *start;
    size_t size;
    size_t offset;  // in the memory
    const char *name;
} window;

/// Upvalue 1: the kind; 0: the methods are those of slices.
static window check_window(lua_State *L) {
    if (lua_tointeger(L, lua_upvalueindex(1)) == KIND_MEMORY) {
        shared_mapping *mapping = shared_check_mapping(L);
        return (window){mapping->start, mapping->size, 0, mapping->name};
    }
    const shared_slice *slice = luaL_checkudata(L, 1, "shared memory slice");
    lua_getiuservalue(L, 1, 1);
    const shared_handle *handle = shared_to_handle(L, -1);
    lua_pop(L, 1);
    // A slice is made of memory that is mapped, and it stays so with the handle.
    if (handle == NULL || handle->mapping == NULL || handle->mapping->start == NULL) luaL_error(L, "shared memory slice: its memory is gone");
    return (window){(char *)handle->mapping->start + slice->offset, slice->size, slice->offset, handle->mapping->name};
}

/// The type named at `index`; the memory begins where elements of it may: their operations are atomic.
static lfs_element check_type(lua_State *L, const window *bytes, int index) {
    const char *name = luaL_checkstring(L, index);
    for (int type = LFS_I8; type <= LFS_BOOL; type++) {
        if (strcmp(name, shared_type_names[type]) != 0) continue;
        size_t unit = lfs_element_size((lfs_element)type);
        if (bytes->offset % unit != 0)
            luaL_error(L, "%s: a slice that begins at byte %I holds no %s: those begin at every %Ith byte", bytes->name,
                       (LUAI_UACINT)bytes->offset + 1, name, (LUAI_UACINT)unit);
        return (lfs_element)type;
    }
    luaL_error(L, "%s: no type \"%s\"", bytes->name, name);
    return LFS_U8;
}

/// m:read(first, count): a string.
static int bytes_read(lua_State *L) {
    window bytes = check_window(L);
    size_t offset, count;
    shared_check_range(L, bytes.name, bytes.size, 1, 2, &offset, &count);
    lua_pushlstring(L, bytes.start + offset, count);
    return 1;
}

/// m:write(first, bytes)
static int bytes_write(lua_State *L) {
    window bytes = check_window(L);
    size_t length, offset, count;
    const char *source = luaL_checklstring(L, 3, &length);
    lua_settop(L, 3);
    lua_pushinteger(L, (lua_Integer)length);
    lua_insert(L, 3);
    shared_check_range(L, bytes.name, bytes.size, 1, 2, &offset, &count);
    memcpy(bytes.start + offset, source, count);
    return 0;
}

/// m:numbers(type, first, count): a table of the elements of the memory seen as an array of that type.
static int bytes_numbers(lua_State *L) {
    window bytes = check_window(L);
    lfs_element type = check_type(L, &bytes, 2);
    size_t offset, count, unit = lfs_element_size(type);
    shared_check_range(L, bytes.name, bytes.size, unit, 3, &offset, &count);
    shared_push_elements(L, bytes.start + offset * unit, type, count);
    return 1;
}

/// m:set_numbers(type, first, table)
static int bytes_set_numbers(lua_State *L) {
    window bytes = check_window(L);
    lfs_element type = check_type(L, &bytes, 2);
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_settop(L, 4);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 4));
    lua_insert(L, 4);
    size_t offset, count, unit = lfs_element_size(type);
    shared_check_range(L, bytes.name, bytes.size, unit, 3, &offset, &count);
    shared_set_elements(L, bytes.name, bytes.start + offset * unit, type, 5, count);
    return 0;
}

/// m:slice(first, count): the same bytes, counted from 1; nothing is copied.
static int bytes_slice(lua_State *L) {
    window bytes = check_window(L);
    size_t offset, count;
    shared_check_range(L, bytes.name, bytes.size, 1, 2, &offset, &count);
    bool is_slice = lua_tointeger(L, lua_upvalueindex(1)) != KIND_MEMORY;
    shared_slice *slice = lua_newuserdatauv(L, sizeof *slice, 1);
    *slice = (shared_slice){.offset = bytes.offset + offset, .size = count};
    if (is_slice) lua_getiuservalue(L, 1, 1);
    else lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "shared memory slice");
    lua_setmetatable(L, -2);
    return 1;
}

static int bytes_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_window(L).size);
    return 1;
}

static unsigned char *check_byte(lua_State *L) {
    window bytes = check_window(L);
    int is_integer;
    lua_Integer index = lua_tointegerx(L, 2, &is_integer);
    if (!is_integer) luaL_error(L, "%s: an index is an integer, not a %s", bytes.name, luaL_typename(L, 2));
    if (index < 1 || (size_t)index > bytes.size)
        luaL_error(L, "%s: index %I is outside of 1…%I", bytes.name, (LUAI_UACINT)index, (LUAI_UACINT)bytes.size);
    return (unsigned char *)bytes.start + index - 1;
}

/// m[i]: a byte, or a method.
static int bytes_index(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        lua_rawget(L, lua_upvalueindex(2));
        return 1;
    }
    lua_pushinteger(L, __atomic_load_n(check_byte(L), __ATOMIC_SEQ_CST));
    return 1;
}

static int bytes_new_index(lua_State *L) {
    unsigned char *byte = check_byte(L);
    int is_integer;
    lua_Integer value = lua_tointegerx(L, 3, &is_integer);
    if (!is_integer || value < 0 || value > 255) luaL_error(L, "%s: a byte is an integer from 0 to 255", check_window(L).name);
    __atomic_store_n(byte, (unsigned char)value, __ATOMIC_SEQ_CST);
    return 0;
}

static int slice_tostring(lua_State *L) {
    window bytes = check_window(L);
    lua_pushfstring(L, "%s, bytes %I to %I", bytes.name, (LUAI_UACINT)bytes.offset + 1, (LUAI_UACINT)(bytes.offset + bytes.size));
    return 1;
}

/// [-0, +0, m] The metatable, and its table of methods above it, are on top.
static void set_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg methods[] = {
        {"read", bytes_read}, {"write", bytes_write}, {"numbers", bytes_numbers}, {"set_numbers", bytes_set_numbers}, {"slice", bytes_slice},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__index", bytes_index}, {"__newindex", bytes_new_index}, {"__len", bytes_len}, {NULL, NULL}};
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, methods, 1);
    shared_set_meta(L, kind, meta);
}

void shared_bytes_methods(lua_State *L, shared_kind kind) {
    if (luaL_getmetatable(L, "shared memory slice") == LUA_TNIL) {
        // Registered when it is whole: making it can fail, and is tried again then.
        lua_newtable(L);
        lua_pushliteral(L, "shared memory slice");
        lua_setfield(L, -2, "__name");
        lua_pushinteger(L, 0);
        lua_pushcclosure(L, slice_tostring, 1);
        lua_setfield(L, -2, "__tostring");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_newtable(L);
        set_methods(L, 0);
        lua_pop(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "shared memory slice");
    }
    lua_pop(L, 1);
    set_methods(L, kind);
}
