// Tasks with everything that is known of them afterwards: what command lines and test runners want.
import LuaFleetCore
import LuaFleetWire

/// A task to run: a script with arguments.
public struct LuaJob: Sendable {
    public var script: LuaScript
    public var arguments: [LuaValue]
    /// What `fleet.task.index` says. Default nil: its place among the jobs of its run, from 1.
    public var index: Int?
    /// What `fleet.task.attempt` says at its first start, at least 1: more where the app itself starts again what has failed. Default: 1.
    public var attempt = 1

    public init(_ script: LuaScript, _ arguments: [LuaValue] = []) {
        self.script = script
        self.arguments = arguments
    }
}

/// What a task has written, while it runs.
public struct LuaTaskOutput: Sendable {
    /// The task's number in its run, from 1.
    public var index: Int
    /// Standard error, else standard output.
    public var isError: Bool
    public var bytes: [UInt8]
}

/// What became of a task.
public struct LuaTaskReport: Sendable {
    /// Within its run, from 1.
    public var index: Int
    public var job: LuaJob
    /// All results, or ``LuaError`` or ``LuaFleetError``.
    public var result: Result<LuaResults, any Error>
    /// What the task wrote to standard output: `print`, `io.write`, C code, child processes.
    public var standardOutput: [UInt8]
    public var standardError: [UInt8]
    /// How long it ran.
    public var duration: Duration
    /// How often it was started.
    public var attempts: Int
    /// The worker's slot, from 1; 0: it never ran.
    public var worker: Int
    /// The process that ran it; 0: none.
    public var pid: Int32
    /// What it used of its budgets. Nil where nothing is measured: it has neither limits nor a sandbox, or its worker ended without an answer.
    public var usage: LuaTaskUsage?
}

extension LuaPool {
    /// Runs one task and tells everything about it. It does not throw: a failure is the report's result.
    public func run(_ script: LuaScript, _ arguments: LuaValue...) async -> LuaTaskReport {
        let job = LuaJob(script, arguments)
        do throws(LuaFleetError) {
            let waiter = SingleWaiter(shell: shell)
            let record = TaskRecord(try request(of: job, index: 1), waiter: waiter)
            return report(await waiter.outcome(of: record), job, index: 1)
        } catch {
            return Self.report(failed: error, job, index: 1)
        }
    }

    /// Runs every job and yields the reports: in the order of completion, or, where `ordered`, of the jobs.
    ///
    /// Jobs are taken as there is room, so an endless sequence runs in flat memory. Leaving the sequence early kills what runs and drops what waits.
    ///
    /// - Parameters:
    ///   - window: how many jobs are ahead of the reports that were taken, at most. Default: 2 × workers, times as many as go to a worker at a time where jobs are short.
    ///   - onOutput: called with what tasks write as it comes, in order; a report comes after it and does not repeat it. It runs on a thread of its own. While it waits, for a pipe
    ///     that nobody reads, say, up to 4 MiB are kept for it; then the tasks that write wait, too, and no more jobs of this run are taken. Deadlines go on, and so do all others.
    public func reports<Jobs: AsyncSequence & Sendable>(
        of jobs: Jobs, ordered: Bool = false, window: Int? = nil,
        onOutput: (@Sendable (LuaTaskOutput) -> Void)? = nil
    ) -> LuaReports where Jobs.Element == LuaJob {
        LuaReports(pool: self, isOrdered: ordered, window: window, onOutput: onOutput) { feed in
            for try await job in jobs {
                guard await feed(job) else { return }
            }
        }
    }

    /// Runs every job and yields the reports, as the other form does.
    public func reports(
        of jobs: some Sequence<LuaJob> & Sendable, ordered: Bool = false, window: Int? = nil,
        onOutput: (@Sendable (LuaTaskOutput) -> Void)? = nil
    ) -> LuaReports {
        LuaReports(pool: self, isOrdered: ordered, window: window, onOutput: onOutput) { feed in
            for job in jobs {
                guard await feed(job) else { return }
            }
        }
    }

    func request(of job: LuaJob, index: Int) throws(LuaFleetError) -> TaskRequest {
        let index = UInt64(clamping: job.index ?? index)
        var request = try request(job.script, index: index, setsArg: job.script.functionName == nil) {
            try LuaMessage.encode(arguments: job.arguments, into: &$0)
        }
        request.firstAttempt = UInt32(clamping: max(1, job.attempt))
        return request
    }

