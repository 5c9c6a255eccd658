// Landlock: a process gives up files, network and signals for itself and its children, without rights of its own (landlock(7)).
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CFleetSandbox.h"
#include "CFleetSystemProbe.h"

// The numbers are the same on every architecture; older headers lack the names.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

/// struct landlock_ruleset_attr of version 6; an older kernel takes the front of it.
typedef struct {
    uint64_t handled_access_fs, handled_access_net, scoped;
} ruleset;

/// Every right about files that the version knows: handled, and granted nowhere.
static uint64_t file_rights(int version) {
    unsigned bits = 13;            // execute, write, read, list, remove, make
    if (version >= 2) bits = 14;   // move between folders
    if (version >= 3) bits = 15;   // truncate
    if (version >= 5) bits = 16;   // ioctl on devices
    return ((uint64_t)1 << bits) - 1;
}

int lfs_landlock_give_up(unsigned rights) {
    int version = lfs_landlock_version();
    if (version < 0) return version;
    ruleset rules = {0};
    size_t size = version >= 6 ? sizeof rules : version >= 4 ? offsetof(ruleset, scoped) : offsetof(ruleset, handled_access_net);
    unsigned given_up = 0;
    if (rights & LFS_LANDLOCK_FILES) {
        rules.handled_access_fs = file_rights(version);
        given_up |= LFS_LANDLOCK_FILES;
    }
    if ((rights & LFS_LANDLOCK_NETWORK) && version >= 4) {
        rules.handled_access_net = 3;  // bind, connect
        given_up |= LFS_LANDLOCK_NETWORK;
    }
    if ((rights & LFS_LANDLOCK_SCOPE) && version >= 6) {
        rules.scoped = 3;  // abstract sockets, signals
        given_up |= LFS_LANDLOCK_SCOPE;
    }
    if (given_up == 0) return 0;
    int domain = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (domain < 0) return -errno;
    int failure = syscall(SYS_landlock_restrict_self, domain, 0) == 0 ? 0 : errno;
    close(domain);
    return failure == 0 ? (int)given_up : -failure;
}
