// What the decoder's files share: its state, and how each item is begun and ended.
#ifndef LFVM_DECODER_H
#define LFVM_DECODER_H

#include "vm.h"

typedef enum {
    FRAME_ARRAY,
    FRAME_MAP,
    FRAME_REST,       // a map whose table is that of the array around it
    FRAME_FUNCTION,   // the upvalues of the function below
    FRAME_CELL,       // the value of a variable: upvalue `next` of the function below
    FRAME_TABLE_OF,   // the table of an object whose type is below
    FRAME_STATE_OF,   // the state of an object whose type, with a decode function, is below
    FRAME_CONSTRUCT,  // a function and its arguments
} frame_kind;

/// A container that is not complete. On the Lua stack: its value so far, and a key if one waits for its value.
typedef struct {
    uint8_t kind;
    bool is_indefinite;
    bool has_key;
    uint64_t left;       // items (of a map: entries) still to come, where definite
    lua_Integer next;    // number of the next item
    lua_Integer number;  // FRAME_STATE_OF, FRAME_CONSTRUCT: what refers to the object by, or 0
} decoder_frame;

typedef struct decoder {
    struct decoder *next;
    lfvm *vm;
    lua_State *L;
    bool busy;
    bool in_script;
    bool refuses_handles;
    const uint8_t *start, *at, *end;
    size_t elements;
    uint64_t owed;   // items that definite containers have yet to get: each takes a byte at least
    size_t levels;   // of tables, functions and objects
    size_t depth;    // frames
    decoder_frame *frames;
    size_t frame_capacity;
    int shared;  // references in the registry, LUA_NOREF until needed: table number + 1 -> value; false while the object is not made
    int cells;   // table 2 * number + 1 -> function, 2 * number + 2 -> index of the upvalue
    lua_Integer shared_count, cell_count;
    bool is_shared;  // the next item is to be numbered
    bool is_rest;    // the next item is the map of the other keys
} decoder;

typedef struct {
    uint8_t major, info;
    uint64_t value;
} wire_head;

enum {
    INDEFINITE = 31,
    LARGEST_PREALLOCATION = 1 << 20,  // entries: a larger table grows as it is filled
};

_Noreturn void decoder_fail(decoder *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void decoder_no_memory(decoder *d);

wire_head decoder_read_head(decoder *d);

/// Fails unless `items` more can follow in the bytes that are left.
void decoder_check_room(decoder *d, uint64_t items);
/// Reads the head of an array of definite length and notes that its items are owed.
uint64_t decoder_read_array(decoder *d);
/// Reads a byte string; it lies in the message.
const char *decoder_read_string(decoder *d, size_t *count);

/// [-0, +1] Reads one value whole.
void decoder_read_value(decoder *d);

/// One level deeper.
void decoder_enter(decoder *d);
/// The stack has room for LUA_MINSTACK values afterwards.
decoder_frame *decoder_push_frame(decoder *d, frame_kind kind, uint64_t left);

/// The next number, for a value that does not exist yet; 0 if the item is not numbered.
lua_Integer decoder_reserve_number(decoder *d);
/// [-0, +0] The value on top has this number.
void decoder_set_number(decoder *d, lua_Integer number);

/// Each reads what follows its tag. True: the value is complete and on the stack.
bool decoder_begin_function(decoder *d);
bool decoder_begin_object(decoder *d);
void decoder_push_name(decoder *d);

/// The next upvalue of the function in the innermost frame: a variable met before is joined, for a new one a frame begins.
void decoder_read_upvalue(decoder *d);

/// [-n, +1] The innermost frame, FRAME_TABLE_OF, FRAME_STATE_OF or FRAME_CONSTRUCT, has all its items: makes the object.
void decoder_make_object(decoder *d, decoder_frame frame);

static inline size_t decoder_offset(const decoder *d) {
    return (size_t)(d->at - d->start);
}

#endif
