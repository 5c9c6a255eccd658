// Shared values and arrays inside of Lua: numbers in mapped memory, each used atomically.
#include "shared_memory.h"

// Elements

const char *const shared_type_names[] = {"", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool"};

static void push_element(lua_State *L, lfs_element type, uint64_t bits) {
    if (type == LFS_BOOL) lua_pushboolean(L, bits != 0);
    else if (lfs_element_is_float(type)) lua_pushnumber(L, lfs_element_to_double(type, bits));
    else lua_pushinteger(L, (lua_Integer)bits);
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
    shared_mapping *mapping = shared_check_mapping(L);
    void *place = check_place(L, mapping, is_array(L));
    push_element(L, (lfs_element)mapping->type, lfs_element_load(place, (lfs_element)mapping->type));
    return 1;
}

static int number_set(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    void *place = check_place(L, mapping, is_array(L));
    lfs_element type = (lfs_element)mapping->type;
    lfs_element_store(place, type, check_element(L, mapping->name, type, is_array(L) ? 3 : 2));
    return 0;
}

/// v:add(n), a:add(i, n): the sum.
static int number_add(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    if (mapping->type == LFS_I64 && !is_array(L)) {  // the usual counter
        int is_integer;
        lua_Integer value = lua_tointegerx(L, 2, &is_integer);
        if (is_integer && lua_type(L, 2) == LUA_TNUMBER) {
            int64_t sum;
            lfs_element_add(mapping->start, LFS_I64, value, &sum);
            lua_pushinteger(L, sum);
            return 1;
        }
    }
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
        return luaL_error(L, "%s: the sum has no place in a %s", mapping->name, shared_type_names[type]);
    lua_pushinteger(L, sum);
    return 1;
}

/// v:cas(old, new), a:cas(i, old, new): whether it was old; and what it is now.
static int number_cas(lua_State *L) {
    shared_mapping *mapping = shared_check_mapping(L);
    void *place = check_place(L, mapping, is_array(L));
    lfs_element type = (lfs_element)mapping->type;
    int index = is_array(L) ? 3 : 2;
    uint64_t expected = check_element(L, mapping->name, type, index), bits = check_element(L, mapping->name, type, index + 1);
    bool done = lfs_element_exchange(place, type, &expected, bits);
    lua_pushboolean(L, done);
    push_element(L, type, done ? lfs_element_load(place, type) : expected);
    return 2;
}

int shared_array_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)shared_check_mapping(L)->count);
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
    static const luaL_Reg number[] = {
        {"get", number_get}, {"set", number_set}, {"add", number_add}, {"cas", number_cas}, {NULL, NULL},
    };
    static const luaL_Reg array[] = {{"read", array_read}, {"write", array_write}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__index", array_index}, {"__newindex", number_set}, {"__len", shared_array_len}, {NULL, NULL}};
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, number, 1);
    shared_set_lock_methods(L, kind);
    if (kind != KIND_ARRAY) return;
    lua_pushinteger(L, kind);
    luaL_setfuncs(L, array, 1);
    shared_set_meta(L, kind, meta);
}
