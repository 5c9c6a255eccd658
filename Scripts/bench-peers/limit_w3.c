// W3 at its limit: one call at a time over a socket pair.
#include "limit.h"

enum { CALLS = 20000 };

static void serve(int fd) {
    lua_State *L = new_state();
    int64_t number;
    while (read_all(fd, &number, sizeof number)) {
        number = call_square(L, number);
        write_all(fd, &number, sizeof number);
    }
}

int main(void) {
    static double times[CALLS];
    double p50[RUNS], p99[RUNS];
    for (int run = 0; run < RUNS; run++) {
        int fd = start_worker(serve);
        int64_t number = 3;
        for (int i = -100; i < CALLS; i++) {  // the first hundred warm up
            double start = seconds();
            write_all(fd, &number, sizeof number);
            if (!read_all(fd, &number, sizeof number)) fail("worker");
            if (i >= 0) times[i] = (seconds() - start) * 1e6;
        }
        close(fd);
        while (wait(NULL) > 0) {}
        qsort(times, CALLS, sizeof *times, compare);
        p50[run] = times[CALLS / 2];
        p99[run] = times[CALLS / 100 * 99];
    }
    report("W3.p50", "limit", "us", p50, RUNS);
    report("W3.p99", "limit", "us", p99, RUNS);
    return 0;
}
