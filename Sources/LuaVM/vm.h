// What the files of LuaVM share: the VM as a struct, and how a file reports a failure that is not the script's.
#ifndef LFVM_VM_H
#define LFVM_VM_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "LuaVM.h"
#include "encoder.h"
#include "interrupt.h"
#include "memory.h"
#include "sandbox.h"
#include "wire.h"

struct lfvm {
    lua_State *L;
    vm_memory memory;
    lfvm_caps caps;  // with the defaults filled in
    lfvm_callbacks callbacks;

    encoder *encoders;  // a list: the first serves nearly always, another where an encoder is busy
    struct decoder *decoders;  // likewise
    pointer_set libraries;     // addresses of libraries' tables (names.c)
    bool by_name_only;
    bool refuses_handles;  // the next message that is decoded has no shared objects in it
    lfvm_level level;
    size_t result_limit;  // bytes; 0: the cap of messages
    vm_sandbox sandbox;
    vm_budget budget;
    vm_interrupt interrupt;
    uint32_t worker_id;
    int32_t worker_pid;

    // References in the registry.
    int scripts;           // table: id -> script (script.c)
    int task;              // the table fleet.task
    int index_key;         // the string "index"
    int module;            // the table fleet
    int randomseed;        // Lua's own math.randomseed
    int anchors;           // table: strings that pieces point into
    int types;             // table: name or metatable -> type (types.c)
    int library_tables;    // table: the tables whose addresses are in `libraries`
    int names;             // table: C function -> its name
    int handles;           // table: id of a shared object -> its handle, weak (shared.c)
    int handle_types;      // table: kind of a shared object -> metatable
    void *known_handles[8];    // whose methods were called last, while they are there (shared.h)
    struct shared_lent *lent;  // what the task that runs has used of what is lent (shared_lent.c)
    lua_Integer anchor_count;
    uint32_t attempt;      // what fleet.attempt says now
    uint32_t reach;        // LFVM_OPENED_FILES and LFVM_WROTE_PAST
    bool warnings;         // warn("@on") was called
    bool warning_goes_on;  // the next piece continues a warning

    void *call;  // what lfvm_run and the others hand to their body

    // The failure of the call that runs now.
    lfvm_status raised;     // not LFVM_OK: vm_raise was called, and `text` says why
    bool is_described;      // `failure` holds the description of the error
    bool is_memory_error;   // the script's error says that it asked for a string larger than any limit
    lfvm_message failure;
    lfvm_piece failure_piece;
    char text[1024];
    uint8_t failure_bytes[1100];  // an encoded failure that needs no memory
};

/// The VM of a state or of one of its coroutines.
static inline lfvm *vm_of(lua_State *L) {
    return *(lfvm **)lua_getextraspace(L);
}

/// Ends the call of LuaVM that runs now with `status` and a message. Only where no Lua function of a script is between here and the lua_pcall
/// of vm_protect: a script could catch it.
_Noreturn void vm_raise(lfvm *vm, lua_State *L, lfvm_status status, const char *format, ...) __attribute__((format(printf, 4, 5)));

/// Runs `body` as a Lua function without arguments under a lua_pcall whose handler describes the script's errors. Its results stay on the stack.
/// On failure the status, and `failure`, if not NULL, is the failure message.
lfvm_status vm_protect(lfvm *vm, lua_CFunction body, lfvm_message *failure);

/// [-0, +0, e] Ends the call with `status` and the message at stack index `index`, a string.
_Noreturn void vm_raise_string(lfvm *vm, lua_State *L, lfvm_status status, int index);

/// Between two tasks: encoders and decoders that an error has left busy are free, and the strings that pieces pointed into may go.
void vm_reset_codecs(lfvm *vm);

/// Makes `vm` the one whose callbacks get what this thread writes to stdout and stderr; returns the one before.
lfvm *vm_enter(lfvm *vm);
void vm_leave(lfvm *before);

/// Replaces stdout and stderr of the process, once.
void vm_install_streams(void);

/// [-0, +0, m] Replaces os.exit, io.open, io.output and math.randomseed, where the level has them.
void vm_wrap_libraries(lfvm *vm, lua_State *L);

/// [-0, +0, m] Sets what fleet.worker says.
void vm_set_worker(lfvm *vm, lua_State *L);

/// [-0, +1] lua_load of a source in memory, without its byte-order mark and first line with '#'.
int vm_load(lua_State *L, const char *source, size_t count, const char *name, const char *mode);
/// What a wrapper of a library's function does at its end: calls upvalue 1 with its arguments.
int vm_call_original(lua_State *L);

/// The same where what is called may yield; must be the last thing that the wrapper does.
int vm_call_original_yielding(lua_State *L);

/// [-0, +0, m] Puts `wrapper` in the place of field `name` of the library on top.
void vm_wrap(lua_State *L, const char *name, lua_CFunction wrapper);

/// [-0, +0, m] Replaces the functions that reach past the callbacks (reach.c).
void vm_wrap_reach(lua_State *L);

/// Notes the file at stack index `index`, if it is one: opened for writing, and perhaps one of the process's standard streams.
void vm_note_file(lua_State *L, int index);

/// [-0, +0, m] Loads the module `fleet`.
void vm_open_fleet(lfvm *vm, lua_State *L);

/// [-0, +1, e] Pushes what a task runs: the chunk of script `id`, or a function by its name (script.c).
void vm_push_function(lfvm *vm, lua_State *L, uint32_t id, const char *name, size_t name_count);

/// [-0, +1] Pushes the name under which script `id` was defined, or nil.
void vm_push_script_name(lfvm *vm, lua_State *L, uint32_t id);

/// The lua_WarnFunction.
void vm_warn(void *vm, const char *text, int goes_on);

/// Seeds math.random; raises.
void vm_seed(lfvm *vm, lua_State *L, const uint64_t seed[2]);

/// [-0, +n, e] Pushes the n items of a message and returns n. A malformed one is LFVM_BAD_MESSAGE through vm_raise, or `in_script` an error of the script.
/// `after`: where the message ended; NULL: it has to end with the bytes.
int vm_decode(lfvm *vm, lua_State *L, const uint8_t *bytes, size_t count, const uint8_t **after, bool in_script);
void vm_decoders_reset(lfvm *vm);
void vm_decoders_free(lfvm *vm);

/// The address that is fleet.null.
extern const char vm_null;

#endif
