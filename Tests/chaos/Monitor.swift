// Looks at this process and its children ten times a second while a run goes on, and ends a run in which nothing happens any more.
import Foundation
import Synchronization

/// A thread of its own, so that it sees what holds up all others.
final class Monitor: Sendable {
    struct Findings: Codable {
        /// Zombies that nobody reaped for two seconds.
        var zombies = 0
        var mostDescriptors = 0
        var mostChildren = 0
        var mostResidentBytes = 0
    }

    /// Without a single completion for so long a run hangs.
    static let patience: TimeInterval = 120

    private let progress = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)
    private let isResidentMeasured = Atomic<Bool>(true)
    private let findings = Mutex(Findings())
    private let last = Mutex("nothing")

    /// `onHang` is told what happened last, and does not return.
    init(onHang: @escaping @Sendable (String) -> Never) {
        let thread = Thread { [self] in
            var known = (count: 0, since: Date())
            var zombies: [pid_t: Date] = [:]
            var counted: Set<pid_t> = []
            while !isOver.load(ordering: .relaxed) {
                usleep(100_000)
                look(&zombies, &counted)
                let count = progress.load(ordering: .relaxed)
                if count != known.count { known = (count, Date()) }
                if -known.since.timeIntervalSinceNow > Self.patience { onHang(last.withLock { $0 }) }
            }
        }
        thread.start()
    }

    private func look(_ zombies: inout [pid_t: Date], _ counted: inout Set<pid_t>) {
        let family = ProcessEntry.all().descendants(of: getpid())
        // Whose parent is stopped waits for it to go on.
        let stopped = Set(family.filter(\.isStopped).map(\.pid))
        let dead = Set(family.filter { $0.isZombie && !stopped.contains($0.parent) }.map(\.pid))
        zombies = zombies.filter { dead.contains($0.key) }
        for pid in dead where zombies[pid] == nil { zombies[pid] = Date() }
        for (pid, since) in zombies where -since.timeIntervalSinceNow > 2 { counted.insert(pid) }
        let (descriptors, resident) = (openDescriptors(), residentBytes())
        findings.withLock { findings in
            findings.zombies = counted.count
            findings.mostDescriptors = max(findings.mostDescriptors, descriptors)
            findings.mostChildren = max(findings.mostChildren, family.count)
            if isResidentMeasured.load(ordering: .relaxed) {
                findings.mostResidentBytes = max(findings.mostResidentBytes, resident)
            }
        }
    }

    /// Something came to its end.
    func advanced() {
        progress.add(1, ordering: .relaxed)
    }

    func begins(_ what: String) {
        advanced()
        last.withLock { $0 = what }
    }

    /// For what needs a lot of memory by its nature.
    func ignoresMemory() {
        isResidentMeasured.store(false, ordering: .relaxed)
    }

    func end() -> Findings {
        isOver.store(true, ordering: .relaxed)
        return findings.withLock { $0 }
    }
}
