// Questions to the kernel about what it offers; asking changes nothing. Each answers with a value >= 0, or -errno.
#ifndef CFLEETSYSTEMPROBE_H
#define CFLEETSYSTEMPROBE_H

/// Processors this process may run on (sched_getaffinity(2)), on machines of any size.
int lfs_affinity_count(void);

/// The version of Landlock's interface, from 1; -ENOSYS: not built in, -EOPNOTSUPP: switched off at boot.
int lfs_landlock_version(void);

/// 1: system calls can be filtered, and a breach ends the process (seccomp(2)).
int lfs_has_seccomp_filter(void);

/// 1: rights can be given up for good (prctl(2), PR_SET_NO_NEW_PRIVS).
int lfs_has_no_new_privs(void);

/// 1: memory files (memfd_create(2)).
int lfs_has_memfd(void);

/// 1: descriptors for processes (pidfd_open(2)).
int lfs_has_pidfd(void);

/// 1: closing all descriptors at once (close_range(2)).
int lfs_has_close_range(void);

#endif
