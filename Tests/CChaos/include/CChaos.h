// What the chaos program does to processes and Swift's Glibc module does not offer: adopt orphans, limit others, take their descriptors.
#ifndef CCHAOS_H
#define CCHAOS_H

#include <stdint.h>
#include <sys/types.h>

/// Processes whose parents have ended become children of this one, not of init (prctl(2), PR_SET_CHILD_SUBREAPER).
int chaos_adopt_orphans(void);

typedef enum { CHAOS_DESCRIPTORS, CHAOS_PROCESSES, CHAOS_ADDRESS_SPACE, CHAOS_FILE_SIZE } chaos_resource;

/// Sets the soft limit of a process and says what it was (prlimit(2)). 0, or -errno.
int chaos_limit(pid_t pid, chaos_resource resource, uint64_t soft, uint64_t *former);

/// A duplicate of a descriptor of another process (pidfd_getfd(2)), or -errno.
int chaos_take_descriptor(pid_t pid, int fd);

#endif
