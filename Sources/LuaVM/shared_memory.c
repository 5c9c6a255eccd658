// Mapped memory inside of Lua: shared values and arrays, raw memory, shareable lists. Only the first use asks the host.
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "CFleetMapped.h"
#include "shared.h"

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
    if (request.fd < 0 || results < 3) {
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
    mapping->start = lfs_map_memory(request.fd, mapping->size);
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
    if (mapping->start != NULL) lfs_unmap(mapping->start, mapping->size);
    free(mapping);
}

static shared_mapping *check_mapping(lua_State *L) {
    shared_handle *handle = shared_check(L, 1);
    shared_mapping *mapping = handle->mapping;
    if (mapping == NULL || mapping->start == NULL) {
        shared_unmap(handle);
        mapping = shared_map(L, handle);
    }
    return mapping;
}

// Elements

static const char *const type_names[] = {"", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool"};

static void push_element(lua_State *L, lfs_element type, uint64_t bits) {
    if (type == LFS_BOOL) lua_pushboolean(L, bits != 0);
    else if (lfs_element_is_float(type)) lua_pushnumber(L, lfs_element_to_double(type, bits));
    else lua_pushinteger(L, (lua_Integer)bits);
}

static _Noreturn void fail_type(lua_State *L, const char *name, lfs_element type, int index) {
    const char *shown = lua_type(L, index) == LUA_TNUMBER ? lua_pushfstring(L, "%s", lua_tostring(L, index)) : luaL_typename(L, index);
    luaL_error(L, "%s: %s has no place in a %s", name, shown, type_names[type]);
    __builtin_unreachable();
}

/// The bits for the value at `index`.
static uint64_t check_element(lua_State *L, const char *name, lfs_element type, int index) {
    if (type == LFS_BOOL) {
        if (!lua_isboolean(L, index)) fail_type(L, name, type, index);
        return (uint64_t)lua_toboolean(L, index);
    }
    if (lua_type(L, index) != LUA_TNUMBER) fail_type(L, name, type, index);
    if (lfs_element_is_float(type)) return lfs_element_from_double(type, lua_tonumber(L, index));
    int is_integer;
    lua_Integer value = lua_tointegerx(L, index, &is_integer);
    if (!is_integer || !lfs_element_fits(type, value)) fail_type(L, name, type, index);
    return (uint64_t)value;
}

/// The element: of an array the one at stack index 2.
static void *check_place(lua_State *L, const shared_mapping *mapping, bool is_array) {
    if (!is_array) return mapping->start;
    int is_integer;
    lua_Integer index = lua_tointegerx(L, 2, &is_integer);
    if (!is_integer) luaL_error(L, "%s: an index is an integer, not a %s", mapping->name, luaL_typename(L, 2));
    if (index < 1 || (size_t)index > mapping->count)
        luaL_error(L, "%s: index %I is outside of 1…%I", mapping->name, (LUAI_UACINT)index, (LUAI_UACINT)mapping->count);
    return (char *)mapping->start + (size_t)(index - 1) * lfs_element_size((lfs_element)mapping->type);
}

static bool is_array(lua_State *L) {
    return lua_tointeger(L, lua_upvalueindex(1)) == KIND_ARRAY;
}

static int number_get(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    void *place = check_place(L, mapping, is_array(L));
    push_element(L, (lfs_element)mapping->type, lfs_element_load(place, (lfs_element)mapping->type));
    return 1;
}

static int number_set(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    void *place = check_place(L, mapping, is_array(L));
    lfs_element type = (lfs_element)mapping->type;
    lfs_element_store(place, type, check_element(L, mapping->name, type, is_array(L) ? 3 : 2));
    return 0;
}

/// v:add(n), a:add(i, n): the sum.
static int number_add(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    void *place = check_place(L, mapping, is_array(L));
    lfs_element type = (lfs_element)mapping->type;
    int index = is_array(L) ? 3 : 2;
    if (lua_isnoneornil(L, index)) {
        lua_settop(L, index - 1);
        lua_pushinteger(L, 1);
    }
    if (type == LFS_BOOL || lua_type(L, index) != LUA_TNUMBER) fail_type(L, mapping->name, type, index);
    if (lfs_element_is_float(type)) {
        lua_pushnumber(L, lfs_element_add_double(place, type, lua_tonumber(L, index)));
        return 1;
    }
    int is_integer;
    lua_Integer value = lua_tointegerx(L, index, &is_integer);
    if (!is_integer) fail_type(L, mapping->name, type, index);
    int64_t sum;
    if (!lfs_element_add(place, type, value, &sum))
        return luaL_error(L, "%s: the sum has no place in a %s", mapping->name, type_names[type]);
    lua_pushinteger(L, sum);
    return 1;
}

/// v:cas(old, new), a:cas(i, old, new): whether it was old; and what it is now.
static int number_cas(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    void *place = check_place(L, mapping, is_array(L));
    lfs_element type = (lfs_element)mapping->type;
    int index = is_array(L) ? 3 : 2;
    uint64_t expected = check_element(L, mapping->name, type, index), bits = check_element(L, mapping->name, type, index + 1);
    bool done = lfs_element_exchange(place, type, &expected, bits);
    lua_pushboolean(L, done);
    push_element(L, type, done ? lfs_element_load(place, type) : expected);
    return 2;
}

static int array_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_mapping(L)->count);
    return 1;
}

