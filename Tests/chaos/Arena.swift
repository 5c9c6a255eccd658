// A run while it goes on: its size, its clock, its dice, what it found.
import Foundation
import LuaFleet
import Synchronization

/// What a run found, as the program that started it reads it.
struct Findings: Codable {
    var run: String
    var what: String
    var seed: UInt64
    /// Of what the run's size counts.
    var done = 0
    var tasks = 0
    var lost = 0
    var doubled = 0
    var zombies = 0
    var descriptors = 0
    var hangs = 0
    var seconds = 0.0
    var note = ""
    var problems: [String] = []

    var isClean: Bool {
        lost == 0 && doubled == 0 && zombies == 0 && descriptors == 0 && hangs == 0 && problems.isEmpty
    }
}

final class Arena: Sendable {
    let seed: UInt64
    let size: Int
    let folder: String
    /// The library that kills from within, where there is one.
    let faults: String?
    let monitor: Monitor
    private let judgesMemory: Bool
    private let end: ContinuousClock.Instant?
    private let findings: Mutex<Findings>

    init(_ run: ChaosRun, options: Options) {
        seed = options.seed
        size = options.size(of: run)
        folder = executablePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/")
        faults = options.faults
        judgesMemory = options.judgesMemory
        end = options.minutes.map { ContinuousClock.now + .seconds($0 * 60) }
        let start = Findings(run: run.name, what: run.what, seed: options.seed)
        findings = Mutex(start)
        monitor = Monitor { last in
            var found = start
            found.hangs = 1
            found.problems = ["nothing came to an end for \(Int(Monitor.patience)) s; the last thing was: \(last)"]
            print(found)
            exit(3)
        }
    }

    func dice(_ name: String) -> Dice { Dice(seed: seed, name) }

    var isTimeOver: Bool { end.map { ContinuousClock.now >= $0 } ?? false }
    var done: Int { findings.withLock { $0.done } }
    var isOver: Bool { done >= size || isTimeOver }

    func did(_ count: Int = 1) {
        findings.withLock { $0.done += count }
    }

    /// Only the first few are told.
    func problem(_ text: String) {
        findings.withLock { if $0.problems.count < 12 { $0.problems.append(text) } }
    }

    func note(_ text: String) {
        findings.withLock { $0.note += ($0.note.isEmpty ? "" : ", ") + text }
    }

    func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition { problem(text()) }
    }

    func add(_ balance: Ledger.Balance) {
        findings.withLock {
            $0.tasks += balance.tasks
            $0.lost += balance.lost
            $0.doubled += balance.doubled
        }
    }

    /// What is left when every pool is gone. `before`: descriptors that stood open at the start.
    func settle(_ before: Int, children: Int = 0) async {
        let isGone = await eventually { ProcessEntry.all().children(of: getpid()).count <= children }
        expect(isGone, "processes are left: \(ProcessEntry.all().descendants(of: getpid()).map(\.pid))")
        _ = await eventually(within: .seconds(30)) { openDescriptors() <= before }
        let more = max(0, openDescriptors() - before)
        if more > 0 { problem("open are: \(descriptorTargets().joined(separator: " "))") }
        findings.withLock { $0.descriptors += more }
    }

    /// Ends the run.
    func finish(after seconds: Double, residentBefore: Int) -> Findings {
        let seen = monitor.end()
        return findings.withLock { findings in
            findings.zombies += seen.zombies
            findings.seconds = seconds
            let growth = (seen.mostResidentBytes - residentBefore) >> 20
            findings.note +=
                (findings.note.isEmpty ? "" : ", ") + "RSS +\(max(0, growth)) MiB\(judgesMemory ? "" : " (not judged)")"
            if growth > 64, judgesMemory { findings.problems.append("the host grew by \(growth) MiB, more than 64") }
            return findings
        }
    }
}

/// The line by which a run says what it found.
func print(_ findings: Findings) {
    guard let data = try? JSONEncoder().encode(findings) else { return }
    FileHandle.standardOutput.write(data + Data("\n".utf8))
}
