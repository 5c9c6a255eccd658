// What happens in a pool, as it happens.
import LuaFleetCore

/// An event of a pool; see ``LuaPool/events``. Open: later releases may add cases.
public enum LuaPoolEvent: Sendable {
    /// A worker process said that it is ready. `worker` is its slot, from 1.
    case workerStarted(worker: Int, pid: Int32)
    /// A worker process is gone.
    case workerEnded(worker: Int, pid: Int32, LuaWorkerEnd)
    /// Tasks were handed to the pool: their numbers in the pool, from 1, and their script.
    case tasksQueued(ClosedRange<Int>, script: String)
    /// A task was sent to a worker. `attempt` is from 1.
    case taskStarted(number: Int, worker: Int, attempt: Int)
    /// A task called `fleet.progress`, `fleet.send` or `fleet.log`.
    case taskSaid(number: Int, LuaTaskMessage)
    /// A task ended for good; `failure` is the word of its code (`timeout`, `worker_died`, …), nil: it returned.
    case taskEnded(number: Int, failure: String?)
}

/// Why a worker process ended.
public enum LuaWorkerEnd: Sendable, Hashable {
    /// By itself, or by a signal that somebody else sent.
    case exited(LuaWorkerExit)
    /// Its task was cancelled, ran past its limit, or the worker broke the protocol.
    case killed(reason: String)
    /// It did not begin what it was sent, and was killed.
    case stuck
    /// After as many tasks as ``LuaPoolConfiguration/recycle`` lets a worker do.
    case recycledAfterTasks(Int)
    /// It held so much memory, more than ``LuaPoolConfiguration/recycle`` lets it.
    case recycledAboveBytes(Int)
    /// It had nothing to do for ``LuaPoolConfiguration/idleTimeout``.
    case idle
    /// The pool was made smaller.
    case resized
    /// The pool closed.
    case closed
    /// It did not become ready: not in time, or its initializer failed, or the system refused it.
    case failedToStart
    /// Its fork server ended, and it with that one.
    case forkServerEnded

    init(_ end: WorkerEnd) {
        switch end {
        case .exited(let exit): self = .exited(LuaWorkerExit(exit))
        case .killed(let reason): self = .killed(reason: reason.word)
        case .stuck: self = .stuck
        case .recycledAfterTasks(let count): self = .recycledAfterTasks(Int(count))
        case .recycledAboveBytes(let bytes): self = .recycledAboveBytes(Int(clamping: bytes))
        case .idle: self = .idle
        case .resized: self = .resized
        case .closed: self = .closed
        case .notStarted, .failedToStart: self = .failedToStart
        case .serverEnded: self = .forkServerEnded
        }
    }
}

/// What a worker's finalizer returned.
public struct LuaFinalizerResult: Sendable {
    /// The worker's slot, from 1. A slot has as many results as workers that lived in it.
    public var worker: Int
    public var results: LuaResults
}

extension TaskEnd {
    /// The word of the error's code, as in ``LuaFleetError/Code/kind``; `script` where the script raised.
    var word: String {
        switch self {
        case .answered: "ok"
        case .failed(let failure):
            switch failure {
            case .scriptError, .loadError, .noFunction: "script"
            case .memoryLimit: "memory_limit"
            case .notEncodable: "not_encodable"
            case .resultLimit: "result_limit"
            case .outputLimit: "output_limit"
            case .instructionLimit: "instruction_limit"
            case .badMessage: "protocol"
            }
        case .timedOut, .queueTimedOut: "timeout"
        case .cancelled: "cancelled"
        case .workerDied, .quarantined, .forkServerDied: "worker_died"
        case .notForked, .setupFailed: "setup"
        case .protocolViolation: "protocol"
        case .poolTerminated: "pool_closed"
        }
    }
}
