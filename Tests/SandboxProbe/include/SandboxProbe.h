// System calls that a locked worker must not get through: what native code in it would try. For tests alone.
#ifndef SANDBOXPROBE_H
#define SANDBOXPROBE_H

#include "SystemCallNumbers.h"
#include <sys/types.h>

/// What lies outside of the sandbox.
typedef struct {
    pid_t victim;        // a process of the same user
    const char *secret;  // a file that the user may read and write
    int port;            // of a server on 127.0.0.1
    int socket;          // an unconnected TCP socket that was open before
} sandbox_probe_outside;

/// How many attempts there are, and their names.
int sandbox_probe_count(void);
const char *sandbox_probe_name(int attempt);

/// Makes one attempt. 0: it succeeded; else the errno value. It may also end the process.
int sandbox_probe_try(int attempt, const sandbox_probe_outside *outside);

/// From here on these calls fail with ENOSYS, here and in what is executed from here, as on a kernel that has them not: "landlock", "seccomp", "memfd",
/// "close_range", "pidfd".
int sandbox_probe_hide(const char *what);

#endif
