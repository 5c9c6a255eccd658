// One Lua interpreter as a C value: the only place where Lua calls that can raise are made, all of them under one lua_pcall.
// Nothing here ever longjmps into its caller. Not thread-safe: one VM, one thread.
#ifndef LUAVM_H
#define LUAVM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

typedef struct lfvm lfvm;

/// Caps of messages; 0 means the default in brackets (8 MiB + 64 KiB, 1,000,000 and 200 at LFVM_LOCKED).
typedef struct {
    size_t bytes;     // of one message [64 MiB + 64 KiB: a string of 64 MiB fits]
    size_t elements;  // items of one message [10,000,000]
    uint32_t depth;   // levels of tables [1,000]
} lfvm_caps;

typedef enum {
    LFVM_OUTPUT_STDOUT = 1,
    LFVM_OUTPUT_STDERR = 2,
} lfvm_stream;

/// What a script asks of a shared object. The numbers of operations and statuses are those of LuaFleetWire.
typedef struct {
    uint32_t operation;
    bool has_handles;  // in the message
    uint64_t object;   // 0: none
    int64_t timeout;   // nanoseconds; -1: as long as it takes
    int64_t argument;
    const uint8_t *bytes;  // a message
    size_t count;
} lfvm_request;

typedef enum {
    LFVM_REPLY_DONE = 0,
    LFVM_REPLY_TIMED_OUT = 1,
    LFVM_REPLY_CLOSED = 2,
    LFVM_REPLY_OWNER_DIED = 3,
    LFVM_REPLY_BROKEN = 4,
    LFVM_REPLY_FAILED = 5,  // the message is the error's text
} lfvm_reply_status;

/// The answer: `bytes`, from malloc(3), and `fd`, if not -1, belong to the VM from then on.
typedef struct {
    lfvm_reply_status status;
    const uint8_t *_Nullable bytes;  // a message
    size_t count;
    int fd;
} lfvm_reply;

/// What a script may cause while it runs. Called between Lua and its caller: must return, must not raise.
/// Every pointer may be null where optional; `context` is handed back as given.
typedef struct {
    void *_Nullable context;
    /// What `print`, `io.write`, `io.stderr` and C's stdio wrote. Line-buffered for stdout, unbuffered for stderr.
    void (*_Nullable output)(void *_Nullable context, lfvm_stream stream, const char *bytes, size_t count);
    /// `os.exit(code)` was called: the last chance to send what is pending. The process ends when it returns.
    void (*_Nullable exiting)(void *_Nullable context, int code);
    /// fleet.progress (kind 1), fleet.send (2), fleet.log (3), with the encoded arguments as one message.
    void (*_Nullable message)(void *_Nullable context, uint32_t kind, const uint8_t *bytes, size_t count);
    /// A request to a shared object; waits for the answer. `reply` null: nobody waits for one.
    void (*_Nullable request)(void *_Nullable context, const lfvm_request *request, lfvm_reply *_Nullable reply);
    /// The number of the task that runs, 0: none; by it and its process the memory of lent objects says who has what. NULL: the host is always asked.
    const uint32_t *_Nullable sequence;
} lfvm_callbacks;

/// Which libraries a state has, and whether a task finds what the one before left. See WhatIsPromised.
typedef enum {
    LFVM_NONE = 0,    // all of Lua, one world for all tasks
    LFVM_SAFE = 1,    // no files but for require, no bytecode, no C modules; every task has globals and libraries of its own
    LFVM_LOCKED = 2,  // no require, no loadfile; smaller caps
} lfvm_level;

typedef struct {
    lfvm_caps caps;
    size_t memory_limit;  // bytes the allocator hands out; 0: no limit
    size_t result_limit;  // bytes of the results' message; 0: the cap of messages
    uint64_t instructions;  // of a task; 0: no limit, and no hook
    lfvm_level level;
    lfvm_callbacks callbacks;
    uint64_t seed[2];      // for math.random; the caller takes it from getrandom(2)
    bool interruptible;    // tasks can be interrupted: coroutines are a little slower
    bool by_name_only;     // no function crosses by value, in either direction: no bytecode is written or loaded. For `safe` and `locked`
} lfvm_options;

