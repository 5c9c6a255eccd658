// A fleet of pretence: does what the core asks, keeps a ledger of its own, and throws where the core asks for what cannot be.
import LuaFleetCore
import LuaFleetWire

/// What the core did that it must not do.
struct IllegalAction: Error, CustomStringConvertible {
    var description: String
}

func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw IllegalAction(description: message()) }
}

/// One task: all that it can be told by.
struct TaskKey: Hashable {
    var batch: BatchID
    var number: UInt32
}

/// Two sides: the ledger has what the host has decided (FakeFleet+Ledger, FakeFleet+Ends) and is brought up to date when actions are taken, all at
/// once; the workers have what has reached them (FakeFleet+Workers) when each action is done, one after the other. The core's mistakes are where the two differ.
struct FakeFleet {
    enum Server: Equatable { case absent, launching, ready, stopping }

    /// A worker's process, from `startWorker` to `dropWorker`.
    struct Worker {
        enum Life: Equatable { case starting, initializing, up, finalizing }
        /// What has reached it.
        struct Sent {
            var task: TaskKey
            var sequence: UInt32
            var epoch: UInt32
        }
        /// An answer that it has not passed on yet.
        struct Held {
            var task: TaskKey
            var sequence: UInt32
            var end: TaskEnd
        }

        var life = Life.starting
        var startedAt: Moment
        /// The initializer or finalizer.
        var preparation: (sequence: UInt32, at: Moment)?
        // Its own side.
        var inbox: [Sent] = []
        var epoch: UInt32 = 0
        var running: Sent?
        var begun: UInt32 = 0
        var begunAt: Moment
        var begunCount: UInt32 = 0
        var held: [Held] = []
        // The host's side.
        var flights: [(task: TaskKey, sequence: UInt32)] = []
        var sequence: UInt32 = 0
        var ledgerEpoch: UInt32 = 0
        var heardAt: Moment
        var idleSince: Moment
        var interrupted: (sequence: UInt32, end: TaskEnd, at: Moment)?
        var residentBytes: UInt64 = 0
        /// As it was measured last, where that was too much.
        var tooLargeBytes: UInt64?
        var failedToPrepare = false
        var isPrepared = false  // the finalizer has answered
        var violation: ProtocolViolation?
        var hasHungUp = false
        var killedAt: Moment?
        var killedFor: TaskEnd?
        /// The process is gone, by whatever way; only then, or when the kernel holds it, may the slot be vacated.
        var exit: ProcessExit?

        var isUp: Bool { life == .up && killedAt == nil }
    }

    struct Task {
        enum Place: Equatable { case queued, flying(WorkerID), waiting(Moment), returned, ended(TaskEnd) }
        var place = Place.queued
        /// Sendings, but for those that came back without having begun.
        var attempts: UInt32 = 0
        var kills: UInt32 = 0
        /// How often it began, in all.
        var begins: UInt32 = 0
        /// It began, and nobody has asked for it again.
        var hasBegun = false
        var begunAt: Moment?
    }

    struct Batch {
        var policy: TaskPolicy
        var submittedAt: Moment
        var tasks: [Task]
        var open: Int
        var isCancelled = false
        /// Its nodes may be of any length: something came back, or was taken out of the middle.
        var isRagged = false
    }

    var core: PoolCore
    var configuration: PoolCoreConfiguration
    var now = Moment(nanoseconds: 1_000_000)
    var server = Server.absent
    var launchedAt: Moment?
    var workers: [WorkerID: Worker] = [:]
    /// Those that were dropped: their last words mean nothing.
    var former: [WorkerID] = []
    var batches: [BatchID: Batch] = [:]
    /// Tasks that have never begun, in the order in which they have to be sent.
    var queue: [TaskKey] = []
    /// Tasks that are queued for another attempt.
    var again: Set<TaskKey> = []
    var waiting: [TaskKey: Moment] = [:]
    var flyingCount = 0
    var returnedCount = 0
    var openCount = 0
    /// Tasks that were submitted and that ended, ever.
    var submittedCount = 0
    var endCount = 0
    /// Submitted after the end was asked for: refused, if need be after `closed`.
    var late: Set<BatchID> = []
    var launches = 0
    var hasOpened = false
    var isClosed = false
    var isEnding = false  // close or terminate was asked for
    var isTerminated = false
    // What the event of this moment allows.
    var answers: [TaskKey: TaskEnd] = [:]
    var queueCancels: Set<TaskKey> = []
    var serverEndsNow = false
    var brokenBefore: SetupFailure?
    var isServerBlind = false  // it did not say what had begun
    /// What a worker says a task took.
    var usualNanoseconds: UInt64 = 1_000_000_000
    /// Called in the middle of the actions, as waiters are that ask for the next task at once.
    var onFinish: ((inout FakeFleet, TaskKey) -> Void)?
    var log: [PoolAction] = []
    var sights: [String: Int] = [:]  // what was reached
    private var buffer: [PoolAction] = []
    private var pending: Set<UInt32> = []  // places of batches whose last `finish` is taken but not done

