// What the shell keeps of a task while the core decides about it: bytes and a waiter.
import LuaFleetCore
import LuaFleetWire

/// A task as it is handed to the pool.
struct TaskRequest: Sendable {
    var script: LuaScriptContent
    var payload: TaskPayload
    var isolation: WireIsolation
    var setsArg = false
    var limits: TaskLimits
    /// What `fleet.task.index` says; from 1.
    var index: UInt64 = 1
}

/// Who waits for a task. Called on the event loop, exactly once, and must not block.
protocol TaskWaiter: AnyObject, Sendable {
    func taskEnded(_ outcome: TaskOutcome, tag: Int)
}

/// How a task ended, with all that is known of it.
struct TaskOutcome: Sendable {
    /// What the worker answered.
    enum Answer: Sendable {
        /// An encoded message of results.
        case values([UInt8])
        case failure(WireFailure, [UInt8])
    }

    var end: TaskEnd
    var answer: Answer?
    /// Keeps the shared objects in the results until they are decoded.
    var references: [SharedReference] = []
    var hasFailed: Bool {
        if end == .answered, case .values = answer { false } else { true }
    }
    var standardOutput: [UInt8] = []
    var standardError: [UInt8] = []
    /// The code of `os.exit`, where the script called it.
    var exitCode: Int32?
    /// From the start in the worker to the end there; for one that was killed, as the host saw it.
    var nanoseconds: UInt64 = 0
    var attempts: UInt32 = 0
    var worker: Int = 0
    var pid: Int32 = 0
    /// The encoded arguments of a task that failed and had short ones.
    var arguments: [UInt8] = []
}

/// A task in the shell's table.
struct TaskRecord {
    var request: TaskRequest
    var waiter: any TaskWaiter
    var tag: Int
    var outcome: TaskOutcome
    var sentAt: UInt64 = 0
}
