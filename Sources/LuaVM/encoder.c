// Lua values to bytes: one traversal of each table, with a stack of our own, so that no depth of data is a depth of C calls.
#include "encoder.h"

#include <limits.h>
#include <string.h>

#include "vm.h"

enum {
    SMALLEST_BUFFER = 4096,
    LARGEST_KEPT = 1 << 20,        // a buffer above this is given back when the next messages are small
    PIECE_THRESHOLD = 64 * 1024,   // below, a copy costs less than one more element of writev
    LARGEST_HEAD = 9,
    SLACK = 2 * LARGEST_HEAD,      // the buffer may pass the cap by this much; the exact check comes last
};

// Marks of a table in the set.
enum { MET = 1, MET_AGAIN = 2, FIRST_NUMBER = 3 };

_Static_assert(sizeof(lua_Integer) == 8 && sizeof(lua_Number) == 8, "the wire has 64-bit integers and floats");

// Bytes

static _Noreturn void no_memory(encoder *e, lua_State *L) {
    encoder_fail(e, L, LFVM_MEMORY_LIMIT, "not enough memory");
}

static void grow(encoder *e, lua_State *L, size_t more) {
    size_t used = (size_t)(e->at - e->start), capacity = (size_t)(e->end - e->start);
    size_t cap = e->vm->caps.bytes;
    if (more > cap + SLACK || used + e->outside > cap + SLACK - more)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "the message is larger than %zu bytes", cap);
    size_t larger = capacity * 2;
    if (larger < used + more) larger = used + more;
    if (larger < SMALLEST_BUFFER) larger = SMALLEST_BUFFER;
    uint8_t *moved = vm_resize(&e->vm->memory, e->start, capacity, larger);
    if (moved == NULL) no_memory(e, L);
    e->start = moved;
    e->at = moved + used;
    e->end = moved + larger;
}

static inline void need(encoder *e, lua_State *L, size_t count) {
    if ((size_t)(e->end - e->at) < count) grow(e, L, count);
}

static inline void put_byte(encoder *e, lua_State *L, uint8_t byte) {
    need(e, L, 1);
    *e->at++ = byte;
}

/// The caller has made room for LARGEST_HEAD.
static inline void put_head_unchecked(encoder *e, unsigned major, uint64_t value) {
    uint8_t *at = e->at;
    uint8_t first = (uint8_t)(major << 5);
    if (value < 24) {
        *at++ = (uint8_t)(first | value);
    } else if (value <= UINT8_MAX) {
        *at++ = first | 24;
        *at++ = (uint8_t)value;
    } else if (value <= UINT16_MAX) {
        *at++ = first | 25;
        *at++ = (uint8_t)(value >> 8);
        *at++ = (uint8_t)value;
    } else if (value <= UINT32_MAX) {
        uint32_t big = __builtin_bswap32((uint32_t)value);
        *at++ = first | 26;
        memcpy(at, &big, 4);
        at += 4;
    } else {
        uint64_t big = __builtin_bswap64(value);
        *at++ = first | 27;
        memcpy(at, &big, 8);
        at += 8;
    }
    e->at = at;
}

static inline void put_head(encoder *e, lua_State *L, unsigned major, uint64_t value) {
    need(e, L, LARGEST_HEAD);
    put_head_unchecked(e, major, value);
}

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

// Pieces

static void add_piece(encoder *e, lua_State *L, const uint8_t *bytes, size_t count) {
    if (e->piece_count == e->piece_capacity) {
        size_t larger = e->piece_capacity == 0 ? 4 : e->piece_capacity * 2;
        lfvm_piece *moved = vm_resize(
            &e->vm->memory, e->pieces, e->piece_capacity * sizeof(lfvm_piece), larger * sizeof(lfvm_piece));
        if (moved == NULL) no_memory(e, L);
        e->pieces = moved;
        e->piece_capacity = larger;
    }
    e->pieces[e->piece_count++] = (lfvm_piece){bytes, count};
}

static void close_piece(encoder *e, lua_State *L) {
    size_t used = (size_t)(e->at - e->start);
    if (used > e->piece_from) add_piece(e, L, NULL, used - e->piece_from);
    e->piece_from = used;
}

static void put_long_string(encoder *e, lua_State *L, const char *bytes, size_t count) {
    size_t cap = e->vm->caps.bytes, used = (size_t)(e->at - e->start) + e->outside;
    if (count > cap || used > cap - count)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "the message is larger than %zu bytes", cap);
    close_piece(e, L);
    add_piece(e, L, (const uint8_t *)bytes, count);
    e->outside += count;
}

