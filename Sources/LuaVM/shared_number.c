// Shared values and arrays inside of Lua: numbers in mapped memory, each used atomically.
#include "shared_memory.h"

// Elements

const char *const shared_type_names[] = {"", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool"};

static void push_element(lua_State *L, lfs_element type, uint64_t bits) {
    if (type == LFS_BOOL) lua_pushboolean(L, bits != 0);
    else if (lfs_element_is_float(type)) lua_pushnumber(L, lfs_element_to_double(type, bits));
    else lua_pushinteger(L, (lua_Integer)bits);
}

SHARED_FAST void load_element(lua_State *L, lfs_element type, const void *place) {
    if (type == LFS_I64) lua_pushinteger(L, (lua_Integer)lfs_element_load(place, LFS_I64));
    else if (type == LFS_F64) lua_pushnumber(L, lfs_element_to_double(LFS_F64, lfs_element_load(place, LFS_F64)));
    else push_element(L, type, lfs_element_load(place, type));
}

static _Noreturn void fail_type(lua_State *L, const char *name, lfs_element type, int index) {
    const char *shown = lua_type(L, index) == LUA_TNUMBER ? lua_pushfstring(L, "%s", lua_tostring(L, index)) : luaL_typename(L, index);
    luaL_error(L, "%s: %s has no place in a %s", name, shown, shared_type_names[type]);
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

/// Where the index is a float, or outside.
static void *check_odd_place(lua_State *L, const shared_mapping *mapping) {
    int is_integer;
    lua_Integer index = lua_tointegerx(L, 2, &is_integer);
    if (!is_integer) luaL_error(L, "%s: an index is an integer, not a %s", mapping->name, luaL_typename(L, 2));
    if (index < 1 || (size_t)index > mapping->count)
        luaL_error(L, "%s: index %I is outside of 1…%I", mapping->name, (LUAI_UACINT)index, (LUAI_UACINT)mapping->count);
    return (char *)mapping->start + (size_t)(index - 1) * lfs_element_size((lfs_element)mapping->type);
}

/// The element at an integer at stack index 2, or NULL.
SHARED_FAST void *usual_place(lua_State *L, const shared_mapping *mapping) {
    if (lua_isinteger(L, 2)) {
        size_t place = (size_t)lua_tointeger(L, 2) - 1;
        if (place < mapping->count) return (char *)mapping->start + place * lfs_element_size((lfs_element)mapping->type);
    }
    return NULL;
}

/// The element: of an array the one at stack index 2.
SHARED_FAST void *check_place(lua_State *L, const shared_mapping *mapping, bool is_array) {
    if (!is_array) return mapping->start;
    void *place = usual_place(L, mapping);
    return __builtin_expect(place != NULL, true) ? place : check_odd_place(L, mapping);
}

/// Adds what is not an integer, to what is not an i64.
static int add_odd(lua_State *L, const shared_mapping *mapping, void *place, int index) {
    lfs_element type = (lfs_element)mapping->type;
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
        return luaL_error(L, "%s: the sum has no place in a %s", mapping->name, shared_type_names[type]);
    lua_pushinteger(L, sum);
    return 1;
}

// Each method is made twice, of values and of arrays, with the same body and the kind as a constant.

SHARED_FAST int get_as(lua_State *L, shared_kind kind) {
    shared_mapping *mapping = shared_mapping_of(L, shared_self(L, kind));
    load_element(L, (lfs_element)mapping->type, check_place(L, mapping, kind == KIND_ARRAY));
    return 1;
}

SHARED_FAST int set_as(lua_State *L, shared_kind kind) {
    shared_mapping *mapping = shared_mapping_of(L, shared_self(L, kind));
    void *place = check_place(L, mapping, kind == KIND_ARRAY);
    lfs_element type = (lfs_element)mapping->type;
    lfs_element_store(place, type, check_element(L, mapping->name, type, kind == KIND_ARRAY ? 3 : 2));
    return 0;
}

/// v:add(n), a:add(i, n): the sum.
SHARED_FAST int add_as(lua_State *L, shared_kind kind) {
    shared_mapping *mapping = shared_mapping_of(L, shared_self(L, kind));
    void *place = check_place(L, mapping, kind == KIND_ARRAY);
    lfs_element type = (lfs_element)mapping->type;
    int index = kind == KIND_ARRAY ? 3 : 2;
    if (__builtin_expect(type == LFS_I64 && lua_isinteger(L, index), true)) {  // the usual counter
        int64_t sum;
        lfs_element_add(place, LFS_I64, lua_tointeger(L, index), &sum);
        lua_pushinteger(L, sum);
        return 1;
    }
    return add_odd(L, mapping, place, index);
}

/// v:cas(old, new), a:cas(i, old, new): whether it was old; and what it is now.
SHARED_FAST int cas_as(lua_State *L, shared_kind kind) {
    shared_mapping *mapping = shared_mapping_of(L, shared_self(L, kind));
    void *place = check_place(L, mapping, kind == KIND_ARRAY);
    lfs_element type = (lfs_element)mapping->type;
    int index = kind == KIND_ARRAY ? 3 : 2;
    uint64_t expected = check_element(L, mapping->name, type, index), bits = check_element(L, mapping->name, type, index + 1);
    bool done = lfs_element_exchange(place, type, &expected, bits);
    lua_pushboolean(L, done);
    push_element(L, type, done ? lfs_element_load(place, type) : expected);
    return 2;
}

static int value_get(lua_State *L) {
    return get_as(L, KIND_VALUE);
}

static int value_set(lua_State *L) {
    return set_as(L, KIND_VALUE);
}

static int value_add(lua_State *L) {
    return add_as(L, KIND_VALUE);
}

static int value_cas(lua_State *L) {
    return cas_as(L, KIND_VALUE);
}

static int array_get(lua_State *L) {
    return get_as(L, KIND_ARRAY);
}

static int array_set(lua_State *L) {
    return set_as(L, KIND_ARRAY);
}

static int array_add(lua_State *L) {
    return add_as(L, KIND_ARRAY);
}

static int array_cas(lua_State *L) {
    return cas_as(L, KIND_ARRAY);
}

int shared_array_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)shared_check_mapping(L)->count);
    return 1;
}

