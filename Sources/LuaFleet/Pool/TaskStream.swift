// Many tasks at once with a bound on how many: fed from one side, emptied from the other, memory flat in between.
import DequeModule
import LuaFleetCore
import NIOConcurrencyHelpers

/// Between a feeder, the pool and a consumer.
///
/// A task is *outstanding* from the moment it is fed until the consumer has taken its outcome; the feeder waits while `window` are. So an endless input is read
/// no faster than its results are used, and a slow consumer costs no memory.
final class TaskStream: TaskWaiter, @unchecked Sendable {  // `state` is under its lock, `tasks` is the event loop's
    fileprivate struct State {
        var outstanding = 0
        var fed = 0
        var inputEnded = false
        var inputFailure: (any Error)?
        var isCancelled = false
        /// Ordered: by index. Unordered: by order of completion.
        var ready: [Int: TaskOutcome] = [:]
        var order: Deque<Int> = []  // unordered: indices in order of completion
        var nextIndex = 0
        var consumer: CheckedContinuation<Void, Never>?
        var feeder: CheckedContinuation<Void, Never>?
    }

    private let shell: PoolShell
    private let window: Int
    private let isOrdered: Bool
    private let state = NIOLockedValueBox(State())
    private var tasks: [Int: TaskID] = [:]
    private var lastEnded = -1

    init(shell: PoolShell, window: Int, isOrdered: Bool) {
        self.shell = shell
        self.window = max(1, window)
        self.isOrdered = isOrdered
    }

    // MARK: Feeding; one feeder

    /// Waits until there is room for a task. False: nobody wants any more.
    func waitForRoom() async -> Bool {
        while true {
            let (isCancelled, hasRoom) = state.withLockedValue { ($0.isCancelled, $0.outstanding < window) }
            if isCancelled { return false }
            if hasRoom { return true }
            await withCheckedContinuation { continuation in
                let resumeNow = state.withLockedValue { state in
                    if state.isCancelled || state.outstanding < window { return true }
                    state.feeder = continuation
                    return false
                }
                if resumeNow { continuation.resume() }
            }
        }
    }

    /// Hands a task to the pool; its index is the number of tasks before it.
    func feed(_ request: TaskRequest) {
        let index = state.withLockedValue { state in
            state.outstanding += 1
            state.fed += 1
            return state.fed - 1
        }
        shell.loop.execute {
            guard !self.state.withLockedValue({ $0.isCancelled }) else {
                return self.taskEnded(TaskOutcome(end: .cancelled), tag: index)
            }
            let task = self.shell.submit(request, waiter: self, tag: index)
            // Else it ended at once: there are no workers to be had.
            if self.lastEnded != index { self.tasks[index] = task }
        }
    }

    /// A task that failed before it could be sent.
    func feed(failed outcome: TaskOutcome) {
        let index = state.withLockedValue { state in
            state.outstanding += 1
            state.fed += 1
            return state.fed - 1
        }
        complete(outcome, index)
    }

    /// No more tasks; `failure`: the input threw.
    func inputEnded(_ failure: (any Error)? = nil) {
        let consumer = state.withLockedValue { state in
            state.inputEnded = true
            state.inputFailure = failure
            return state.takeConsumer()
        }
        consumer?.resume()
    }

    // MARK: Ends; from the pool

    func taskEnded(_ outcome: TaskOutcome, tag: Int) {
        tasks[tag] = nil
        lastEnded = tag
        complete(outcome, tag)
    }

    private func complete(_ outcome: TaskOutcome, _ tag: Int) {
        let consumer = state.withLockedValue { state -> CheckedContinuation<Void, Never>? in
            state.ready[tag] = outcome
            if !isOrdered { state.order.append(tag) }
            return isOrdered && tag != state.nextIndex ? nil : state.takeConsumer()
        }
        consumer?.resume()
    }

    // MARK: Taking; one consumer

    /// The next outcome and its index, or nil after the last one.
    ///
    /// - Throws: what the input threw, after the outcomes of everything before it.
    func next() async throws -> (index: Int, outcome: TaskOutcome)? {
        while true {
            let step = state.withLockedValue { $0.step(isOrdered: isOrdered) }
            switch step {
            case .outcome(let index, let outcome, let feeder):
                feeder?.resume()
                return (index, outcome)
            case .end(let failure):
                if let failure { throw failure }
                return nil
            case .wait:
                await withCheckedContinuation { continuation in
                    let resumeNow = state.withLockedValue { state in
                        if state.canStep(isOrdered: isOrdered) { return true }
                        state.consumer = continuation
                        return false
                    }
                    if resumeNow { continuation.resume() }
                }
            }
        }
    }

    /// Nobody wants the rest: tasks that wait vanish, those that run are killed.
    func cancel() {
        let (feeder, consumer) = state.withLockedValue { state in
            state.isCancelled = true
            let feeder = state.feeder
            state.feeder = nil
            return (feeder, state.takeConsumer())
        }
        feeder?.resume()
        consumer?.resume()
        shell.loop.execute {
            for task in self.tasks.values { self.shell.cancel(task) }
        }
    }
}

extension TaskStream.State {
    fileprivate enum Step {
        case outcome(Int, TaskOutcome, feeder: CheckedContinuation<Void, Never>?)
        case end((any Error)?)
        case wait
    }

    fileprivate mutating func takeConsumer() -> CheckedContinuation<Void, Never>? {
        let waiting = consumer
        consumer = nil
        return waiting
    }

    fileprivate func canStep(isOrdered: Bool) -> Bool {
        (isOrdered ? ready[nextIndex] != nil : !order.isEmpty) || inputEnded && outstanding == 0
    }

    fileprivate mutating func step(isOrdered: Bool) -> Step {
        let index: Int
        if isOrdered {
            index = nextIndex
        } else if let first = order.first {
            index = first
        } else {
            return inputEnded && outstanding == 0 ? .end(inputFailure) : .wait
        }
        guard let outcome = ready.removeValue(forKey: index) else {
            return inputEnded && outstanding == 0 ? .end(inputFailure) : .wait
        }
        outstanding -= 1
        if isOrdered {
            nextIndex += 1
        } else {
            order.removeFirst()
        }
        let waiting = feeder
        feeder = nil
        return .outcome(index, outcome, feeder: waiting)
    }
}
