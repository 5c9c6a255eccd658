// A task that was handed to a pool and is waited for later, if at all.
import LuaFleetCore
import LuaFleetWire

/// Where a task is in its life.
public enum LuaTaskState: String, Sendable, Hashable, CaseIterable {
    /// It waits for a worker, or for its next attempt.
    case pending
    /// It was sent to a worker.
    case running
    case done
    /// The script raised, or the fleet could not do it.
    case failed
    case cancelled
    case timedOut
    /// Its worker died under it.
    case died

    /// Whether it has ended, by whatever way.
    public var isCompleted: Bool { self != .pending && self != .running }
}

/// A task of a pool: what `AsyncResult` and `concurrent.futures.Future` are in Python. Thread-safe. It ends exactly once, also when its pool is terminated or dropped.
///
/// ```swift
/// let task: LuaTask<Int> = try await pool.submit(tasks.function("slow"), 3)
/// let value = try await task.value
/// ```
public final class LuaTask<Value: Decodable & Sendable>: Sendable, Identifiable {
    let handle: TaskHandle
    // Not the pool: a handle would keep a pool alive that its app has dropped, and never end.
    private let reader: OutcomeReader
    private let callbacks: CallbackThread
    private let script: LuaScript

    init(_ handle: TaskHandle, of pool: LuaPool, script: LuaScript) {
        self.handle = handle
        self.reader = pool.reader
        self.callbacks = pool.callbacks
        self.script = script
    }

    public var state: LuaTaskState { handle.state }

    /// The task's value, when it has ended. Cancelling the Swift task that waits here does not cancel the Lua task, as with Swift's own `Task`.
    ///
    /// - Throws: ``LuaError`` or ``LuaFleetError``, why it has none.
    public var value: Value {
        get async throws { try await result.get() }
    }

    /// What became of it, when it has ended.
    public var result: Result<Value, any Error> {
        get async { read(await handle.outcome) }
    }

    /// What became of it, or nil while it has not ended.
    public var resultIfCompleted: Result<Value, any Error>? {
        handle.outcomeIfEnded.map(read)
    }

    /// Ends the task, whatever it is doing: one that waits vanishes, one that runs is killed with its worker, which is replaced, at once or at the end of a ``LuaPoolConfiguration/gracePeriod``. A task that has ended stays as it is.
    public func cancel() {
        handle.cancel()
    }

    /// Calls `body` when the task has ended, at once if it has. Callbacks run one after the other on a thread of the pool that does nothing else: a slow one delays other
    /// callbacks and no task.
    public func onCompletion(_ body: @escaping @Sendable (Result<Value, any Error>) -> Void) {
        let (callbacks, read) = (callbacks, self.read)
        handle.whenEnded { outcome in callbacks.run { body(read(outcome)) } }
    }

    /// What the script says while it runs, in order: `fleet.progress`, `fleet.send`, `fleet.log`. Ends with the task. For one reader. Up to 1,024 messages are kept until the first
    /// call, and while nobody reads.
    public var messages: AsyncStream<LuaTaskMessage> { handle.messages }

    private func read(_ outcome: TaskOutcome) -> Result<Value, any Error> {
        if let failure = reader.failure(of: outcome, script: script, index: 1) { return .failure(failure) }
        guard case .values(let bytes) = outcome.answer else {
            return .failure(LuaFleetError(code: .protocolViolation, message: "the worker answered nothing"))
        }
        return withExtendedLifetime(outcome.extras.references) { Result { try reader.result(bytes, of: script) } }
    }
}

extension LuaPool {
    /// Hands a task to the pool and returns at once. What `apply_async` and `submit` do in Python.
    ///
    /// - Throws: ``LuaFleetError`` where the script cannot be read or an argument cannot be sent. What goes wrong later is the task's ``LuaTask/result``.
    public func submit<R: Decodable & Sendable>(
        _ script: LuaScript, _ arguments: any Encodable & Sendable..., limits: LuaLimits? = nil,
        returning type: R.Type = R.self
    ) async throws -> LuaTask<R> {
        try submit(script, arguments, limits)
    }

    /// The same for all results of the task.
    public func submit(
        _ script: LuaScript, _ arguments: any Encodable & Sendable..., limits: LuaLimits? = nil
    ) async throws -> LuaTask<LuaResults> {
        try submit(script, arguments, limits)
    }

    func submit<R>(
        _ script: LuaScript, _ arguments: [any Encodable & Sendable], _ limits: LuaLimits?
    ) throws -> LuaTask<R> {
        var request = try request(script) { try LuaMessage.encode(arguments: arguments, into: &$0) }
        if let limits {
            request.policy.wallTime = limits.wallTime
            request.policy.queueTime = limits.queueTime
        }
        let handle = TaskHandle(shell: shell)
        handle.submit(request)
        return LuaTask(handle, of: self, script: script)
    }
}
