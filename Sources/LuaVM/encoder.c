// Lua values to bytes: one traversal of each table, with a stack of our own, so that no depth of data is a depth of C calls.
#include "encoder.h"

#include <limits.h>

#include "encoder_buffer.h"
#include "shared.h"
#include "vm.h"

// Marks of a value in the set of those that were met.
enum { MET = 1, MET_AGAIN = 2, FIRST_NUMBER = 3 };

_Static_assert(sizeof(lua_Integer) == 8 && sizeof(lua_Number) == 8, "the wire has 64-bit integers and floats");

static inline void put_float(encoder *e, lua_State *L, lua_Number number) {
    uint64_t bits;
    memcpy(&bits, &number, 8);
    if (number != number) bits = WIRE_NAN;
    bits = __builtin_bswap64(bits);
    need(e, L, LARGEST_HEAD);
    *e->at++ = BYTE_DOUBLE;
    memcpy(e->at, &bits, 8);
    e->at += 8;
}

static inline void put_string(encoder *e, lua_State *L, int index) {
    size_t count;
    const char *bytes = lua_tolstring(L, index, &count);  // a string already: converts and allocates nothing
    if (count < e->copied_below) {
        put_bytes(e, L, bytes, count);
    } else {
        put_head(e, L, MAJOR_BYTES, count);
        encoder_put_outside(e, L, index, bytes, count);
    }
}

static inline void count_element(encoder *e, lua_State *L) {
    if (++e->elements > e->vm->caps.elements)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "more than %zu elements", e->vm->caps.elements);
}

static inline bool put_scalar(encoder *e, lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        count_element(e, L);
        if (lua_isinteger(L, index)) {
            lua_Integer integer = lua_tointeger(L, index);
            put_head(e, L, integer < 0 ? MAJOR_NEGATIVE : MAJOR_UNSIGNED, (uint64_t)(integer < 0 ? ~integer : integer));
        } else {
            put_float(e, L, lua_tonumber(L, index));
        }
        return true;
    case LUA_TSTRING:
        count_element(e, L);
        put_string(e, L, index);
        return true;
    case LUA_TBOOLEAN:
        count_element(e, L);
        put_byte(e, L, lua_toboolean(L, index) ? BYTE_TRUE : BYTE_FALSE);
        return true;
    case LUA_TNIL:
        count_element(e, L);
        put_byte(e, L, BYTE_NIL);
        return true;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) != &vm_null) return false;
        count_element(e, L);
        put_byte(e, L, BYTE_NULL);
        return true;
    default: return false;
    }
}

bool encoder_put_scalar(encoder *e, lua_State *L, int index) {
    return put_scalar(e, L, index);
}

/// A reference to an object that is still being written could not be resolved: its receiver makes it from what is written.
static void check_not_open(encoder *e, lua_State *L) {
    for (size_t i = 0; e->object_depth > 0 && i < e->depth; i++)
        if (e->frames[i].state == ENCODER_OBJECT && lua_rawequal(L, e->frames[i].base, -1))
            encoder_fail(e, L, LFVM_NOT_ENCODABLE, "a cycle through an object that is written by a function");
}

/// Whether the value on top was written as a reference. Otherwise, where it needs one, its tag is written.
static bool put_reference(encoder *e, lua_State *L) {
    pointer_slot *slot = pointer_set_slot(&e->met, &e->vm->memory, lua_topointer(L, -1));
    if (slot == NULL) encoder_no_memory(e, L);
    if (!e->tagging) {
        if (slot->mark == 0) {
            slot->mark = MET;
            return false;
        }
        slot->mark = MET_AGAIN;
        e->scanning = true;
        return true;
    }
    if (slot->mark >= FIRST_NUMBER) {
        check_not_open(e, L);
        put_head(e, L, MAJOR_TAG, TAG_REFERENCE);
        put_head(e, L, MAJOR_UNSIGNED, slot->mark - FIRST_NUMBER);
        return true;
    }
    if (slot->mark == MET_AGAIN) {
        slot->mark = FIRST_NUMBER + e->shared_count++;
        put_head(e, L, MAJOR_TAG, TAG_SHARED);
    }
    return false;
}

static _Noreturn void fail_type(encoder *e, lua_State *L) {
    switch (lua_type(L, -1)) {
    case LUA_TTHREAD: encoder_fail(e, L, LFVM_NOT_ENCODABLE, "coroutine");
    case LUA_TLIGHTUSERDATA: encoder_fail(e, L, LFVM_NOT_ENCODABLE, "light userdata");
    default:
        if (luaL_getmetafield(L, -1, "__name") == LUA_TSTRING)
            encoder_fail(e, L, LFVM_NOT_ENCODABLE, "userdata (%.100s)", lua_tostring(L, -1));
        encoder_fail(e, L, LFVM_NOT_ENCODABLE, "userdata");
    }
}

/// [-1, +0] Writes the userdata on top if it is a handle of a shared object.
static bool put_handle(encoder *e, lua_State *L) {
    const shared_handle *handle = shared_to_handle(L, -1);
    if (handle == NULL) return false;
    e->has_handles = true;
    put_head(e, L, MAJOR_TAG, TAG_HANDLE);
    put_head(e, L, MAJOR_ARRAY, 2);
    put_head(e, L, MAJOR_UNSIGNED, handle->kind);
    put_head(e, L, MAJOR_UNSIGNED, handle->id);
    lua_pop(L, 1);
    return true;
}

