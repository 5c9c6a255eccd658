// How much of its secrets a process that forks has given away: children share its addresses and its stack canary, and each that crashes may have tried one.
import CFleetSystem
import Glibc

/// What is counted, and when it is enough. HAZARDS 33.
struct ServerWear {
    /// Children of one execution. Smaller: more time goes into new executions; larger: one layout is there to be tried for longer.
    static let forkLimit = 1000
    /// Crashes within `crashSpan`. Smaller: a script that crashes by mistake costs more executions; larger: more guesses at one layout.
    static let crashLimit = 5
    static let crashSpan: UInt64 = 60_000_000_000

    private var forks = 0
    private var crashes: [UInt64] = []
    private var isWornOut = false

    mutating func forked() {
        forks += 1
    }

    mutating func ended(_ ended: lfs_exit, at now: UInt64) {
        if !ended.signaled && ended.code == WorkerStatus.wornOut { isWornOut = true }
        guard ended.isCrash else { return }
        crashes.append(now)
        crashes.removeAll { now - min($0, now) > Self.crashSpan }
    }

    var isEnough: Bool { isWornOut || forks >= Self.forkLimit || crashes.count >= Self.crashLimit }
}

extension lfs_exit {
    /// By a signal that a wrong address or a failed check brings; not by one that somebody else sends.
    var isCrash: Bool { signaled && [SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGTRAP, SIGSYS].contains(code) }
}
