// W4, W5 and W11 at their limit: forks of a process that has its Lua state ready.
#include "limit.h"

enum { TASKS = 10000 };

static lua_State *state;

static void serve(int fd) {
    int64_t number;
    while (read_all(fd, &number, sizeof number)) {
        number = call_square(state, number);
        write_all(fd, &number, sizeof number);
    }
}

// n workers made, one task run, all gone.
static double pool(int n) {
    int fds[64];
    double start = seconds();
    for (int i = 0; i < n; i++) fds[i] = start_worker(serve);
    int64_t number = 3;
    write_all(fds[n - 1], &number, sizeof number);
    if (!read_all(fds[n - 1], &number, sizeof number)) fail("worker");
    // The last one first: the later ones inherited the earlier ones' ends.
    for (int i = n - 1; i >= 0; i--) close(fds[i]);
    while (wait(NULL) > 0) {}
    return (seconds() - start) * 1e3;
}

// 1,000 workers until each has answered; their ends are not in the time.
static double crowd(void) {
    static int fds[1000];
    enum { COUNT = sizeof fds / sizeof fds[0] };
    double start = seconds();
    for (int i = 0; i < COUNT; i++) fds[i] = start_worker(serve);
    int64_t number = 3;
    for (int i = 0; i < COUNT; i++) write_all(fds[i], &number, sizeof number);
    for (int i = 0; i < COUNT; i++)
        if (!read_all(fds[i], &number, sizeof number)) fail("worker");
    double taken = (seconds() - start) * 1e3;
    for (int i = COUNT - 1; i >= 0; i--) close(fds[i]);
    while (wait(NULL) > 0) {}
    return taken;
}

// A process for every task, two at a time; the answer comes through a pipe.
static double fresh(void) {
    int answers[2], running = 0, started = 0, ended = 0;
    if (pipe(answers)) fail("pipe");
    double start = seconds();
    while (ended < TASKS) {
        while (running < 2 && started < TASKS) {
            pid_t pid = fork();
            if (pid < 0) fail("fork");
            if (pid == 0) {
                int64_t number = call_square(state, started);
                write_all(answers[1], &number, sizeof number);
                _exit(0);
            }
            started++;
            running++;
        }
        int64_t number;
        if (!read_all(answers[0], &number, sizeof number)) fail("answer");
        if (wait(NULL) < 0) fail("wait");
        running--;
        ended++;
    }
    double taken = seconds() - start;
    close(answers[0]);
    close(answers[1]);
    return TASKS / taken;
}

int main(void) {
    state = new_state();
    double two[RUNS], many[RUNS], tasks[RUNS], thousand[RUNS];
    for (int run = 0; run < RUNS; run++) {
        two[run] = pool(2);
        many[run] = pool(64);
        tasks[run] = fresh();
        thousand[run] = crowd();
    }
    report("W4.2", "limit", "ms", two, RUNS);
    report("W4.64", "limit", "ms", many, RUNS);
    report("W5", "limit", "tasks/s", tasks, RUNS);
    report("W11.ms", "limit", "ms", thousand, RUNS);
    return 0;
}
