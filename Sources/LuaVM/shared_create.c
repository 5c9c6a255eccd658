// fleet.Queue and the others: new shared objects, and those that have a name already.
#include <string.h>

#include "CFleetMapped.h"
#include "shared.h"

/// [-0, +1, e] Field `name` of the options at index 1, or the argument at `index` where there are no options.
static void push_option(lua_State *L, bool has_options, const char *name, int index) {
    if (has_options) lua_getfield(L, 1, name);
    else if (index != 0 && index <= lua_tointeger(L, lua_upvalueindex(2))) lua_pushvalue(L, index);
    else lua_pushnil(L);
}

static bool is_option_table(lua_State *L) {
    return lua_type(L, 1) == LUA_TTABLE;
}

/// [-0, +1, e] The name in the options, or nil.
static void push_name(lua_State *L, bool has_options) {
    if (!has_options) {
        lua_pushnil(L);
        return;
    }
    if (lua_getfield(L, 1, "name") != LUA_TNIL && lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "bad argument #1 to '%s' (field 'name' is a %s, not a string)", lua_tostring(L, lua_upvalueindex(3)),
                   luaL_typename(L, -1));
}

/// [-0, +1, e] A number that is an option or argument; nil if there is none.
static void push_integer(lua_State *L, bool has_options, const char *name, int index) {
    push_option(L, has_options, name, index);
    if (lua_isnil(L, -1)) return;
    int is_integer;
    lua_Integer value = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer)
        luaL_error(L, "bad argument to '%s' (%s: an integer expected, got %s)", lua_tostring(L, lua_upvalueindex(3)), name,
                   luaL_typename(L, -1));
    lua_pop(L, 1);
    lua_pushinteger(L, value);
}

/// [-0, +n, e] Creates with the values from `first` on; pushes the handles.
static int create(lua_State *L, shared_kind kind, int first) {
    shared_request request = {.operation = SHARED_CREATE, .timeout = -1, .argument = kind};
    int results;
    shared_ask(L, &request, first, lua_gettop(L) - first + 1, &results);
    return results;
}

// Each constructor has as upvalues: 1 the kind, 2 nothing yet (set per call), 3 its name.

static int make_queue(lua_State *L, shared_kind kind, bool has_options, int first) {
    push_name(L, has_options);
    push_integer(L, has_options, "capacity", 1);
    push_option(L, has_options, "policy", 0);
    return create(L, kind, first);
}

static int make_condition(lua_State *L, shared_kind kind, bool has_options, int first) {
    push_name(L, has_options);
    push_option(L, has_options, "lock", 1);
    const shared_handle *lock = shared_to_handle(L, -1);
    if (!lua_isnil(L, -1) && (lock == NULL || (lock->kind != KIND_LOCK && lock->kind != KIND_RECURSIVE_LOCK)))
        return luaL_error(L, "bad argument #1 to 'Condition' (a lock expected, got %s)", luaL_typename(L, -1));
    return create(L, kind, first);
}

/// Whether the table at index 1 holds nothing but `name` and `initial`.
static bool is_table_options(lua_State *L) {
    if (lua_type(L, 1) != LUA_TTABLE || lua_getfield(L, 1, "name") != LUA_TSTRING) {
        lua_settop(L, 1);
        return false;
    }
    lua_settop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING || (strcmp(lua_tostring(L, -1), "name") != 0 && strcmp(lua_tostring(L, -1), "initial") != 0)) {
            lua_settop(L, 1);
            return false;
        }
    }
    return true;
}

static int make_table(lua_State *L, shared_kind kind) {
    lua_settop(L, 1);
    if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
    if (is_table_options(L)) {
        lua_getfield(L, 1, "name");
        lua_getfield(L, 1, "initial");
        if (!lua_isnil(L, -1) && !lua_istable(L, -1)) luaL_error(L, "bad argument #1 (field 'initial' is no table)");
    } else {
        lua_pushnil(L);
        lua_pushvalue(L, 1);
    }
    return create(L, kind, 2);
}

static const char *check_type(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "bad argument to '%s' (a type such as \"i64\" expected, got %s)", lua_tostring(L, lua_upvalueindex(3)),
                   luaL_typename(L, index));
    return lua_tostring(L, index);
}

static int make_value(lua_State *L, shared_kind kind, bool has_options, int first) {
    push_name(L, has_options);
    push_option(L, has_options, "type", 1);
    check_type(L, -1);
    push_option(L, has_options, "value", 2);
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TNUMBER && lua_type(L, -1) != LUA_TBOOLEAN)
        return luaL_error(L, "bad argument to 'Value' (a number or boolean expected, got %s)", luaL_typename(L, -1));
    return create(L, kind, first);
}

/// fleet.Array(type, length) or fleet.Array(type, {values})
static int make_array(lua_State *L, shared_kind kind, bool has_options, int first) {
    push_name(L, has_options);
    push_option(L, has_options, "type", 1);
    check_type(L, -1);
    push_option(L, has_options, has_options ? "values" : "", 2);
    if (lua_istable(L, -1)) {
        lua_pushinteger(L, luaL_len(L, -1));
        lua_insert(L, -2);  // name, type, length, values
    } else {
        lua_pop(L, 1);
        push_integer(L, has_options, "length", 2);
    }
    return create(L, kind, first);
}

