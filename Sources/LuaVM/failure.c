// Failures: everything that can raise runs under the lua_pcall here, and what it raises becomes a status and a failure message.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vm.h"

enum { LONGEST_TEXT = 64 * 1024 };  // of a message and of a traceback, in bytes

_Static_assert(sizeof(((lfvm *)0)->text) + 16 <= sizeof(((lfvm *)0)->failure_bytes), "every text fits with its heads");

void vm_raise(lfvm *vm, lua_State *L, lfvm_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(vm->text, sizeof vm->text, format, arguments);
    va_end(arguments);
    vm->raised = status;
    lua_pushnil(L);
    lua_error(L);
    __builtin_unreachable();
}

// Descriptions

/// [-0, +0, m] Cuts the string at `index` to LONGEST_TEXT.
static void cut(lua_State *L, int index) {
    size_t count;
    const char *bytes = lua_tolstring(L, index, &count);
    if (count <= LONGEST_TEXT) return;
    lua_pushlstring(L, bytes, LONGEST_TEXT);
    lua_replace(L, index);
}

/// Its arguments, as a message.
static int encode_description(lua_State *L) {
    lfvm *vm = vm_of(L);
    encoder_request request = {.what = "error value", .contiguous = true, .is_kept = true};
    encoder_encode(vm, L, 1, lua_gettop(L), request, &vm->failure);
    vm->is_described = true;
    return 0;
}

/// error value -> what its __tostring says, or nothing.
static int call_tostring(lua_State *L) {
    return luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING ? 1 : 0;
}

/// [-0, +1, m] The text of the error value at index 1, as lua.c shows it.
static void push_message(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING || lua_type(L, 1) == LUA_TNUMBER) {
        lua_pushvalue(L, 1);
        lua_tostring(L, -1);
        return;
    }
    lua_pushcfunction(L, call_tostring);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING) return;
    lua_pop(L, 1);
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
}

/// Whether Lua refused a string of gigabytes before it asked for the memory. Under a limit that is the same failure as being refused the memory.
static bool says_string_too_large(lua_State *L, int index) {
    static const char *const endings[] = {"resulting string too large", "string length overflow"};
    if (lua_type(L, index) != LUA_TSTRING) return false;
    size_t count;
    const char *bytes = lua_tolstring(L, index, &count);
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(endings[i]);
        if (count >= length && memcmp(bytes + count - length, endings[i], length) == 0) return true;
    }
    return false;
}

/// error value -> nothing; `failure` is its message, traceback and value.
static int describe(lua_State *L) {
    lfvm *vm = vm_of(L);
    bool is_string = lua_type(L, 1) == LUA_TSTRING;
    push_message(L);
    luaL_traceback(L, L, NULL, 2);  // without this function and on_error
    cut(L, 2);
    cut(L, 3);
    vm->is_memory_error = vm->memory.limit != 0 && says_string_too_large(L, 1);
    if (!is_string) {
        lua_pushcfunction(L, encode_description);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 3);
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 3, 0, 0) == LUA_OK) return 0;
        vm->raised = LFVM_OK;  // it cannot be sent: the message has to do
    }
    lua_pushcfunction(L, encode_description);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_call(L, 2, 0);
    return 0;
}

/// The same without what may have failed there: no traceback, no code of the script.
static int describe_briefly(lua_State *L) {
    lua_settop(L, 1);
    if (lua_type(L, 1) != LUA_TSTRING) {
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
        lua_replace(L, 1);
    }
    cut(L, 1);
    lua_pushnil(L);
    return encode_description(L);
}

/// The message handler: runs before the stack is unwound, so that the traceback shows it.
static int on_error(lua_State *L) {
    lfvm *vm = vm_of(L);
    if (vm->raised != LFVM_OK || vm->budget.is_exhausted) return 1;
    vm->is_described = false;
    lua_CFunction attempts[] = {describe, describe_briefly};
    for (size_t i = 0; i < 2 && !vm->is_described; i++) {
        lua_pushcfunction(L, attempts[i]);
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
        vm->raised = LFVM_OK;
    }
    return 1;
}

