// What the limit programs share: a clock, a worker's Lua state, whole reads and writes, and the line that reports.
#ifndef LIMIT_H
#define LIMIT_H

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 3 };

static inline double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

static inline void write_all(int fd, const void *bytes, size_t count) {
    for (const char *at = bytes; count > 0;) {
        ssize_t written = write(fd, at, count);
        if (written <= 0) fail("write");
        at += written;
        count -= (size_t)written;
    }
}

// 0 at the end of the stream.
static inline int read_all(int fd, void *bytes, size_t count) {
    for (char *at = bytes; count > 0;) {
        ssize_t got = read(fd, at, count);
        if (got < 0) fail("read");
        if (got == 0) return 0;
        at += got;
        count -= (size_t)got;
    }
    return 1;
}

// A state with the libraries and function `square` on the stack.
static inline lua_State *new_state(void) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dostring(L, "return function(x) return x * x end")) fail("lua");
    return L;
}

static inline int64_t call_square(lua_State *L, int64_t x) {
    lua_pushvalue(L, 1);
    lua_pushinteger(L, x);
    if (lua_pcall(L, 1, 1, 0)) fail("lua_pcall");
    int64_t result = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return result;
}

// A worker that runs `body` on its end of a socket pair and exits; returns our end.
static inline int start_worker(void (*body)(int fd)) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) fail("socketpair");
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
        close(ends[0]);
        body(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static inline int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static inline void report(const char *workload, const char *peer, const char *unit, double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    printf("{\"workload\": \"%s\", \"peer\": \"%s\", \"unit\": \"%s\", \"median\": %g, \"min\": %g, \"max\": %g, \"runs\": %d}\n",
           workload, peer, unit, values[count / 2], values[0], values[count - 1], count);
    fflush(stdout);
}

#endif
