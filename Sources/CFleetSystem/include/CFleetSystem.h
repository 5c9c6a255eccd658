// System calls that Glibc's Swift module hides or cannot express: descriptors in messages, spawn with a clean child, memory files.
// Every function returns 0 or a value >= 0 on success and -errno on failure; none touches the caller's errno contract.
#ifndef CFLEETSYSTEM_H
#define CFLEETSYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CFleetLent.h"
#include "CFleetMapped.h"
#include "CFleetSandbox.h"
#include "CFleetStack.h"
#include "CFleetSystemProbe.h"

#pragma clang assume_nonnull begin

/// A connected AF_UNIX stream pair, both ends close-on-exec.
int lfs_socket_pair(int ends[_Nonnull 2]);

/// A pipe, both ends close-on-exec, the read end non-blocking.
int lfs_capture_pipe(int ends[_Nonnull 2]);

/// Sends `count` bytes and, with the first of them, descriptor `fd` (SCM_RIGHTS, unix(7)); `fd` < 0 sends none. Returns the bytes sent. Never raises SIGPIPE.
ssize_t lfs_send(int socket, const void *bytes, size_t count, int fd);

/// read(2) that does not sleep until the moment `sleeps_at` (lfs_now; 0: sleeps at once), but gives the processor to others between two looks.
ssize_t lfs_read_soon(int socket, void *bytes, size_t count, uint64_t sleeps_at);

/// Receives up to `count` bytes and up to `fds_capacity` descriptors (close-on-exec). Returns the bytes received, 0 at the end.
/// Descriptors beyond the capacity are closed.
ssize_t lfs_receive(int socket, void *bytes, size_t count, int *fds, size_t fds_capacity, size_t *fds_count);

/// Whether it is worth to look for something that probably comes at once, before sleeping: waking up takes longer than most answers. Where looking was in vain, as on a
/// machine with more to do than processors, it is done ever more seldom.
typedef struct {
    uint8_t failures, skipped;
} lfs_hope;

/// Nanoseconds that one looks. Smaller: more sleeping; larger: processor time that others could use.
enum { LFS_HOPE_LASTS = 20000 };

bool lfs_hope_looks(lfs_hope *hope);
void lfs_hope_ends(lfs_hope *hope, bool came);

/// Looks, if it is worth it, whether there is something to be received. False: not yet.
bool lfs_comes_soon(int socket, lfs_hope *hope);

/// Spawns `path` with fd 0 on /dev/null, fd 1, 2... on `fds[0]`, `fds[1]`..., nothing else open, no signal blocked or ignored, and a process group of its own.
/// `arguments` and `environment` end with NULL; `environment` NULL: the caller's. The caller's signal mask, descriptors and directory stay as they are.
int lfs_spawn(
    const char *path, char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nullable environment, const int *fds, size_t fd_count,
    pid_t *pid);

/// The same for a fork server of this protocol version.
int lfs_spawn_server(
    const char *path, const char *version, char *_Nullable const *_Nullable environment, const int *fds, size_t fd_count, pid_t *pid);

/// fork(2). Only for single-threaded programs.
pid_t lfs_fork(void);

/// 0 if this process could open so many descriptors now, at most 16; else the negative errno (EMFILE, ENFILE).
int lfs_need_descriptors(int count);

/// An anonymous file in memory, opened for appending, close-on-exec (memfd_create(2)); where the kernel has none, a file without a name in /tmp.
int lfs_capture_file(const char *name);

/// Gives back the memory of the first `count` bytes of a file; its size stays (fallocate(2), FALLOC_FL_PUNCH_HOLE).
int lfs_release_front(int fd, uint64_t count);

/// An anonymous file in memory to be mapped by several processes, empty, close-on-exec. It grows (ftruncate(2)) and is sealed against shrinking, so that
/// what is mapped stays there (memfd_create(2), F_SEAL_SHRINK).
int lfs_shared_file(const char *name);

/// Maps `count` bytes of a file from `offset` on, shared with all who do (mmap(2)). NULL when the file is shorter, or memory is out.
void *_Nullable lfs_map_file(int fd, uint64_t offset, size_t count);

/// The next child will not inherit the mapping (madvise(2), MADV_DONTFORK).
int lfs_keep_from_children(void *start, size_t count);

/// Closes every descriptor from `first` on (close_range(2), or one by one on an old kernel).
void lfs_close_from(int first);

/// SIGKILL to this process as soon as its parent ends (prctl(2), PR_SET_PDEATHSIG). Only where the parent is single-threaded.
int lfs_die_with_parent(void);

/// A descriptor that becomes readable when a child ends; SIGCHLD is blocked from here on (signalfd(2)).
int lfs_child_signals(void);

/// Takes what stands in a descriptor of lfs_child_signals.
void lfs_drain_signals(int fd);

/// Unblocks all signals; in a forked worker.
void lfs_reset_signals(void);

typedef struct {
    pid_t pid;          // 0: none has ended
    bool signaled;
    int code;           // exit status or signal
    uint64_t user_us, system_us, peak_rss_bytes;
} lfs_exit;

/// Waits until this process, a child that is not reaped yet, has ended, but at most so long; or for a moment, where the kernel has no descriptors for
/// processes (pidfd_open(2)).
void lfs_wait_for_end(pid_t pid, int milliseconds);

/// Reaps one ended child of any pid (`pid` -1) or that one, after sending SIGKILL to the process group it led: what it left behind ends with it.
/// `block`: waits. Returns 0 with exit->pid 0 when none has ended, -ECHILD when there is none.
int lfs_reap(pid_t pid, bool block, bool kill_group, lfs_exit *exit);

/// Waits until the child `pid` has ended, and leaves it to be reaped: its number stays its own.
void lfs_wait_unreaped(pid_t pid);

/// A signal to the first thread of process `pid`, whatever other threads it has (tgkill(2)).
int lfs_signal_main_thread(pid_t pid, int signal);

/// The columns of the terminal that `fd` is (TIOCGWINSZ, tty_ioctl(4)); 80 where it does not say, -ENOTTY where it is none.
int lfs_terminal_width(int fd);

/// Fills `bytes` from getrandom(2).
void lfs_random(void *bytes, size_t count);

/// CLOCK_MONOTONIC in nanoseconds.
uint64_t lfs_now(void);

#pragma clang assume_nonnull end
#endif
