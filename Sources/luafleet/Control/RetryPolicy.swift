// --retries: whether a task that has failed is tried again. The one place that decides it.

/// GNU parallel's N: how often a task is tried in all, not how often again; 0 is for ever.
struct RetryPolicy: Equatable, Sendable {
    /// Nil: until it succeeds.
    var tries: Int? = 1

    /// `attempts` have been made, the last one ended as `kind`.
    func retries(after kind: Failure.Kind, attempts: Int) -> Bool {
        switch kind {
        // What was never started, or was stopped on purpose, does not get better.
        case .cancelled, .setup: false
        default: tries.map { attempts < $0 } ?? true
        }
    }
}