static inline void put_string(encoder *e, lua_State *L, int index) {
    size_t count;
    const char *bytes = lua_tolstring(L, index, &count);  // a string already: converts and allocates nothing
    if (count >= e->copied_below) {
        put_head(e, L, MAJOR_BYTES, count);
        put_long_string(e, L, bytes, count);
        return;
    }
    need(e, L, LARGEST_HEAD + count);
    put_head_unchecked(e, MAJOR_BYTES, count);
    memcpy(e->at, bytes, count);
    e->at += count;
}

// Values

static inline void count_element(encoder *e, lua_State *L) {
    if (++e->elements > e->vm->caps.elements)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "more than %zu elements", e->vm->caps.elements);
}

/// Writes the value if it has no parts; false, and nothing written, if it has or cannot be sent.
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

/// Whether the table on top was written as a reference. Otherwise, where it needs one, its tag is written.
static bool put_reference(encoder *e, lua_State *L) {
    pointer_slot *slot = pointer_set_slot(&e->met, &e->vm->memory, lua_topointer(L, -1));
    if (slot == NULL) no_memory(e, L);
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
    case LUA_TUSERDATA:
        if (luaL_getmetafield(L, -1, "__name") == LUA_TSTRING)
            encoder_fail(e, L, LFVM_NOT_ENCODABLE, "userdata (%.100s)", lua_tostring(L, -1));
        encoder_fail(e, L, LFVM_NOT_ENCODABLE, "userdata");
    default: encoder_fail(e, L, LFVM_NOT_ENCODABLE, "%s", luaL_typename(L, -1));
    }
}

/// [-1, +0 or a frame] Begins the value on top, which put_scalar has refused.
static void begin(encoder *e, lua_State *L) {
    count_element(e, L);
    if (lua_type(L, -1) != LUA_TTABLE) fail_type(e, L);
    if (e->scanning) {  // keeps the buffer small: what is in it counts for nothing
        e->at = e->start;
        e->outside = e->piece_count = e->piece_from = 0;
    }
    if (put_reference(e, L)) {
        lua_pop(L, 1);
        return;
    }
    if (e->depth >= e->vm->caps.depth)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "nested deeper than %u levels", e->vm->caps.depth);
    if (e->depth == e->frame_capacity) {
        size_t larger = e->frame_capacity == 0 ? 16 : e->frame_capacity * 2;
        encoder_frame *moved = vm_resize(
            &e->vm->memory, e->frames, e->frame_capacity * sizeof(encoder_frame), larger * sizeof(encoder_frame));
        if (moved == NULL) no_memory(e, L);
        e->frames = moved;
        e->frame_capacity = larger;
    }
    if (!lua_checkstack(L, LUA_MINSTACK)) no_memory(e, L);
    e->frames[e->depth++] = (encoder_frame){.table = lua_gettop(L), .state = ENCODER_SEQUENCE};
    lua_pushnil(L);
}

/// [-1, +0] The table on top is complete.
static void end(encoder *e, lua_State *L) {
    lua_pop(L, 1);
    e->depth--;
}

/// Stack: table, key. Goes on as long as the keys are 1, 2, 3...
static void step_sequence(encoder *e, lua_State *L, encoder_frame *f) {
    while (lua_next(L, f->table)) {  // table, key, value
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != f->count + 1) {
            lua_pop(L, 1);
            f->state = ENCODER_INDEXED;
            f->last = f->count;
            return;
        }
        if (f->count++ == 0) put_byte(e, L, BYTE_ARRAY);
        if (!put_scalar(e, L, -1)) {
            begin(e, L);
            return;
        }
        lua_pop(L, 1);
    }
    put_byte(e, L, f->count == 0 ? BYTE_EMPTY_ARRAY : BYTE_BREAK);
    end(e, L);
}

