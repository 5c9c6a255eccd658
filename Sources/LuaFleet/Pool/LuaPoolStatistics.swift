// What a pool has done so far, for whoever watches it.
import LuaFleetCore

public struct LuaPoolStatistics: Sendable {
    /// Times of tasks.
    public struct Times: Sendable {
        fileprivate let histogram: Histogram

        public var mean: Duration { .nanoseconds(Int64(histogram.mean)) }
        public var maximum: Duration { .nanoseconds(Int64(clamping: histogram.largest)) }
        /// The time that `share` (0 … 1) of the tasks took at most, right to about 6 %: `percentile(0.5)` is the median.
        public func percentile(_ share: Double) -> Duration {
            .nanoseconds(Int64(clamping: histogram.percentile(share)))
        }
    }

    /// Tasks that were handed to the pool.
    public var submitted: Int
    /// Tasks that have not begun: they wait for a worker, behind another task that a worker runs, or for their next attempt.
    public var queued: Int
    /// Tasks that have begun and of whose end nothing was heard: at most one a worker.
    public var running: Int
    public var succeeded: Int
    /// Tasks whose script raised, or whose result could not be sent.
    public var failed: Int
    public var timedOut: Int
    public var cancelled: Int
    /// Tasks that ended with their worker.
    public var died: Int
    /// Starts after a task's first.
    public var retried: Int
    /// Worker processes now.
    public var workers: Int
    public var idleWorkers: Int
    public var workersStarted: Int
    public var workersRecycled: Int
    /// Workers that were killed for a task: a deadline, a cancellation, a broken protocol.
    public var workersKilled: Int
    /// Workers that ended by themselves.
    public var workersDied: Int
    /// From a task's submission until it is sent to a worker.
    public var waitTimes: Times
    /// In the worker; of tasks that were answered together their mean.
    public var runTimes: Times

    init(_ core: PoolCore, running begun: Int) {
        let counts = core.statistics
        submitted = Int(clamping: counts.submitted)
        running = min(begun, Int(clamping: core.flyingCount))
        queued = Int(clamping: core.queuedCount + core.waitingCount + core.flyingCount) - running
        succeeded = Int(clamping: counts.succeeded)
        failed = Int(clamping: counts.failed)
        timedOut = Int(clamping: counts.timedOut)
        cancelled = Int(clamping: counts.cancelled)
        died = Int(clamping: counts.died)
        retried = Int(clamping: counts.repeated)
        workers = core.liveCount
        idleWorkers = core.idleCount
        workersStarted = Int(clamping: counts.workersStarted)
        workersRecycled = Int(clamping: counts.workersRecycled)
        workersKilled = Int(clamping: counts.workersKilled)
        workersDied = Int(clamping: counts.workersDied)
        waitTimes = Times(histogram: counts.waits)
        runTimes = Times(histogram: counts.runs)
    }
}