    init(_ configuration: PoolCoreConfiguration) {
        self.configuration = configuration
        core = PoolCore(configuration: configuration)
    }

    /// Does everything the core wants done; returns it.
    @discardableResult
    mutating func perform() throws -> [PoolAction] {
        log.removeAll(keepingCapacity: true)
        var rounds = 0
        while true {
            core.takeActions(into: &buffer, at: now)
            guard !buffer.isEmpty else { break }
            rounds += 1
            try require(rounds < 200, "the core does not come to rest: \(buffer)")
            let actions = buffer
            for action in actions { try enter(action) }
            for case .finish(let range, _, _) in actions where batches[range.batch]?.open == 0 {
                pending.insert(range.batch.index)
            }
            for action in actions {
                log.append(action)
                try reach(action)
                if case .finish(let range, _, _) = action {
                    for number in range.lower..<range.upper {
                        onFinish?(&self, TaskKey(batch: range.batch, number: number))
                    }
                    if batches[range.batch]?.open == 0 { pending.remove(range.batch.index) }
                }
            }
        }
        try require(answers.isEmpty, "answers were lost: \(answers)")
        try require(returnedCount == 0, "\(returnedCount) tasks came back and did not end")
        queueCancels.removeAll(keepingCapacity: true)
        serverEndsNow = false
        brokenBefore = core.broken
        return log
    }

    mutating func see(_ what: String, _ count: Int = 1) {
        sights[what, default: 0] += count
    }

    // MARK: Submitting

    @discardableResult
    mutating func submit(_ count: UInt32 = 1, _ policy: TaskPolicy = TaskPolicy()) throws -> BatchID {
        let id = submitOnly(count, policy)
        try perform()
        return id
    }

    /// The event without its actions: as a waiter does it in the middle of them.
    @discardableResult
    mutating func submitOnly(_ count: UInt32 = 1, _ policy: TaskPolicy = TaskPolicy()) -> BatchID {
        let id = core.tasksSubmitted(count, policy, at: now)
        precondition(batches[id] == nil, "batch id given out twice")
        precondition(!pending.contains(id.index), "the place of a batch that is being finished was given out")
        batches[id] = Batch(
            policy: policy, submittedAt: now, tasks: Array(repeating: Task(), count: Int(count)), open: Int(count))
        if isEnding { late.insert(id) }
        openCount += Int(count)
        submittedCount += Int(count)
        queue += (0..<count).map { TaskKey(batch: id, number: $0) }
        return id
    }

    // MARK: Looking

    subscript(key: TaskKey) -> Task {
        get { batches[key.batch]!.tasks[Int(key.number)] }  // whoever has a key has it of a batch
        _modify { yield &batches[key.batch]!.tasks[Int(key.number)] }  // likewise
    }

    func policy(of key: TaskKey) -> TaskPolicy { batches[key.batch]!.policy }  // likewise

    var sortedWorkers: [WorkerID] {
        workers.keys.sorted { ($0.slot, $0.generation) < ($1.slot, $1.generation) }
    }

    func workers(_ life: Worker.Life) -> [WorkerID] {
        sortedWorkers.filter { workers[$0]?.life == life && workers[$0]?.killedAt == nil }
    }

    func end(of batch: BatchID, _ number: Int = 0) -> TaskEnd? {
        guard case .ended(let end) = batches[batch]?.tasks[number].place else { return nil }
        return end
    }

    func ends(of batch: BatchID) -> [TaskEnd?] {
        (0..<(batches[batch]?.tasks.count ?? 0)).map { end(of: batch, $0) }
    }

    /// The worker to which a task flies.
    func worker(of batch: BatchID, _ number: Int = 0) -> WorkerID? {
        guard case .flying(let worker) = batches[batch]?.tasks[number].place else { return nil }
        return worker
    }

    /// A pool that is open, with all its workers idle.
    static func running(workers: Int, _ change: (inout PoolCoreConfiguration) -> Void = { _ in }) throws -> FakeFleet {
        var configuration = PoolCoreConfiguration(workers: workers)
        change(&configuration)
        var fleet = FakeFleet(configuration)
        try fleet.open()
        try fleet.serverReady()
        try fleet.raise()
        return fleet
    }
}