void vm_raise_string(lfvm *vm, lua_State *L, lfvm_status status, int index) {
    lua_pushvalue(L, index);
    cut(L, lua_gettop(L));
    lua_pushnil(L);
    encoder_request request = {.what = "message", .contiguous = true, .is_kept = true};
    encoder_encode(vm, L, lua_gettop(L) - 1, 2, request, &vm->failure);
    vm->is_described = true;
    vm->raised = status;
    lua_pushnil(L);
    lua_error(L);
    __builtin_unreachable();
}

// Ends

/// `text` as a failure message, which needs no memory.
static void encode_text(lfvm *vm) {
    size_t count = strlen(vm->text);
    uint8_t *at = vm->failure_bytes;
    *at++ = 0x82;
    *at++ = 0x59;
    *at++ = (uint8_t)(count >> 8);
    *at++ = (uint8_t)count;
    memcpy(at, vm->text, count);
    at[count] = BYTE_NIL;
    vm->failure_piece = (lfvm_piece){vm->failure_bytes, count + 5};
    vm->failure = (lfvm_message){&vm->failure_piece, 1, count + 5, false};
}

static void write_memory_text(lfvm *vm) {
    size_t limit = vm->memory.limit;
    if (limit == 0) snprintf(vm->text, sizeof vm->text, "not enough memory");
    else if (limit % (1 << 20) == 0) snprintf(vm->text, sizeof vm->text, "not enough memory (the limit is %zu MiB)", limit >> 20);
    else if (limit % 1024 == 0) snprintf(vm->text, sizeof vm->text, "not enough memory (the limit is %zu KiB)", limit >> 10);
    else snprintf(vm->text, sizeof vm->text, "not enough memory (the limit is %zu bytes)", limit);
}

/// The status of a call that raised, and `failure`. The error value is on top of the stack.
static lfvm_status conclude(lfvm *vm, int code) {
    lfvm_status status = vm->raised != LFVM_OK ? vm->raised : LFVM_SCRIPT_ERROR;
    if (vm->budget.is_exhausted) {  // whatever the script made of it
        snprintf(vm->text, sizeof vm->text, "used up its budget of %llu instructions", (unsigned long long)vm->budget.limit);
        encode_text(vm);
        return LFVM_INSTRUCTION_LIMIT;
    }
    // A script that catches the error and raises it again ends here too: lua_error knows the message of a memory error.
    if (code == LUA_ERRMEM || status == LFVM_MEMORY_LIMIT || (status == LFVM_SCRIPT_ERROR && vm->is_memory_error)) {
        status = LFVM_MEMORY_LIMIT;
        vm->is_described = false;
        write_memory_text(vm);
    } else if (status == LFVM_SCRIPT_ERROR && !vm->is_described) {
        // Not even the handler could run: an error in the error handling, a C stack that is full.
        bool is_string = lua_type(vm->L, -1) == LUA_TSTRING;
        snprintf(vm->text, sizeof vm->text, "%s", is_string ? lua_tostring(vm->L, -1) : "(the error cannot be described)");
    }
    if (!vm->is_described) encode_text(vm);
    return status;
}

void vm_reset_codecs(lfvm *vm) {
    encoder_reset_all(vm);
    vm_decoders_reset(vm);
}

lfvm_status vm_protect(lfvm *vm, lua_CFunction body, lfvm_message *failure) {
    lua_State *L = vm->L;
    lua_settop(L, 0);
    vm_reset_codecs(vm);
    vm->raised = LFVM_OK;
    vm->is_described = vm->is_memory_error = false;
    lfvm *before = vm_enter(vm);
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, body);
    int code = lua_pcall(L, 0, LUA_MULTRET, 1);
    vm_leave(before);
    if (code == LUA_OK) return LFVM_OK;
    lfvm_status status = conclude(vm, code);
    lua_settop(L, 0);
    if (failure != NULL) *failure = vm->failure;
    return status;
}
