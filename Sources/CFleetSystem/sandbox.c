// Rights that a process gives up, and the processor time it may use.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "CFleetSandbox.h"

int lfs_set_no_new_privs(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno; }

int lfs_set_not_dumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -errno; }

int lfs_drop_user(uid_t uid, gid_t gid) {
    // Groups first: an ordinary user may not change them.
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) return -errno;
    return getuid() == uid && geteuid() == uid && setuid(0) != 0 ? 0 : -EPERM;  // there is no way back
}

int lfs_set_cpu_budget(uint64_t nanoseconds) {
    static timer_t timer;
    static pid_t owner;  // timers are not inherited: a child makes its own
    if (owner != getpid()) {
        if (nanoseconds == 0) return 0;
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU};
        if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) != 0) return -errno;
        owner = getpid();
    }
    struct itimerspec due = {
        .it_value = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)}};
    return timer_settime(timer, 0, &due, NULL) == 0 ? 0 : -errno;
}

uint64_t lfs_cpu_time(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

uint64_t lfs_address_space(void) {
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[64];
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return 0;
    text[count] = 0;
    return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
