// Bytes to Lua values, straight onto the Lua stack: iterative, and trusting no length. A definite container must fit, with all items still owed to the
// containers around it, into the bytes that are left; so what is allocated ahead is bounded by the size of the message.
#include <string.h>

#include "vm.h"

typedef enum {
    FRAME_ARRAY,
    FRAME_MAP,
    FRAME_REST,  // a map whose table is that of the array around it
} frame_kind;

/// A container that is not complete. On the Lua stack: its table, and a key if one waits for its value.
struct vm_decode_frame {
    uint8_t kind;
    bool is_indefinite;
    bool has_key;
    uint64_t left;      // items (of a map: entries) still to come, where definite
    lua_Integer next;   // index of the next item of an array
};

typedef struct {
    lfvm *vm;
    lua_State *L;
    const uint8_t *start, *at, *end;
    size_t elements;
    uint64_t owed;     // items that definite containers have yet to get: each takes a byte at least
    size_t depth;      // frames
    size_t levels;     // of tables: frames but for FRAME_REST
    int shared;        // stack index of the table of shared values: number + 1 -> value; nil until there is one
    lua_Integer shared_count;
    bool is_shared;    // the next item is to be numbered
    bool is_rest;      // the next item is the map of the other keys
} decoder;

typedef struct {
    uint8_t major, info;
    uint64_t value;
} wire_head;

enum {
    INDEFINITE = 31,
    LARGEST_PREALLOCATION = 1 << 20,  // entries: a larger table grows as it is filled
};

#define FAIL(d, ...) vm_raise((d)->vm, (d)->L, LFVM_BAD_MESSAGE, "malformed message: " __VA_ARGS__)

static inline size_t offset(const decoder *d) {
    return (size_t)(d->at - d->start);
}

static inline wire_head read_head(decoder *d) {
    size_t left = (size_t)(d->end - d->at);
    if (left == 0) FAIL(d, "it ends after %zu bytes", offset(d));
    uint8_t first = *d->at;
    wire_head head = {.major = first >> 5, .info = first & 31};
    if (head.info < 24) {
        head.value = head.info;
        d->at++;
        return head;
    }
    if (head.info == INDEFINITE) {
        d->at++;
        return head;
    }
    if (head.info > 27) FAIL(d, "reserved byte 0x%02x at offset %zu", first, offset(d));
    size_t width = (size_t)1 << (head.info - 24);
    if (left - 1 < width) FAIL(d, "it ends after %zu bytes", (size_t)(d->end - d->start));
    const uint8_t *at = d->at + 1;
    switch (width) {
    case 1: head.value = at[0]; break;
    case 2: head.value = (uint64_t)at[0] << 8 | at[1]; break;
    case 4: {
        uint32_t big;
        memcpy(&big, at, 4);
        head.value = __builtin_bswap32(big);
        break;
    }
    default: {
        uint64_t big;
        memcpy(&big, at, 8);
        head.value = __builtin_bswap64(big);
        break;
    }
    }
    d->at = at + width;
    return head;
}

