// Running tasks: arguments from bytes, the function, results to bytes. One lua_pcall around as many tasks as end without error.
#include <stdio.h>
#include <stdio_ext.h>

#include "decoder.h"
#include "shared.h"
#include "vm.h"

/// Stack places of a batch: the table fleet.task, the string "index", the function.
enum { PLACE_TASK = 1, PLACE_KEY, PLACE_FUNCTION };

typedef struct {
    const lfvm_batch *batch;
    const lfvm_batch_callbacks *callbacks;
    uint32_t offset;       // of the task that runs, or comes next
    bool has_begun;        // it runs
    bool is_recalled;      // it and those after it do not run
    const uint8_t *at;     // where its arguments begin
    const uint8_t *after;  // where they end; NULL while that is not known
} batch_call;

static inline bool begin(lfvm *vm, batch_call *call) {
    const lfvm_batch_callbacks *callbacks = call->callbacks;
    call->after = NULL;
    call->has_begun = callbacks->begin == NULL || callbacks->begin(callbacks->context, call->offset);
    call->is_recalled = !call->has_begun;
    if (call->has_begun && vm->interrupt.task != NULL) vm_interrupt_begin(vm);
    return call->has_begun;
}

/// The task has ended: hands on what it left in C's buffers, then its answer, and goes to the next one.
static inline void answer(lfvm *vm, batch_call *call, lfvm_status status, const lfvm_message *message) {
    if (vm->interrupt.task != NULL) vm_interrupt_end(vm);
    if (__builtin_expect(vm->lent != NULL, false)) shared_task_ends(vm);
    if (vm->callbacks.output != NULL && __builtin_expect(__fpending(stdout) != 0 || __fpending(stderr) != 0, false)) lfvm_flush(vm);
    call->callbacks->answer(call->callbacks->context, call->offset, status, message);
    const uint8_t *end = call->batch->arguments + call->batch->arguments_count;
    if (call->after == NULL && call->offset + 1 < call->batch->count) {
        size_t size = lfvm_message_size(call->at, (size_t)(end - call->at));
        call->after = size == 0 ? end : call->at + size;  // where one message is not to be told from the next, the rest is malformed
    }
    call->at = call->after;
    call->offset++;
    call->has_begun = false;
}

/// [-0, +0] fleet.attempt and fleet.task.attempt. The tables exist and so do, mostly, their fields: no allocation.
static void set_attempt(lfvm *vm, lua_State *L, uint32_t attempt) {
    if (attempt == vm->attempt) return;
    lua_pushliteral(L, "attempt");
    lua_pushinteger(L, attempt);
    lua_rawset(L, PLACE_TASK);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->module);
    lua_pushliteral(L, "attempt");
    lua_pushinteger(L, attempt);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    vm->attempt = attempt;
}

/// [-0, +0] The global `arg`, from the `count` values on top.
static void set_arg_table(lfvm *vm, lua_State *L, uint32_t id, int count) {
    int first = lua_gettop(L) - count + 1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushliteral(L, "arg");
    lua_createtable(L, count, 1);
    for (int i = 0; i < count; i++) {
        lua_pushvalue(L, first + i);
        lua_rawseti(L, -2, i + 1);
    }
    vm_push_script_name(vm, L, id);
    const char *name = lua_tostring(L, -1);
    lua_pushstring(L, name != NULL && name[0] != 0 ? name + 1 : "");
    lua_rawseti(L, -3, 0);
    lua_pop(L, 1);
    lua_rawset(L, -3);  // raw: a strict environment would raise
    lua_pop(L, 1);
}

/// Runs the task that has begun, up to its encoded results.
static inline void run_task(lfvm *vm, lua_State *L, batch_call *call, lfvm_message *message) {
    const lfvm_batch *batch = call->batch;
    lua_pushvalue(L, PLACE_KEY);
    lua_pushinteger(L, (lua_Integer)(batch->first.index + call->offset));
    lua_rawset(L, PLACE_TASK);
    if (lua_gettop(L) < PLACE_FUNCTION) {  // it may run the chunk: that belongs to the first task
        set_attempt(vm, L, batch->first.attempt);
        vm_push_function(vm, L, batch->script, batch->function, batch->function_count);
    }
    lua_pushvalue(L, PLACE_FUNCTION);
    bool is_last = call->offset + 1 == batch->count;
    size_t left = (size_t)(batch->arguments + batch->arguments_count - call->at);
    int count = vm_decode(vm, L, call->at, left, is_last ? NULL : &call->after, false);
    if (batch->set_arg) set_arg_table(vm, L, batch->script, count);
    lua_call(L, count, LUA_MULTRET);
    if (vm->budget.is_exhausted) vm_raise(vm, L, LFVM_INSTRUCTION_LIMIT, "caught");  // by a pcall that was the last thing
    int results = lua_gettop(L) - PLACE_FUNCTION;
    if (!lua_checkstack(L, LUA_MINSTACK)) vm_raise(vm, L, LFVM_MEMORY_LIMIT, "not enough memory");
    encoder_request request = {.what = "result", .limit = vm->result_limit};
    encoder_encode(vm, L, PLACE_FUNCTION + 1, results, request, message);
}

static int run_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    batch_call *call = vm->call;
    vm_begin_world(vm, L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->task);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->index_key);
    while (begin(vm, call)) {
        lfvm_message message;
        run_task(vm, L, call, &message);
        answer(vm, call, LFVM_OK, &message);
        if (call->offset == call->batch->count || vm_is_per_task(vm)) return 0;
        lua_settop(L, PLACE_FUNCTION);
        vm_reset_codecs(vm);
    }
    return 0;
}

uint32_t lfvm_run_batch(lfvm *vm, const lfvm_batch *batch, const lfvm_batch_callbacks *callbacks) {
    batch_call call = {.batch = batch, .callbacks = callbacks, .at = batch->arguments};
    while (call.offset < batch->count) {
        vm->call = &call;
        lfvm_message failure;
        vm_budget_begin(vm);
        lfvm_status status = vm_protect(vm, run_body, &failure);
        if (status != LFVM_OK) {
            if (!call.has_begun && !begin(vm, &call)) break;  // not even the loop could start
            answer(vm, &call, status, &failure);
        }
        vm_budget_end(vm);
        vm_end_world(vm);
        if (status == LFVM_OK && (call.is_recalled || !vm_is_per_task(vm))) break;  // all of them, or the rest was recalled
    }
    return call.offset;
}

// One task

typedef struct {
    lfvm_status status;
    lfvm_message *message;
} single_answer;

static void keep_answer(void *context, uint32_t offset, lfvm_status status, const lfvm_message *message) {
    single_answer *single = context;
    single->status = status;
    *single->message = *message;
}

lfvm_status lfvm_run(
    lfvm *vm, uint32_t id, const char *function, size_t function_count, const uint8_t *arguments, size_t arguments_count, bool set_arg,
    const lfvm_task *task, lfvm_message *message) {
    lfvm_batch batch = {
        .script = id,
        .function = function,
        .function_count = function_count,
        .arguments = arguments,
        .arguments_count = arguments_count,
        .count = 1,
        .set_arg = set_arg,
        .first = *task,
    };
    single_answer single = {LFVM_OK, message};
    lfvm_batch_callbacks callbacks = {.context = &single, .answer = keep_answer};
    lfvm_run_batch(vm, &batch, &callbacks);
    return single.status;
}
