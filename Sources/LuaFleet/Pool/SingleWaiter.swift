// Waits for one task.
import LuaFleetCore

/// Touched on the pool's event loop, but for what is set before the task is enqueued.
final class SingleWaiter: TaskWaiter, @unchecked Sendable {  // one thread at a time, see above
    private let shell: PoolShell
    /// Unchecked: the checks cost each call an object, and a task ends exactly once.
    private var continuation: UnsafeContinuation<TaskOutcome, Never>?
    private var batch: BatchID?
    private var isCancelled = false

    init(shell: PoolShell) {
        self.shell = shell
    }

    func wait(for request: TaskRequest, _ continuation: UnsafeContinuation<TaskOutcome, Never>) {
        self.continuation = continuation  // nobody else knows of it until the next line
        shell.enqueue(request, waiter: self)
    }

    func cancel() {
        shell.loop.execute {
            self.isCancelled = true
            if let batch = self.batch { self.shell.cancel([batch]) }
        }
    }

    func tasksSubmitted(as batch: BatchID, first: Int) {
        self.batch = batch
        if isCancelled { shell.loop.execute { self.shell.cancel([batch]) } }
    }

    func taskEnded(_ outcome: TaskOutcome, task: Int) {
        let continuation = continuation
        self.continuation = nil
        continuation?.resume(returning: outcome)
    }
}
