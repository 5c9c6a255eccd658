// W1 at its limit: 100,000 squares on 2 workers, batched, and with a write for every task.
#include <poll.h>

#include "limit.h"

enum { TASKS = 1000000, BATCH = 1000, WINDOW = 256 };

// Answers whatever has arrived, in one write.
static void serve(int fd) {
    lua_State *L = new_state();
    static int64_t numbers[8192];
    size_t held = 0;
    for (;;) {
        ssize_t got = read(fd, (char *)numbers + held, sizeof numbers - held);
        if (got <= 0) return;
        held += (size_t)got;
        size_t whole = held / sizeof *numbers;
        for (size_t i = 0; i < whole; i++) numbers[i] = call_square(L, numbers[i]);
        write_all(fd, numbers, whole * sizeof *numbers);
        memmove(numbers, numbers + whole, held - whole * sizeof *numbers);
        held -= whole * sizeof *numbers;
    }
}

// `each` tasks a write, at most `window` of them on their way to a worker.
static double measure(int each, int window, int tasks) {
    int fds[2] = {start_worker(serve), start_worker(serve)};
    int64_t numbers[8192];
    int sent = 0, answered = 0, out[2] = {0, 0};
    double start = seconds();
    while (answered < tasks) {
        struct pollfd polls[2];
        for (int w = 0; w < 2; w++) {
            while (sent < tasks && out[w] + each <= window) {
                for (int i = 0; i < each; i++) numbers[i] = sent + i;
                write_all(fds[w], numbers, (size_t)each * sizeof *numbers);
                sent += each;
                out[w] += each;
            }
            polls[w] = (struct pollfd){.fd = fds[w], .events = POLLIN};
        }
        poll(polls, 2, -1);
        for (int w = 0; w < 2; w++)
            if (polls[w].revents) {
                ssize_t got = read(fds[w], numbers, sizeof numbers);
                if (got <= 0) fail("read");
                // A number cut in two is completed, so that counting stays whole.
                size_t rest = (size_t)got % sizeof *numbers;
                if (rest) read_all(fds[w], (char *)numbers + got, sizeof *numbers - rest);
                int count = (int)(((size_t)got + sizeof *numbers - 1) / sizeof *numbers);
                answered += count;
                out[w] -= count;
            }
    }
    double taken = seconds() - start;
    for (int w = 0; w < 2; w++) close(fds[w]);
    while (wait(NULL) > 0) {}
    return tasks / taken;
}

int main(void) {
    double batched[RUNS], single[RUNS];
    for (int run = 0; run < RUNS; run++) batched[run] = measure(BATCH, 4 * BATCH, TASKS);
    for (int run = 0; run < RUNS; run++) single[run] = measure(1, WINDOW, TASKS / 10);
    report("W1a", "limit-batched", "tasks/s", batched, RUNS);
    report("W1a", "limit-one-write", "tasks/s", single, RUNS);
    return 0;
}
