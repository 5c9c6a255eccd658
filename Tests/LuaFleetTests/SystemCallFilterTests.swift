// What a locked worker's filter says of each system call, without a kernel that enforces it.
import CFleetSystem
import Glibc
import SandboxProbe
import Testing

struct SystemCallFilterTests {
    private static let (allow, kill, refuse, unknown): (UInt32, UInt32, UInt32, UInt32) = (
        0x7FFF_0000, 0x8000_0000, 0x5_0000 | UInt32(EPERM), 0x5_0000 | UInt32(ENOSYS)
    )

    private let code: [sock_filter] = {
        var code = [sock_filter](repeating: sock_filter(), count: Int(LFS_SECCOMP_ROOM))
        let count = lfs_seccomp_program(&code)
        return Array(code[..<count])
    }()

    #if arch(x86_64)
        private static let architecture: UInt32 = 0xC000_003E
    #else
        private static let architecture: UInt32 = 0xC000_00B7
    #endif

    /// Runs the program as the kernel does (the few instructions that it is made of), on a call with these arguments.
    private func verdict(
        _ number: UInt32, _ arguments: [UInt64] = [], architecture: UInt32 = Self.architecture
    ) throws -> UInt32 {
        var data = [number, architecture, 0, 0]
        for index in 0..<6 {
            let argument = index < arguments.count ? arguments[index] : 0
            data += [UInt32(truncatingIfNeeded: argument), UInt32(truncatingIfNeeded: argument >> 32)]
        }
        var (at, hand) = (0, UInt32(0))
        while true {
            let step = try #require(at < code.count ? code[at] : nil, "it runs out of the program")
            at += 1
            switch step.code {
            case 0x20: hand = data[Int(step.k) / 4]
            case 0x15: at += Int(hand == step.k ? step.jt : step.jf)
            case 0x35: at += Int(hand >= step.k ? step.jt : step.jf)
            case 0x45: at += Int(hand & step.k != 0 ? step.jt : step.jf)
            case 0x06: return step.k
            default:
                Issue.record("instruction \(step.code) is none of those that are used")
                return 0
            }
        }
    }

    @Test func `F31: of a thousand numbers these are allowed, these end the process, and all others are refused`()
        throws
    {
        try #require(!code.isEmpty)
        var allowed: Set<Int> = [
            NUMBER_read, NUMBER_write, NUMBER_sendmsg, NUMBER_recvmsg, NUMBER_close, NUMBER_futex, NUMBER_brk,
            NUMBER_munmap, NUMBER_mremap,
            NUMBER_madvise, NUMBER_writev, NUMBER_readv, NUMBER_clock_gettime, NUMBER_ppoll, NUMBER_clock_nanosleep,
            NUMBER_nanosleep,
            NUMBER_getrandom, NUMBER_gettimeofday, NUMBER_getpid, NUMBER_gettid, NUMBER_pread64, NUMBER_lseek,
            NUMBER_sched_yield,
            NUMBER_restart_syscall, NUMBER_rt_sigreturn, NUMBER_exit, NUMBER_exit_group, NUMBER_mmap, NUMBER_mprotect,
        ].reduce(into: []) { $0.insert(Int($1)) }
        #if arch(x86_64)
            allowed.insert(Int(NUMBER_time))
        #endif
        let deadly: Set<Int> = [
            NUMBER_ptrace, NUMBER_process_vm_readv, NUMBER_process_vm_writev, NUMBER_bpf, 425, 426, 427,
            NUMBER_userfaultfd,
            NUMBER_perf_event_open, NUMBER_mount, NUMBER_umount2, NUMBER_pivot_root, NUMBER_unshare, NUMBER_setns,
            NUMBER_keyctl,
            NUMBER_add_key,
            NUMBER_request_key, NUMBER_init_module, NUMBER_finit_module, NUMBER_delete_module, NUMBER_kexec_load, 438,
        ].reduce(into: []) { $0.insert(Int($1)) }
        for number in 0..<1000 {
            let expected =
                allowed.contains(number)
                ? Self.allow : deadly.contains(number) ? Self.kill : number == 435 ? Self.unknown : Self.refuse
            #expect(try verdict(UInt32(number)) == expected, "call \(number)")
        }
        for number: UInt32 in [0x3FFF_FFFF, 0x7FFF_FFFF, .max]
        where number < 0x4000_0000 || Self.architecture != 0xC000_003E {
            #expect(try verdict(number) == Self.refuse)
        }
    }

    @Test func `F31: no memory becomes executable, and a signal goes to this process only`() throws {
        for call in [NUMBER_mmap, NUMBER_mprotect] {
            for protection in 0..<16 as Range<UInt64> {
                let expected = protection & UInt64(PROT_EXEC) == 0 ? Self.allow : Self.refuse
                #expect(try verdict(UInt32(call), [0, 4096, protection]) == expected, "\(call), \(protection)")
            }
        }
        #expect(try verdict(UInt32(NUMBER_tgkill), [UInt64(getpid())]) == Self.allow)
        for other in [0, 1, getppid(), -1, -getpid()] {
            #expect(try verdict(UInt32(NUMBER_tgkill), [UInt64(UInt32(bitPattern: other))]) == Self.refuse)
        }
        #expect(try verdict(UInt32(NUMBER_kill), [UInt64(getpid())]) == Self.refuse)
    }

    @Test func `F31: calls by another interface end the process: their numbers mean others`() throws {
        #expect(try verdict(UInt32(NUMBER_read), architecture: 0x4000_0003) == Self.kill)
        #if arch(x86_64)
            #expect(try verdict(0x4000_0000) == Self.kill)
            #expect(try verdict(0x4000_0000 | UInt32(NUMBER_read)) == Self.kill)
        #endif
    }
}
