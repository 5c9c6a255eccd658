// W7 at its limit: 64 × 8 MiB through socket pairs, there and back, 2 workers, each string a Lua string on the way.
#include <pthread.h>

#include "limit.h"

enum { SIZE = 8 << 20, ROUNDS = 32 };

static void serve(int fd) {
    lua_State *L = new_state();
    char *buffer = malloc(SIZE);
    while (read_all(fd, buffer, SIZE)) {
        lua_pushlstring(L, buffer, SIZE);
        write_all(fd, lua_tostring(L, -1), SIZE);
        lua_pop(L, 1);
    }
}

static void *drive(void *argument) {
    int fd = *(int *)argument;
    char *text = malloc(SIZE), *answer = malloc(SIZE);
    memset(text, 'a', SIZE);
    for (int i = 0; i < ROUNDS; i++) {
        write_all(fd, text, SIZE);
        if (!read_all(fd, answer, SIZE)) fail("worker");
    }
    free(text);
    free(answer);
    return NULL;
}

int main(void) {
    double rates[RUNS];
    for (int run = 0; run < RUNS; run++) {
        int fds[2] = {start_worker(serve), start_worker(serve)};
        int bytes = 1 << 20;
        for (int w = 0; w < 2; w++) setsockopt(fds[w], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        pthread_t threads[2];
        double start = seconds();
        for (int w = 0; w < 2; w++) pthread_create(&threads[w], NULL, drive, &fds[w]);
        for (int w = 0; w < 2; w++) pthread_join(threads[w], NULL);
        rates[run] = 2.0 * 2 * ROUNDS * SIZE / 1e6 / (seconds() - start);
        for (int w = 1; w >= 0; w--) close(fds[w]);
        while (wait(NULL) > 0) {}
    }
    report("W7", "limit", "MB/s", rates, RUNS);
    return 0;
}
