// Every decision of a pool: which task runs where, what a death means, when a deadline has passed. A value: events in, actions out.
import LuaFleetWire

/// The pool as a state machine.
///
/// Tasks come in batches and move in *nodes*: consecutive tasks of a batch that are in the same place. A node is *queued*, or *flying* (sent to one
/// worker, begun there or not), or *waiting* for its next attempt, and becomes shorter as its tasks end. A task that has begun is never begun again unasked.
///
/// Workers: *starting* → *initializing* (where the pool has an initializer) → *up* → *finalizing* (where it has a finalizer) → *ending* → vacant; any of
/// them can become vacant at once when it exits. A worker that is up is idle while nothing flies to it.
///
/// What was sent to a worker ahead of need can be taken back (*recalled*) as long as it has not begun; the shell does that by one atomic operation on
/// memory that it shares with the worker, and says which task was the last to begin. So a task behind one that takes long finds another worker, and a kill
/// hits nobody but the task it is meant for.
///
/// The pool: *opening* → *open* → *draining* (no new tasks) → *closing* (no tasks) → *closed*; *broken* when no worker can be had.
package struct PoolCore {
    package internal(set) var configuration: PoolCoreConfiguration
    /// What is to be done, oldest first; `takeActions` empties it.
    var actions: [PoolAction] = []
    package internal(set) var statistics = PoolStatistics()

    // MARK: Tasks

    struct BatchSlot {
        var generation: UInt32 = 0
        var policy = TaskPolicy()
        /// Tasks that have not ended; 0: the place is vacant.
        var open: UInt32 = 0
        var isCancelled = false
        var submittedAt = Moment(nanoseconds: 0)
        var nodes = NodeList()
        var nextVacant = noIndex
    }

    static let noIndex = UInt32.max
    var batches: [BatchSlot] = []
    var firstVacantBatch = noIndex
    /// Places of batches that ended. The shell still looks for them by their place while it does the `finish`, so they are given out again only
    /// after the actions that were taken next have been done.
    var freed: [UInt32] = []
    var freedAndTaken: [UInt32] = []
    var nodes = NodeTable()
    var queue = NodeList()
    var delays = TimerHeap()  // by node: when a waiting one is queued again
    var queueLimits = TimerHeap()  // by batch: when what is still queued has waited too long
    package internal(set) var queuedCount: UInt64 = 0
    package internal(set) var flyingCount: UInt64 = 0
    package internal(set) var waitingCount: UInt64 = 0

    // MARK: Workers

    var workers: [WorkerSlot] = []
    var idle: [UInt32] = []  // last in, first out: the warmest worker first
    /// Workers that run something and may have room for more; looked at again when they are taken out.
    var roomy: [UInt32] = []
    /// Workers with more than one task, from which an idle one may take some.
    var loaded = WorkerList()
    var vacant: [UInt32] = []  // a stack with the lowest slot on top at first
    package internal(set) var liveCount = 0
    /// Workers that are starting or initializing.
    var startingCount = 0
    /// Workers that are up.
    var upCount = 0
    var finalizingCount = 0
    var timers = TimerHeap()  // by worker slot: whatever is due there next
    /// When an idle worker takes tasks from a loaded one, if there is neither before.
    var stealDue: Moment?
    /// How long tasks take, in nanoseconds; 0: not known.
    var usualDuration: UInt64 = 0

    // MARK: The pool and its server

    enum PoolState: Equatable {
        case opening
        case open
        case draining
        case closing
        case closed
    }

    enum ServerState: Equatable {
        /// Not there: before the pool opens, after it has closed, or between two attempts.
        case absent
        /// Spawned; says hello next. The moment is when patience ends.
        case launching(until: Moment)
        case ready
        /// Told to end.
        case stopping
    }

    var state = PoolState.opening
    var server = ServerState.absent
    /// Whether a worker of this server became ready. One that ends before counts as a failed start.
    var serverHasServed = false
    /// When it last did something.
    var serverHeardAt = Moment(nanoseconds: 0)
    /// Set when no worker can be had; tasks end with it once the last worker is gone.
    package internal(set) var broken: SetupFailure?
    /// When a task that is submitted makes a broken pool try once more.
    var brokenUntil = Moment(nanoseconds: 0)
    var failedStarts = 0
    /// Workers in a row that died idle without having answered a task.
    var idleDeaths = 0
    /// No worker or server is started before this.
    var pausedUntil: Moment?
    /// All workers were told to end, as the pool closes.
    var isRetiringAll = false
    /// The end of every task was asked for; then no finalizer runs either.
    var isTerminated = false

    package init(configuration: PoolCoreConfiguration) {
        self.configuration = configuration
    }

    /// Decides what follows from the events since the last call, and hands out the actions, oldest first; those of the call before have been done.
    /// The buffer that comes in is emptied and used for the next ones.
    package mutating func takeActions(into buffer: inout [PoolAction], at now: Moment) {
        schedule(at: now)
        startMissing(at: now)
        closeIfDone(at: now)
        buffer.removeAll(keepingCapacity: true)
        swap(&buffer, &actions)
        for index in freedAndTaken {
            batches[Int(index)].nextVacant = firstVacantBatch
            firstVacantBatch = index
        }
        freedAndTaken.removeAll(keepingCapacity: true)
        swap(&freed, &freedAndTaken)
    }

    package var isClosed: Bool { state == .closed }
    package var taskCount: UInt64 { queuedCount + flyingCount + waitingCount }
    package var idleCount: Int { idle.count }

    /// When `timePassed` has to be called next.
    package var nextMoment: Moment? {
        var next = timers.earliest?.due
        func consider(_ moment: Moment?) {
            if let moment { next = min(next ?? moment, moment) }
        }
        if case .launching(let until) = server { consider(until) }
        if missingWorkers > 0 { consider(pausedUntil) }
        consider(stealDue)
        consider(delays.earliest?.due)
        consider(queueLimits.earliest?.due)
        return next
    }
}
