// Asks the kernel what it offers, by calls that change nothing.
#include "CFleetSystemProbe.h"

#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers are the same on every architecture; older headers lack the names.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { landlock_create_ruleset_version = 1 };

static int answer(long result) { return result < 0 ? -errno : 1; }

static int answer_and_close(long fd) {
    if (fd < 0) return -errno;
    close((int)fd);
    return 1;
}

int lfs_affinity_count(void) {
    // The kernel refuses a set that is smaller than its own; 1,024 processors are enough nearly everywhere.
    for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
        cpu_set_t *set = CPU_ALLOC(processors);
        if (set == NULL) return -ENOMEM;
        size_t size = CPU_ALLOC_SIZE(processors);
        int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : -errno;
        CPU_FREE(set);
        if (count != -EINVAL) return count;
    }
    return -EINVAL;
}

int lfs_landlock_version(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, landlock_create_ruleset_version);
    return version < 0 ? -errno : (int)version;
}

int lfs_has_seccomp_filter(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return answer(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
}

int lfs_has_no_new_privs(void) { return answer(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); }

int lfs_has_memfd(void) { return answer_and_close(memfd_create("luafleet-probe", MFD_CLOEXEC)); }

int lfs_has_pidfd(void) { return answer_and_close(syscall(SYS_pidfd_open, getpid(), 0)); }

// No descriptor has the largest number: closes none.
int lfs_has_close_range(void) { return answer(syscall(SYS_close_range, UINT_MAX, UINT_MAX, 0)); }
