// The attempts: each a call that reads, writes, changes or signals something outside of the process, or makes another one.
#include "SandboxProbe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const sandbox_probe_outside *out;

/// A path beside the secret.
static const char *beside(const char *suffix) {
    static char path[300];
    snprintf(path, sizeof path, "%s%s", out->secret, suffix);
    return path;
}

static const char *of_victim(const char *file) {
    static char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", out->victim, file);
    return path;
}

static long try_open(const char *path, int flags) { return syscall(SYS_openat, AT_FDCWD, path, flags, 0600); }

static long connect_inet(int fd) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)out->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static long bind_inet(int fd) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static long send_datagram(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return sendto(out->socket, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof address);
}

static long read_memory(int write) {
    long word = 0;
    struct iovec mine = {&word, sizeof word}, theirs = {&word, sizeof word};
    return syscall(write ? SYS_process_vm_writev : SYS_process_vm_readv, out->victim, &mine, 1, &theirs, 1, 0);
}

static long raise_limit(void) {
    struct rlimit limit = {1 << 20, 1 << 20};
    return setrlimit(RLIMIT_FSIZE, &limit);
}

static long limit_victim(void) {
    struct rlimit limit = {0, 0};
    return syscall(SYS_prlimit64, out->victim, RLIMIT_CPU, &limit, NULL);
}

static long make_clone3(void) {
    uint64_t arguments[8] = {[4] = SIGCHLD};
    return syscall(435, arguments, sizeof arguments);
}