/// Stack: table, key. A sequence may go on in the hash part of a table, in any order: so the next numbers are looked up.
static void step_indexed(encoder *e, lua_State *L, encoder_frame *f) {
    while (lua_rawgeti(L, f->table, f->last + 1) != LUA_TNIL) {  // table, key, element
        if (f->last++ == 0) put_byte(e, L, BYTE_ARRAY);
        if (!put_scalar(e, L, -1)) {
            begin(e, L);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, f->table);  // table, key, value
    f->state = ENCODER_ENTRY;
}

static void open_rest(encoder *e, lua_State *L, encoder_frame *f) {
    if (f->rest_is_open) return;
    if (f->last > 0) put_head(e, L, MAJOR_TAG, TAG_REST);
    put_byte(e, L, BYTE_MAP);
    f->rest_is_open = true;
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
    open_rest(e, L, f);
    if (!put_scalar(e, L, -2)) {
        f->state = ENCODER_KEY;
        lua_pushvalue(L, -2);
        begin(e, L);
        return;
    }
value:
    if (!put_scalar(e, L, -1)) {
        f->state = ENCODER_NEXT;
        begin(e, L);
        return;
    }
    lua_pop(L, 1);
next:  // table, key
    f->state = ENCODER_NEXT;
    if (lua_next(L, f->table)) {
        f->state = ENCODER_ENTRY;
        goto entry;
    }
    if (f->rest_is_open) put_byte(e, L, BYTE_BREAK);
    if (f->last > 0) put_byte(e, L, BYTE_BREAK);
    end(e, L);
}

static void put_value(encoder *e, lua_State *L, int index) {
    if (put_scalar(e, L, index)) return;
    lua_pushvalue(L, index);
    begin(e, L);
    while (e->depth > 0) {
        encoder_frame *f = &e->frames[e->depth - 1];
        switch ((encoder_state)f->state) {
        case ENCODER_SEQUENCE: step_sequence(e, L, f); break;
        case ENCODER_INDEXED: step_indexed(e, L, f); break;
        default: step_rest(e, L, f); break;
        }
    }
}

static void put_message(encoder *e, lua_State *L, int first, int count) {
    e->at = e->start;
    e->piece_count = e->piece_from = e->outside = e->elements = e->depth = 0;
    e->number = 0;
    put_head(e, L, MAJOR_ARRAY, (uint64_t)count);
    for (int i = 0; i < count; i++) {
        e->number = i + 1;
        put_value(e, L, first + i);
    }
}

// Encoders

static void give_back(encoder *e, size_t kept) {
    vm_memory *memory = &e->vm->memory;
    size_t capacity = (size_t)(e->end - e->start);
    if (capacity > kept) {
        vm_resize(memory, e->start, capacity, 0);
        e->start = e->at = e->end = NULL;
    }
    if (e->piece_capacity * sizeof(lfvm_piece) > kept) {
        vm_resize(memory, e->pieces, e->piece_capacity * sizeof(lfvm_piece), 0);
        e->pieces = NULL;
        e->piece_capacity = 0;
    }
}

static encoder *take(lfvm *vm, lua_State *L, encoder_request request) {
    encoder *e = vm->encoders;
    while (e != NULL && e->busy) e = e->next;
    if (e == NULL) {
        e = vm_resize(&vm->memory, NULL, 0, sizeof(encoder));
        if (e == NULL) {
            if (request.in_script) luaL_error(L, "not enough memory");
            vm_raise(vm, L, LFVM_MEMORY_LIMIT, "not enough memory");
        }
        *e = (encoder){.vm = vm, .next = vm->encoders};
        vm->encoders = e;
    }
    e->busy = true;
    e->in_script = request.in_script;
    e->what = request.what;
    e->copied_below = request.contiguous ? SIZE_MAX : PIECE_THRESHOLD;
    e->scanning = e->tagging = false;
    e->shared_count = 0;
    pointer_set_clear(&e->met, &vm->memory);
    if (e->last_total < LARGEST_KEPT / 4) give_back(e, LARGEST_KEPT);
    return e;
}

void encoder_encode(lfvm *vm, lua_State *L, int first, int count, encoder_request request, lfvm_message *message) {
    encoder *e = take(vm, L, request);
    put_message(e, L, first, count);
    if (e->scanning) {
        e->scanning = false;
        e->tagging = true;
        put_message(e, L, first, count);
    }
    close_piece(e, L);
    e->number = 0;
    size_t total = 0;
    const uint8_t *own = e->start;
    for (size_t i = 0; i < e->piece_count; i++) {
        lfvm_piece *piece = &e->pieces[i];
        total += piece->count;
        if (piece->bytes != NULL) continue;
        piece->bytes = own;
        own += piece->count;
    }
    if (total > vm->caps.bytes)
        encoder_fail(e, L, LFVM_RESULT_LIMIT, "the message is larger than %zu bytes", vm->caps.bytes);
    e->last_total = total - e->outside;
    e->busy = request.is_kept;
    *message = (lfvm_message){e->pieces, e->piece_count, total};
}

void encoder_reset_all(lfvm *vm) {
    for (encoder *e = vm->encoders; e != NULL; e = e->next) e->busy = false;
}

void encoder_free_all(lfvm *vm) {
    while (vm->encoders != NULL) {
        encoder *e = vm->encoders;
        vm->encoders = e->next;
        pointer_set_free(&e->met, &vm->memory);
        give_back(e, 0);
        vm_resize(&vm->memory, e->frames, e->frame_capacity * sizeof(encoder_frame), 0);
        vm_resize(&vm->memory, e, sizeof(encoder), 0);
    }
}
