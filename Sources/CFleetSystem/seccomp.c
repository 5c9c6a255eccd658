// The filter of system calls of a locked worker: a list of what a Lua task needs, and nothing else (seccomp(2)).
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CFleetSandbox.h"

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef THIS_ARCHITECTURE

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

// Numbers that are the same on every architecture; older headers lack the names.
enum { NR_pidfd_send_signal = 424, NR_io_uring_setup = 425, NR_io_uring_enter = 426, NR_io_uring_register = 427, NR_clone3 = 435,
       NR_pidfd_getfd = 438 };

/// What a worker does once it is set up: it reads tasks, computes, and answers.
static const uint32_t allowed[] = {
    __NR_read, __NR_write, __NR_sendmsg, __NR_recvmsg, __NR_close, __NR_futex, __NR_brk, __NR_munmap, __NR_mremap, __NR_madvise, __NR_writev, __NR_readv,
    __NR_clock_gettime, __NR_ppoll, __NR_clock_nanosleep, __NR_nanosleep, __NR_getrandom, __NR_gettimeofday, __NR_getpid, __NR_gettid,
    __NR_pread64, __NR_lseek, __NR_sched_yield, __NR_restart_syscall, __NR_rt_sigreturn, __NR_exit, __NR_exit_group,
#ifdef __NR_time
    __NR_time,
#endif
};

/// What no Lua task ever tries by accident: who does it is attacking, and ends.
static const uint32_t deadly[] = {
    __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_bpf, NR_io_uring_setup, NR_io_uring_enter, NR_io_uring_register,
    __NR_userfaultfd, __NR_perf_event_open, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_unshare, __NR_setns, __NR_keyctl,
    __NR_add_key, __NR_request_key, __NR_init_module, __NR_finit_module, __NR_delete_module, __NR_kexec_load, NR_pidfd_getfd,
};

#define COUNT(list) (sizeof list / sizeof list[0])
enum { RULES = COUNT(allowed) + COUNT(deadly) + 4 };

/// What becomes of a call.
typedef enum {
    ALLOWED,
    DEADLY,
    UNKNOWN,            // as if this kernel had no such call
    WITHOUT_EXECUTION,  // allowed where its memory does not become executable
    TO_ITSELF,          // a signal may go to this process, as abort(3) sends one
} verdict;

typedef struct {
    uint32_t number;
    verdict verdict;
} rule;

/// A program of the kernel's filter machine that is written front to back.
typedef struct {
    struct sock_filter *code;
    size_t count;
} program;

static void emit(program *p, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t value) {
    p->code[p->count++] = (struct sock_filter){.code = code, .jt = if_true, .jf = if_false, .k = value};
}

static void load(program *p, size_t offset) {
    emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void end(program *p, uint32_t result) {
    emit(p, BPF_RET | BPF_K, 0, 0, result);
}

/// The lower half of an argument; both architectures are little-endian.
static size_t argument(int index) {
    return offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (size_t)index;
}

static void end_with(program *p, verdict verdict) {
    switch (verdict) {
    case ALLOWED: end(p, SECCOMP_RET_ALLOW); break;
    case DEADLY: end(p, SECCOMP_RET_KILL_PROCESS); break;
    case UNKNOWN: end(p, SECCOMP_RET_ERRNO | ENOSYS); break;
    case WITHOUT_EXECUTION:
        load(p, argument(2));
        emit(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, PROT_EXEC);
        end(p, SECCOMP_RET_ERRNO | EPERM);
        end(p, SECCOMP_RET_ALLOW);
        break;
    case TO_ITSELF:
        load(p, argument(0));
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (uint32_t)getpid());
        end(p, SECCOMP_RET_ERRNO | EPERM);
        end(p, SECCOMP_RET_ALLOW);
    }
}

/// Searches for the number in hand among `count` rules in ascending order, a half of them at a time; what is not there is refused. The kernel tries every number when it
/// takes a filter: through a list from one end to the other that took it longer than all else that locks a worker.
static void search(program *p, const rule *rules, size_t count) {
    if (count == 1) {
        size_t jump = p->count;
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, rules->number);
        end_with(p, rules->verdict);
        p->code[jump].jf = (uint8_t)(p->count - jump - 1);
        end(p, SECCOMP_RET_ERRNO | EPERM);
        return;
    }
    size_t lower = count / 2, jump = p->count;
    emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 0, rules[lower].number);
    search(p, rules, lower);
    p->code[jump].jt = (uint8_t)(p->count - jump - 1);  // the longest, at the root, is half of the program
    search(p, rules + lower, count - lower);
}

static int by_number(const void *left, const void *right) {
    uint32_t a = ((const rule *)left)->number, b = ((const rule *)right)->number;
    return (a > b) - (a < b);
}

size_t lfs_seccomp_program(struct sock_filter code[LFS_SECCOMP_ROOM]) {
    rule rules[RULES] = {
        {NR_clone3, UNKNOWN},  // glibc falls back to clone, which is refused
        {__NR_mmap, WITHOUT_EXECUTION},
        {__NR_mprotect, WITHOUT_EXECUTION},
        {__NR_tgkill, TO_ITSELF},
    };
    size_t count = 4;
    for (size_t i = 0; i < COUNT(allowed); i++) rules[count++] = (rule){allowed[i], ALLOWED};
    for (size_t i = 0; i < COUNT(deadly); i++) rules[count++] = (rule){deadly[i], DEADLY};
    qsort(rules, count, sizeof rules[0], by_number);

    program p = {.code = code};
    load(&p, offsetof(struct seccomp_data, arch));
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, THIS_ARCHITECTURE);
    end(&p, SECCOMP_RET_KILL_PROCESS);
    load(&p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    emit(&p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);  // the numbers of the x32 interface mean other calls
    end(&p, SECCOMP_RET_KILL_PROCESS);
#endif
    search(&p, rules, count);
    return p.count;
}

int lfs_seccomp_lock(void) {
    struct sock_filter code[LFS_SECCOMP_ROOM];
    struct sock_fprog filter = {.len = (unsigned short)lfs_seccomp_program(code), .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? 0 : -errno;
}

#else

// Another architecture has other numbers: no filter is better than a wrong one.
size_t lfs_seccomp_program(struct sock_filter code[LFS_SECCOMP_ROOM]) { return 0; }
int lfs_seccomp_lock(void) { return -ENOSYS; }

#endif
