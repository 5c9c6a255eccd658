// The system calls behind the chaos program.
#include "CChaos.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int chaos_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 ? 0 : -errno; }

int chaos_limit(pid_t pid, chaos_resource resource, uint64_t soft, uint64_t *former) {
    static const int names[] = {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_AS, RLIMIT_FSIZE};
    struct rlimit limit;
    if (prlimit(pid, names[resource], NULL, &limit) != 0) return -errno;
    *former = limit.rlim_cur;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    return prlimit(pid, names[resource], &limit, NULL) == 0 ? 0 : -errno;
}

int chaos_take_descriptor(pid_t pid, int fd) {
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0) return -errno;
    int taken = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    int failure = errno;
    close(process);
    return taken >= 0 ? taken : -failure;
}
