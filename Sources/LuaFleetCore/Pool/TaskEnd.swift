// How a task ends, as the core sees it: a closed set.
import LuaFleetWire

/// Exactly one of these for every task that was submitted.
package enum TaskEnd: Equatable, Sendable {
    /// The worker answered; the shell holds the values it sent.
    case answered
    /// The worker answered that it failed; the shell holds the message.
    case failed(WireFailure)
    /// Its deadline passed; it was killed.
    case timedOut(limit: Duration)
    /// It waited longer for a worker than it may.
    case queueTimedOut(limit: Duration)
    case cancelled
    /// The worker, or the task's own process, ended without an answer.
    case workerDied(ProcessExit)
    /// That many workers died under it, the last one so: it is set aside, though it might have been tried again.
    case quarantined(kills: UInt32, last: ProcessExit)
    /// The fork server ended, and every worker with it.
    case forkServerDied
    /// The task's process could not be made; an errno value.
    case notForked(Int32)
    /// The worker broke the protocol and was killed.
    case protocolViolation(ProtocolViolation)
    /// No worker can be had.
    case setupFailed(SetupFailure)
    /// The pool was terminated.
    case poolTerminated
}

/// Why there are no workers. A closed set; what happened in the words of the system is in it.
package enum SetupFailure: Error, Equatable, Sendable {
    /// The worker executable cannot be started; an errno value.
    case notExecutable(Int32)
    /// It ended before it said hello; how, and what it wrote.
    case endedEarly(ProcessExit?, output: [UInt8])
    /// It says things, but not LuaFleet's.
    case notAWorker(output: [UInt8])
    /// It is a worker of another protocol version.
    case otherVersion(release: String, protocolVersion: UInt32)
    /// It said nothing for this long.
    case silent(Duration)
    /// The fork server cannot fork; an errno value.
    case cannotFork(Int32)
    /// Workers ended before they were ready, this often in a row.
    case workersEndEarly(count: Int, last: ProcessExit?)
    /// It cannot become what its settings say.
    case notConfigured(ConfiguredMessage)
    /// The pool's initializer failed; the shell has put its message into words.
    case initializerFailed(String)
    /// Descriptors or sockets of the host ran out; an errno value.
    case hostResources(Int32)
}
