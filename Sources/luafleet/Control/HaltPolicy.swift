// --halt: when a run stops before its inputs do, as GNU parallel says it.

/// "now,fail=1", read once; ``HaltCount`` counts against it.
struct HaltPolicy: Equatable, Sendable {
    enum When: String, CaseIterable, Sendable {
        /// Running tasks are killed.
        case now
        /// Running tasks finish, no new ones start.
        case soon
    }

    enum Why: String, CaseIterable, Sendable {
        case fail, success, done
    }

    enum Threshold: Equatable, Sendable {
        case count(Int)
        /// Of all tasks; decided when their number is known.
        case percent(Double)
    }

    var when: When
    var why: Why
    var threshold: Threshold

    var needsTotal: Bool {
        if case .percent = threshold { true } else { false }
    }

    /// Nil: "never". GNU parallel's short forms 0, 1, 2, -1, -2 and 5% are read, too.
    static func parse(_ text: String) throws(UsageError) -> HaltPolicy? {
        switch text {
        case "never", "0": return nil
        case "1": return HaltPolicy(when: .soon, why: .fail, threshold: .count(1))
        case "2": return HaltPolicy(when: .now, why: .fail, threshold: .count(1))
        case "-1": return HaltPolicy(when: .soon, why: .success, threshold: .count(1))
        case "-2": return HaltPolicy(when: .now, why: .success, threshold: .count(1))
        case _ where !text.contains(",") && text.hasSuffix("%"):
            return HaltPolicy(when: .soon, why: .fail, threshold: try threshold(text, of: text))
        default: break
        }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let malformed = UsageError("--halt \(text): not a condition (write now,fail=1 or soon,success=10%)")
        guard parts.count == 2 else { throw malformed }
        guard let when = When(rawValue: String(parts[0])) else {
            throw UsageError(
                "--halt \(text): '\(parts[0])' is no time: \(suggestion(for: String(parts[0]), in: When.allCases))")
        }
        let condition = parts[1].split(separator: "=", omittingEmptySubsequences: false)
        guard let name = condition.first, let why = Why(rawValue: String(name)) else {
            let name = String(condition.first ?? "")
            throw UsageError("--halt \(text): '\(name)' is no condition: \(suggestion(for: name, in: Why.allCases))")
        }
        guard condition.count == 2 else { throw malformed }
        return HaltPolicy(when: when, why: why, threshold: try threshold(String(condition[1]), of: text))
    }

    private static func threshold(_ text: String, of option: String) throws(UsageError) -> Threshold {
        if text.hasSuffix("%") {
            guard let percent = decimal(text.dropLast()), percent > 0, percent <= 100 else {
                throw UsageError("--halt \(option): '\(text)' is no percentage above 0% and up to 100%")
            }
            return .percent(percent)
        }
        guard let count = Int(text), count >= 1, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw UsageError("--halt \(option): '\(text)' is no number of tasks from 1 on")
        }
        return .count(count)
    }
}

/// How many tasks have ended how, against a policy.
struct HaltCount: Equatable, Sendable {
    private(set) var failed = 0
    private(set) var succeeded = 0

    mutating func taskEnded(failed isFailure: Bool) {
        if isFailure { failed += 1 } else { succeeded += 1 }
    }

    /// `total`: how many tasks there are, nil while that is not known.
    func hasReached(_ policy: HaltPolicy, total: Int?) -> Bool {
        let count =
            switch policy.why {
            case .fail: failed
            case .success: succeeded
            case .done: failed + succeeded
            }
        switch policy.threshold {
        case .count(let limit): return count >= limit
        case .percent(let percent):
            guard let total, total > 0, count > 0 else { return false }
            return Double(count) * 100 >= percent * Double(total)
        }
    }
}
