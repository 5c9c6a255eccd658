// The last line of a run in which several tasks failed: how many, of what.

struct FailureSummary: Equatable, Sendable {
    private var counts: [Failure.Kind: Int] = [:]
    private(set) var failed = 0
    private(set) var ended = 0

    mutating func taskEnded(_ kind: Failure.Kind?) {
        ended += 1
        guard let kind else { return }
        failed += 1
        counts[kind, default: 0] += 1
    }

    /// A task that was counted as a success could not be printed.
    mutating func taskTurnedOut(_ kind: Failure.Kind) {
        failed += 1
        counts[kind, default: 0] += 1
    }

    /// "3 of 100 tasks failed: 2 script error, 1 timeout"; nil where a line of its own says all of it.
    var line: String? {
        guard failed > 1 else { return nil }
        let kinds = Failure.Kind.allCases.compactMap { kind in counts[kind].map { (kind.title, $0) } }
            .sorted { $0.1 > $1.1 }
        return "\(failed) of \(ended) tasks failed: " + kinds.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
    }
}
