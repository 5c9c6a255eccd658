// Mapped memory inside of Lua, and shareable lists in it. Only the first use asks the host.
#include "shared_memory.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Mapping

shared_mapping *shared_map(lua_State *L, shared_handle *handle) {
    if (handle->mapping != NULL) return handle->mapping;
    shared_mapping *mapping = malloc(sizeof *mapping);
    if (mapping == NULL) luaL_error(L, "not enough memory");
    mapping->start = NULL;
    handle->mapping = mapping;  // the handle frees it, whatever is raised from here on
    shared_request request = {.operation = SHARED_MAP, .handle = handle, .timeout = -1};
    int results;
    shared_ask(L, &request, 0, 0, &results);
    if (request.fd < 0 || results < 6) {
        if (request.fd >= 0) close(request.fd);
        shared_unmap(handle);
        luaL_error(L, "the host sent no memory");
    }
    int first = lua_gettop(L) - results + 1;
    mapping->type = (uint32_t)lua_tointeger(L, first);
    mapping->count = (size_t)lua_tointeger(L, first + 1);
    mapping->size = mapping->count * lfs_element_size((lfs_element)mapping->type);
    const char *name = lua_tostring(L, first + 2);
    strncpy(mapping->name, name != NULL ? name : "shared memory", sizeof mapping->name - 1);
    mapping->name[sizeof mapping->name - 1] = 0;
    mapping->process = (uint64_t)lua_tointeger(L, first + 3);
    mapping->lock_offset = (size_t)lua_tointeger(L, first + 4);
    mapping->mapped_size = mapping->lock_offset + sizeof(lfs_lent_lock);
    mapping->start = lfs_map_memory(request.fd, mapping->mapped_size);
    close(request.fd);
    lua_pop(L, results);
    if (mapping->start == NULL) {
        shared_unmap(handle);
        luaL_error(L, "not enough memory to map shared memory");
    }
    return mapping;
}

void shared_unmap(shared_handle *handle) {
    shared_mapping *mapping = handle->mapping;
    if (mapping == NULL) return;
    handle->mapping = NULL;
    if (mapping->start != NULL) lfs_unmap(mapping->start, mapping->mapped_size);
    free(mapping);
}

shared_mapping *shared_map_again(lua_State *L, shared_handle *handle) {
    shared_unmap(handle);
    return shared_map(L, handle);
}

shared_mapping *shared_check_mapping(lua_State *L) {
    return shared_mapping_of(L, shared_check(L));
}

// Shareable lists

static size_t list_count(lua_State *L, const shared_mapping *mapping) {
    size_t count = lfs_list_count(mapping->start, mapping->size);
    struct timespec pause = {.tv_nsec = 100000};
    // Its maker has it a moment before the first value is in it.
    for (int i = 0; count == 0 && i < 10000; i++) {
        nanosleep(&pause, NULL);
        count = lfs_list_count(mapping->start, mapping->size);
    }
    if (count == 0) luaL_error(L, "%s: whoever made it did not finish", mapping->name);
    return count;
}

static size_t check_slot(lua_State *L, const shared_mapping *mapping) {
    int is_integer;
    lua_Integer index = lua_tointegerx(L, 2, &is_integer);
    size_t count = list_count(L, mapping);
    if (!is_integer) luaL_error(L, "%s: an index is an integer, not a %s", mapping->name, luaL_typename(L, 2));
    if (index < 1 || (size_t)index > count)
        luaL_error(L, "%s: index %I is outside of 1…%I", mapping->name, (LUAI_UACINT)index, (LUAI_UACINT)count);
    return (size_t)(index - 1);
}

static int list_get(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    size_t slot = check_slot(L, mapping);
    ssize_t capacity = lfs_list_capacity(mapping->start, mapping->size, slot);
    if (capacity < 0) return luaL_error(L, "%s: it is damaged", mapping->name);
    luaL_Buffer buffer;
    char *bytes = luaL_buffinitsize(L, &buffer, (size_t)capacity + 1);
    lfs_list_value value;
    if (lfs_list_read(mapping->start, mapping->size, slot, &value, bytes) != 0)
        return luaL_error(L, "%s: it is damaged", mapping->name);
    double number;
    switch (value.type) {
    case LFS_LIST_FALSE: lua_pushboolean(L, 0); return 1;
    case LFS_LIST_TRUE: lua_pushboolean(L, 1); return 1;
    case LFS_LIST_INTEGER: lua_pushinteger(L, (lua_Integer)value.number); return 1;
    case LFS_LIST_FLOAT:
        memcpy(&number, &value.number, 8);
        lua_pushnumber(L, number);
        return 1;
    case LFS_LIST_STRING: luaL_pushresultsize(&buffer, value.length); return 1;
    default: lua_pushnil(L); return 1;
    }
}

