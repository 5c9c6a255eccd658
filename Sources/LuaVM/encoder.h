// The encoder: values on a Lua stack become the pieces of one message.
#ifndef LFVM_ENCODER_H
#define LFVM_ENCODER_H

#include <lua.h>

#include "LuaVM.h"
#include "pointer_set.h"

/// Where the encoder stands in a table. On the Lua stack: the table, then a key, then mostly its value.
typedef struct {
    int table;          // its index
    uint8_t state;      // encoder_state
    bool rest_is_open;  // the map of the other keys was begun
    lua_Integer count;  // keys 1...count came in order
    lua_Integer last;   // keys count+1...last were looked up; they are skipped when the traversal meets them
} encoder_frame;

typedef enum {
    ENCODER_SEQUENCE,  // the traversal yields 1, 2, 3...; stack: table, key
    ENCODER_INDEXED,   // it yielded another key: looks up whether the sequence goes on; stack: table, key
    ENCODER_ENTRY,     // that other key is to be written; stack: table, key, value
    ENCODER_KEY,       // a key that is itself a table is being written; stack: table, key, value
    ENCODER_NEXT,      // the next key is to be fetched; stack: table, key
} encoder_state;

typedef struct encoder {
    struct encoder *next;
    lfvm *vm;
    bool busy;
    bool in_script;  // an error is an ordinary error of the script, not the end of the task

    uint8_t *start, *at, *end;
    lfvm_piece *pieces;  // while encoding, a piece of our own buffer has no address: the buffer may move
    size_t piece_count, piece_capacity;
    size_t piece_from;   // where in the buffer the piece begins that is not closed yet
    size_t outside;      // bytes of pieces in Lua's memory
    size_t copied_below; // shorter strings are copied
    size_t last_total;   // bytes of the message before

    size_t elements;
    encoder_frame *frames;
    size_t depth, frame_capacity;
    pointer_set met;
    bool scanning;  // a table was met twice: what is written counts for nothing, the tables are still being marked
    bool tagging;   // second pass: the tables that need a tag are known
    uint32_t shared_count;

    const char *what;  // "result": what the values are, for error messages
    int number;        // which of them is being written, from 1
} encoder;

/// Options of encoder_encode.
typedef struct {
    const char *what;
    bool in_script;
    bool contiguous;  // one piece, strings copied
    bool is_kept;     // the message stays valid although the script goes on: until the next call of LuaVM
} encoder_request;

/// [-0, +0, e] Encodes `count` values from stack index `first` on. The message is valid until the encoder is used again; the caller keeps the values on the
/// stack as long as pieces point into them. Runs no Lua code and does not collect garbage.
void encoder_encode(lfvm *vm, lua_State *L, int first, int count, encoder_request request, lfvm_message *message);

/// Marks all encoders free: at the start of a call.
void encoder_reset_all(lfvm *vm);
void encoder_free_all(lfvm *vm);

/// Ends the encoding: `format` after the path of the value. Never returns.
_Noreturn void encoder_fail(encoder *e, lua_State *L, lfvm_status status, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
