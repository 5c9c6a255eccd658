// The benchmark of encoder and decoder.
#include "LuaVMBench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vm.h"

enum { ITEMS = 1000, ROUNDS = 100, RUNS = 9 };

static const char *const sources[] = {
    [LFVM_BENCH_INTEGER] = "local t = {} for i = 1, 1000 do t[i] = i * 997 end return t",
    [LFVM_BENCH_FLOAT] = "local t = {} for i = 1, 1000 do t[i] = i + 0.5 end return t",
    [LFVM_BENCH_STRING] = "local t = {} for i = 1, 1000 do t[i] = ('%08d'):format(i) end return t",
    [LFVM_BENCH_ENTRY] = "local t = {} for i = 1, 1000 do t['key' .. i] = i + 0.5 end return t",
    [LFVM_BENCH_SMALL_TABLE] = "local t = {} for i = 1, 1000 do t[i] = {x = i + 0.5, y = 0.25} end return t",
};

typedef struct {
    const char *source;
    lfvm_bench_result *result;
} bench_call;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *runs) {
    qsort(runs, RUNS, sizeof runs[0], compare);
    return runs[RUNS / 2] / ROUNDS / ITEMS;
}

static int bench_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    const bench_call *call = vm->call;
    if (luaL_loadstring(L, call->source) != LUA_OK) lua_error(L);
    lua_call(L, 0, 1);
    encoder_request request = {.what = "value"};
    lfvm_message message;
    double encode[RUNS], decode[RUNS];
    for (int run = 0; run < RUNS; run++) {
        double start = now();
        for (int i = 0; i < ROUNDS; i++) encoder_encode(vm, L, 1, 1, request, &message);
        double middle = now();
        for (int i = 0; i < ROUNDS; i++) {
            vm_decode(vm, L, message.pieces[0].bytes, message.total, NULL, false);
            lua_settop(L, 1);
        }
        encode[run] = middle - start;
        decode[run] = now() - middle;
    }
    *call->result = (lfvm_bench_result){median(encode), median(decode), (double)message.total / ITEMS};
    return 0;
}

bool lfvm_bench_codec(lfvm_bench_kind kind, lfvm_bench_result *result) {
    lfvm_options options = {.seed = {1, 2}};
    lfvm *vm = lfvm_create(&options);
    if (vm == NULL) return false;
    bench_call call = {sources[kind], result};
    vm->call = &call;
    bool ok = vm_protect(vm, bench_body, NULL) == LFVM_OK;
    lfvm_destroy(vm);
    return ok;
}

// Batches

static uint8_t last_answer[16];

static bool begin_task(void *context, uint32_t offset) {
    return true;
}

static void take_answer(void *context, uint32_t offset, lfvm_status status, const lfvm_message *message) {
    size_t *failures = context;
    if (status != LFVM_OK || message->total > sizeof last_answer) ++*failures;
    else memcpy(last_answer, message->pieces[0].bytes, message->total);
}

bool lfvm_bench_batch(double *nanoseconds) {
    static const char source[] = "return {square = function(i) return i * i end}";
    lfvm_options options = {.seed = {1, 2}};
    lfvm *vm = lfvm_create(&options);
    if (vm == NULL) return false;
    lfvm_message failure;
    bool ok = lfvm_define(vm, 1, "=bench", (const uint8_t *)source, sizeof source - 1, false, &failure) == LFVM_OK;
    uint8_t arguments[ITEMS * 4], *at = arguments;
    for (int i = 0; i < ITEMS; i++) {
        *at++ = 0x81;
        *at++ = 0x19;
        *at++ = (uint8_t)(i >> 8);
        *at++ = (uint8_t)i;
    }
    size_t failures = 0;
    lfvm_batch batch = {
        .script = 1,
        .function = "square",
        .function_count = 6,
        .arguments = arguments,
        .arguments_count = sizeof arguments,
        .count = ITEMS,
        .first = {1, 1},
    };
    lfvm_batch_callbacks callbacks = {.context = &failures, .begin = begin_task, .answer = take_answer};
    double runs[RUNS];
    for (int run = 0; run < RUNS && ok; run++) {
        double start = now();
        for (int i = 0; i < ROUNDS && ok; i++) ok = lfvm_run_batch(vm, &batch, &callbacks) == ITEMS && failures == 0;
        runs[run] = now() - start;
    }
    if (ok) *nanoseconds = median(runs);
    lfvm_destroy(vm);
    return ok;
}