/// a[i], or a method.
static int array_index(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        lua_rawget(L, lua_upvalueindex(2));
        return 1;
    }
    return number_get(L);
}

/// [-0, +n] Bulk: range i…j of the elements, with Lua's defaults: the whole.
static void check_range(lua_State *L, const shared_mapping *mapping, size_t unit, int index, size_t *offset, size_t *count) {
    size_t all = mapping->size / unit;
    lua_Integer first = luaL_optinteger(L, index, 1), number = luaL_optinteger(L, index + 1, (lua_Integer)all - first + 1);
    if (first < 1 || number < 0 || (lua_Unsigned)first - 1 > all || (lua_Unsigned)number > all - ((size_t)first - 1))
        luaL_error(L, "%s: %I elements from %I on are outside of 1…%I", mapping->name, (LUAI_UACINT)number, (LUAI_UACINT)first,
                   (LUAI_UACINT)all);
    *offset = (size_t)(first - 1);
    *count = (size_t)number;
}

/// [-0, +1] A table of `count` elements.
static void push_elements(lua_State *L, const char *at, lfs_element type, size_t count) {
    size_t unit = lfs_element_size(type);
    lua_createtable(L, count < INT32_MAX ? (int)count : 0, 0);
    for (size_t i = 0; i < count; i++) {
        push_element(L, type, lfs_element_load(at + i * unit, type));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void set_elements(lua_State *L, const char *name, char *at, lfs_element type, int table, size_t count) {
    size_t unit = lfs_element_size(type);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, table, (lua_Integer)i + 1);
        lfs_element_store(at + i * unit, type, check_element(L, name, type, lua_gettop(L)));
        lua_pop(L, 1);
    }
}

/// a:read(first, count): a table.
static int array_read(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    size_t offset, count, unit = lfs_element_size((lfs_element)mapping->type);
    check_range(L, mapping, unit, 2, &offset, &count);
    push_elements(L, (const char *)mapping->start + offset * unit, (lfs_element)mapping->type, count);
    return 1;
}

/// a:write(first, table)
static int array_write(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 3));
    lua_insert(L, 3);
    size_t offset, count, unit = lfs_element_size((lfs_element)mapping->type);
    check_range(L, mapping, unit, 2, &offset, &count);
    set_elements(L, mapping->name, (char *)mapping->start + offset * unit, (lfs_element)mapping->type, 4, count);
    return 0;
}

// Memory

