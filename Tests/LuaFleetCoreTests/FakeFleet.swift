// A fleet of pretence: does what the core asks, keeps a ledger of its own, and throws where the core asks for what cannot be.
import LuaFleetCore
import LuaFleetWire

/// What the core did that it must not do.
struct IllegalAction: Error, CustomStringConvertible {
    var description: String
}

struct FakeFleet {
    enum Server: Equatable { case absent, launching, ready, stopping }

    /// A worker's process, from `startWorker` to `dropWorker`.
    struct Worker {
        enum Life: Equatable { case starting, idle, busy }
        var life = Life.starting
        var task: TaskID?
        var sequence: UInt32 = 0
        /// The last task that began there.
        var begun: UInt32 = 0
        var startedAt: Moment
        var killedAt: Moment?
        /// The process is gone, by whatever way; only then, or when the kernel holds it, may the slot be vacated.
        var isGone = false
        var violation: ProtocolViolation?
    }

    struct Task: Equatable {
        enum Place: Equatable { case queued, running(WorkerID), ended(TaskEnd) }
        var place = Place.queued
        var limits: TaskLimits
        var starts: UInt32 = 0  // tasks that were sent and did not begin do not count
        var hasBegun = false
        var sentAt: Moment?
        var isCancelled = false
    }

    var core: PoolCore
    let configuration: PoolCoreConfiguration
    var now = Moment(nanoseconds: 1_000_000)
    var server = Server.absent
    var launchedAt: Moment?
    var workers: [WorkerID: Worker] = [:]
    /// Those that were dropped: their last words mean nothing.
    var former: [WorkerID] = []
    var tasks: [TaskID: Task] = [:]
    var unended: Set<TaskID> = []
    /// Submitted after the end was asked for: refused, if need be after `closed`.
    var late: Set<TaskID> = []
    /// In the order in which they have to be sent.
    var queue: [TaskID] = []
    var endCount = 0
    var launches = 0
    var hasOpened = false
    var isClosed = false
    var isEnding = false  // close or terminate was asked for
    var isTerminated = false
    /// The ends that the event of this moment allows.
    var endsNow: [TaskID: TaskEnd] = [:]
    var serverEndsNow = false
    /// Called in the middle of a batch, as waiters are that ask for the next task at once.
    var onFinish: ((inout FakeFleet, TaskID) -> Void)?
    var log: [PoolAction] = []
    private var buffer: [PoolAction] = []
    private var pending: Set<UInt32> = []  // places of tasks whose `finish` is taken but not done

    init(_ configuration: PoolCoreConfiguration) {
        self.configuration = configuration
        core = PoolCore(configuration: configuration)
    }

    // MARK: Actions

    /// Does everything the core wants done; returns it.
    @discardableResult
    mutating func perform() throws -> [PoolAction] {
        log.removeAll(keepingCapacity: true)
        while true {
            core.takeActions(into: &buffer)
            guard !buffer.isEmpty else { break }
            let actions = buffer
            for case .finish(let task, _, _) in actions { pending.insert(task.index) }
            for action in actions {
                log.append(action)
                try perform(action)
            }
        }
        endsNow.removeAll(keepingCapacity: true)
        serverEndsNow = false
        return log
    }

    private mutating func perform(_ action: PoolAction) throws {
        if isClosed { if case .finish = action {} else { throw IllegalAction(description: "\(action) after closed") } }
        switch action {
        case .launchServer:
            try require(server == .absent, "launch while the server is \(server)")
            server = .launching
            launchedAt = now
            launches += 1
        case .stopServer:
            try require(server == .launching || server == .ready, "stop while the server is \(server)")
            server = .stopping
        case .startWorker(let id):
            try require(server == .ready, "start while the server is \(server)")
            try require(workers.keys.allSatisfy { $0.slot != id.slot }, "slot \(id.slot) has a tenant")
            try require(!former.contains(id), "\(id) had its life")
            try require(workers.count < configuration.workers, "more workers than wanted")
            workers[id] = Worker(startedAt: now)
        case .killWorker(let id):
            guard let worker = workers[id] else {
                throw IllegalAction(description: "kill of \(id), which is not there")
            }
            try require(worker.killedAt == nil, "second kill of \(id)")
            workers[id]?.killedAt = now
        case .dropWorker(let id):
            try drop(id)
        case .send(let task, let worker, let sequence, let attempt):
            try send(task, worker, sequence, attempt)
        case .finish(let task, let end, let worker):
            try finish(task, end, worker)
        case .opened:
            try require(!hasOpened && server == .ready, "opened while the server is \(server)")
            hasOpened = true
        case .closed:
            try require(isEnding, "closed unasked")
            try require(server == .absent && workers.isEmpty, "closed with a server or workers")
            try require(unended.isSubset(of: late), "closed with \(unended.count) tasks")
            isClosed = true
        }
    }

