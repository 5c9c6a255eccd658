// W8 at its limit: a table of 1,000 string → float, from Lua to bytes, to Lua in a worker, and all the way back; 2 workers.
#include <pthread.h>

#include "limit.h"

enum { ENTRIES = 1000, ROUNDS = 1000, CAPACITY = 1 << 16 };

// Count, then for each entry the key's length, the key, the float. The table is on top of the stack.
static uint32_t encode(lua_State *L, char *bytes) {
    char *at = bytes + sizeof(uint32_t);
    uint32_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        size_t length;
        const char *key = lua_tolstring(L, -2, &length);
        double value = lua_tonumber(L, -1);
        *at++ = (char)length;
        memcpy(at, key, length);
        memcpy(at + length, &value, sizeof value);
        at += length + sizeof value;
        count++;
        lua_pop(L, 1);
    }
    memcpy(bytes, &count, sizeof count);
    return (uint32_t)(at - bytes);
}

static void decode(lua_State *L, const char *at) {
    uint32_t count;
    memcpy(&count, at, sizeof count);
    at += sizeof count;
    lua_createtable(L, 0, (int)count);
    while (count-- > 0) {
        size_t length = (unsigned char)*at++;
        double value;
        lua_pushlstring(L, at, length);
        memcpy(&value, at + length, sizeof value);
        lua_pushnumber(L, value);
        lua_rawset(L, -3);
        at += length + sizeof value;
    }
}

static void send_table(lua_State *L, int fd, char *bytes) {
    uint32_t size = encode(L, bytes + sizeof size);
    memcpy(bytes, &size, sizeof size);
    write_all(fd, bytes, size + sizeof size);
}

static int receive_table(lua_State *L, int fd, char *bytes) {
    uint32_t size;
    if (!read_all(fd, &size, sizeof size) || !read_all(fd, bytes, size)) return 0;
    decode(L, bytes);
    return 1;
}

static void serve(int fd) {
    lua_State *L = new_state();
    static char bytes[CAPACITY];
    while (receive_table(L, fd, bytes)) {
        send_table(L, fd, bytes);
        lua_pop(L, 1);
    }
}

static void *drive(void *argument) {
    int fd = *(int *)argument;
    lua_State *L = new_state();
    char *bytes = malloc(CAPACITY);
    if (luaL_dostring(L, "local t = {} for i = 1, 1000 do t['key' .. i] = i + 0.5 end return t")) fail("lua");
    for (int i = 0; i < ROUNDS; i++) {
        send_table(L, fd, bytes);
        if (!receive_table(L, fd, bytes)) fail("worker");
        lua_pop(L, 1);
    }
    lua_close(L);
    free(bytes);
    return NULL;
}

int main(void) {
    double rates[RUNS];
    for (int run = 0; run < RUNS; run++) {
        int fds[2] = {start_worker(serve), start_worker(serve)};
        pthread_t threads[2];
        double start = seconds();
        for (int w = 0; w < 2; w++) pthread_create(&threads[w], NULL, drive, &fds[w]);
        for (int w = 0; w < 2; w++) pthread_join(threads[w], NULL);
        rates[run] = 2.0 * ROUNDS / (seconds() - start);
        for (int w = 1; w >= 0; w--) close(fds[w]);
        while (wait(NULL) > 0) {}
    }
    report("W8", "limit", "tasks/s", rates, RUNS);
    return 0;
}
