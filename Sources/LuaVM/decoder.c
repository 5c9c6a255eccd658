// Bytes to Lua values, straight onto the Lua stack: iterative, and trusting no length. A definite container must fit, with all items still owed to the
// containers around it, into the bytes that are left; so what is allocated ahead is bounded by the size of the message.
#include "decoder_read.h"
#include "shared.h"

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
    case INDEFINITE: decoder_fail(d, "unexpected end of a container before offset %zu", decoder_offset(d));
    default: decoder_fail(d, "unknown simple value before offset %zu", decoder_offset(d));
    }
}

// Frames and numbers

void decoder_enter(decoder *d) {
    if (++d->levels > d->vm->caps.depth) decoder_fail(d, "nested deeper than %u levels", d->vm->caps.depth);
}

decoder_frame *decoder_push_frame(decoder *d, frame_kind kind, uint64_t left) {
    if (d->depth == d->frame_capacity) {
        size_t larger = d->depth == 0 ? 16 : d->depth * 2;
        decoder_frame *moved =
            vm_resize(&d->vm->memory, d->frames, d->depth * sizeof(decoder_frame), larger * sizeof(decoder_frame));
        if (moved == NULL) decoder_no_memory(d);
        d->frames = moved;
        d->frame_capacity = larger;
    }
    if (!lua_checkstack(d->L, LUA_MINSTACK)) decoder_no_memory(d);
    decoder_frame *frame = &d->frames[d->depth++];
    *frame = (decoder_frame){.kind = (uint8_t)kind, .left = left, .next = 1};
    return frame;
}

lua_Integer decoder_reserve_number(decoder *d) {
    if (!d->is_shared) return 0;
    d->is_shared = false;
    lua_pushboolean(d->L, 0);
    decoder_set_number(d, ++d->shared_count);
    lua_pop(d->L, 1);
    return d->shared_count;
}

void decoder_set_number(decoder *d, lua_Integer number) {
    if (d->shared == LUA_NOREF) {
        lua_newtable(d->L);
        d->shared = luaL_ref(d->L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(d->L, LUA_REGISTRYINDEX, d->shared);
    lua_pushvalue(d->L, -2);
    lua_rawseti(d->L, -2, number);
    lua_pop(d->L, 1);
}

// Items

/// [-0, +1] The table of an array or map begins; for a map of the other keys a second reference to the table on top.
static void begin_table(decoder *d, wire_head head) {
    bool is_map = head.major == MAJOR_MAP, is_indefinite = head.info == INDEFINITE, is_rest = d->is_rest;
    uint64_t count = is_indefinite ? 0 : head.value;
    decoder_check_room(d, count);
    if (is_map) decoder_check_room(d, 2 * count);  // the check before it: 2 * count does not wrap
    d->owed += is_map ? 2 * count : count;
    if (is_rest && !is_map) decoder_fail(d, "tag %d around something else than a map at offset %zu", TAG_REST, decoder_offset(d));
    d->is_rest = false;
    if (!is_rest) decoder_enter(d);
    decoder_frame *frame = decoder_push_frame(d, is_rest ? FRAME_REST : is_map ? FRAME_MAP : FRAME_ARRAY, count);
    frame->is_indefinite = is_indefinite;
    if (is_rest) {
        lua_pushvalue(d->L, -1);
    } else {
        int ahead = (int)(count < LARGEST_PREALLOCATION ? count : LARGEST_PREALLOCATION);
        lua_createtable(d->L, is_map ? 0 : ahead, is_map ? ahead : 0);
    }
    if (!d->is_shared) return;
    d->is_shared = false;
    decoder_set_number(d, ++d->shared_count);
}

/// [-0, +1] A reference to a value that was numbered before.
static void push_reference(decoder *d) {
    wire_head head = read_head(d);
    if (head.major != MAJOR_UNSIGNED || head.info == INDEFINITE || head.value >= (uint64_t)d->shared_count)
        decoder_fail(d, "a reference to nothing before offset %zu", decoder_offset(d));
    lua_rawgeti(d->L, LUA_REGISTRYINDEX, d->shared);
    if (lua_rawgeti(d->L, -1, (lua_Integer)head.value + 1) == LUA_TBOOLEAN)
        decoder_fail(d, "a reference to an object that is not complete before offset %zu", decoder_offset(d));
    lua_remove(d->L, -2);
}

/// [-0, +1] The handle of a shared object: [kind, id].
static void push_handle(decoder *d) {
    uint64_t parts[2];
    if (decoder_read_array(d) != 2) decoder_fail(d, "a handle without two parts before offset %zu", decoder_offset(d));
    for (int i = 0; i < 2; i++) {
        wire_head head = read_head(d);
        if (head.major != MAJOR_UNSIGNED || head.info == INDEFINITE || head.value > INT64_MAX)
            decoder_fail(d, "a handle without numbers before offset %zu", decoder_offset(d));
        d->owed--;
        parts[i] = head.value;
    }
    if (d->refuses_handles) decoder_fail(d, "a shared object that nobody has handed out before offset %zu", decoder_offset(d));
    shared_push_handle(d->L, parts[0], parts[1]);
}

/// Whether a value is on the stack; a tag may only have said something about the next item.
static bool read_tag(decoder *d, wire_head head) {
    if (head.value != TAG_FUNCTION && head.value != TAG_OBJECT && (d->is_shared || d->is_rest))
        decoder_fail(d, "two tags that exclude each other before offset %zu", decoder_offset(d));
    switch (head.value) {
    case TAG_SHARED: d->is_shared = true; return false;
    case TAG_REFERENCE: push_reference(d); return true;
    case TAG_REST: {
        const decoder_frame *frame = d->depth == 0 ? NULL : &d->frames[d->depth - 1];
        if (frame == NULL || frame->kind != FRAME_ARRAY || (!frame->is_indefinite && frame->left != 1))
            decoder_fail(d, "tag %d not at the end of an array before offset %zu", TAG_REST, decoder_offset(d));
        d->is_rest = true;
        return false;
    }
    case TAG_FUNCTION: return decoder_begin_function(d);
    case TAG_OBJECT: return decoder_begin_object(d);
    case TAG_NAME: decoder_push_name(d); return true;
    case TAG_HANDLE: push_handle(d); return true;
    default: decoder_fail(d, "unknown tag %llu before offset %zu", (unsigned long long)head.value, decoder_offset(d));
    }
}

/// [-0, +1] Reads one item. True: the value is complete and on the stack. False: a container began, or a tag was read.
static inline bool read_item(decoder *d) {
    wire_head head = read_head(d);
    if (__builtin_expect(d->is_shared || d->is_rest, false)
        && (head.major == MAJOR_TAG ? d->is_rest : head.major != MAJOR_ARRAY && head.major != MAJOR_MAP))
        decoder_fail(d, "a tag around a value that cannot have it before offset %zu", decoder_offset(d));
    if (head.major != MAJOR_TAG && ++d->elements > d->vm->caps.elements)
        decoder_fail(d, "more than %zu elements", d->vm->caps.elements);
    if (head.info == INDEFINITE && head.major != MAJOR_ARRAY && head.major != MAJOR_MAP && head.major != MAJOR_SIMPLE)
        decoder_fail(d, "an indefinite length before offset %zu", decoder_offset(d));
    switch (head.major) {
    case MAJOR_UNSIGNED:
    case MAJOR_NEGATIVE:
        if (head.value > INT64_MAX) decoder_fail(d, "an integer of more than 64 bits before offset %zu", decoder_offset(d));
        lua_pushinteger(d->L, head.major == MAJOR_NEGATIVE ? ~(lua_Integer)head.value : (lua_Integer)head.value);
        return true;
    case MAJOR_BYTES:
    case MAJOR_TEXT: {
        const char *bytes = take_bytes(d, head.value);
        lua_pushlstring(d->L, bytes, (size_t)head.value);
        return true;
    }
    case MAJOR_ARRAY:
    case MAJOR_MAP: begin_table(d, head); return false;
    case MAJOR_TAG: return read_tag(d, head);
    default: push_simple(d, head); return true;
    }
}

/// [-1, +0] Puts the complete value on top into the innermost container.
static inline void store(decoder *d, decoder_frame *frame) {
    lua_State *L = d->L;
    switch ((frame_kind)frame->kind) {
    case FRAME_ARRAY:
        if (lua_isnil(L, -1)) lua_pop(L, 1);  // a hole
        else lua_rawseti(L, -2, frame->next);
        frame->next++;
        frame->left--;
        return;
    case FRAME_MAP:
    case FRAME_REST:
        if (frame->has_key) {
            lua_rawset(L, -3);
            frame->has_key = false;
            frame->left--;
            return;
        }
        if (lua_isnil(L, -1)) decoder_fail(d, "a null key before offset %zu", decoder_offset(d));
        if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) != lua_tonumber(L, -1))
            decoder_fail(d, "a NaN key before offset %zu", decoder_offset(d));
        frame->has_key = true;
        return;
    case FRAME_CELL:
        lua_setupvalue(L, -2, (int)frame->next);
        frame->left--;
        return;
    default:  // an object: its parts stay on the stack
        if (!lua_checkstack(L, LUA_MINSTACK)) decoder_no_memory(d);
        frame->next++;
        frame->left--;
        return;
    }
}

