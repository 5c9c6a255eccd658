// stdout and stderr of the process as streams of ours, so that whatever writes to C's stdio reaches the VM that runs.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "vm.h"

/// The VM that runs on this thread.
static _Thread_local lfvm *current;

lfvm *vm_enter(lfvm *vm) {
    lfvm *before = current;
    current = vm;
    return before;
}

void vm_leave(lfvm *before) {
    current = before;
}

#ifdef __GLIBC__

/// Where no VM runs or it wants no output: to the descriptor, as before.
static ssize_t write_descriptor(int descriptor, const char *bytes, size_t count) {
    ssize_t written;
    do written = write(descriptor, bytes, count);
    while (written < 0 && errno == EINTR);
    return written < 0 ? 0 : written;  // 0 is how a cookie reports an error
}

static ssize_t write_stream(void *cookie, const char *bytes, size_t count) {
    lfvm_stream stream = cookie == NULL ? LFVM_OUTPUT_STDOUT : LFVM_OUTPUT_STDERR;
    if (current == NULL || current->callbacks.output == NULL)
        return write_descriptor(stream == LFVM_OUTPUT_STDOUT ? STDOUT_FILENO : STDERR_FILENO, bytes, count);
    current->callbacks.output(current->callbacks.context, stream, bytes, count);
    return (ssize_t)count;
}

static char stdout_buffer[16 * 1024];  // static: a worker that prints nothing never touches it

static void install(void) {
    static char is_stderr;
    cookie_io_functions_t functions = {.write = write_stream};
    FILE *out = fopencookie(NULL, "w", functions), *error = fopencookie(&is_stderr, "w", functions);
    if (out == NULL || error == NULL) return;
    fflush(stdout);
    setvbuf(out, stdout_buffer, _IOLBF, sizeof stdout_buffer);
    setvbuf(error, NULL, _IONBF, 0);
    stdout = out;
    stderr = error;
}

void vm_install_streams(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    setvbuf(stdout, NULL, _IOLBF, 0);  // a script of an earlier VM may have changed it
}

#else
#error "stdout is replaced with fopencookie(3) of glibc"
#endif

void vm_warn(void *context, const char *text, int goes_on) {
    lfvm *vm = context;
    if (!vm->warning_goes_on && !goes_on && text[0] == '@') {
        if (text[1] == 'o' && text[2] == 'n' && text[3] == 0) vm->warnings = true;
        else if (text[1] == 'o' && text[2] == 'f' && text[3] == 'f' && text[4] == 0) vm->warnings = false;
        return;
    }
    if (vm->warnings) fprintf(stderr, "%s%s%s", vm->warning_goes_on ? "" : "Lua warning: ", text, goes_on ? "" : "\n");
    vm->warning_goes_on = goes_on;
}
