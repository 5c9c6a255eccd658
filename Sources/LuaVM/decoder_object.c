// Objects from the wire: tables that get their metatable back, and what functions of the script make.
#include <string.h>

#include "decoder.h"
#include "types.h"

static unsigned next_major(const decoder *d) {
    return d->at == d->end ? MAJOR_SIMPLE : *d->at >> 5;
}

/// The name of a type comes next: its state follows.
static void begin_registered(decoder *d, uint64_t items) {
    lua_State *L = d->L;
    size_t count;
    const char *name = decoder_read_string(d, &count);
    if (items != 2) decoder_fail(d, "an object of %llu parts before offset %zu", (unsigned long long)items, decoder_offset(d));
    d->owed--;
    d->elements++;
    decoder_frame *frame = decoder_push_frame(d, FRAME_STATE_OF, 1);
    lua_pushlstring(L, name, count);
    vm_replace_by_type(L);
    if (lua_isnil(L, -1))
        decoder_fail(d, "no type \"%.*s\" is registered here", count < 100 ? (int)count : 100, name);
    bool has_decode = lua_rawgeti(L, -1, TYPE_DECODE) != LUA_TNIL;
    lua_pop(L, 1);
    if (has_decode) {
        decoder_enter(d);
        frame->number = decoder_reserve_number(d);
        return;
    }
    // The table that follows is the object: it is the level, and gets the number if there is one.
    frame->kind = FRAME_TABLE_OF;
    unsigned major = next_major(d);
    if (major != MAJOR_ARRAY && major != MAJOR_MAP) decoder_fail(d, "an object that is no table before offset %zu", decoder_offset(d));
}

bool decoder_begin_object(decoder *d) {
    if (d->is_rest) decoder_fail(d, "an object with tag %d before offset %zu", TAG_REST, decoder_offset(d));
    uint64_t items = decoder_read_array(d);
    if (items == 0) decoder_fail(d, "an object without parts before offset %zu", decoder_offset(d));
    unsigned major = next_major(d);
    if (major == MAJOR_BYTES || major == MAJOR_TEXT) {
        begin_registered(d, items);
        return false;
    }
    if (d->vm->by_name_only)
        decoder_fail(d, "an object with a constructor, which a sandbox does not take, before offset %zu", decoder_offset(d));
    decoder_enter(d);
    lua_Integer number = decoder_reserve_number(d);
    decoder_push_frame(d, FRAME_CONSTRUCT, items)->number = number;
    return false;
}

void decoder_make_object(decoder *d, decoder_frame frame) {
    lua_State *L = d->L;
    switch ((frame_kind)frame.kind) {
    case FRAME_TABLE_OF:  // type, table
        lua_rawgeti(L, -2, TYPE_METATABLE);
        lua_setmetatable(L, -2);
        lua_remove(L, -2);
        return;
    case FRAME_STATE_OF:  // type, state
        lua_rawgeti(L, -2, TYPE_DECODE);
        lua_replace(L, -3);
        lua_call(L, 1, 1);
        break;
    default: {  // function, arguments
        int count = (int)frame.next - 1, first = lua_gettop(L) - count + 1;
        if (!lua_isfunction(L, first)) decoder_fail(d, "an object without a constructor before offset %zu", decoder_offset(d));
        lua_call(L, count - 1, 1);
    }
    }
    if (frame.number != 0) decoder_set_number(d, frame.number);
}
