// Where in a value the encoder was when it failed: .handlers["on_close"][3], read off the encoder's stack.
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "encoder.h"
#include "vm.h"

enum {
    LONGEST_KEY = 40,    // bytes of a key that are shown
    LONGEST_PATH = 400,  // of a longer path the middle is left out
    LONGEST_STEP = 4 * LONGEST_KEY + 16,
};

static bool is_name(const char *bytes, size_t count) {
    if (count == 0 || count > LONGEST_KEY || isdigit((unsigned char)bytes[0])) return false;
    for (size_t i = 0; i < count; i++)
        if (!isalnum((unsigned char)bytes[i]) && bytes[i] != '_') return false;
    return true;
}

/// ["a\nb"], cut where it is long, but not inside a UTF-8 sequence.
static size_t write_quoted(char *out, size_t size, const char *bytes, size_t count) {
    size_t shown = count;
    if (shown > LONGEST_KEY) {
        shown = LONGEST_KEY;
        while (shown > LONGEST_KEY - 4 && ((unsigned char)bytes[shown] & 0xc0) == 0x80) shown--;
    }
    size_t at = (size_t)snprintf(out, size, "[\"");
    for (size_t i = 0; i < shown; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '"' || byte == '\\') at += (size_t)snprintf(out + at, size - at, "\\%c", byte);
        else if (byte == '\n') at += (size_t)snprintf(out + at, size - at, "\\n");
        else if (byte < 0x20 || byte == 0x7f) at += (size_t)snprintf(out + at, size - at, "\\x%02x", byte);
        else out[at++] = (char)byte;
    }
    return at + (size_t)snprintf(out + at, size - at, shown < count ? "…\"]" : "\"]");
}

/// The step from a table to the value of the key at `index`.
static size_t write_key(char *out, size_t size, lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TSTRING: {
        size_t count;
        const char *bytes = lua_tolstring(L, index, &count);
        if (is_name(bytes, count)) return (size_t)snprintf(out, size, ".%s", bytes);
        return write_quoted(out, size, bytes, count);
    }
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) return (size_t)snprintf(out, size, "[" LUA_INTEGER_FMT "]", lua_tointeger(L, index));
        return (size_t)snprintf(out, size, "[" LUA_NUMBER_FMT "]", lua_tonumber(L, index));
    case LUA_TBOOLEAN: return (size_t)snprintf(out, size, "[%s]", lua_toboolean(L, index) ? "true" : "false");
    default: return (size_t)snprintf(out, size, "[a %s]", lua_typename(L, lua_type(L, index)));
    }
}

static size_t write_upvalue(char *out, size_t size, lua_State *L, const encoder_frame *f, bool is_first) {
    const char *name = lua_getupvalue(L, f->base, (int)f->count);
    if (name == NULL) name = "?";
    else lua_pop(L, 1);
    return (size_t)snprintf(out, size, "%supvalue \"%.*s\"", is_first ? "" : " ", LONGEST_KEY, name);
}

/// The part of an object: the first says who makes it, the others from what.
static size_t write_part(char *out, size_t size, lua_State *L, const encoder_frame *f) {
    if (f->count <= 1) return (size_t)snprintf(out, size, "<constructor>");
    bool has_name = lua_rawgeti(L, f->base + 1, 1) == LUA_TSTRING;
    lua_pop(L, 1);
    if (has_name) return (size_t)snprintf(out, size, "<state>");
    return (size_t)snprintf(out, size, "<argument " LUA_INTEGER_FMT ">", f->count - 1);
}

static size_t write_step(char *out, size_t size, lua_State *L, const encoder_frame *f, bool is_first) {
    switch ((encoder_state)f->state) {
    case ENCODER_SEQUENCE: return (size_t)snprintf(out, size, "[" LUA_INTEGER_FMT "]", f->count);
    case ENCODER_INDEXED: return (size_t)snprintf(out, size, "[" LUA_INTEGER_FMT "]", f->last);
    case ENCODER_KEY: return (size_t)snprintf(out, size, "[key]");
    case ENCODER_UPVALUES: return write_upvalue(out, size, L, f, is_first);
    case ENCODER_OBJECT: return write_part(out, size, L, f);
    default: return write_key(out, size, L, f->base + 1);
    }
}

/// The path as text; empty for a value that is no part of another.
static void write_path(char *out, size_t size, lua_State *L, const encoder *e) {
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < e->depth; i++) {
        char step[LONGEST_STEP];
        bool is_last = i + 1 == e->depth;
        size_t count = write_step(step, sizeof step, L, &e->frames[i], at == 0);
        if (at + count > LONGEST_PATH && !is_last) {
            at += (size_t)snprintf(out + at, size - at, "…");
            i = e->depth - 2;  // goes on with the last step
            continue;
        }
        memcpy(out + at, step, count + 1);
        at += count;
    }
}

void encoder_fail(encoder *e, lua_State *L, lfvm_status status, const char *format, ...) {
    char reason[200], path[LONGEST_PATH + LONGEST_STEP + 8];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    write_path(path, sizeof path, L, e);
    char text[sizeof reason + sizeof path + 64];
    if (status == LFVM_MEMORY_LIMIT) snprintf(text, sizeof text, "%s", reason);
    else if (e->number == 0) snprintf(text, sizeof text, "cannot send: %s", reason);
    else snprintf(text, sizeof text, "cannot send %s %d: %s%s%s", e->what, e->number, path, path[0] ? ": " : "", reason);
    bool in_script = e->in_script;
    e->busy = false;
    if (in_script) luaL_error(L, "%s", text);
    vm_raise(e->vm, L, status, "%s", text);
}
