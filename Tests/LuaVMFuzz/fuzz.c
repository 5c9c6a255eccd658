// The fuzzer of the decoder: a C loop, so that a million messages take seconds. With LFVM_FUZZ_MAIN a program of its own, for the sanitizers.
#include "LuaVMFuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "LuaVM.h"

enum { SAMPLES = 200, LARGEST = 400 };

typedef struct {
    uint8_t bytes[LARGEST];
    size_t count;
} sample;

typedef struct {
    uint64_t state;
    lfvm *vm;
    sample samples[SAMPLES];
    lfvm_fuzz_counts counts;
} fuzzer;

static const char script[] =
    "fleet.register('Point', {__index = {}})\n"
    "fleet.register('Made', {}, {encode = function(o) return {o.x} end, decode = function(s) return {x = s[1]} end})\n"
    "return {echo = function(...) return ... end, random = function(seed, size)\n"
    "    math.randomseed(seed)\n"
    "    local made = {}\n"
    "    local scalars = {0, 1, -1, 23, 24, 255, 256, 65536, 1 << 32, math.mininteger, math.maxinteger, 0.5, -0.0, 1 / 0, 0 / 0,\n"
    "        '', 'a', 'key', ('x'):rep(30), true, false, fleet.null, print, string.format, string}\n"
    "    local function value(depth)\n"
    "        if depth == 0 or math.random(3) == 1 then return scalars[math.random(#scalars)] end\n"
    "        if #made > 0 and math.random(6) == 1 then return made[math.random(#made)] end\n"
    "        local t = {}\n"
    "        made[#made + 1] = t\n"
    "        for i = 1, math.random(0, 4) do t[i] = value(depth - 1) end\n"
    "        for i = 1, math.random(0, 3) do\n"
    "            local k = value(depth - 1)\n"
    "            if k == k then t[k] = value(depth - 1) end\n"
    "        end\n"
    "        return t\n"
    "    end\n"
    "    local list = {n = math.random(0, 4)}\n"
    "    for i = 1, list.n do list[i] = value(size) end\n"
    "    return table.unpack(list, 1, list.n)\n"
    "end}";