void encoder_begin(encoder *e, lua_State *L) {
    count_element(e, L);
    int type = lua_type(L, -1);
    bool has_metatable = (type == LUA_TTABLE || type == LUA_TUSERDATA) && lua_getmetatable(L, -1);
    if (has_metatable) lua_pop(L, 1);
    if (type != LUA_TTABLE && type != LUA_TFUNCTION && !has_metatable) fail_type(e, L);
    if (e->scanning) {  // keeps the buffer small: what is in it counts for nothing
        e->at = e->start;
        e->outside = e->piece_count = e->piece_from = 0;
    }
    if (type == LUA_TUSERDATA && put_handle(e, L)) return;
    if (type != LUA_TUSERDATA && encoder_put_name(e, L)) return;
    if (put_reference(e, L)) {
        lua_pop(L, 1);
        return;
    }
    if (type == LUA_TFUNCTION) {
        encoder_begin_function(e, L);
        return;
    }
    if (has_metatable && encoder_begin_object(e, L)) return;
    if (type != LUA_TTABLE) fail_type(e, L);
    encoder_push_frame(e, L)->state = ENCODER_SEQUENCE;
    lua_pushnil(L);
}

// Tables

/// Writes the head of the array, now that its items are counted; `last` are there, and maybe the map of the other keys.
static inline void finish_array(encoder *e, lua_State *L, encoder_frame *f, bool has_rest) {
    lua_Integer items = f->last + has_rest;
    if (items > f->room) encoder_widen_head(e, L, f);
    encoder_write_head(e, f, MAJOR_ARRAY, (uint32_t)items);
}

/// Before item number `number` of an array.
static inline void open_item(encoder *e, lua_State *L, encoder_frame *f, lua_Integer number) {
    if (number == 1) encoder_reserve_head(e, L, f, lua_rawlen(L, f->base));
    else if (number > f->room) encoder_widen_head(e, L, f);
}

/// Stack: table, key. Goes on as long as the keys are 1, 2, 3...
static void step_sequence(encoder *e, lua_State *L, encoder_frame *f) {
    while (lua_next(L, f->base)) {  // table, key, value
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != f->count + 1) {
            lua_pop(L, 1);
            f->state = ENCODER_INDEXED;
            f->last = f->count;
            return;
        }
        open_item(e, L, f, ++f->count);
        if (!put_scalar(e, L, -1)) {
            encoder_begin(e, L);
            return;
        }
        lua_pop(L, 1);
    }
    f->last = f->count;
    if (f->count == 0) put_byte(e, L, BYTE_EMPTY_ARRAY);
    else finish_array(e, L, f, false);
    encoder_pop_frame(e, L);
}

/// Stack: table, key. A sequence may go on in the hash part of a table, in any order: so the next numbers are looked up.
static void step_indexed(encoder *e, lua_State *L, encoder_frame *f) {
    while (lua_rawgeti(L, f->base, f->last + 1) != LUA_TNIL) {  // table, key, element
        open_item(e, L, f, ++f->last);
        if (!put_scalar(e, L, -1)) {
            encoder_begin(e, L);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, f->base);  // table, key, value
    f->state = ENCODER_ENTRY;
}

/// Before an entry of the map.
static inline void open_entry(encoder *e, lua_State *L, encoder_frame *f) {
    if (!f->rest_is_open) {
        if (f->last > 0) {
            finish_array(e, L, f, true);
            put_head(e, L, MAJOR_TAG, TAG_REST);
        }
        encoder_reserve_head(e, L, f, 0);
        f->rest_is_open = true;
    }
    if (++f->entries > f->room) encoder_widen_head(e, L, f);
}

/// The keys after the sequence. Stack: as the frame's state says.
static void step_rest(encoder *e, lua_State *L, encoder_frame *f) {
    if (f->state == ENCODER_KEY) goto value;
    if (f->state == ENCODER_NEXT) goto next;
entry:  // table, key, value
    if (f->last > f->count && lua_isinteger(L, -2)) {
        lua_Integer key = lua_tointeger(L, -2);
        if (key > f->count && key <= f->last) {
            lua_pop(L, 1);
            goto next;
        }
    }
    open_entry(e, L, f);
    if (!put_scalar(e, L, -2)) {
        f->state = ENCODER_KEY;
        lua_pushvalue(L, -2);
        encoder_begin(e, L);
        return;
    }
value:
    if (!put_scalar(e, L, -1)) {
        f->state = ENCODER_NEXT;
        encoder_begin(e, L);
        return;
    }
    lua_pop(L, 1);
next:  // table, key
    f->state = ENCODER_NEXT;
    if (lua_next(L, f->base)) {
        f->state = ENCODER_ENTRY;
        goto entry;
    }
    if (f->rest_is_open) encoder_write_head(e, f, MAJOR_MAP, f->entries);
    else if (f->last > 0) finish_array(e, L, f, false);
    else put_byte(e, L, BYTE_EMPTY_ARRAY);  // the table was emptied by a function of the script
    encoder_pop_frame(e, L);
}

void encoder_put_value(encoder *e, lua_State *L, int index) {
    if (put_scalar(e, L, index)) return;
    lua_pushvalue(L, index);
    encoder_begin(e, L);
    while (e->depth > 0) {
        encoder_frame *f = &e->frames[e->depth - 1];
        switch ((encoder_state)f->state) {
        case ENCODER_SEQUENCE: step_sequence(e, L, f); break;
        case ENCODER_INDEXED: step_indexed(e, L, f); break;
        case ENCODER_UPVALUES: encoder_step_upvalues(e, L, f); break;
        case ENCODER_OBJECT: encoder_step_object(e, L, f); break;
        default: step_rest(e, L, f); break;
        }
    }
}
