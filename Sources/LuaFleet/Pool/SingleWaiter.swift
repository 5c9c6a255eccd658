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

    /// Runs the one task of `record`, which has this waiter; a cancelled Swift task cancels it. (The record is made by the caller: what goes into an async function is copied.)
    func outcome(of record: TaskRecord) async -> TaskOutcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation {
                continuation = $0  // nobody else knows of it until the next line
                shell.enqueue(record)
            }
        } onCancel: {
            cancel()
        }
    }

    private func cancel() {
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