/// a[i], or a method.
static int array_index(lua_State *L) {
    const shared_mapping *mapping = shared_self(L, KIND_ARRAY)->mapping;
    const void *place = mapping != NULL && mapping->start != NULL ? usual_place(L, mapping) : NULL;
    if (__builtin_expect(place != NULL, true)) {
        load_element(L, (lfs_element)mapping->type, place);
        return 1;
    }
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        lua_rawget(L, lua_upvalueindex(2));
        return 1;
    }
    return array_get(L);
}

/// [-0, +n] Bulk: range i…j of the elements, with Lua's defaults: the whole.
void shared_check_range(lua_State *L, const char *name, size_t size, size_t unit, int index, size_t *offset, size_t *count) {
    size_t all = size / unit;
    lua_Integer first = luaL_optinteger(L, index, 1), number = luaL_optinteger(L, index + 1, (lua_Integer)all - first + 1);
    if (first < 1 || number < 0 || (lua_Unsigned)first - 1 > all || (lua_Unsigned)number > all - ((size_t)first - 1))
        luaL_error(L, "%s: %I elements from %I on are outside of 1…%I", name, (LUAI_UACINT)number, (LUAI_UACINT)first,
                   (LUAI_UACINT)all);
    *offset = (size_t)(first - 1);
    *count = (size_t)number;
}

/// [-0, +1] A table of `count` elements.
void shared_push_elements(lua_State *L, const char *at, lfs_element type, size_t count) {
    size_t unit = lfs_element_size(type);
    lua_createtable(L, count < INT32_MAX ? (int)count : 0, 0);
    for (size_t i = 0; i < count; i++) {
        push_element(L, type, lfs_element_load(at + i * unit, type));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void shared_set_elements(lua_State *L, const char *name, char *at, lfs_element type, int table, size_t count) {
    size_t unit = lfs_element_size(type);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, table, (lua_Integer)i + 1);
        lfs_element_store(at + i * unit, type, check_element(L, name, type, lua_gettop(L)));
        lua_pop(L, 1);
    }
}

/// a:read(first, count): a table.
static int array_read(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    size_t offset, count, unit = lfs_element_size((lfs_element)mapping->type);
    shared_check_range(L, mapping->name, mapping->size, unit, 2, &offset, &count);
    shared_push_elements(L, (const char *)mapping->start + offset * unit, (lfs_element)mapping->type, count);
    return 1;
}

/// a:write(first, table)
static int array_write(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 3));
    lua_insert(L, 3);
    size_t offset, count, unit = lfs_element_size((lfs_element)mapping->type);
    shared_check_range(L, mapping->name, mapping->size, unit, 2, &offset, &count);
    shared_set_elements(L, mapping->name, (char *)mapping->start + offset * unit, (lfs_element)mapping->type, 4, count);
    return 0;
}

// Methods

void shared_number_methods(lua_State *L, shared_kind kind) {
    static const luaL_Reg value[] = {{"get", value_get}, {"set", value_set}, {"add", value_add}, {"cas", value_cas}, {NULL, NULL}};
    static const luaL_Reg array[] = {{"get", array_get}, {"set", array_set}, {"add", array_add}, {"cas", array_cas}, {NULL, NULL}};
    static const luaL_Reg bulk[] = {{"read", array_read}, {"write", array_write}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__index", array_index}, {"__newindex", array_set}, {"__len", shared_array_len}, {NULL, NULL}};
    luaL_setfuncs(L, kind == KIND_ARRAY ? array : value, 0);
    shared_set_lock_methods(L, kind);
    if (kind != KIND_ARRAY) return;
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, bulk, 1);
    shared_set_meta(L, kind, meta);
}
