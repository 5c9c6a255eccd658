// What the core asks the shell to do. Small, imperative, independent of each other; done in order.
import LuaFleetWire

package enum PoolAction: Equatable, Sendable {
    /// Spawn the worker executable as fork server.
    case launchServer
    /// Close the control socket, see to it that the process is gone, say `serverEnded`.
    case stopServer
    /// Ask the server for a worker.
    case startWorker(WorkerID)
    /// Ask the server for its SIGKILL.
    case killWorker(WorkerID)
    /// The slot is vacant: forget the worker's connection.
    case dropWorker(WorkerID)
    /// Send the task.
    case send(TaskID, to: WorkerID, sequence: UInt32, attempt: UInt32)
    /// Hand the task to its waiter and forget it.
    case finish(TaskID, TaskEnd, worker: WorkerID?)
    /// The pool can take tasks.
    case opened
    /// Nothing is left: no task, no worker, no server.
    case closed
}
