// What a task's handle is, whatever its value: its state, its end, and who wants to know of that.
import LuaFleetCore
import LuaFleetWire
import Synchronization

final class TaskHandle: TaskWaiter, @unchecked Sendable {  // `inner` is under its lock
    /// Messages that are kept while nobody reads them.
    private static let messageCapacity = 1024

    private struct Inner {
        var isRunning = false
        var isCancelled = false
        var batch: BatchID?
        var outcome: TaskOutcome?
        var waiting: [@Sendable (TaskOutcome) -> Void] = []
    }

    private let shell: PoolShell
    private let inner = Mutex(Inner())
    let messages: AsyncStream<LuaTaskMessage>
    private let messageSink: AsyncStream<LuaTaskMessage>.Continuation

    init(shell: PoolShell) {
        self.shell = shell
        (messages, messageSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.messageCapacity))
    }

    func submit(_ request: TaskRequest) {
        shell.enqueue(TaskRecord(request, waiter: self))
    }

    var state: LuaTaskState {
        inner.withLock { inner in
            if let outcome = inner.outcome { return LuaTaskState(outcome.end) }
            return inner.isRunning ? .running : .pending
        }
    }

    var outcomeIfEnded: TaskOutcome? { inner.withLock { $0.outcome } }

    var outcome: TaskOutcome {
        get async {
            await withCheckedContinuation { continuation in whenEnded { continuation.resume(returning: $0) } }
        }
    }

    /// Calls `body` once, at once where the task has ended, else on the event loop: it must not block.
    func whenEnded(_ body: @escaping @Sendable (TaskOutcome) -> Void) {
        let outcome = inner.withLock { inner in
            if inner.outcome == nil { inner.waiting.append(body) }
            return inner.outcome
        }
        if let outcome { body(outcome) }
    }

    func cancel() {
        let batch = inner.withLock { inner in
            inner.isCancelled = true
            return inner.outcome == nil ? inner.batch : nil
        }
        if let batch { shell.loop.execute { self.shell.cancel([batch]) } }
    }

    // MARK: From the pool

    func tasksSubmitted(as batch: BatchID, first: Int) {
        let isCancelled = inner.withLock { inner in
            inner.batch = batch
            return inner.isCancelled
        }
        if isCancelled { shell.loop.execute { self.shell.cancel([batch]) } }
    }

    func tasksStarted(_ tasks: Range<Int>, worker: Int, attempt: Int) {
        inner.withLock { $0.isRunning = true }
    }

    func tasksQueuedAgain(_ tasks: Range<Int>) {
        inner.withLock { $0.isRunning = false }
    }

    func taskEnded(_ outcome: TaskOutcome, task: Int) {
        let waiting = inner.withLock { inner in
            inner.outcome = outcome
            let waiting = inner.waiting
            inner.waiting = []
            return waiting
        }
        messageSink.finish()
        for body in waiting { body(outcome) }
    }

    func taskSaid(_ message: TaskMessage, task: Int) {
        if let message = LuaTaskMessage(message) { messageSink.yield(message) }
    }
}

extension LuaTaskState {
    init(_ end: TaskEnd) {
        switch end {
        case .answered: self = .done
        case .cancelled, .poolTerminated: self = .cancelled
        case .timedOut, .queueTimedOut: self = .timedOut
        case .workerDied, .quarantined, .forkServerDied: self = .died
        case .failed, .notForked, .protocolViolation, .setupFailed: self = .failed
        }
    }
}
