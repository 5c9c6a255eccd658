// What a process gives up for good, layer by layer: rights, files, network, signals to others, system calls; and its processor time.
// Every function returns 0 or a value >= 0 on success and -errno on failure. What was given up cannot be had back.
#ifndef CFLEETSANDBOX_H
#define CFLEETSANDBOX_H

#include <stdbool.h>
#include <linux/filter.h>
#include <stdint.h>
#include <sys/types.h>

/// No program that this process executes gains rights (prctl(2), PR_SET_NO_NEW_PRIVS). Landlock and seccomp want it first.
int lfs_set_no_new_privs(void);

/// Nobody of the same user may trace it or read its memory, and its crash writes no file (prctl(2), PR_SET_DUMPABLE).
int lfs_set_not_dumpable(void);

/// Becomes user `uid` and group `gid` with no other groups, in every sense of user (setresuid(2)). Clears the parent-death signal.
int lfs_drop_user(uid_t uid, gid_t gid);

typedef enum {
    LFS_LANDLOCK_FILES = 1,    // no file can be opened, made, removed or executed; version 1
    LFS_LANDLOCK_NETWORK = 2,  // no TCP port can be bound or connected to; version 4
    LFS_LANDLOCK_SCOPE = 4,    // no signal to a process outside, no abstract socket of one; version 6
} lfs_landlock_right;

/// Gives up those of `rights` (lfs_landlock_right) that the kernel can take, in one domain, and returns them. Whatever they are, a process inside the domain
/// can no longer trace one outside, nor open its /proc/PID/mem (landlock(7)). -ENOSYS, -EOPNOTSUPP: no Landlock here.
int lfs_landlock_give_up(unsigned rights);

/// From here on only the calls that a Lua task needs succeed (seccomp(2)); others fail with EPERM, clone3 with ENOSYS; ptrace, bpf, mount
/// and their like end the process with SIGSYS. No memory becomes executable, no signal goes to another process.
int lfs_seccomp_lock(void);

/// The filter, as lfs_seccomp_lock installs it, and the number of its instructions; 0 where there is none for this architecture.
enum { LFS_SECCOMP_ROOM = 384 };
size_t lfs_seccomp_program(struct sock_filter code[LFS_SECCOMP_ROOM]);

/// SIGXCPU, which ends the process, when it has used `nanoseconds` of processor time from now on; 0: no longer (timer_create(2), CLOCK_PROCESS_CPUTIME_ID).
/// What a child process uses does not count. Not inherited by a child.
int lfs_set_cpu_budget(uint64_t nanoseconds);

/// Processor time that this process has used, in nanoseconds.
uint64_t lfs_cpu_time(void);

/// Bytes of address space that this process has now; 0 when /proc does not say.
uint64_t lfs_address_space(void);

#endif