static long make_executable(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long map_executable(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long set_action(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    return sigaction(SIGXCPU, &action, NULL);
}

static long block_signals(void) {
    sigset_t all;
    sigfillset(&all);
    return sigprocmask(SIG_BLOCK, &all, NULL);
}

static long make_timer(void) {
    timer_t timer;
    return timer_create(CLOCK_MONOTONIC, NULL, &timer);
}

static long set_times(void) { return utimensat(AT_FDCWD, out->secret, NULL, 0); }
static long read_link(void) {
    char target[64];
    return readlink("/proc/self/exe", target, sizeof target);
}
static long current_directory(void) {
    char path[256];
    return syscall(SYS_getcwd, path, sizeof path);
}
static long file_status(void) {
    struct stat status;
    return stat(out->secret, &status);
}
static long file_system(void) {
    struct statfs status;
    return statfs("/", &status);
}
static long execute(void) {
    char *arguments[] = {(char *)"true", NULL};
    return execve("/bin/true", arguments, NULL);
}
static long execute_at(void) {
    char *arguments[] = {(char *)"true", NULL};
    return syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, NULL, 0);
}
static long perf(void) {
    struct perf_event_attr attributes = {.size = sizeof attributes, .exclude_kernel = 1};
    return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}
static long bpf_map(void) {
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}
static long io_uring(void) {
    char parameters[120] = {0};
    return syscall(425, 1, parameters);
}
static long set_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock_settime(CLOCK_REALTIME, &now);
}
static long adjust_clock(void) {
    struct timex change = {.modes = ADJ_TICK, .tick = 10000};
    return syscall(SYS_adjtimex, &change);
}
static long make_pipe(void) {
    int ends[2];
    return pipe(ends);
}
static long make_pair(void) {
    int ends[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}
static long stop_priority(void) { return setpriority(PRIO_PROCESS, (id_t)out->victim, 19); }
static long move_victim(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    return sched_setaffinity(out->victim, sizeof set, &set);
}
static long queue_signal(void) {
    siginfo_t info = {.si_code = SI_QUEUE};
    return syscall(SYS_rt_sigqueueinfo, out->victim, 0, &info);
}
static long pass_filter(void) { return syscall(SYS_seccomp, 1, 0, NULL); }
static long fork_child(void) {
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    return child;
}
static long grow_output(void) { return write(1, "x", 1); }

#define ATTEMPT(label, expression) \
    static long attempt_##label(void) { return (long)(expression); }
#define ATTEMPTS(X) \
    X(read_file, try_open(out->secret, O_RDONLY)) \
    X(write_file, try_open(out->secret, O_WRONLY)) \
    X(read_passwd, try_open("/etc/passwd", O_RDONLY)) \
    X(create_file, try_open(beside(".new"), O_WRONLY | O_CREAT)) \
    X(open_path, try_open(out->secret, O_PATH)) \
    X(list_folder, try_open("/", O_RDONLY | O_DIRECTORY)) \
    X(read_null, try_open("/dev/null", O_RDWR)) \
    X(reopen_output, try_open("/proc/self/fd/1", O_WRONLY)) \
    X(own_memory, try_open("/proc/self/mem", O_RDWR)) \
    X(victim_memory, try_open(of_victim("mem"), O_RDWR)) \
    X(victim_environment, try_open(of_victim("environ"), O_RDONLY)) \
    X(victim_maps, try_open(of_victim("maps"), O_RDONLY)) \
    X(grow_output, grow_output()) \
    X(file_status, file_status()) \
    X(file_access, syscall(SYS_faccessat, AT_FDCWD, out->secret, R_OK)) \
    X(file_system, file_system()) \
    X(read_link, read_link()) \
    X(getcwd, current_directory()) \
    X(chdir, chdir("/tmp")) \
    X(chroot, chroot("/")) \
    X(umask_call, syscall(SYS_umask, 0) >= 0 ? 0 : -1) \
    X(mkdir, mkdir(beside(".d"), 0700)) \
    X(unlink, unlink(beside(".none"))) \
    X(rename, rename(beside(".none"), "/tmp/luafleet-probe-none")) \
    X(link, link(out->secret, "/tmp/luafleet-probe-link")) \
    X(symlink, symlink("/", "/tmp/luafleet-probe-symlink")) \
    X(chmod, chmod(out->secret, 0600)) \
    X(chown, chown(out->secret, (uid_t)-1, (gid_t)-1)) \
    X(truncate, truncate(out->secret, 1)) \
    X(set_times, set_times()) \
    X(mknod, mknod(beside(".fifo"), S_IFIFO | 0600, 0)) \
    X(inotify, inotify_init()) \
    X(memfd, memfd_create("probe", 0)) \
    X(execve, execute()) \
    X(execveat, execute_at()) \
    X(mount, mount("none", "/tmp", "tmpfs", 0, NULL)) \
    X(umount, umount2("/tmp", 0)) \
    X(socket_inet, socket(AF_INET, SOCK_STREAM, 0)) \
    X(socket_inet6, socket(AF_INET6, SOCK_DGRAM, 0)) \
    X(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0)) \
    X(socket_netlink, socket(AF_NETLINK, SOCK_RAW, 0)) \
    X(socket_packet, socket(AF_PACKET, SOCK_RAW, 0)) \
    X(socket_vsock, socket(40, SOCK_STREAM, 0)) \
    X(socketpair, make_pair()) \
    X(connect, connect_inet(out->socket)) \
    X(bind, bind_inet(out->socket)) \
    X(sendto, send_datagram()) \
    X(fork, fork_child()) \
    X(vfork, syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)) \
    X(clone3, make_clone3()) \
    X(kill_probe, kill(out->victim, 0)) \
    X(kill_victim, kill(out->victim, SIGTERM)) \
    X(kill_group, kill(-getppid(), 0)) \
    X(kill_all, kill(-1, 0)) \
    X(tgkill, syscall(SYS_tgkill, out->victim, out->victim, 0)) \
    X(tkill, syscall(SYS_tkill, out->victim, 0)) \
    X(queue_signal, queue_signal()) \
    X(pidfd_open, syscall(434, out->victim, 0)) \
    X(ptrace, ptrace(PTRACE_ATTACH, out->victim, NULL, NULL)) \
    X(ptrace_me, ptrace(PTRACE_TRACEME, 0, NULL, NULL)) \
    X(read_memory, read_memory(0)) \
    X(write_memory, read_memory(1)) \
    X(kcmp, syscall(SYS_kcmp, getpid(), out->victim, 0, 0, 0)) \
    X(set_priority, stop_priority()) \
    X(set_affinity, move_victim()) \
    X(limit_victim, limit_victim()) \
    X(raise_limit, raise_limit()) \
    X(setuid, setuid(0)) \
    X(setgid, setgid(0)) \
    X(setsid, setsid()) \
    X(setpgid, setpgid(0, getppid())) \
    X(unshare, unshare(CLONE_NEWUSER)) \
    X(setns, setns(1, 0)) \
    X(prctl_dumpable, prctl(PR_SET_DUMPABLE, 1)) \
    X(prctl_death, prctl(PR_SET_PDEATHSIG, 0)) \
    X(seccomp, pass_filter()) \
    X(bpf, bpf_map()) \
    X(perf, perf()) \
    X(io_uring, io_uring()) \
    X(userfaultfd, syscall(SYS_userfaultfd, 0)) \
    X(keyctl, syscall(SYS_keyctl, 0, -3, 0)) \
    X(add_key, syscall(SYS_add_key, "user", "x", "y", 1, -3)) \
    X(shmget, shmget(IPC_PRIVATE, 4096, 0600)) \
    X(msgget, msgget(IPC_PRIVATE, 0600)) \
    X(semget, semget(IPC_PRIVATE, 1, 0600)) \
    X(mq_open, syscall(SYS_mq_open, "probe", O_CREAT, 0600, NULL)) \
    X(map_executable, map_executable()) \
    X(make_executable, make_executable()) \
    X(sigaction, set_action()) \
    X(sigprocmask, block_signals()) \
    X(timer_create, make_timer()) \
    X(setitimer, setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 100}, NULL)) \
    X(set_clock, set_clock()) \
    X(adjust_clock, adjust_clock()) \
    X(sethostname, sethostname("probe", 5)) \
    X(syslog, syscall(SYS_syslog, 3, NULL, 0)) \
    X(reboot, syscall(SYS_reboot, 0, 0, 0, NULL)) \
    X(init_module, syscall(SYS_init_module, NULL, 0, "")) \
    X(personality, syscall(SYS_personality, 0x0040000)) \
    X(pipe, make_pipe()) \
    X(dup, dup(1)) \
    X(eventfd, eventfd(0, 0)) \
    X(epoll, epoll_create1(0)) \
    X(ioctl, syscall(SYS_ioctl, 0, 0x5413, NULL))

ATTEMPTS(ATTEMPT)

#define ROW(label, expression) {#label, attempt_##label},
static const struct {
    const char *name;
    long (*run)(void);
} attempts[] = {ATTEMPTS(ROW)};

int sandbox_probe_count(void) { return (int)(sizeof attempts / sizeof attempts[0]); }

const char *sandbox_probe_name(int attempt) { return attempts[attempt].name; }

int sandbox_probe_try(int attempt, const sandbox_probe_outside *outside) {
    out = outside;
    errno = 0;
    long result = attempts[attempt].run();
    return result >= 0 ? 0 : errno != 0 ? errno : EPERM;
}
