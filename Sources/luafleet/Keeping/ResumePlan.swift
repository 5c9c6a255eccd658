// --resume and --resume-failed: which tasks an earlier run has left to do, by what they are, not by where they stood.

/// Built line by line from a joblog; then asked once for every task, in order.
struct ResumePlan: Sendable {
    enum Decision: Equatable, Sendable {
        case skip
        case run
        /// It failed before.
        case rerun
    }

    private struct Record {
        var succeeded = 0
        /// Failures that no later line took the place of.
        var failed = 0
    }

    let mode: KeepingPlan.Resume
    private var records: [ContentKey: Record] = [:]
    /// What stood at a number, to tell a changed task from a new one.
    private var keys: [Int: ContentKey] = [:]

    /// What came of the tasks that were decided on.
    struct Counts: Equatable, Sendable {
        var skipped = 0
        var changed = 0
        var left = 0

        /// "90 skipped, 2 changed, 10 left".
        var summary: String { "\(skipped) skipped, \(changed) changed, \(left) left" }
    }

    private(set) var counts = Counts()

    init(_ mode: KeepingPlan.Resume, _ lines: some Sequence<JobLogLine> = []) {
        self.mode = mode
        for line in lines { add(line) }
    }

    mutating func add(_ line: JobLogLine) {
        guard mode != .nothing else { return }
        var record = records[line.key] ?? Record()
        if line.isRerun { record.failed = max(0, record.failed - 1) }
        if line.hasSucceeded { record.succeeded += 1 } else { record.failed += 1 }
        records[line.key] = record
        keys[line.sequence] = line.key
    }

    /// Equal inputs are as many tasks as there are of them.
    mutating func decide(_ key: ContentKey, sequence: Int) -> Decision {
        guard mode != .nothing else { return .run }
        let former = keys.removeValue(forKey: sequence)
        guard var record = records[key] else {
            counts.left += 1
            // Where another task stood, and that one did not just move elsewhere: nobody can know without reading on, so it counts as changed.
            if former != nil { counts.changed += 1 }
            return .run
        }
        defer { records[key] = record }
        if record.succeeded > 0 {
            record.succeeded -= 1
            counts.skipped += 1
            return .skip
        }
        guard record.failed > 0 else {
            counts.left += 1
            return .run
        }
        record.failed -= 1
        if mode == .ended {
            counts.skipped += 1
            return .skip
        }
        counts.left += 1
        return .rerun
    }
}
