// The pool: worker processes that run Lua tasks, as an app sees them.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire
import NIOConcurrencyHelpers
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
    /// Where callbacks run.
    let callbacks = CallbackThread()
    /// Of every task, unless a call says otherwise.
    private let policy: TaskPolicy
    private let isolation: WireIsolation
    let reader: OutcomeReader

    /// The processors that this process may use.
    public static var defaultWorkerCount: Int { Processors.current.usable }

    /// Starts the fork server and asks for the workers. Returns when the server has said hello or, where there is an initializer, when the first worker has run it.
    ///
    /// - Throws: ``LuaFleetError`` with code `setup` when a setting makes no sense, the worker executable is missing, no worker, or of another version, or the
    ///   initializer fails.
    public init(_ configuration: LuaPoolConfiguration = LuaPoolConfiguration()) async throws(LuaFleetError) {
        try configuration.check()
        let executable = try Self.findWorker(configured: configuration.workerExecutable)
        let settings = PoolShellSettings(
            program: try configuration.workerProgram(executable), resultLimit: configuration.frameLimit,
            resultForm: configuration.resultForm, outputLimit: configuration.outputBound,
            logger: configuration.logger, initializer: try configuration.initializer?.preparation(),
            finalizer: try configuration.finalizer?.preparation())
        let group: MultiThreadedEventLoopGroup
        do throws(SetupFailure) { group = try Self.makeGroup() } catch { throw .setup(error, executable: executable) }
        self.configuration = configuration
        self.executable = executable
        self.group = group
        policy = configuration.policy
        isolation = configuration.taskIsolation
        reader = OutcomeReader(executable: executable, limits: configuration.effectiveLimits)
        shell = PoolShell(loop: group.next(), settings: settings, core: PoolCore(configuration: configuration.core))
        let shell = shell
        let failure: SetupFailure? = await withCheckedContinuation { continuation in
            shell.loop.execute { shell.open { continuation.resume(returning: $0) } }
        }
        if let failure {
            await terminate()
            throw .setup(failure, executable: executable)
        }
    }

    private static let groupMaking = NIOLock()

    /// SwiftNIO ends the process where an event loop finds no descriptors. So they are looked for first, and by one pool at a time, lest two find the same ones.
    private static func makeGroup() throws(SetupFailure) -> MultiThreadedEventLoopGroup {
        groupMaking.lock()
        defer { groupMaking.unlock() }
        let missing = lfs_need_descriptors(descriptorsOfLoop)
        guard missing == 0 else { throw .hostResources(-missing) }
        return MultiThreadedEventLoopGroup(numberOfThreads: 1)
    }

    /// An event loop's: epoll, an event and a timer; and as many again for whoever else opens some meanwhile.
    private static let descriptorsOfLoop: Int32 = 6

    deinit {
        let (shell, group) = (shell, group)
        shell.loop.execute {
            // The shell is kept until it has closed: nobody else does, and then the loop's thread would stay for ever.
            shell.close(.terminating) { withExtendedLifetime(shell) { group.shutdownGracefully { _ in } } }
        }
    }

    /// Takes no more tasks, waits until those there are have ended, and ends the workers. Closing twice is fine. `close` and `join` in Python.
    public func close() async {
        await end(.draining)
    }

    /// Takes no more tasks and kills the workers; tasks that have not ended fail with code `poolClosed`.
    public func terminate() async {
        await end(.terminating)
    }

    /// How ``shutdown(_:)`` treats the tasks that are there.
    public enum Shutdown: Sendable, Hashable {
        /// They end as they would. What ``LuaPool/close()`` does.
        case drain
        /// Those that have not begun are cancelled, the others end as they would. `shutdown(cancel_futures=True)` in Python.
        case cancelQueued
        /// They are killed. What ``LuaPool/terminate()`` does.
        case kill
    }

    /// Takes no more tasks, and ends the pool in one of three ways. Returns when nothing is left of it.
    public func shutdown(_ way: Shutdown = .drain) async {
        switch way {
        case .drain: await end(.draining)
        case .cancelQueued: await end(.cancellingQueue)
        case .kill: await end(.terminating)
        }
    }

    /// Begins ``Shutdown/cancelQueued`` from a thread that is nobody's event loop, and returns when nothing that has not begun will begin; or after half a second, where the loop is
    /// held up by something that this thread may have to end.
    package func cancelQueued() {
        let (shell, isDone) = (shell, ConditionLock(value: false))
        shell.loop.execute {
            shell.close(.cancellingQueue) {}
            isDone.lock()
            isDone.unlock(withValue: true)
        }
        if isDone.lock(whenValue: true, timeoutSeconds: 0.5) { isDone.unlock() }
    }

    private func end(_ way: PoolEnd) async {
        let shell = shell
        await withCheckedContinuation { continuation in
            shell.loop.execute { shell.close(way) { continuation.resume() } }
        }
    }

    /// Changes the number of workers, at least 1; no task is lost. A smaller pool's workers end when they have done what they are doing.
    public func resize(to workers: Int) {
        resize(to: workers...workers)
    }

    /// The same for a pool that grows and shrinks with its work; see ``LuaPoolConfiguration/minimumWorkers``.
    public func resize(to workers: ClosedRange<Int>) {
        let shell = shell
        shell.share.workers = max(1, workers.upperBound)  // so that a stream that begins next has room for them
        shell.loop.execute { shell.resize(minimum: workers.lowerBound, maximum: workers.upperBound) }
    }

    /// What happens in the pool from now on: workers that come and go, tasks that are queued, start, progress and end. Ends when the pool has closed. Each call
    /// makes a stream of its own; one that is not read keeps the newest 65,536 events.
    public var events: AsyncStream<LuaPoolEvent> { shell.events.stream() }

    /// What the workers' finalizers have returned so far, in the order in which they ended: all of them after ``close()``.
    public var finalizerResults: [LuaFinalizerResult] { shell.events.finalizerResults }

    /// What the pool has done so far.
    public var statistics: LuaPoolStatistics {
        get async {
            let shell = shell
            return await withCheckedContinuation { continuation in
                shell.loop.execute {
                    continuation.resume(
                        returning: LuaPoolStatistics(shell.core, running: shell.runningTasks.count))
                }
            }
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

    /// A request for tasks of this script, without arguments.
    func template(
        _ script: LuaScript, index: UInt64 = 1, setsArg: Bool = false
    ) throws(LuaFleetError) -> TaskRequest {
        TaskRequest(
            script: try script.origin.content(), function: Array((script.functionName ?? "").utf8),
            arguments: .many(SlabArguments(bytes: ByteBuffer(), ends: [])), isolation: isolation,
            setsArg: setsArg, policy: policy, index: index)
    }

    /// A script with its arguments, ready to be sent.
    func request(
        _ script: LuaScript, index: UInt64 = 1, setsArg: Bool = false, encode: (inout ValueWriter) throws -> Void
    ) throws(LuaFleetError) -> TaskRequest {
        let (content, function) = (try script.origin.content(), Array((script.functionName ?? "").utf8))
        let payload: TaskPayload
        do {
            payload = try TaskPayload(function: function, encode: encode)
        } catch {
            throw .notSent(error, to: script)
        }
        return TaskRequest(
            script: content, function: function, arguments: .one(payload), isolation: isolation, setsArg: setsArg,
            policy: policy, index: index)
    }

    /// What is wrong with an outcome, or nil.
    func failure(of outcome: TaskOutcome, script: LuaScript, index: Int) -> (any Error)? {
        reader.failure(of: outcome, script: script, index: index)
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
