// Several tasks at once: as they complete, or until enough of them have.
import NIOConcurrencyHelpers

/// When ``LuaTask/wait(_:until:timeout:)`` returns: `FIRST_COMPLETED`, `FIRST_EXCEPTION` and `ALL_COMPLETED` in Python.
public enum LuaWaitCondition: Sendable, Hashable {
    /// One of them has ended, by whatever way.
    case firstCompleted
    /// One of them has failed, or all have ended.
    case firstError
    case all
}

extension LuaTask {
    /// The tasks in the order in which they end, each once, also where it stands in the list twice.
    ///
    /// - Parameter timeout: from the first element that is asked for. Default nil: no limit. When it has passed the sequence throws ``LuaFleetError`` with code `timeout`; the
    ///   tasks go on.
    public static func asCompleted(
        _ tasks: [LuaTask<Value>], timeout: Duration? = nil
    ) -> AsyncThrowingStream<LuaTask<Value>, any Error> {
        let tasks = unique(tasks)
        return AsyncThrowingStream { continuation in
            guard !tasks.isEmpty else { return continuation.finish() }
            let left = NIOLockedValueBox(tasks.count)
            for task in tasks {
                task.handle.whenEnded { _ in
                    continuation.yield(task)
                    let isLast = left.withLockedValue {
                        $0 -= 1
                        return $0 == 0
                    }
                    if isLast { continuation.finish() }
                }
            }
            guard let timeout else { return }
            let timer = Task {
                try await Task.sleep(for: timeout)
                let count = left.withLockedValue { $0 }
                continuation.finish(
                    throwing: LuaFleetError(
                        code: .timeout, message: "\(count) of \(tasks.count) tasks have not ended within \(timeout)"))
            }
            continuation.onTermination = { _ in timer.cancel() }
        }
    }

    /// Waits for tasks. They are not touched: what has not ended when this returns goes on.
    ///
    /// - Parameters:
    ///   - condition: default `.all`.
    ///   - timeout: default nil, no limit.
    /// - Returns: those that have ended and those that have not, in the order of the list, each once.
    public static func wait(
        _ tasks: [LuaTask<Value>], until condition: LuaWaitCondition = .all, timeout: Duration? = nil
    ) async -> (done: [LuaTask<Value>], notDone: [LuaTask<Value>]) {
        let tasks = unique(tasks)
        if !tasks.isEmpty {
            let gate = WaitGate(count: tasks.count, condition)
            var timer: Task<Void, any Error>?
            if let timeout {
                timer = Task {
                    try await Task.sleep(for: timeout)
                    gate.open()
                }
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    gate.wait(continuation)
                    for task in tasks { task.handle.whenEnded { gate.ended(isFailure: $0.hasFailed) } }
                }
            } onCancel: {
                gate.open()
            }
            timer?.cancel()
        }
        var (done, notDone) = ([LuaTask<Value>](), [LuaTask<Value>]())
        for task in tasks { if task.state.isCompleted { done.append(task) } else { notDone.append(task) } }
        return (done, notDone)
    }

    private static func unique(_ tasks: [LuaTask<Value>]) -> [LuaTask<Value>] {
        var seen: Set<ObjectIdentifier> = []
        return tasks.filter { seen.insert(ObjectIdentifier($0)).inserted }
    }
}

/// Opens once, when enough tasks have ended or somebody says so.
private final class WaitGate: Sendable {
    private struct State {
        var left: Int
        var isOpen = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state: NIOLockedValueBox<State>
    private let condition: LuaWaitCondition

    init(count: Int, _ condition: LuaWaitCondition) {
        state = NIOLockedValueBox(State(left: count))
        self.condition = condition
    }

    func wait(_ continuation: CheckedContinuation<Void, Never>) {
        let isOpen = state.withLockedValue { state in
            if !state.isOpen { state.waiting = continuation }
            return state.isOpen
        }
        if isOpen { continuation.resume() }
    }

    func ended(isFailure: Bool) {
        let isEnough = state.withLockedValue { state in
            state.left -= 1
            switch condition {
            case .firstCompleted: return true
            case .firstError: return isFailure || state.left == 0
            case .all: return state.left == 0
            }
        }
        if isEnough { open() }
    }

    func open() {
        let waiting = state.withLockedValue { state in
            state.isOpen = true
            let waiting = state.waiting
            state.waiting = nil
            return waiting
        }
        waiting?.resume()
    }
}
