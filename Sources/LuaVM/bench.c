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
