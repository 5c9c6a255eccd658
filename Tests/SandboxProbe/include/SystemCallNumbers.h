// Numbers of system calls, for Swift: the macros of sys/syscall.h are not imported.
#ifndef SYSTEM_CALL_NUMBERS_H
#define SYSTEM_CALL_NUMBERS_H

#include <sys/syscall.h>

enum {
    NUMBER_add_key = SYS_add_key,
    NUMBER_bpf = SYS_bpf,
    NUMBER_brk = SYS_brk,
    NUMBER_clock_gettime = SYS_clock_gettime,
    NUMBER_clock_nanosleep = SYS_clock_nanosleep,
    NUMBER_close = SYS_close,
    NUMBER_delete_module = SYS_delete_module,
    NUMBER_exit = SYS_exit,
    NUMBER_exit_group = SYS_exit_group,
    NUMBER_finit_module = SYS_finit_module,
    NUMBER_futex = SYS_futex,
    NUMBER_getpid = SYS_getpid,
    NUMBER_getrandom = SYS_getrandom,
    NUMBER_gettid = SYS_gettid,
    NUMBER_gettimeofday = SYS_gettimeofday,
    NUMBER_init_module = SYS_init_module,
    NUMBER_kexec_load = SYS_kexec_load,
    NUMBER_keyctl = SYS_keyctl,
    NUMBER_kill = SYS_kill,
    NUMBER_lseek = SYS_lseek,
    NUMBER_madvise = SYS_madvise,
    NUMBER_mmap = SYS_mmap,
    NUMBER_mount = SYS_mount,
    NUMBER_mprotect = SYS_mprotect,
    NUMBER_mremap = SYS_mremap,
    NUMBER_munmap = SYS_munmap,
    NUMBER_nanosleep = SYS_nanosleep,
    NUMBER_perf_event_open = SYS_perf_event_open,
    NUMBER_pivot_root = SYS_pivot_root,
    NUMBER_ppoll = SYS_ppoll,
    NUMBER_pread64 = SYS_pread64,
    NUMBER_process_vm_readv = SYS_process_vm_readv,
    NUMBER_process_vm_writev = SYS_process_vm_writev,
    NUMBER_ptrace = SYS_ptrace,
    NUMBER_read = SYS_read,
    NUMBER_readv = SYS_readv,
    NUMBER_recvmsg = SYS_recvmsg,
    NUMBER_request_key = SYS_request_key,
    NUMBER_restart_syscall = SYS_restart_syscall,
    NUMBER_rt_sigreturn = SYS_rt_sigreturn,
    NUMBER_sched_yield = SYS_sched_yield,
    NUMBER_sendmsg = SYS_sendmsg,
    NUMBER_setns = SYS_setns,
    NUMBER_tgkill = SYS_tgkill,
    NUMBER_umount2 = SYS_umount2,
    NUMBER_unshare = SYS_unshare,
    NUMBER_userfaultfd = SYS_userfaultfd,
    NUMBER_write = SYS_write,
    NUMBER_writev = SYS_writev,
#ifdef SYS_time
    NUMBER_time = SYS_time,
#endif
};

#endif