    private mutating func drop(_ id: WorkerID) throws {
        guard let worker = workers.removeValue(forKey: id) else {
            throw IllegalAction(description: "drop of \(id), which is not there")
        }
        let isHeld = worker.killedAt.map { $0 + configuration.killLimit <= now } ?? false
        try require(worker.isGone || serverEndsNow || isHeld || isTerminated, "drop of \(id), which lives")
        if let task = worker.task, let place = tasks[task]?.place {
            try require(place != .running(id), "drop of \(id) with its task")
        }
        former.append(id)
        if former.count > 200 { former.removeFirst(100) }
    }

    private mutating func send(_ id: TaskID, _ workerID: WorkerID, _ sequence: UInt32, _ attempt: UInt32) throws {
        guard let worker = workers[workerID], var task = tasks[id] else {
            throw IllegalAction(description: "send of \(id) to \(workerID): one of them is not there")
        }
        try require(
            worker.life == .idle && worker.killedAt == nil && !worker.isGone, "send to a worker that is not idle")
        try require(task.place == .queued, "send of a task that is \(task.place)")
        try require(queue.first == id, "not first come, first served: \(id) before \(queue.first as Any)")
        try require(!task.hasBegun, "a started task is started again")
        try require(sequence == worker.sequence &+ 1, "sequence \(sequence) after \(worker.sequence)")
        try require(attempt == task.starts + 1, "attempt \(attempt) after \(task.starts)")
        queue.removeFirst()
        task.place = .running(workerID)
        task.starts += 1
        task.sentAt = now
        tasks[id] = task
        workers[workerID]?.life = .busy
        workers[workerID]?.task = id
        workers[workerID]?.sequence = sequence
    }

    private mutating func finish(_ id: TaskID, _ end: TaskEnd, _ workerID: WorkerID?) throws {
        guard let task = tasks[id] else { throw IllegalAction(description: "end of \(id), which nobody submitted") }
        if case .ended(let former) = task.place {
            throw IllegalAction(description: "second end of \(id): \(end) after \(former)")
        }
        try check(end, of: task, id, workerID)
        if task.place == .queued { queue.removeAll { $0 == id } }
        if case .running(let worker) = task.place {
            try require(workerID == worker, "\(id) ran on \(worker), not on \(workerID as Any)")
            if workers[worker]?.task == id {
                workers[worker]?.task = nil
                if workers[worker]?.life == .busy { workers[worker]?.life = .idle }
            }
        }
        tasks[id]?.place = .ended(end)
        unended.remove(id)
        pending.remove(id.index)
        endCount += 1
        onFinish?(&self, id)
    }

