// The encoder: values on a Lua stack become the pieces of one message.
#ifndef LFVM_ENCODER_H
#define LFVM_ENCODER_H

#include <lua.h>

#include "LuaVM.h"
#include "pointer_set.h"

typedef enum {
    ENCODER_SEQUENCE,  // the traversal yields 1, 2, 3...; stack: table, key
    ENCODER_INDEXED,   // it yielded another key: looks up whether the sequence goes on; stack: table, key
    ENCODER_ENTRY,     // that other key is to be written; stack: table, key, value
    ENCODER_KEY,       // a key that is itself a table is being written; stack: table, key, value
    ENCODER_NEXT,      // the next key is to be fetched; stack: table, key
    ENCODER_UPVALUES,  // a function: `count` of its `last` upvalues are written; stack: function
    ENCODER_OBJECT,    // an object that is written as other values: `count` of `last`; stack: object, table of them
} encoder_state;

/// A container that is being written: where its parts lie on the Lua stack, and where its head lies in the buffer.
typedef struct {
    int base;           // stack index of the value
    uint8_t state;      // encoder_state
    uint8_t width;      // bytes reserved for the head
    bool rest_is_open;  // the map of the other keys was begun, and the array's head is final
    bool is_typed;      // an object of a registered type, written as a plain table
    uint32_t room;      // the most items that fit into the width
    uint32_t entries;   // of the map
    size_t head;        // offset of the head that is not yet known
    lua_Integer count;  // keys 1...count came in order
    lua_Integer last;   // keys count+1...last were looked up; they are skipped when the traversal meets them
} encoder_frame;

typedef struct encoder {
    struct encoder *next;
    lfvm *vm;
    bool busy;
    bool has_handles;  // handles of shared objects were written
    bool in_script;  // an error is an ordinary error of the script, not the end of the task

    uint8_t *start, *at, *end;
    lfvm_piece *pieces;  // while encoding, a piece of our own buffer has no address: the buffer may move
    size_t piece_count, piece_capacity;
    size_t piece_from;    // where in the buffer the piece begins that is not closed yet
    size_t outside;       // bytes of pieces in Lua's memory
    size_t copied_below;  // shorter strings are copied
    size_t cap;           // bytes of the message
    size_t last_total;    // bytes of the message before

    size_t elements;
    encoder_frame *frames;
    size_t depth, frame_capacity;
    pointer_set met;
    bool scanning;  // a value was met twice: what is written counts for nothing, the values are still being marked
    bool tagging;   // second pass: the values that need a tag are known
    uint32_t shared_count;
    uint32_t cell_count;
    size_t object_depth;  // frames in state ENCODER_OBJECT
    int states;           // reference in the registry: object -> table of what is written for it; LUA_NOREF until needed

    const char *what;  // "result": what the values are, for error messages
    int number;        // which of them is being written, from 1
} encoder;

typedef struct {
    const char *what;
    size_t limit;  // bytes, where it is below the cap of messages; 0: none
    bool in_script;
    bool contiguous;  // one piece, strings copied
    bool is_kept;     // the message stays valid although the script goes on: until the next call of LuaVM
} encoder_request;

/// [-0, +0, e] Encodes `count` values from stack index `first` on. The message is valid until the encoder is used again. Only functions of the script that
/// are registered for a type run meanwhile.
void encoder_encode(lfvm *vm, lua_State *L, int first, int count, encoder_request request, lfvm_message *message);

/// At the start of a call of LuaVM: all encoders are free, and the strings that pieces pointed into may go.
void encoder_reset_all(lfvm *vm);
void encoder_free_all(lfvm *vm);

/// Ends the encoding: `format` after the path of the value. Never returns.
_Noreturn void encoder_fail(encoder *e, lua_State *L, lfvm_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