/// fleet.ShareableList(values, room): each slot has room for its first value and at least `room` bytes of string.
static int make_list(lua_State *L, shared_kind kind, bool has_options) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool named = lua_getfield(L, 1, "values") == LUA_TTABLE;  // {name = …, values = {…}, room = n}
    lua_Integer room;
    if (named) {
        push_name(L, true);
        push_integer(L, true, "room", 0);
        room = lua_isnil(L, -1) ? 8 : lua_tointeger(L, -1);
        lua_pop(L, 1);
    } else {
        lua_pushvalue(L, 1);
        lua_replace(L, -2);
        lua_pushnil(L);
        room = luaL_optinteger(L, 2, 8);
    }
    // 3: values, 4: name
    lua_getfield(L, 3, "n");
    lua_Integer count = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : (lua_Integer)lua_rawlen(L, 3);
    lua_pop(L, 1);
    if (count < 1 || count > 10000000) return luaL_error(L, "bad argument #1 to 'ShareableList' (a list of at least one value expected)");
    if (room < 0 || room > 1 << 30) return luaL_error(L, "bad argument to 'ShareableList' (room: bytes of a slot expected)");
    uint32_t *capacities = lua_newuserdatauv(L, (size_t)count * sizeof *capacities, 0);
    for (lua_Integer i = 0; i < count; i++) {
        size_t length = 0;
        if (lua_rawgeti(L, 3, i + 1) == LUA_TSTRING) lua_tolstring(L, -1, &length);
        if (length > UINT32_MAX / 4) return luaL_error(L, "a string too large for a slot");
        capacities[i] = (uint32_t)(length > (size_t)room ? length : (size_t)room);
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 4);
    lua_pushinteger(L, (lua_Integer)lfs_list_size(capacities, (size_t)count));
    create(L, kind, 6);
    shared_fill_list(L, shared_to_handle(L, -1), 3, (size_t)count, capacities);
    return 1;
}

static int construct(lua_State *L) {
    shared_kind kind = (shared_kind)lua_tointeger(L, lua_upvalueindex(1));
    lua_pushinteger(L, lua_gettop(L));
    lua_replace(L, lua_upvalueindex(2));
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (kind == KIND_DICTIONARY || kind == KIND_LIST || kind == KIND_NAMESPACE) return make_table(L, kind);
    if (kind == KIND_SHAREABLE_LIST) return make_list(L, kind, false);
    bool has_options = is_option_table(L);
    int first = lua_gettop(L) + 1;
    switch (kind) {
    case KIND_QUEUE:
    case KIND_JOINABLE_QUEUE:
    case KIND_SIMPLE_QUEUE: return make_queue(L, kind, has_options, first);
    case KIND_CONDITION: return make_condition(L, kind, has_options, first);
    case KIND_VALUE: return make_value(L, kind, has_options, first);
    case KIND_ARRAY: return make_array(L, kind, has_options, first);
    case KIND_CONNECTION:
        lua_pushnil(L);
        if (has_options) lua_getfield(L, 1, "duplex");
        else lua_pushvalue(L, 1);
        if (first == 1) lua_pushnil(L), lua_replace(L, -2);
        lua_pushboolean(L, lua_isnil(L, -1) || lua_toboolean(L, -1));
        lua_remove(L, -2);
        return create(L, kind, first);
    default:
        push_name(L, has_options);
        if (kind == KIND_SEMAPHORE || kind == KIND_BOUNDED_SEMAPHORE) push_integer(L, has_options, "value", 1);
        if (kind == KIND_BARRIER) push_integer(L, has_options, "parties", 1);
        if (kind == KIND_MEMORY) push_integer(L, has_options, "size", 1);
        return create(L, kind, first);
    }
}

void shared_open_constructors(lua_State *L) {
    static const struct {
        const char *name;
        shared_kind kind;
    } constructors[] = {
        {"Queue", KIND_QUEUE}, {"JoinableQueue", KIND_JOINABLE_QUEUE}, {"SimpleQueue", KIND_SIMPLE_QUEUE}, {"Pipe", KIND_CONNECTION},
        {"Lock", KIND_LOCK}, {"RecursiveLock", KIND_RECURSIVE_LOCK}, {"RLock", KIND_RECURSIVE_LOCK}, {"Semaphore", KIND_SEMAPHORE},
        {"BoundedSemaphore", KIND_BOUNDED_SEMAPHORE}, {"Event", KIND_EVENT}, {"Condition", KIND_CONDITION}, {"Barrier", KIND_BARRIER},
        {"Dictionary", KIND_DICTIONARY}, {"Dict", KIND_DICTIONARY}, {"List", KIND_LIST}, {"Namespace", KIND_NAMESPACE},
        {"Value", KIND_VALUE}, {"Array", KIND_ARRAY}, {"SharedMemory", KIND_MEMORY}, {"ShareableList", KIND_SHAREABLE_LIST},
    };
    for (size_t i = 0; i < sizeof constructors / sizeof constructors[0]; i++) {
        lua_pushinteger(L, constructors[i].kind);
        lua_pushinteger(L, 0);
        lua_pushstring(L, constructors[i].name);
        lua_pushcclosure(L, construct, 3);
        lua_setfield(L, -2, constructors[i].name);
    }
    lua_pushcfunction(L, shared_wait);
    lua_setfield(L, -2, "wait");
}
