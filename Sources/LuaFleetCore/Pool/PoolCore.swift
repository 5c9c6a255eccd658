// Every decision of a pool: which task runs where, what a death means, when a deadline has passed. A value: events in, actions out.
import LuaFleetWire

/// What the core needs to know.
package struct PoolCoreConfiguration: Equatable, Sendable {
    /// Workers to keep; at least 1.
    package var workers: Int
    /// From being asked for until "ready". Smaller: a busy machine's workers are given up; larger: a worker that hangs is noticed later.
    package var startLimit: Duration = .seconds(10)
    /// From SIGKILL until the exit report. Past it the slot is taken back and the task ends, even if the kernel holds the process.
    package var killLimit: Duration = .seconds(5)
    /// Starts in a row that may fail before the pool gives up. Smaller: a moment's lack of memory breaks the pool; larger: a broken worker is tried for longer.
    package var startAttempts = 5
    /// The first pause after a failed start; doubled each time, up to a second.
    package var firstPause: Duration = .milliseconds(10)

    package init(workers: Int) {
        self.workers = max(1, workers)
    }
}

/// What a task may use.
package struct TaskLimits: Equatable, Sendable {
    /// From the task's start to its end; nil: for ever.
    package var wallTime: Duration?

    package init(wallTime: Duration? = nil) {
        self.wallTime = wallTime
    }
}

/// The pool as a state machine.
///
/// Tasks: *queued* → *running* on one worker → ended, or from either straight to ended. A task that has started is never started again unasked.
/// Workers: *starting* → *idle* ⇄ *busy* → *ending* → vacant; any of them can become vacant at once when it exits.
/// The pool: *opening* → *open* → *draining* (no new tasks) → *closing* (no tasks) → *closed*; *broken* when no worker can be had.
package struct PoolCore {
    package internal(set) var configuration: PoolCoreConfiguration
    /// What is to be done, oldest first; `takeActions` empties it.
    var actions: [PoolAction] = []

    // MARK: Tasks

    struct TaskSlot {
        enum State {
            case vacant
            case queued
            case running(WorkerID)
        }

        var generation: UInt32 = 0
        var state = State.vacant
        var limits = TaskLimits()
        var attempt: UInt32 = 0
        // Neighbours in the queue, or the next vacant slot; `noSlot`: none.
        var previous = noSlot
        var next = noSlot
    }

    static let noSlot = UInt32.max
    var tasks: [TaskSlot] = []
    var firstVacantTask = noSlot
    /// Places of tasks that ended. The shell still looks for them by their place while it does the `finish`, so they are given out again only
    /// after the actions that were taken next have been done.
    var freed: [UInt32] = []
    var freedAndTaken: [UInt32] = []
    var queueHead = noSlot
    var queueTail = noSlot
    package internal(set) var queuedCount = 0
    package internal(set) var runningCount = 0

    // MARK: Workers

    struct WorkerSlot {
        enum State: Equatable {
            /// Nobody. Becomes starting.
            case vacant
            /// Asked for; says "ready" next, or ends.
            case starting
            /// Waits for a task; stands in `idle`.
            case idle
            /// Runs this task. Answers, or ends, or is killed.
            case busy(TaskID)
            /// Killed; its exit report comes next. The task, if any, ends with it, for this reason.
            case ending(TaskID?, TaskEnd?)
        }

        var generation: UInt32 = 0
        var state = State.vacant
        /// Of the last task sent; the answer must name it.
        var sequence: UInt32 = 0
        /// Where it stands in `idle`, while it is idle.
        var idlePlace = 0
    }

    var workers: [WorkerSlot] = []
    var idle: [UInt32] = []  // last in, first out: the warmest worker first
    var vacant: [UInt32] = []  // a stack with the lowest slot on top at first
    package internal(set) var liveCount = 0
    /// Workers that are starting.
    var startingCount = 0
    var timers = TimerHeap()  // by worker slot: start limit, deadline or kill limit

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
    /// Set when no worker can be had; tasks end with it.
    package internal(set) var broken: SetupFailure?
    var failedStarts = 0
    /// No worker or server is started before this.
    var pausedUntil: Moment?

    package init(configuration: PoolCoreConfiguration) {
        self.configuration = configuration
    }

    /// The actions since the last call, oldest first; those of the call before have been done. The buffer that comes in is emptied and used for the next ones.
    package mutating func takeActions(into buffer: inout [PoolAction]) {
        buffer.removeAll(keepingCapacity: true)
        swap(&buffer, &actions)
        for index in freedAndTaken {
            tasks[Int(index)].next = firstVacantTask
            firstVacantTask = index
        }
        freedAndTaken.removeAll(keepingCapacity: true)
        swap(&freed, &freedAndTaken)
    }

    package var isClosed: Bool { state == .closed }
    package var taskCount: Int { queuedCount + runningCount }

    /// When `timePassed` has to be called next.
    package var nextMoment: Moment? {
        var next = timers.earliest?.due
        if case .launching(let until) = server { next = min(next ?? until, until) }
        if let pausedUntil, wantsWorkers { next = min(next ?? pausedUntil, pausedUntil) }
        return next
    }

    /// Whether workers, or the server, are missing.
    var wantsWorkers: Bool {
        switch state {
        case .opening, .open: liveCount < configuration.workers || server == .absent
        case .draining: queuedCount > 0 && (liveCount < min(configuration.workers, queuedCount) || server == .absent)
        case .closing, .closed: false
        }
    }
}