static double half_to_double(uint64_t half) {
    uint64_t exponent = (half >> 10) & 31, mantissa = half & 1023, sign = (half & 0x8000) << 48, bits;
    if (exponent == 0) {  // zero and subnormals
        double value = (double)mantissa * 0x1p-24;
        return sign ? -value : value;
    }
    if (exponent == 31) bits = sign | UINT64_C(0x7ff) << 52 | mantissa << 42;
    else bits = sign | (exponent + 1023 - 15) << 52 | mantissa << 42;
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

/// [-0, +1]
static inline void push_simple(decoder *d, wire_head head) {
    switch (head.info) {
    case 20: lua_pushboolean(d->L, 0); return;
    case 21: lua_pushboolean(d->L, 1); return;
    case 22: lua_pushnil(d->L); return;
    case 23: lua_pushlightuserdata(d->L, (void *)(uintptr_t)&vm_null); return;
    case 25: lua_pushnumber(d->L, half_to_double(head.value)); return;
    case 26: {
        uint32_t bits = (uint32_t)head.value;
        float number;
        memcpy(&number, &bits, 4);
        lua_pushnumber(d->L, number);
        return;
    }
    case 27: {
        double number;
        memcpy(&number, &head.value, 8);
        lua_pushnumber(d->L, number);
        return;
    }
    case INDEFINITE: FAIL(d, "unexpected end of a container before offset %zu", offset(d));
    default: FAIL(d, "unknown simple value before offset %zu", offset(d));
    }
}

static void check_tables(decoder *d) {
    if (++d->levels > d->vm->caps.depth) FAIL(d, "nested deeper than %u levels", d->vm->caps.depth);
}

static vm_decode_frame *push_frame(decoder *d) {
    lfvm *vm = d->vm;
    if (d->depth == vm->decode_frame_capacity) {
        size_t larger = d->depth == 0 ? 16 : d->depth * 2;
        vm_decode_frame *moved =
            vm_resize(&vm->memory, vm->decode_frames, d->depth * sizeof(vm_decode_frame), larger * sizeof(vm_decode_frame));
        if (moved == NULL) vm_raise(vm, d->L, LFVM_MEMORY_LIMIT, "not enough memory");
        vm->decode_frames = moved;
        vm->decode_frame_capacity = larger;
    }
    if (!lua_checkstack(d->L, LUA_MINSTACK)) vm_raise(vm, d->L, LFVM_MEMORY_LIMIT, "not enough memory");
    return &vm->decode_frames[d->depth++];
}

/// [-0, +1] The table of an array or map begins; for a map of the other keys a second reference to the table on top.
static void begin_table(decoder *d, wire_head head) {
    bool is_map = head.major == MAJOR_MAP, is_indefinite = head.info == INDEFINITE, is_rest = d->is_rest;
    uint64_t left = (uint64_t)(d->end - d->at), room = d->owed < left ? left - d->owed : 0;
    uint64_t items = is_indefinite ? 0 : head.value;
    if (items > room || (is_map && items > room / 2))
        FAIL(d, "a length of %llu at offset %zu, but only %zu bytes are left", (unsigned long long)items, offset(d), (size_t)(d->end - d->at));
    if (is_rest && !is_map) FAIL(d, "tag %d around something else than a map at offset %zu", TAG_REST, offset(d));
    d->is_rest = false;
    if (!is_rest) check_tables(d);
    vm_decode_frame *frame = push_frame(d);  // after it the stack has room
    *frame = (vm_decode_frame){
        .kind = is_rest ? FRAME_REST : is_map ? FRAME_MAP : FRAME_ARRAY, .is_indefinite = is_indefinite, .left = items, .next = 1};
    d->owed += is_map ? 2 * items : items;
    if (is_rest) {
        lua_pushvalue(d->L, -1);
    } else {
        int ahead = (int)(items < LARGEST_PREALLOCATION ? items : LARGEST_PREALLOCATION);
        lua_createtable(d->L, is_map ? 0 : ahead, is_map ? ahead : 0);
    }
    if (!d->is_shared) return;
    d->is_shared = false;
    if (d->shared_count == 0) {
        lua_newtable(d->L);
        lua_replace(d->L, d->shared);
    }
    lua_pushvalue(d->L, -1);
    lua_rawseti(d->L, d->shared, ++d->shared_count);
}

/// [-0, +1] A reference to a value that was numbered before.
static void push_reference(decoder *d) {
    wire_head head = read_head(d);
    if (head.major != MAJOR_UNSIGNED || head.info == INDEFINITE || head.value >= (uint64_t)d->shared_count)
        FAIL(d, "a reference to nothing before offset %zu", offset(d));
    lua_rawgeti(d->L, d->shared, (lua_Integer)head.value + 1);
}

/// Whether a value is on the stack; a tag may only have said something about the next item.
static bool read_tag(decoder *d, wire_head head) {
    switch (head.value) {
    case TAG_SHARED:
        d->is_shared = true;
        return false;
    case TAG_REFERENCE:
        push_reference(d);
        return true;
    case TAG_REST: {
        const vm_decode_frame *frame = d->depth == 0 ? NULL : &d->vm->decode_frames[d->depth - 1];
        if (frame == NULL || frame->kind != FRAME_ARRAY || (!frame->is_indefinite && frame->left != 1))
            FAIL(d, "tag %d not at the end of an array before offset %zu", TAG_REST, offset(d));
        d->is_rest = true;
        return false;
    }
    default: FAIL(d, "unknown tag %llu before offset %zu", (unsigned long long)head.value, offset(d));
    }
}

/// [-0, +1] Reads one item. True: the value is complete and on the stack. False: a container began, or a tag was read.
static inline bool read_item(decoder *d) {
    wire_head head = read_head(d);
    if (__builtin_expect(d->is_shared || d->is_rest, false) && head.major != MAJOR_ARRAY && head.major != MAJOR_MAP)
        FAIL(d, "a tag around something else than a table before offset %zu", offset(d));
    if (head.major != MAJOR_TAG && ++d->elements > d->vm->caps.elements)
        FAIL(d, "more than %zu elements", d->vm->caps.elements);
    if (head.info == INDEFINITE && head.major != MAJOR_ARRAY && head.major != MAJOR_MAP && head.major != MAJOR_SIMPLE)
        FAIL(d, "an indefinite length before offset %zu", offset(d));
    switch (head.major) {
    case MAJOR_UNSIGNED:
    case MAJOR_NEGATIVE:
        if (head.value > INT64_MAX) FAIL(d, "an integer of more than 64 bits before offset %zu", offset(d));
        lua_pushinteger(d->L, head.major == MAJOR_NEGATIVE ? ~(lua_Integer)head.value : (lua_Integer)head.value);
        return true;
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        if (head.value > (uint64_t)(d->end - d->at))
            FAIL(d, "a length of %llu at offset %zu, but only %zu bytes are left", (unsigned long long)head.value, offset(d),
                 (size_t)(d->end - d->at));
        lua_pushlstring(d->L, (const char *)d->at, (size_t)head.value);
        d->at += head.value;
        return true;
    case MAJOR_ARRAY:
    case MAJOR_MAP: begin_table(d, head); return false;
    case MAJOR_TAG: return read_tag(d, head);
    default: push_simple(d, head); return true;
    }
}

/// [-1, +0] Puts the complete value on top into the innermost container.
static inline void store(decoder *d, vm_decode_frame *frame) {
    lua_State *L = d->L;
    if (frame->kind == FRAME_ARRAY) {
        if (lua_isnil(L, -1)) lua_pop(L, 1);  // a hole
        else lua_rawseti(L, -2, frame->next);
        frame->next++;
        frame->left--;
        return;
    }
    if (frame->has_key) {
        lua_rawset(L, -3);
        frame->has_key = false;
        frame->left--;
        return;
    }
    if (lua_isnil(L, -1)) FAIL(d, "a null key before offset %zu", offset(d));
    if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) != lua_tonumber(L, -1)) FAIL(d, "a NaN key before offset %zu", offset(d));
    frame->has_key = true;
}

