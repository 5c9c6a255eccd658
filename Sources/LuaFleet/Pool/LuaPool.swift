// The pool: worker processes that run Lua tasks, as an app sees them.
import LuaFleetCore
import LuaFleetWire
import NIOCore
import NIOPosix

/// A pool of worker processes, each with a Lua interpreter of its own. What `multiprocessing.Pool` is to Python.
///
/// ```swift
/// try await withLuaPool(LuaPoolConfiguration(workers: 4)) { pool in
///     let six: Int = try await pool.call(.source("return 2 * 3"))
///     let squares: [Int] = try await pool.map(.file("tasks.lua").function("square"), 1...1000)
/// }
/// ```
///
/// Thread-safe. A worker that crashes, exits or is killed fails its own task and is replaced. Close the pool (``close()``, ``terminate()``, or the end of
/// ``withLuaPool(_:_:)``); one that is dropped without is terminated.
///
/// The pool is a guest in its app: it forks nothing, handles no signal but SIGPIPE (which SwiftNIO ignores), waits for no process that is not
/// its own, and leaves directory and environment alone.
public final class LuaPool: Sendable {
    /// What the pool was made with.
    public let configuration: LuaPoolConfiguration
    let shell: PoolShell
    private let group: MultiThreadedEventLoopGroup
    private let executable: String

    /// The processors that this process may use.
    public static var defaultWorkerCount: Int { Processors.current.usable }

    /// Starts the fork server and asks for the workers, and returns when the server has said hello.
    ///
    /// - Throws: ``LuaFleetError`` with code `setup` when the worker executable is missing, no worker, or of another version.
    public init(_ configuration: LuaPoolConfiguration = LuaPoolConfiguration()) async throws(LuaFleetError) {
        guard configuration.workers >= 1 else {
            throw LuaFleetError(code: .setup, message: "a pool needs at least 1 worker, not \(configuration.workers)")
        }
        let executable = try Self.findWorker(configured: configuration.workerExecutable)
        let program = try configuration.workerProgram(executable)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.configuration = configuration
        self.executable = executable
        self.group = group
        shell = PoolShell(
            loop: group.next(), program: program,
            core: PoolCore(configuration: PoolCoreConfiguration(workers: configuration.workers)),
            resultLimit: UInt32(ValueLimits.standard.bytes) + 4096, logger: configuration.logger)
        let shell = shell
        let failure: SetupFailure? = await withCheckedContinuation { continuation in
            shell.loop.execute { shell.open { continuation.resume(returning: $0) } }
        }
        if let failure {
            await terminate()
            throw .setup(failure, executable: executable)
        }
    }

    deinit {
        let (shell, group) = (shell, group)
        shell.loop.execute {
            // The shell is kept until it has closed: nobody else does, and then the loop's thread would stay for ever.
            shell.close(terminating: true) { withExtendedLifetime(shell) { group.shutdownGracefully { _ in } } }
        }
    }

    /// Takes no more tasks, waits until those there are have ended, and ends the workers. Closing twice is fine.
    public func close() async {
        await end(terminating: false)
    }

    /// Takes no more tasks and kills the workers; tasks that have not ended fail with code `poolClosed`.
    public func terminate() async {
        await end(terminating: true)
    }

    private func end(terminating: Bool) async {
        let shell = shell
        await withCheckedContinuation { continuation in
            shell.loop.execute { shell.close(terminating: terminating) { continuation.resume() } }
        }
    }

    /// The process IDs of the workers that are ready, in no order.
    public var workerPids: [Int32] {
        get async {
            let shell = shell
            return await withCheckedContinuation { continuation in
                shell.loop.execute { continuation.resume(returning: shell.workerPids) }
            }
        }
    }

    // MARK: Inside

    /// A script with its arguments, ready to be sent.
    func request(
        _ script: LuaScript, index: UInt64 = 1, setsArg: Bool = false, encode: (inout ValueWriter) throws -> Void
    ) throws(LuaFleetError) -> TaskRequest {
        let content = try script.origin.content()
        let payload: TaskPayload
        do {
            payload = try TaskPayload(function: Array((script.functionName ?? "").utf8), encode: encode)
        } catch {
            throw .notSent(error, to: script)
        }
        return TaskRequest(
            script: content, payload: payload, isolation: configuration.taskIsolation, setsArg: setsArg,
            limits: TaskLimits(wallTime: configuration.effectiveLimits.wallTime), index: index)
    }

    /// Runs one task; a cancelled Swift task cancels it.
    func outcome(of request: TaskRequest) async -> TaskOutcome {
        let waiter = SingleWaiter(shell: shell)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter.submit(request, $0) }
        } onCancel: {
            waiter.cancel()
        }
    }

    /// What is wrong with an outcome, or nil.
    func failure(of outcome: TaskOutcome, script: LuaScript, index: Int) -> (any Error)? {
        OutcomeReader(executable: executable, limits: configuration.effectiveLimits).failure(
            of: outcome, script: script, index: index)
    }
}

/// Makes a pool, runs `body` with it, and closes it: waits for its tasks when `body` returns, terminates them when it throws.
///
/// - Throws: what `body` throws; ``LuaFleetError`` with code `setup` when there can be no pool.
public func withLuaPool<R: Sendable>(
    _ configuration: LuaPoolConfiguration = LuaPoolConfiguration(), _ body: (LuaPool) async throws -> R
) async throws -> R {
    let pool = try await LuaPool(configuration)
    do {
        let result = try await body(pool)
        await pool.close()
        return result
    } catch {
        await pool.terminate()
        throw error
    }
}

/// Waits for one task.
private final class SingleWaiter: TaskWaiter, @unchecked Sendable {  // touched on the pool's event loop only
    private let shell: PoolShell
    private var continuation: CheckedContinuation<TaskOutcome, Never>?
    private var task: TaskID?
    private var isCancelled = false

    init(shell: PoolShell) {
        self.shell = shell
    }

    func submit(_ request: TaskRequest, _ continuation: CheckedContinuation<TaskOutcome, Never>) {
        shell.loop.execute {
            guard !self.isCancelled else { return continuation.resume(returning: TaskOutcome(end: .cancelled)) }
            self.continuation = continuation
            let task = self.shell.submit(request, waiter: self)
            if self.continuation != nil { self.task = task }
        }
    }

    func cancel() {
        shell.loop.execute {
            self.isCancelled = true
            if let task = self.task { self.shell.cancel(task) }
        }
    }

    func taskEnded(_ outcome: TaskOutcome, tag: Int) {
        let continuation = continuation
        self.continuation = nil
        task = nil
        continuation?.resume(returning: outcome)
    }
}
