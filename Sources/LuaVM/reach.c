// What scripts do that no callback hears of: files open for writing, programs, C modules. Noted once, so that after every other task nothing need be looked for.
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

void vm_note_file(lua_State *L, int index) {
    const luaL_Stream *stream = luaL_testudata(L, index, LUA_FILEHANDLE);
    if (stream == NULL || stream->closef == NULL) return;
    lfvm *vm = vm_of(L);
    vm->reach |= LFVM_OPENED_FILES;
    struct stat file, standard;
    int fd = fileno(stream->f);
    if (fd < 0 || fstat(fd, &file) != 0) return;
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        if (fstat(i, &standard) == 0 && standard.st_dev == file.st_dev && standard.st_ino == file.st_ino) vm->reach |= LFVM_WROTE_PAST;
}

// Each wrapper has Lua's own function as upvalue 1, and checks the arguments itself so that error messages keep its name.

static int os_execute(lua_State *L) {
    if (luaL_optstring(L, 1, NULL) != NULL) vm_of(L)->reach |= LFVM_WROTE_PAST;
    return vm_call_original(L);
}

static int io_popen(lua_State *L) {
    luaL_checkstring(L, 1);
    const char *mode = luaL_optstring(L, 2, "r");
    luaL_argcheck(L, (mode[0] == 'r' || mode[0] == 'w') && mode[1] == 0, 2, "invalid mode");
    vm_of(L)->reach |= LFVM_WROTE_PAST | LFVM_OPENED_FILES;
    return vm_call_original(L);
}

static int io_tmpfile(lua_State *L) {
    vm_of(L)->reach |= LFVM_OPENED_FILES;
    return vm_call_original(L);
}

static int package_loadlib(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    vm_of(L)->reach |= LFVM_WROTE_PAST | LFVM_OPENED_FILES;  // even one whose function is not found stays loaded
    return vm_call_original(L);
}

/// A searcher for C modules: what it finds is code that may write wherever it likes, even as it is loaded.
static int search_c(lua_State *L) {
    luaL_checkstring(L, 1);
    int count = vm_call_original(L);
    if (lua_isfunction(L, 1)) vm_of(L)->reach |= LFVM_WROTE_PAST | LFVM_OPENED_FILES;
    return count;
}

void vm_wrap_reach(lua_State *L) {
    lua_getglobal(L, "os");
    vm_wrap(L, "execute", os_execute);
    lua_getglobal(L, "io");
    vm_wrap(L, "popen", io_popen);
    vm_wrap(L, "tmpfile", io_tmpfile);
    lua_getglobal(L, "package");
    vm_wrap(L, "loadlib", package_loadlib);
    lua_getfield(L, -1, "searchers");
    for (int i = 3; i <= 4; i++) {  // of C libraries, and of all-in-one C libraries
        lua_rawgeti(L, -1, i);
        lua_pushcclosure(L, search_c, 1);
        lua_rawseti(L, -2, i);
    }
    lua_pop(L, 4);
}
