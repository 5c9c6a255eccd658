// Running a task: its arguments from bytes, the function, its results to bytes.
#include "vm.h"

struct task_call {
    uint32_t id;
    const char *function;
    size_t function_count;
    const uint8_t *arguments;
    size_t arguments_count;
    bool set_arg;
    lfvm_task task;
    lfvm_message *message;
};

/// [-0, +0] What fleet.task and fleet.attempt say. The tables exist and so do, mostly, their fields: no allocation.
static void set_task(lfvm *vm, lua_State *L, const lfvm_task *task) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->task);
    lua_pushliteral(L, "index");
    lua_pushinteger(L, (lua_Integer)task->index);
    lua_rawset(L, -3);
    if (task->attempt != vm->attempt) {
        lua_pushliteral(L, "attempt");
        lua_pushinteger(L, task->attempt);
        lua_rawset(L, -3);
        lua_rawgeti(L, LUA_REGISTRYINDEX, vm->module);
        lua_pushliteral(L, "attempt");
        lua_pushinteger(L, task->attempt);
        lua_rawset(L, -3);
        lua_pop(L, 1);
        vm->attempt = task->attempt;
    }
    lua_pop(L, 1);
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

static int run_body(lua_State *L) {
    lfvm *vm = vm_of(L);
    const struct task_call *call = vm->call;
    vm_begin_world(vm, L);
    set_task(vm, L, &call->task);
    vm_push_function(vm, L, call->id, call->function, call->function_count);
    int count = vm_decode(vm, L, call->arguments, call->arguments_count, false);
    if (call->set_arg) set_arg_table(vm, L, call->id, count);
    lua_call(L, count, LUA_MULTRET);
    if (vm->budget.is_exhausted) vm_raise(vm, L, LFVM_INSTRUCTION_LIMIT, "caught");  // by a pcall that was the last thing
    int results = lua_gettop(L);
    if (!lua_checkstack(L, LUA_MINSTACK)) vm_raise(vm, L, LFVM_MEMORY_LIMIT, "not enough memory");
    encoder_request request = {.what = "result", .limit = vm->result_limit};
    encoder_encode(vm, L, 1, results, request, call->message);
    return 0;
}

lfvm_status lfvm_run(
    lfvm *vm, uint32_t id, const char *function, size_t function_count, const uint8_t *arguments, size_t arguments_count, bool set_arg,
    const lfvm_task *task, lfvm_message *message) {
    struct task_call call = {
        .id = id,
        .function = function,
        .function_count = function_count,
        .arguments = arguments,
        .arguments_count = arguments_count,
        .set_arg = set_arg,
        .task = *task,
        .message = message,
    };
    vm->call = &call;
    vm_budget_begin(vm);
    lfvm_status status = vm_protect(vm, run_body, message);
    vm_budget_end(vm);
    vm_end_world(vm);
    return status;
}
