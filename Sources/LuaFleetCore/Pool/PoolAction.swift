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
    /// Ask its script, the task of this sequence number, to raise an error where it stands, for this reason; a kill follows if that does not end the task.
    case interruptWorker(WorkerID, sequence: UInt32, InterruptReason)
    /// The slot is vacant: forget the worker's connection.
    case dropWorker(WorkerID, WorkerEnd)
    /// Run the pool's initializer there.
    case initialize(WorkerID, sequence: UInt32, epoch: UInt32)
    /// Run the pool's finalizer there.
    case finalize(WorkerID, sequence: UInt32, epoch: UInt32)
    /// Send these tasks; the first one has this sequence number, the others the following ones.
    case send(TaskRange, to: WorkerID, sequence: UInt32, attempt: UInt32, epoch: UInt32)
    /// Take back whatever has not begun there: what is sent later names this epoch. Hand on what it has answered and not sent. Say `workerRecalled`.
    case recall(WorkerID, epoch: UInt32)
    /// Look at how far it has come, hand on what it has answered and not sent. Say `workerInspected`.
    case inspect(WorkerID)
    /// Read how much memory its process holds. Say `workerMeasured`.
    case measure(WorkerID)
    /// These tasks ended so, and will be started again: what they had said does not count.
    case repeated(TaskRange, TaskEnd, worker: WorkerID?)
    /// Hand the tasks to their waiter and forget them.
    case finish(TaskRange, TaskEnd, worker: WorkerID?)
    /// The pool can take tasks.
    case opened
    /// Nothing is left: no task, no worker, no server.
    case closed
}

/// Why a worker is no more. A closed set.
package enum WorkerEnd: Equatable, Sendable {
    /// It ended by itself, or somebody else's signal ended it.
    case exited(ProcessExit)
    /// It was killed because its task ended so.
    case killed(TaskEnd)
    /// It did not begin what it was sent, and was killed.
    case stuck
    /// It had done as many tasks as a worker may.
    case recycledAfterTasks(UInt32)
    /// It held more memory than a worker may.
    case recycledAboveBytes(UInt64)
    /// It had nothing to do for as long as a pool keeps such a worker.
    case idle
    /// The pool was made smaller.
    case resized
    /// The pool closed.
    case closed
    /// It never was one: the server could not fork; an errno value.
    case notStarted(Int32)
    /// It was not ready in time, or its initializer failed.
    case failedToStart
    /// Its fork server ended, and it with that one.
    case serverEnded
}