/// Whether the innermost container is complete; reads the end mark of an indefinite one.
static inline bool is_complete(decoder *d, const vm_decode_frame *frame) {
    if (!frame->is_indefinite) return frame->left == 0;
    if (d->at == d->end || *d->at != BYTE_BREAK || frame->has_key) return false;
    d->at++;
    return true;
}

/// [-0, +1] Reads one value whole.
static void read_value(decoder *d) {
    bool is_whole = read_item(d);
    while (d->depth > 0 || d->is_shared || d->is_rest) {
        if (d->is_shared || d->is_rest) {
            is_whole = read_item(d);
            continue;
        }
        vm_decode_frame *frame = &d->vm->decode_frames[d->depth - 1];
        if (is_whole) store(d, frame);
        is_whole = false;
        if (!is_complete(d, frame)) {
            if (!frame->is_indefinite) d->owed--;
            is_whole = read_item(d);
            continue;
        }
        d->depth--;
        if (frame->kind != FRAME_REST) {
            d->levels--;
            is_whole = true;
            continue;
        }
        lua_pop(d->L, 1);
        frame--;  // the array around it: this was its last item
        frame->left = 0;
        if (frame->is_indefinite && (d->at == d->end || *d->at != BYTE_BREAK))
            FAIL(d, "an item after tag %d at offset %zu", TAG_REST, offset(d));
    }
}

int vm_decode(lfvm *vm, lua_State *L, const uint8_t *bytes, size_t count) {
    decoder d = {.vm = vm, .L = L, .start = bytes, .at = bytes, .end = bytes + count};
    if (count > vm->caps.bytes) FAIL(&d, "more than %zu bytes", vm->caps.bytes);
    wire_head head = read_head(&d);
    if (head.major != MAJOR_ARRAY || head.info == INDEFINITE) FAIL(&d, "it is not an array of definite length");
    if (head.value > (uint64_t)(d.end - d.at)) FAIL(&d, "a length of %llu, but only %zu bytes are left", (unsigned long long)head.value, (size_t)(d.end - d.at));
    int items = (int)(head.value <= INT32_MAX ? head.value : INT32_MAX);
    if (items > LUAI_MAXSTACK - LUA_MINSTACK || !lua_checkstack(L, items + LUA_MINSTACK))
        vm_raise(vm, L, LFVM_BAD_MESSAGE, "too many values: %llu", (unsigned long long)head.value);
    lua_pushnil(L);
    d.shared = lua_gettop(L);
    d.owed = head.value;
    for (int i = 0; i < items; i++) {
        d.owed--;
        read_value(&d);
    }
    if (d.at != d.end) FAIL(&d, "%zu bytes after the end", (size_t)(d.end - d.at));
    lua_remove(L, d.shared);
    return items;
}

void vm_decoder_free(lfvm *vm) {
    vm_resize(&vm->memory, vm->decode_frames, vm->decode_frame_capacity * sizeof(vm_decode_frame), 0);
    vm->decode_frames = NULL;
    vm->decode_frame_capacity = 0;
}