/// The type named at `index`.
static lfs_element check_type(lua_State *L, const shared_mapping *mapping, int index) {
    const char *name = luaL_checkstring(L, index);
    for (int type = LFS_I8; type <= LFS_BOOL; type++)
        if (strcmp(name, type_names[type]) == 0) return (lfs_element)type;
    luaL_error(L, "%s: no type \"%s\"", mapping->name, name);
    return LFS_U8;
}

/// shm:read(first, count): a string.
static int memory_read(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    size_t offset, count;
    check_range(L, mapping, 1, 2, &offset, &count);
    lua_pushlstring(L, (const char *)mapping->start + offset, count);
    return 1;
}

/// shm:write(first, bytes)
static int memory_write(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    size_t length, offset, count;
    const char *bytes = luaL_checklstring(L, 3, &length);
    lua_settop(L, 3);
    lua_pushinteger(L, (lua_Integer)length);
    lua_insert(L, 3);
    check_range(L, mapping, 1, 2, &offset, &count);
    memcpy((char *)mapping->start + offset, bytes, count);
    return 0;
}

/// shm:numbers(type, first, count): a table of the elements of the memory seen as an array of that type.
static int memory_numbers(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    lfs_element type = check_type(L, mapping, 2);
    size_t offset, count, unit = lfs_element_size(type);
    check_range(L, mapping, unit, 3, &offset, &count);
    push_elements(L, (const char *)mapping->start + offset * unit, type, count);
    return 1;
}

/// shm:set_numbers(type, first, table)
static int memory_set_numbers(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
    lfs_element type = check_type(L, mapping, 2);
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_settop(L, 4);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 4));
    lua_insert(L, 4);
    size_t offset, count, unit = lfs_element_size(type);
    check_range(L, mapping, unit, 3, &offset, &count);
    set_elements(L, mapping->name, (char *)mapping->start + offset * unit, type, 5, count);
    return 0;
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
    shared_mapping *mapping = check_mapping(L);
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
    shared_mapping *mapping = check_mapping(L);
    lua_settop(L, 3);
    write_slot(L, mapping, check_slot(L, mapping));
    return 0;
}

static int list_len(lua_State *L) {
    shared_mapping *mapping = check_mapping(L);
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

static void set_lock_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg lock[] = {{"acquire", shared_acquire}, {"release", shared_release}, {"with", shared_with}, {NULL, NULL}};
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, lock, 1);
}

/// [-0, +0] Metamethods with upvalues kind and methods.
static void set_meta(lua_State *L, shared_kind kind, const luaL_Reg *meta) {
    lua_pushvalue(L, -2);
    lua_pushinteger(L, kind);
    lua_pushvalue(L, -3);
    luaL_setfuncs(L, meta, 2);
    lua_pop(L, 1);
}

void shared_number_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg number[] = {
        {"get", number_get}, {"set", number_set}, {"add", number_add}, {"cas", number_cas}, {NULL, NULL},
    };
    static const luaL_Reg array[] = {{"read", array_read}, {"write", array_write}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__index", array_index}, {"__newindex", number_set}, {"__len", array_len}, {NULL, NULL}};
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, number, 1);
    set_lock_methods(L, kind);
    if (kind != KIND_ARRAY) return;
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, array, 1);
    set_meta(L, kind, meta);
}

void shared_memory_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg memory[] = {
        {"read", memory_read}, {"write", memory_write}, {"numbers", memory_numbers}, {"set_numbers", memory_set_numbers}, {NULL, NULL},
    };
    static const luaL_Reg memory_meta[] = {{"__len", array_len}, {NULL, NULL}};
    static const luaL_Reg list[] = {{"get", list_get}, {"set", list_set}, {NULL, NULL}};
    static const luaL_Reg list_meta[] = {{"__index", list_index}, {"__newindex", list_set}, {"__len", list_len}, {NULL, NULL}};
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, kind == KIND_MEMORY ? memory : list, 1);
    set_lock_methods(L, kind);
    set_meta(L, kind, kind == KIND_MEMORY ? memory_meta : list_meta);
}