    private func check(_ end: TaskEnd, of task: Task, _ id: TaskID, _ workerID: WorkerID?) throws {
        if endsNow[id] == end { return }
        let worker = workerID.flatMap { workers[$0] }
        let isRunning = task.place != .queued
        let isLegal =
            switch end {
            case .answered, .workerDied, .notForked: false  // only at the event that says so
            case .timedOut(let limit):
                isRunning && task.limits.wallTime == limit && worker?.killedAt != nil
                    && (task.sentAt.map { $0 + limit <= now } ?? false)
            case .cancelled: task.isCancelled
            case .forkServerDied: isRunning && serverEndsNow
            case .protocolViolation(let violation): isRunning && worker?.violation == violation
            case .setupFailed(let failure): !isRunning && core.broken == failure
            case .poolTerminated: isTerminated || isEnding && !isRunning && task.starts == 0
            }
        try require(isLegal, "\(id), which is \(task.place), must not end with \(end)")
    }

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw IllegalAction(description: message()) }
    }

    // MARK: Events

    mutating func open() throws {
        core.poolOpened(at: now)
        try perform()
    }

    @discardableResult
    mutating func submit(wallTime: Duration? = nil) throws -> TaskID {
        let id = submitOnly(wallTime: wallTime)
        try require(!pending.contains(id.index), "the place of \(id) was given out too early")
        try perform()
        return id
    }

    /// The event without its actions: as a waiter does it in the middle of a batch.
    mutating func submitOnly(wallTime: Duration? = nil) -> TaskID {
        let id = core.taskSubmitted(TaskLimits(wallTime: wallTime), at: now)
        precondition(tasks[id] == nil, "task id given out twice")
        precondition(!pending.contains(id.index), "the place of a task that is being finished was given out")
        tasks[id] = Task(limits: TaskLimits(wallTime: wallTime))
        unended.insert(id)
        if isEnding { late.insert(id) }
        queue.append(id)
        return id
    }

    mutating func cancel(_ id: TaskID) throws {
        tasks[id]?.isCancelled = true
        core.taskCancelled(id, at: now)
        try perform()
    }

    mutating func serverReady() throws {
        if server == .launching { server = .ready }
        core.serverReady(at: now)
        try perform()
    }

    mutating func serverEnds(_ failure: SetupFailure? = nil) throws {
        server = .absent
        serverEndsNow = true
        core.serverEnded(failure, at: now)
        try perform()
    }

    mutating func workerReady(_ id: WorkerID) throws {
        if workers[id]?.life == .starting { workers[id]?.life = .idle }
        try core.workerReady(id, at: now)
        try perform()
    }

    mutating func workerRefused(_ id: WorkerID, errno: Int32 = 11) throws {
        workers[id]?.isGone = true
        core.workerNotStarted(id, errno: errno, at: now)
        try perform()
    }

    /// The worker begins the task that it was sent. The host does not hear of it.
    mutating func begin(_ id: WorkerID) {
        guard let worker = workers[id], let task = worker.task else { return }
        workers[id]?.begun = worker.sequence
        tasks[task]?.hasBegun = true
    }

    mutating func answer(_ id: WorkerID) throws {
        begin(id)
        if let task = workers[id]?.task { endsNow[task] = .answered }
        try core.taskAnswered(by: id, sequence: workers[id]?.sequence ?? 0, at: now)
        try perform()
    }

    /// The process of a fresh-process task ends.
    mutating func taskProcessEnds(_ id: WorkerID, _ end: TaskEnd) throws {
        begin(id)
        if let task = workers[id]?.task { endsNow[task] = end }
        try core.taskProcessEnded(on: id, sequence: workers[id]?.sequence ?? 0, end, at: now)
        try perform()
    }

    mutating func workerExits(_ id: WorkerID, _ reason: ProcessExit.Reason = .signal(9)) throws {
        let exit = ProcessExit(pid: Int32(id.slot) + 100, reason: reason)
        let begun = workers[id]?.begun ?? 0
        workers[id]?.isGone = true
        if let worker = workers[id], let task = worker.task {
            if begun == worker.sequence {
                endsNow[task] = .workerDied(exit)
            } else if worker.killedAt == nil {
                // It never began: back in front of all others.
                tasks[task]?.place = .queued
                tasks[task]?.starts -= 1
                queue.insert(task, at: 0)
                workers[id]?.task = nil
            } else {
                endsNow[task] = .workerDied(exit)
            }
        }
        core.workerExited(id, exit, lastStarted: begun, at: now)
        try perform()
    }

    mutating func workerMisbehaves(_ id: WorkerID, _ violation: ProtocolViolation = .reservedBytes) throws {
        if workers[id]?.killedAt == nil { workers[id]?.violation = violation }
        core.workerMisbehaved(id, violation, at: now)
        try perform()
    }

    /// Time goes on; the core hears of it where it asked to.
    mutating func advance(_ duration: Duration) throws {
        now = now + duration
        if let next = core.nextMoment, next <= now {
            core.timePassed(at: now)
            try perform()
        }
    }

    mutating func close() throws {
        isEnding = true
        core.closeRequested(at: now)
        try perform()
    }

    mutating func terminate() throws {
        isEnding = true
        isTerminated = true
        core.terminateRequested(at: now)
        try perform()
    }

    // MARK: Looking

    var sortedWorkers: [WorkerID] {
        workers.keys.sorted { ($0.slot, $0.generation) < ($1.slot, $1.generation) }
    }

    func workers(_ life: Worker.Life) -> [WorkerID] {
        sortedWorkers.filter { workers[$0]?.life == life && workers[$0]?.killedAt == nil }
    }

    func end(of task: TaskID) -> TaskEnd? {
        guard case .ended(let end) = tasks[task]?.place else { return nil }
        return end
    }

    /// A pool that is open, with all its workers idle.
    static func running(workers: Int, _ change: (inout PoolCoreConfiguration) -> Void = { _ in }) throws -> FakeFleet {
        var configuration = PoolCoreConfiguration(workers: workers)
        change(&configuration)
        var fleet = FakeFleet(configuration)
        try fleet.open()
        try fleet.serverReady()
        for worker in fleet.sortedWorkers { try fleet.workerReady(worker) }
        return fleet
    }
}