typedef enum {
    LFVM_OK = 0,
    LFVM_SCRIPT_ERROR = 1,     // the script raised
    LFVM_MEMORY_LIMIT = 2,     // not enough memory, in the script or while encoding its results
    LFVM_NOT_ENCODABLE = 3,    // a result cannot be sent; the message names the path
    LFVM_RESULT_LIMIT = 4,     // a result is over a cap
    LFVM_LOAD_ERROR = 5,       // the script does not compile
    LFVM_NO_FUNCTION = 6,      // the chunk neither returns nor defines that function, or it is not callable
    LFVM_BAD_MESSAGE = 7,      // the arguments are not a well-formed message
    LFVM_OUTPUT_LIMIT = 8,     // the task wrote too much; said by the worker, never by LuaVM
    LFVM_INSTRUCTION_LIMIT = 9,  // the task used up its instructions
} lfvm_status;

/// One piece of an encoded message. A long string is not copied: its piece points into Lua's own memory.
typedef struct {
    const uint8_t *_Nullable bytes;
    size_t count;
} lfvm_piece;

/// A message to send. Owned by the VM; valid until the next call of a function of this header on the same VM.
typedef struct {
    const lfvm_piece *_Nullable pieces;
    size_t piece_count;
    size_t total;  // bytes of all pieces
    bool has_handles;  // handles of shared objects stand in it
} lfvm_message;

/// NULL when there is not enough memory. All standard libraries are open, and the module `fleet`.
lfvm *_Nullable lfvm_create(const lfvm_options *options);

/// Closes the state: runs __gc. A worker does not call this but ends with _exit.
void lfvm_destroy(lfvm *vm);

/// What `fleet.worker` says.
void lfvm_set_worker(lfvm *vm, uint32_t id, int32_t pid);

/// New random numbers; after a fork.
void lfvm_reseed(lfvm *vm, const uint64_t seed[_Nonnull 2]);

/// Callbacks may change, for instance in the child after a fork.
void lfvm_set_callbacks(lfvm *vm, const lfvm_callbacks *callbacks);

/// Defines script `id`: compiles `source`, named `name` (a Lua chunk name: "@a.lua", "=(source)"), and keeps the compiled chunk. A first line that starts
/// with '#' and a UTF-8 byte-order mark are skipped, as luaL_loadfile does, and line numbers stay right. `allow_bytecode`: a binary chunk may be loaded.
/// On failure LFVM_LOAD_ERROR or LFVM_MEMORY_LIMIT, and `failure` holds the failure message (see ValuesOnTheWire).
lfvm_status lfvm_define(
    lfvm *vm, uint32_t id, const char *name, const uint8_t *source, size_t count, bool allow_bytecode, lfvm_message *failure);

/// Defines script `id` as a function by value: `bytes` is a message with one item, a Lua function or the name of one. lfvm_run without a function name runs it.
/// Further statuses: LFVM_BAD_MESSAGE, and LFVM_NO_FUNCTION where the item is no function.
lfvm_status lfvm_define_function(lfvm *vm, uint32_t id, const uint8_t *bytes, size_t count, lfvm_message *failure);

/// Forgets script `id`, its chunk and its functions. An unknown id is fine.
void lfvm_forget(lfvm *vm, uint32_t id);

/// What `fleet.task` says of the task that runs next.
typedef struct {
    uint64_t index;    // from 1
    uint32_t attempt;  // from 1
} lfvm_task;

/// Runs a task. `function` NULL: runs the chunk of the script with the arguments as `...` and, where `set_arg`, also in the global table `arg`
/// (arg[0] is the chunk's name without its first character). Otherwise the function of that name: a field of the table that the chunk returned, else a global that it
/// defined; the chunk itself runs once per VM and script. A name with dots is a path.
/// `message` receives the results, or the failure message when the status is not LFVM_OK.
lfvm_status lfvm_run(
    lfvm *vm, uint32_t id, const char *_Nullable function, size_t function_count, const uint8_t *arguments, size_t arguments_count, bool set_arg,
    const lfvm_task *task, lfvm_message *message);

/// Tasks of one function whose arguments stand back to back.
typedef struct {
    uint32_t script;
    const char *_Nullable function;  // as for lfvm_run
    size_t function_count;
    const uint8_t *arguments;  // `count` messages, nothing between them; what follows the last one makes the last one malformed
    size_t arguments_count;    // bytes of all of them
    uint32_t count;            // tasks
    bool set_arg;
    lfvm_task first;  // the other tasks have the following indices and the same attempt
} lfvm_batch;

