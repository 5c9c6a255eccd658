// Mutated messages against the decoder.
#ifndef LUAVM_FUZZ_H
#define LUAVM_FUZZ_H

#include <stdint.h>

typedef struct {
    uint64_t accepted, refused;  // messages; the rest met an error of a script's function
    uint64_t wrong;              // outcomes that must not be: the decoder has a fault
} lfvm_fuzz_counts;

/// Sends `count` mutated messages, the same for the same seed, into a VM whose script returns its arguments. What is accepted must come out as a message that
/// is accepted again and comes out the same.
lfvm_fuzz_counts lfvm_fuzz(uint64_t seed, uint64_t count);

#endif