static uint64_t next_random(fuzzer *f) {  // splitmix64
    uint64_t z = f->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(fuzzer *f, size_t bound) {
    return bound == 0 ? 0 : (size_t)(next_random(f) % bound);
}

static bool run(fuzzer *f, const char *function, const uint8_t *bytes, size_t count, lfvm_status *status, lfvm_message *message) {
    lfvm_task task = {1, 1};
    // A block of its own: a read past its end is seen by the address sanitizer.
    uint8_t *copy = malloc(count + 1);
    memcpy(copy, bytes, count);
    copy = realloc(copy, count == 0 ? 1 : count);
    *status = lfvm_run(f->vm, 1, function, strlen(function), copy, count, false, &task, message);
    free(copy);
    return *status == LFVM_OK;
}

static bool keep(sample *s, const lfvm_message *message) {
    if (message->piece_count != 1 || message->total > LARGEST) return false;
    memcpy(s->bytes, message->pieces[0].bytes, message->total);
    s->count = message->total;
    return true;
}

static void make_samples(fuzzer *f) {
    for (size_t i = 0; i < SAMPLES;) {
        uint8_t arguments[] = {0x82, 0x1a, 0, 0, 0, 0, (uint8_t)(1 + i % 4)};
        uint32_t seed = (uint32_t)next_random(f);
        memcpy(arguments + 2, &seed, 4);
        lfvm_status status;
        lfvm_message message;
        if (run(f, "random", arguments, sizeof arguments, &status, &message) && keep(&f->samples[i], &message)) i++;
    }
    // Kinds that the script's values do not have.
    static const uint8_t objects[] = {
        0x84, 0xd9, 0xf1, 0xe4, 0x82, 0x45, 'P', 'o', 'i', 'n', 't', 0xa1, 0x41, 'x', 1, 0xd8, 0x1c, 0xd9, 0xf1, 0xe4, 0x82, 0x44, 'M',
        'a', 'd', 'e', 0x81, 2, 0xd8, 0x1d, 0, 0xbf, 0x9f, 1, 0xf9, 0x3c, 0, 0xd9, 0xf1, 0xe0, 0xbf, 1, 2, 0xff, 0xff, 0x61, 'a', 0xff,
    };
    for (size_t i = 0; i < SAMPLES; i += 8) {
        memcpy(f->samples[i].bytes, objects, sizeof objects);
        f->samples[i].count = sizeof objects;
    }
}

/// One change of one kind.
static void mutate(fuzzer *f, sample *s) {
    static const uint8_t telling[] = {0x00, 0x17, 0x18, 0x1b, 0x1f, 0x3b, 0x40, 0x5b, 0x5f, 0x7f, 0x80, 0x81, 0x98, 0x9b, 0x9f,
                                      0xa0, 0xa1, 0xbb, 0xbf, 0xd8, 0xd9, 0xdf, 0xe0, 0xf4, 0xf6, 0xf7, 0xf8, 0xf9, 0xfb, 0xff,
                                      0x1c, 0x1d, 0xf1, 0xe1, 0xe2, 0xe3, 0xe4};
    size_t at = below(f, s->count), length = 1 + below(f, 8);
    if (s->count == 0) return;
    switch (below(f, 7)) {
    case 0: s->bytes[at] ^= (uint8_t)(1 << below(f, 8)); break;
    case 1: s->bytes[at] = (uint8_t)next_random(f); break;
    case 2: s->bytes[at] = telling[below(f, sizeof telling)]; break;
    case 3: s->count = at; break;
    case 4:  // out
        if (at + length > s->count) length = s->count - at;
        memmove(s->bytes + at, s->bytes + at + length, s->count - at - length);
        s->count -= length;
        break;
    case 5:  // in
        if (s->count + length > LARGEST) break;
        memmove(s->bytes + at + length, s->bytes + at, s->count - at);
        for (size_t i = 0; i < length; i++)
            s->bytes[at + i] = below(f, 2) ? telling[below(f, sizeof telling)] : (uint8_t)next_random(f);
        s->count += length;
        break;
    default: {  // a part of another sample
        const sample *other = &f->samples[below(f, SAMPLES)];
        size_t from = below(f, other->count), part = below(f, other->count - from);
        if (at + part > LARGEST) part = LARGEST - at;
        memcpy(s->bytes + at, other->bytes + from, part);
        if (at + part > s->count) s->count = at + part;
    }
    }
}

/// The bytes, since the order of a table's keys, and so a sample, may differ in another process.
static void report(fuzzer *f, const sample *s, lfvm_status status) {
    f->counts.wrong++;
    fprintf(stderr, "status %d for ", (int)status);
    for (size_t i = 0; i < s->count; i++) fprintf(stderr, "%02x", s->bytes[i]);
    fprintf(stderr, "\n");
}

static void check(fuzzer *f, const sample *s) {
    lfvm_status status;
    lfvm_message message;
    if (!run(f, "echo", s->bytes, s->count, &status, &message)) {
        if (status == LFVM_BAD_MESSAGE) f->counts.refused++;
        else if (status != LFVM_SCRIPT_ERROR && status != LFVM_NOT_ENCODABLE) report(f, s, status);
        return;
    }
    f->counts.accepted++;
    if (message.piece_count != 1) return;
    // What came out is read again and comes out alike: as long, for the order of a table's keys may differ.
    size_t count = message.total;
    uint8_t *again = malloc(count);
    memcpy(again, message.pieces[0].bytes, count);
    if (!run(f, "echo", again, count, &status, &message) || message.total != count) report(f, s, status);
    free(again);
}

lfvm_fuzz_counts lfvm_fuzz(uint64_t seed, uint64_t count) {
    fuzzer *f = calloc(1, sizeof *f);
    lfvm_options options = {.seed = {1, 2}, .memory_limit = 32 << 20, .by_name_only = true};
    f->state = seed;
    f->vm = lfvm_create(&options);
    lfvm_message failure;
    if (lfvm_define(f->vm, 1, "@fuzz", (const uint8_t *)script, strlen(script), false, &failure) != LFVM_OK) abort();
    make_samples(f);
    for (uint64_t i = 0; i < count; i++) {
        sample s = f->samples[below(f, SAMPLES)];
        for (size_t n = 1 + below(f, 3); n > 0; n--) mutate(f, &s);
        check(f, &s);
    }
    lfvm_fuzz_counts counts = f->counts;
    lfvm_destroy(f->vm);
    free(f);
    return counts;
}

#ifdef LFVM_FUZZ_MAIN
int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 0) : 100000;
    lfvm_fuzz_counts counts = lfvm_fuzz(seed, count);
    printf("fuzz: seed %llu, %llu messages: %llu accepted, %llu refused, %llu wrong\n", (unsigned long long)seed, (unsigned long long)count,
           (unsigned long long)counts.accepted, (unsigned long long)counts.refused, (unsigned long long)counts.wrong);
    return counts.wrong == 0 ? 0 : 1;
}
#endif
