// Makes this kernel look like one without some of its calls.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "SandboxProbe.h"

/// The calls from `first` to `last` fail.
static int hide(uint32_t first, uint32_t last) {
    struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
        {BPF_JMP | BPF_JGE | BPF_K, 0, 2, first},
        {BPF_JMP | BPF_JGT | BPF_K, 1, 0, last},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    struct sock_fprog filter = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 ? 0 : -errno;
}

int sandbox_probe_hide(const char *what) {
    if (strcmp(what, "landlock") == 0) return hide(444, 446);
    if (strcmp(what, "seccomp") == 0) return hide(SYS_seccomp, SYS_seccomp);
    if (strcmp(what, "memfd") == 0) return hide(SYS_memfd_create, SYS_memfd_create);
    if (strcmp(what, "close_range") == 0) return hide(SYS_close_range, SYS_close_range);
    if (strcmp(what, "pidfd") != 0) return -EINVAL;
    int failure = hide(SYS_pidfd_open, SYS_pidfd_open);
    if (failure == 0) failure = hide(SYS_pidfd_send_signal, SYS_pidfd_send_signal);
    return failure == 0 ? hide(SYS_pidfd_getfd, SYS_pidfd_getfd) : failure;
}
