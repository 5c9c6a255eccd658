// What the shell keeps of tasks while the core decides about them, and whom it tells when they end.
import LuaFleetCore
import LuaFleetWire
import NIOCore

/// Who waits for tasks. Called on the event loop, and must not block. `task` is the number that the task was submitted with.
protocol TaskWaiter: AnyObject, Sendable {
    /// Exactly once for each task, unless it is part of a run.
    func taskEnded(_ outcome: TaskOutcome, task: Int)
    /// Several tasks returned, and nothing else is to be said of them.
    func tasksReturned(_ run: ReturnedRun)
    /// The task wrote something, where the waiter asked for that (`hearsOutput`): the outcome does not repeat it.
    func taskWrote(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream, task: Int)
    /// `fleet.progress`, `fleet.send`, `fleet.log`.
    func taskSaid(_ message: TaskMessage, task: Int)
    /// They are the core's now, under this name; `first` is the number of the first.
    func tasksSubmitted(as batch: BatchID, first: Int)
    /// The last task of the batch has ended.
    func batchEnded(first: Int)
    /// They were sent to a worker.
    func tasksStarted(_ tasks: Range<Int>, worker: Int, attempt: Int)
    /// They ended there, and wait for their next attempt.
    func tasksQueuedAgain(_ tasks: Range<Int>)
    var hearsOutput: Bool { get }
    /// True: it has more of what was written than it can keep; the worker is to wait until `body` is called.
    func isFull(_ body: @escaping @Sendable () -> Void) -> Bool
}

extension TaskWaiter {
    func tasksReturned(_ run: ReturnedRun) {
        for (offset, outcome) in run.outcomes().enumerated() { taskEnded(outcome, task: run.first + offset) }
    }
    func taskWrote(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream, task: Int) {}
    func taskSaid(_ message: TaskMessage, task: Int) {}
    func tasksSubmitted(as batch: BatchID, first: Int) {}
    func batchEnded(first: Int) {}
    func tasksStarted(_ tasks: Range<Int>, worker: Int, attempt: Int) {}
    func tasksQueuedAgain(_ tasks: Range<Int>) {}
    var hearsOutput: Bool { false }
    func isFull(_ body: @escaping @Sendable () -> Void) -> Bool { false }
}

/// What a script said while it ran: an encoded message of the function's arguments.
struct TaskMessage: Sendable {
    /// A closed set; the numbers are those of LuaVM.
    enum Kind: UInt8, Sendable {
        case progress = 1
        case send = 2
        case log = 3
    }

    var kind: Kind
    var bytes: [UInt8]
}

/// Tasks that follow each other and returned, with their messages of results back to back.
struct ReturnedRun: Sendable {
    /// The number of the first task.
    var first: Int
    var count: Int
    var messages: ByteBuffer
    /// Of each, where they were answered together their mean.
    var nanoseconds: UInt64
    var attempts: UInt32
    var worker: Int
    var pid: Int32

    /// One by one.
    func outcomes() -> [TaskOutcome] {
        var messages = messages
        return (0..<count).map { _ in
            var outcome = TaskOutcome(end: .answered)
            outcome.nanoseconds = nanoseconds
            outcome.attempts = attempts
            outcome.worker = worker
            outcome.pid = pid
            if let bytes = messages.readMessages(1) {
                outcome.answer = .values(Array(bytes.readableBytesView))
            } else {
                outcome.end = .protocolViolation(.malformed(.values))
            }
            return outcome
        }
    }
}

/// Tasks in the shell's table: those of one batch. A class, and unchecked: it is touched on the event loop only, several times for each task, and a copy would count the
/// references of all that is in it.
final class TaskRecord: @unchecked Sendable {  // made by whoever hands the tasks in, then the event loop's
    @exclusivity(unchecked) var request: TaskRequest
    let waiter: any TaskWaiter
    /// The number of the first task.
    let first: Int
    /// The number in the pool of the first task, from 1; 0 until they are submitted.
    @exclusivity(unchecked) var number = 0
    /// Tasks that have not ended.
    @exclusivity(unchecked) var open: UInt32
    /// Of tasks of which there is something to say before they end.
    @exclusivity(unchecked) var details: [UInt32: TaskOutcome] = [:]

    /// `first` is the number of the first task, for the waiter.
    init(_ request: TaskRequest, waiter: any TaskWaiter, first: Int = 0) {
        self.request = request
        self.waiter = waiter
        self.first = first
        open = request.count
    }
}