/// Called between Lua and its caller: must return, must not raise, must not call a function of this header but lfvm_reach_of.
typedef struct {
    void *_Nullable context;
    /// Task `offset` (from 0) is about to begin. False: it and those after it were recalled, and do not run. NULL: all run.
    bool (*_Nullable begin)(void *_Nullable context, uint32_t offset);
    /// It has ended; what it wrote to stdio was handed to `output` before. The message is valid until this returns; for the last task that was answered until the
    /// next call of a function of this header.
    void (*answer)(void *_Nullable context, uint32_t offset, lfvm_status status, const lfvm_message *message);
} lfvm_batch_callbacks;

/// Runs tasks one after the other as lfvm_run does, with the cost of a call and of looking up the function once. A task that fails takes no other with it. Where its
/// arguments are so malformed that their end cannot be found, the tasks after it are LFVM_BAD_MESSAGE too. Returns how many tasks were answered.
uint32_t lfvm_run_batch(lfvm *vm, const lfvm_batch *batch, const lfvm_batch_callbacks *callbacks);

/// Bytes of the message at the front of `bytes`; 0 when it is malformed or not whole.
size_t lfvm_message_size(const uint8_t *bytes, size_t count);

/// What scripts of a VM have ever done that its callbacks do not hear of.
typedef enum {
    LFVM_OPENED_FILES = 1,  // opened a file for writing: C's buffer of it may hold bytes
    LFVM_WROTE_PAST = 2,    // may write to fd 1 and 2 past stdio: ran a program, loaded a C module, opened /dev/stdout or the like
} lfvm_reach;

/// A set of lfvm_reach; bits are never taken back. While it is 0, nothing needs to be flushed or looked for after a task.
uint32_t lfvm_reach_of(const lfvm *vm);

/// Runs a script before all tasks, without arguments and without limits: what it leaves is there for every task. What it returns, unless nil, becomes the module
/// `module`, which `require` finds; at `locked`, which has no `require`, a global of that name. At `safe` and `locked` its globals and modules are in the world of every task: the same tables, so a task that changes one changes it for the next.
lfvm_status lfvm_preload(
    lfvm *vm, const char *name, const uint8_t *source, size_t count, bool allow_bytecode, const char *module, size_t module_count,
    lfvm_message *failure);

/// After the last of them, before the first task: collects garbage. The memory that they hold does not count against the limit.
lfvm_status lfvm_end_preload(lfvm *vm, lfvm_message *failure);

/// A task left finalizers that make new ones without end: what comes next needs another VM.
bool lfvm_is_tainted(const lfvm *vm);

/// What the last task used.
typedef struct {
    size_t memory_peak;     // bytes: the most that Lua held while it ran
    uint64_t instructions;  // about; 0 without a limit
} lfvm_usage;

lfvm_usage lfvm_task_usage(const lfvm *vm);

// Interrupting a task. A process catches one signal, whose handler looks whether the word in mapped memory, see WorkerPage.Interrupt, names the task that runs. If so, an error is
// raised, once, in the coroutine that runs, with the next instruction; where a task waits in a function of the module `fleet`, the wait ends.

/// The signal that interrupts: SIGUSR1.
static inline int lfvm_interrupt_signal(void) { return SIGUSR1; }

/// From here on this process catches the signal. `page_word`: 8 bytes of mapped memory. 0, or a negative errno value.
int lfvm_catch_interrupts(void *page_word);

/// Where the number of the running task stands: for a VM that was made `interruptible`, in a process that catches the signal. `task` stays valid as long as `vm`.
void lfvm_set_running_task(lfvm *vm, const uint32_t *task);

/// Task `task` runs in process `pid`, a child of this one that must not be reaped before this is called with 0: the signal goes on to it.
void lfvm_forward_interrupts(int32_t pid, uint32_t task);

/// Waits until `fd` can be read. False: the task that runs on this thread is being interrupted. At once true where none can be.
bool lfvm_await_input(int fd);

/// Writes out what stdio still buffers (calls `output`).
void lfvm_flush(lfvm *vm);

/// Bytes that Lua holds now, and the most it ever held.
size_t lfvm_memory_used(const lfvm *vm);
size_t lfvm_memory_peak(const lfvm *vm);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif
#endif
