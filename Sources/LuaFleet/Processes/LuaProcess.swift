// One process for one script, with a pipe to it: what multiprocessing.Process is in Python.
import Glibc
import LuaFleetCore
import LuaFleetWire
import NIOConcurrencyHelpers

/// A process that runs one script once. The script has the other end of the pipe as `fleet.pipe`.
///
/// ```swift
/// let process = LuaProcess(.source("local n = fleet.pipe:recv() fleet.pipe:send(n * 2)"))
/// try await process.start()
/// try await process.send(21)
/// let answer = try await process.receive(Int.self)     // 42
/// try await process.join()                             // 0
/// ```
///
/// Thread-safe. A process that is dropped while it runs is killed.
public final class LuaProcess: Sendable {
    private struct State {
        var isStarted = false
        var pool: LuaPool?
        var task: TaskHandle?
        var pid: Int32?
        var status: Int32?
        var outcome: TaskOutcome?
        var ending: Task<Void, Never>?
    }

    /// For messages, and whatever the app likes. Default: `process-1`, `process-2`, …
    public let name: String
    private let script: LuaScript
    private let arguments: [any Encodable & Sendable]
    private let configuration: LuaPoolConfiguration
    /// The host's end and the script's.
    private let pipe: NIOLockedValueBox<LuaPipe?>
    private let state = NIOLockedValueBox(State())
    private static let count = NIOLockedValueBox(0)

    /// A process that has not started.
    ///
    /// - Parameters:
    ///   - script: a script, or a function of one.
    ///   - arguments: its arguments.
    ///   - name: default: a number.
    ///   - configuration: of its pool of one worker: the worker executable, limits, the logger; default: the defaults. A grace period does not count.
    public init(
        _ script: LuaScript, _ arguments: any Encodable & Sendable..., name: String? = nil,
        configuration: LuaPoolConfiguration = LuaPoolConfiguration(workers: 1)
    ) {
        self.script = script
        self.arguments = arguments
        self.name = name ?? "process-\(Self.count.withLockedValue { $0 += 1; return $0 })"
        self.configuration = configuration
        pipe = NIOLockedValueBox(nil)
    }

    deinit {
        state.withLockedValue { $0.task }?.cancel()
    }

    /// Starts the process and the script in it. Returns when the process is there.
    ///
    /// - Throws: ``LuaFleetError`` with code `setup` when it was started before, or cannot be; with `notEncodable` for its arguments.
    public func start() async throws {
        let isFirst = state.withLockedValue { state in
            defer { state.isStarted = true }
            return !state.isStarted
        }
        guard isFirst else { throw LuaFleetError(code: .setup, message: "\(name) was started before") }
        let pipe = try LuaPipe()
        var configuration = configuration
        configuration.workers = 1
        configuration.minimumWorkers = nil
        configuration.isolation = .shared
        configuration.gracePeriod = .zero  // `kill` is one
        configuration.initializer = LuaPreparation(.source("fleet.pipe = ..."), [pipe.second.value])
        let pool = try await LuaPool(configuration)
        do {
            // The worker is there, since it has run the initializer; a moment later it may be gone.
            let pid = await pool.workerPids.first
            let task: LuaTask<LuaResults> = try pool.submit(script, arguments, nil)
            self.pipe.withLockedValue { $0 = pipe }
            let state = state
            // Not self: whoever drops the process ends it.
            let ending = Task {
                let outcome = await task.handle.outcome
                try? pipe.second.close()
                await pool.terminate()
                state.withLockedValue { state in
                    state.outcome = outcome
                    state.status = Self.status(outcome.end)
                }
            }
            state.withLockedValue { state in
                state.pool = pool
                state.task = task.handle
                state.pid = pid
                state.ending = ending
            }
        } catch {
            await pool.terminate()
            throw error
        }
    }

    /// As Python's `exitcode`.
    private static func status(_ end: TaskEnd) -> Int32 {
        switch end {
        case .answered: 0
        case .workerDied(let exit):
            switch exit.reason {
            case .status(let status): status
            case .signal(let signal): -signal
            }
        case .cancelled, .timedOut: -SIGKILL
        default: 1
        }
    }

    // MARK: The pipe

    private var end: LuaConnection {
        get throws {
            guard let pipe = pipe.withLockedValue({ $0 }) else {
                throw LuaFleetError(code: .setup, message: "\(name) was not started")
            }
            return pipe.first
        }
    }

    /// Sends a value to the script, which receives it from `fleet.pipe`.
    public func send(_ value: some Encodable & Sendable) async throws {
        try await end.send(value)
    }

    /// The next value that the script sends; nil when it has ended and all was received.
    public func receive<R: Decodable & Sendable>(_ type: R.Type = R.self, timeout: Duration? = nil) async throws -> R? {
        try await end.receive(R.self, timeout: timeout)
    }

    /// The host's end of the pipe, for ``waitForAny(_:timeout:)``.
    public var connection: LuaConnection { get throws { try end } }

    // MARK: Its life

    /// Waits until the process has ended.
    ///
    /// - Parameter timeout: default: as long as it takes.
    /// - Returns: ``exitStatus``; nil when the time is over.
    /// - Throws: ``LuaFleetError`` with code `setup` when it was not started; `CancellationError`.
    @discardableResult
    public func join(timeout: Duration? = nil) async throws -> Int32? {
        guard let ending = state.withLockedValue({ $0.ending }) else {
            throw LuaFleetError(code: .setup, message: "\(name) was not started")
        }
        let ended = try LuaEvent()
        let watch = Task {
            await ending.value
            try ended.set()
        }
        defer { watch.cancel() }
        try await ended.wait(timeout: timeout)
        return exitStatus
    }

    /// SIGTERM: the process ends with status -15.
    public func terminate() {
        let pid = state.withLockedValue { $0.status == nil && $0.outcome == nil ? $0.pid : nil }
        // Not reaped as far as is known: the number is still its own.
        if let pid { Glibc.kill(pid, SIGTERM) }
    }

    /// SIGKILL: the process ends with status -9, whatever it is doing.
    public func kill() {
        state.withLockedValue { $0.task }?.cancel()
    }

    /// Its process; nil before it starts.
    public var pid: Int32? { state.withLockedValue { $0.pid } }

    /// nil while it has not ended; 0 when the script returned; 1 when it raised; what it gave to `os.exit`; or -n when signal n ended it.
    public var exitStatus: Int32? { state.withLockedValue { $0.status } }

    /// Whether it has started and not ended.
    public var isRunning: Bool { state.withLockedValue { $0.ending != nil && $0.status == nil } }

    /// What the script returned, or why it did not; nil while it has not ended.
    public var result: Result<LuaResults, any Error>? {
        let (outcome, pool) = state.withLockedValue { ($0.outcome, $0.pool) }
        guard let outcome, let pool else { return nil }
        if let failure = pool.failure(of: outcome, script: script, index: 1) { return .failure(failure) }
        guard case .values(let bytes) = outcome.answer else { return nil }
        return withExtendedLifetime(outcome.extras.references) { Result { try pool.result(bytes, of: script) } }
    }

    /// What it wrote to standard output and standard error; empty while it has not ended.
    public var standardOutput: [UInt8] { state.withLockedValue { $0.outcome?.extras.standardOutput ?? [] } }
    public var standardError: [UInt8] { state.withLockedValue { $0.outcome?.extras.standardError ?? [] } }
}
