// What the encoder and the decoder cost, without script, pipe and host: for `luafleet bench codec`.
#ifndef LUAVM_BENCH_H
#define LUAVM_BENCH_H

#include "LuaVM.h"

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

/// Each a table of 1,000 items of one kind.
typedef enum {
    LFVM_BENCH_INTEGER = 0,      // in a sequence, 1 to 5 bytes on the wire
    LFVM_BENCH_FLOAT = 1,        // in a sequence
    LFVM_BENCH_STRING = 2,       // in a sequence, 8 bytes, all different
    LFVM_BENCH_ENTRY = 3,        // string -> float
    LFVM_BENCH_SMALL_TABLE = 4,  // {x = float, y = float} in a sequence
} lfvm_bench_kind;

typedef struct {
    double encode_nanoseconds;  // an item, the median of the runs
    double decode_nanoseconds;
    double wire_bytes;  // an item
} lfvm_bench_result;

/// Measures for about a tenth of a second. False when there is not enough memory.
bool lfvm_bench_codec(lfvm_bench_kind kind, lfvm_bench_result *result);

/// What a task of a batch costs, `function(i) return i * i end`, with callbacks that do next to nothing: nanoseconds, the median of the runs. Measures for about a
/// tenth of a second. False when there is not enough memory.
bool lfvm_bench_batch(double *nanoseconds);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif
#endif