/// Whether the innermost container is complete; reads the end mark of an indefinite one.
static inline bool is_complete(decoder *d, const decoder_frame *frame) {
    if (!frame->is_indefinite) return frame->left == 0;
    if (d->at == d->end || *d->at != BYTE_BREAK || frame->has_key) return false;
    d->at++;
    return true;
}

/// Ends the innermost container. True: it leaves a value on the stack.
static inline bool end(decoder *d) {
    decoder_frame frame = d->frames[--d->depth];
    switch ((frame_kind)frame.kind) {
    case FRAME_CELL: return false;
    case FRAME_REST: {
        lua_pop(d->L, 1);
        decoder_frame *array = &d->frames[d->depth - 1];
        array->left = 0;  // this was its last item
        if (array->is_indefinite && (d->at == d->end || *d->at != BYTE_BREAK))
            decoder_fail(d, "an item after tag %d at offset %zu", TAG_REST, decoder_offset(d));
        return false;
    }
    case FRAME_TABLE_OF: decoder_make_object(d, frame); return true;  // its table was the level
    case FRAME_STATE_OF:
    case FRAME_CONSTRUCT: decoder_make_object(d, frame); break;
    default: break;
    }
    d->levels--;
    return true;
}

/// [-0, +1] Reads one value whole.
void decoder_read_value(decoder *d) {
    bool is_whole = read_item(d);
    while (d->depth > 0 || d->is_shared || d->is_rest) {
        if (d->is_shared || d->is_rest) {
            is_whole = read_item(d);
            continue;
        }
        decoder_frame *frame = &d->frames[d->depth - 1];
        if (is_whole) store(d, frame);
        if (is_complete(d, frame)) {
            is_whole = end(d);
            continue;
        }
        if (!frame->is_indefinite) d->owed--;
        is_whole = false;
        if (frame->kind == FRAME_FUNCTION) decoder_read_upvalue(d);
        else is_whole = read_item(d);
    }
}