    func report(_ outcome: TaskOutcome, _ job: LuaJob, index: Int) -> LuaTaskReport {
        let result: Result<LuaResults, any Error>
        if let failure = failure(of: outcome, script: job.script, index: index) {
            result = .failure(failure)
        } else {
            var bytes: [UInt8] = [0x80]  // no values
            if case .values(let answer) = outcome.answer { bytes = answer }
            result = withExtendedLifetime(outcome.extras.references) {
                Result { try self.result(bytes, of: job.script) }
            }
        }
        return LuaTaskReport(
            index: index, job: job, result: result, standardOutput: outcome.extras.standardOutput,
            standardError: outcome.extras.standardError, duration: .nanoseconds(Int64(clamping: outcome.nanoseconds)),
            attempts: Int(outcome.attempts), worker: outcome.worker, pid: outcome.pid,
            usage: outcome.extras.usage.map(LuaTaskUsage.init))
    }

    static func report(failed error: any Error, _ job: LuaJob, index: Int) -> LuaTaskReport {
        LuaTaskReport(
            index: index, job: job, result: .failure(error), standardOutput: [], standardError: [], duration: .zero,
            attempts: 0, worker: 0, pid: 0)
    }
}

/// The reports of a run. One iterator at a time; throws what the sequence of jobs threw, after the reports of what came before.
public struct LuaReports: AsyncSequence, Sendable {
    public typealias Element = LuaTaskReport
    typealias Producer = @Sendable (_ feed: (LuaJob) async -> Bool) async throws -> Void

    let pool: LuaPool
    let isOrdered: Bool
    let window: Int?
    let onOutput: (@Sendable (LuaTaskOutput) -> Void)?
    let produce: Producer
    /// Whether these are the pool's last tasks: it closes when they have ended, while their reports are still on their way.
    package var closesPool = false

    init(
        pool: LuaPool, isOrdered: Bool, window: Int?, onOutput: (@Sendable (LuaTaskOutput) -> Void)?,
        produce: @escaping Producer
    ) {
        self.onOutput = onOutput
        self.pool = pool
        self.isOrdered = isOrdered
        self.window = window
        self.produce = produce
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(Run(self))
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let run: Run

        fileprivate init(_ run: Run) {
            self.run = run
        }

        public mutating func next() async throws -> LuaTaskReport? {
            try await run.next()
        }
    }

    /// One pass over the reports; its end, by whatever way, ends the tasks.
    fileprivate final class Run: Sendable {
        private let pool: LuaPool
        private let stream: TaskStream
        private let jobs = JobTable()
        private let feeder: Task<Void, Never>

        init(_ reports: LuaReports) {
            let window = reports.window
            let share = reports.pool.shell.share
            let stream = TaskStream(
                shell: reports.pool.shell, order: reports.isOrdered ? .ofInputs : .ofCompletion, failsFast: false,
                onOutput: reports.onOutput
            ) { window ?? 2 * share.workers * share.tasks }
            self.pool = reports.pool
            self.stream = stream
            let (pool, jobs, produce) = (reports.pool, jobs, reports.produce)
            let closing = reports.closesPool ? pool.shell : nil
            feeder = Task {
                var count = 0
                do {
                    try await produce { job in
                        guard await stream.room() > 0 else { return false }
                        let index = count
                        count += 1
                        do throws(LuaFleetError) {
                            let request = try pool.request(of: job, index: index + 1)
                            jobs.add(index, job)
                            stream.feed(request)
                        } catch {
                            jobs.add(index, job, error)
                            stream.feed(failed: TaskOutcome(end: .cancelled))
                        }
                        return true
                    }
                    stream.inputEnded()
                    if let closing { closing.loop.execute { closing.close(.draining) {} } }
                } catch {
                    stream.inputEnded(error)
                }
            }
        }

        deinit {
            feeder.cancel()
            stream.cancel()
        }

        func next() async throws -> LuaTaskReport? {
            try await withTaskCancellationHandler {
                switch try await stream.next() {
                case .one(let index, let outcome): return jobs.take(index, outcome, pool)
                // Each job is one task: runs are of one.
                case .run(let run): return jobs.take(run.first, run.outcomes()[0], pool)
                case nil: return nil
                }
            } onCancel: {
                // Also the feeder: it may wait for a job that never comes.
                feeder.cancel()
                stream.cancel()
            }
        }
    }
}