static int list_index(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        lua_rawget(L, lua_upvalueindex(2));
        return 1;
    }
    return list_get(L);
}

/// Writes the value on top into slot `slot`.
static void write_slot(lua_State *L, const shared_mapping *mapping, size_t slot) {
    lfs_list_value value = {.type = LFS_LIST_NIL};
    const char *bytes = "";
    size_t length = 0;
    switch (lua_type(L, -1)) {
    case LUA_TNIL: break;
    case LUA_TBOOLEAN: value.type = lua_toboolean(L, -1) ? LFS_LIST_TRUE : LFS_LIST_FALSE; break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1)) {
            value.type = LFS_LIST_INTEGER;
            value.number = (uint64_t)lua_tointeger(L, -1);
        } else {
            double number = lua_tonumber(L, -1);
            value.type = LFS_LIST_FLOAT;
            memcpy(&value.number, &number, 8);
        }
        break;
    case LUA_TSTRING: {
        ssize_t capacity = lfs_list_capacity(mapping->start, mapping->size, slot);
        bytes = lua_tolstring(L, -1, &length);
        if (capacity < 0 || length > (size_t)capacity)
            luaL_error(L, "%s: a string of %I bytes has no place in slot %I, which has room for %I", mapping->name,
                       (LUAI_UACINT)length, (LUAI_UACINT)slot + 1, (LUAI_UACINT)capacity);
        value.type = LFS_LIST_STRING;
        value.length = (uint32_t)length;
        break;
    }
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, -1) == &vm_null) break;
        // falls through
    default:
        luaL_error(L, "%s: a %s has no place in slot %I (nil, booleans, numbers and strings have)", mapping->name, luaL_typename(L, -1),
                   (LUAI_UACINT)slot + 1);
    }
    if (lfs_list_write(mapping->start, mapping->size, slot, &value, bytes) != 0) luaL_error(L, "%s: it is damaged", mapping->name);
}

static int list_set(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    lua_settop(L, 3);
    write_slot(L, mapping, check_slot(L, mapping));
    return 0;
}

static int list_len(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    lua_pushinteger(L, (lua_Integer)list_count(L, mapping));
    return 1;
}

void shared_fill_list(lua_State *L, shared_handle *handle, int list, size_t count, const uint32_t *capacities) {
    if (handle == NULL) luaL_error(L, "the host sent no list");
    shared_mapping *mapping = shared_map(L, handle);
    if (mapping->size < lfs_list_size(capacities, count) || !lfs_list_begin(mapping->start)) return;  // there is one of that name
    lfs_list_format(mapping->start, capacities, count);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        write_slot(L, mapping, i);
        lua_pop(L, 1);
    }
}

// Methods

void shared_set_lock_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg lock[] = {{"acquire", shared_acquire}, {"release", shared_release}, {"with", shared_with}, {NULL, NULL}};
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, lock, 1);
}

/// [-0, +0] Metamethods with upvalues kind and methods.
void shared_set_meta(lua_State *L, shared_kind kind, const luaL_Reg *meta) {
    lua_pushvalue(L, -2);
    lua_pushinteger(L, kind);
    lua_pushvalue(L, -3);
    luaL_setfuncs(L, meta, 2);
    lua_pop(L, 1);
}

void shared_memory_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg list[] = {{"get", list_get}, {"set", list_set}, {NULL, NULL}};
    static const luaL_Reg list_meta[] = {{"__index", list_index}, {"__newindex", list_set}, {"__len", list_len}, {NULL, NULL}};
    if (kind == KIND_MEMORY) {
        shared_bytes_methods(L, kind);
        shared_set_lock_methods(L, kind);
        return;
    }
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, list, 1);
    shared_set_lock_methods(L, kind);
    shared_set_meta(L, kind, list_meta);
}
