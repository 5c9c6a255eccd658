// Processes: the clean spawn, fork, death with the parent, reaping.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CFleetSystem.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

extern char **environ;

int lfs_spawn(
    const char *path, char *const *arguments, char *const *environment, const int *fds, size_t fd_count, pid_t *pid) {
    enum { MOST = 8 };
    int high[MOST];
    size_t made = 0;
    if (fd_count > MOST) return -EINVAL;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) return -failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -failure;
    }
    // dup2 onto itself would keep close-on-exec and, done in the wrong order, overwrite another: all of them go up first.
    for (; made < fd_count; made++) {
        high[made] = fcntl(fds[made], F_DUPFD_CLOEXEC, 16);
        if (high[made] < 0) {
            failure = errno;
            goto done;
        }
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    // Threads of Swift's runtime block nearly every signal; a child would inherit that mask.
    if ((failure = posix_spawnattr_setsigmask(&attributes, &none)) != 0) goto done;
    if ((failure = posix_spawnattr_setsigdefault(&attributes, &all)) != 0) goto done;
    if ((failure = posix_spawnattr_setpgroup(&attributes, 0)) != 0) goto done;
    failure = posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (failure != 0) goto done;
    if ((failure = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) != 0) goto done;
    for (size_t i = 0; i < fd_count; i++)
        if ((failure = posix_spawn_file_actions_adddup2(&actions, high[i], (int)i + 1)) != 0) goto done;
    if ((failure = posix_spawn_file_actions_addclosefrom_np(&actions, (int)fd_count + 1)) != 0) goto done;
    failure = posix_spawn(pid, path, &actions, &attributes, arguments, environment != NULL ? environment : environ);
done:
    while (made > 0) close(high[--made]);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -failure;
}

int lfs_spawn_server(
    const char *path, const char *version, char *const *environment, const int *fds, size_t fd_count, pid_t *pid) {
    char name[] = "luafleet-worker", option[] = "--fork-server", number[16];
    snprintf(number, sizeof number, "%s", version);
    char *const arguments[] = {name, option, number, NULL};
    return lfs_spawn(path, arguments, environment, fds, fd_count, pid);
}

pid_t lfs_fork(void) {
    pid_t pid = fork();
    return pid >= 0 ? pid : -errno;
}

void lfs_close_from(int first) {
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
    struct rlimit limit;
    int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
    for (int fd = first; fd < end; fd++) close(fd);
}

int lfs_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : -errno; }

int lfs_child_signals(void) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &children, NULL) != 0) return -errno;
    int fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}

void lfs_drain_signals(int fd) {
    struct signalfd_siginfo infos[16];
    while (read(fd, infos, sizeof infos) > 0) continue;
}

void lfs_reset_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void lfs_wait_unreaped(pid_t pid) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
}

int lfs_signal_main_thread(pid_t pid, int signal) { return syscall(SYS_tgkill, pid, pid, signal) == 0 ? 0 : -errno; }

void lfs_wait_for_end(pid_t pid, int milliseconds) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        usleep(50);
        return;
    }
    struct pollfd end = {.fd = fd, .events = POLLIN};
    poll(&end, 1, milliseconds);
    close(fd);
}

int lfs_reap(pid_t pid, bool block, bool kill_group, lfs_exit *ended) {
    ended->pid = 0;
    siginfo_t info = {0};
    // The group is killed while its leader is still a zombie, so that its number cannot have passed to somebody else.
    int result;
    do result = waitid(pid < 0 ? P_ALL : P_PID, pid < 0 ? 0 : (id_t)pid, &info, WEXITED | WNOWAIT | (block ? 0 : WNOHANG));
    while (result != 0 && errno == EINTR);
    if (result != 0) return -errno;
    if (info.si_pid == 0) return 0;
    if (kill_group) kill(-info.si_pid, SIGKILL);
    int status = 0;
    struct rusage usage;
    if (wait4(info.si_pid, &status, 0, &usage) < 0) return -errno;
    ended->pid = info.si_pid;
    ended->signaled = WIFSIGNALED(status);
    ended->code = ended->signaled ? WTERMSIG(status) : WEXITSTATUS(status);
    ended->user_us = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
    ended->system_us = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec;
    ended->peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
    return 0;
}
