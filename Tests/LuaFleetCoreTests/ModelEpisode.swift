// One pool's life among random events, checked after each one.
import LuaFleetCore
import LuaFleetWire

struct ModelEpisode {
    var fleet: FakeFleet
    var dice: Dice
    var events = 0
    /// What happened, for whoever has to find out why.
    var history: [String] = []
    /// Tasks to be open at once.
    private let most: Int
    /// Its workers are slow, so that deadlines pass.
    private let isSlow: Bool

    init(seed: UInt64) {
        dice = Dice(seed: seed)
        var configuration = PoolCoreConfiguration(workers: dice.roll(1..<7))
        if dice.once(in: 3) { configuration.minimumWorkers = dice.roll(1..<(configuration.maximumWorkers + 1)) }
        if dice.once(in: 2) { configuration.idleTime = .milliseconds(dice.roll(0..<10)) }
        if dice.once(in: 4) { configuration.recycleAfterTasks = UInt32(dice.roll(1..<12)) }
        if dice.once(in: 4) { configuration.recycleAboveBytes = 1000 }
        configuration.hasInitializer = dice.once(in: 3)
        configuration.hasFinalizer = dice.once(in: 3)
        configuration.preparationLimit = .milliseconds(dice.roll(2..<40))
        configuration.startLimit = .milliseconds(dice.roll(2..<40))
        configuration.killLimit = .milliseconds(dice.roll(1..<40))
        configuration.startAttempts = dice.roll(1..<30)
        configuration.firstPause = .milliseconds(dice.roll(0..<5))
        configuration.brokenPause = .milliseconds(dice.roll(1..<20))
        configuration.prefetch = dice.once(in: 4) ? .zero : .milliseconds(dice.roll(1..<4))
        configuration.prefetchTasks = UInt32(dice.roll(1..<100))
        configuration.stealPause = .microseconds(dice.roll(1..<2000))
        configuration.lookPause = .milliseconds(dice.roll(1..<5))
        configuration.beginLimit = .milliseconds(dice.roll(5..<40))
        most = dice.once(in: 4) ? 600 : 150
        isSlow = dice.once(in: 2)
        fleet = FakeFleet(configuration)
        fleet.usualNanoseconds = 100_000
        if dice.once(in: 2) {
            // Half of the callers ask for the next task when one ends, in the middle of the shell's work.
            var dice = Dice(seed: seed &+ 1)
            fleet.onFinish = { fleet, _ in
                if fleet.openCount < 100, !fleet.isClosed, dice.once(in: 3) { fleet.submitOnly() }
            }
        }
    }

    mutating func run(steps: Int) throws {
        try fleet.open()
        for _ in 0..<steps {
            events += 1
            try event(dice.roll(0..<100))
            try fleet.check()
            if events % 8 == 0 { try fleet.checkTasks() }
        }
        note("close at the end")
        try fleet.closeAmongFriends()
        let late = try fleet.submit(2)
        let expected = fleet.core.broken.map { TaskEnd.setupFailed($0) } ?? .poolTerminated
        try require(fleet.ends(of: late) == [expected, expected], "a closed pool took a task")
        try ghosts()
    }

    private mutating func note(_ event: String) {
        history.append(event)
        fleet.see(String(event.prefix { $0 != " " }))
    }

    private mutating func pick(_ isWanted: (FakeFleet.Worker) -> Bool) -> WorkerID? {
        fleet.sortedWorkers.filter { isWanted(fleet.workers[$0]!) }.randomElement(using: &dice)  // listed a moment ago
    }

    private mutating func policy() -> TaskPolicy {
        var policy = TaskPolicy()
        if dice.once(in: 3) { policy.wallTime = .milliseconds(dice.roll(1..<20)) }
        if dice.once(in: 5) { policy.queueTime = .milliseconds(dice.roll(1..<20)) }
        if dice.once(in: 4) { policy.chunk = UInt32(dice.roll(1..<20)) }
        if dice.once(in: 5) { policy.allowsPrefetch = false }
        if dice.once(in: 4) { policy.grace = .milliseconds(dice.roll(1..<10)) }
        if dice.once(in: 2) {
            policy.retry.max = UInt32(dice.roll(0..<4))
            policy.retry.kinds = RetryPolicy.Kinds(rawValue: UInt32(dice.roll(0..<2048)))
            if dice.once(in: 2) { policy.retry.pause = .milliseconds(dice.roll(1..<10)) }
            if dice.once(in: 2) { policy.retry.longestPause = .milliseconds(dice.roll(1..<30)) }
            if dice.once(in: 2) { policy.retry.maxKills = UInt32(dice.roll(1..<3)) }
        }
        return policy
    }

    private mutating func event(_ kind: Int) throws {
        switch kind {
        case 0..<13:
            guard fleet.openCount < most else { return try answer() }
            let count = dice.once(in: 2) ? 1 : dice.roll(1..<201)
            let policy = policy()
            note("submit \(count) \(policy)")
            try fleet.submit(UInt32(count), policy)
        case 13..<19:
            guard fleet.server == .launching else { break }
            note("serverReady")
            try fleet.serverReady()
        case 19..<30:
            guard let id = pick({ $0.life == .starting }) else { break }
            note("ready \(id)")
            try fleet.workerReady(id)
        case 30..<36:
            guard let id = pick({ ($0.life == .initializing || $0.life == .finalizing) }) else { break }
            let isFailure = fleet.workers[id]?.life == .initializing && dice.once(in: 8)
            note("prepared \(id) \(isFailure)")
            try fleet.prepared(id, isFailure ? .initializerFailed("boom") : nil)
        case 36..<42:
            guard let id = pick({ $0.running == nil && !$0.inbox.isEmpty }) else { break }
            note("begin \(id)")
            try fleet.begin(id)
        case 42..<62:
            if isSlow, !dice.once(in: 4), let id = pick({ $0.running == nil && !$0.inbox.isEmpty }) {
                note("begin \(id)")
                try fleet.begin(id)
            } else if !isSlow || dice.once(in: 4) {
                try answer()
            } else if let id = pick({ $0.interrupted != nil }) {
                note("raises \(id)")
                try fleet.answer(id, .failed(.scriptError))
            }
        case 62..<64:
            guard let id = pick({ $0.running != nil || !$0.inbox.isEmpty }) else { break }
            note("hold \(id)")
            for _ in 0..<dice.roll(1..<4) {
                try fleet.complete(id, dice.once(in: 3) ? .failed(.scriptError) : .answered)
            }
            try fleet.begin(id)
            // With nothing more to do, nothing is held back.
            if fleet.workers[id]?.running == nil { try fleet.answer(id, count: 0) }
        case 64..<66:
            guard let id = pick({ _ in true }) else { break }
            if dice.once(in: 4) {
                note("hangsUp \(id)")
                try fleet.workerHangsUp(id)
                break
            }
            note("exit \(id)")
            try fleet.workerExits(id, .signal(11))
        case 66..<74:
            guard let id = pick({ $0.killedAt != nil }) else { break }
            note("exitOfKilled \(id)")
            try fleet.workerExits(id)
        case 74:
            guard let id = pick({ $0.life == .starting }) else { break }
            note("refused \(id)")
            try fleet.workerRefused(id)
        case 75..<77:
            guard let id = openBatches.randomElement(using: &dice) else { break }
            note("cancel \(id)")
            try fleet.cancel(id)
        case 77..<87:
            let duration = Duration.microseconds(dice.roll(0..<4000))
            note("advance \(duration)")
            try fleet.advance(duration)
        case 87..<90:
            guard fleet.core.nextMoment != nil else { break }
            note("next")
            try fleet.advanceToNext()
        case 90:
            guard let id = pick({ _ in true }) else { break }
            note("violation \(id)")
            try wrongWords(of: id)
        case 91:
            guard fleet.server != .absent, dice.once(in: 3) else { break }
            let failure: SetupFailure? = dice.once(in: 2) ? nil : .hostResources(24)
            if fleet.server == .launching, failure == nil, !dice.once(in: 8) { break }  // that is for ever
            let isBlind = dice.once(in: 4)
            note("serverEnds \(failure as Any) \(isBlind)")
            try fleet.serverEnds(failure, blind: isBlind)
        case 92..<94: try ghosts()
        case 94:
            let maximum = dice.roll(1..<9)
            let minimum = dice.roll(1..<(maximum + 1))
            note("resize \(minimum) \(maximum)")
            try fleet.resize(minimum: minimum, maximum: maximum)
        case 95:
            guard let id = pick({ $0.isUp }) else { break }
            note("grows \(id)")
            fleet.workers[id]?.residentBytes = UInt64(dice.roll(0..<2000))
        case 96:
            guard dice.once(in: 3) else { break }
            note("cancelQueue")
            try fleet.cancelQueue()
        case 97:
            guard dice.once(in: 10) else { break }
            note("close")
            try fleet.close()
        case 98:
            guard dice.once(in: 15) else { break }
            note("terminate")
            try fleet.terminate()
        default:
            // A busy machine, or a quiet one.
            fleet.usualNanoseconds = [100, 10_000, 100_000, 1_000_000, 50_000_000].randomElement(using: &dice) ?? 1
        }
    }

    private var openBatches: [BatchID] {
        fleet.batches.filter { $0.value.open > 0 }.keys.sorted { ($0.index, $0.generation) < ($1.index, $1.generation) }
    }

    /// Also of one that was killed a moment ago.
    private mutating func answer() throws {
        guard let id = pick({ $0.running != nil || !$0.inbox.isEmpty }) else { return }
        var end = TaskEnd.answered
        if dice.once(in: 4) {
            let exit = ProcessExit(pid: 4, reason: .signal(11))
            end =
                [
                    .failed(.scriptError), .failed(.memoryLimit), .failed(.loadError), .workerDied(exit),
                    .notForked(11),
                ].randomElement(using: &dice) ?? .answered
        }
        let count = dice.once(in: 2) ? 1 : dice.roll(1..<20)
        note("answer \(id) \(count) \(end)")
        try fleet.answer(id, count: count, end)
        if dice.once(in: 2) { try fleet.begin(id) }
    }

    /// An answer that no task of the worker waits for is refused, then the worker is killed.
    private mutating func wrongWords(of id: WorkerID) throws {
        guard let worker = fleet.workers[id], !fleet.isTerminated else { return }
        var violation = ProtocolViolation.reservedBytes
        if dice.once(in: 2) {
            let first = worker.flights.first?.sequence
            var sequence = first.map { $0 &+ UInt32(dice.roll(1..<5)) } ?? worker.sequence
            var count: UInt32 = 1
            if let first, dice.once(in: 3) { (sequence, count) = (first, UInt32(worker.flights.count + 1)) }
            var refusal: ProtocolViolation?
            do throws(ProtocolViolation) {
                try fleet.core.tasksEnded(
                    on: id, sequence: sequence, count: count, .answered, nanoseconds: 1, at: fleet.now)
            } catch {
                refusal = error
            }
            guard let refusal else {
                throw IllegalAction(
                    description: "an answer to \(count) tasks from \(sequence) on of \(worker) was taken")
            }
            violation = refusal
        }
        try fleet.workerMisbehaves(id, violation)
    }

    /// Words of workers and about tasks that are no more change nothing.
    private mutating func ghosts() throws {
        note("ghosts")
        func counts(_ core: PoolCore) -> [UInt64] {
            [core.queuedCount, core.flyingCount, core.waitingCount, UInt64(core.liveCount), UInt64(core.idleCount)]
        }
        try fleet.perform()
        let before = counts(fleet.core)
        if let ghost = fleet.former.randomElement(using: &dice) {
            let now = fleet.now
            try fleet.core.workerReady(ghost, at: now)
            try fleet.core.workerPrepared(ghost, sequence: 1, .initializerFailed("ghost"), at: now)
            try fleet.core.tasksEnded(on: ghost, sequence: 1, count: 1, .answered, nanoseconds: 1, at: now)
            fleet.core.workerRecalled(ghost, started: 0, startedAt: now, at: now)
            fleet.core.workerInspected(ghost, started: 0, startedAt: now, at: now)
            fleet.core.workerMeasured(ghost, residentBytes: 1 << 40, at: now)
            fleet.core.workerNotStarted(ghost, errno: 11, at: now)
            fleet.core.workerMisbehaved(ghost, .reservedBytes, at: now)
            fleet.core.workerHungUp(ghost, at: now)
            fleet.core.workerExited(ghost, ProcessExit(pid: 1, reason: .status(0)), lastStarted: 1, at: now)
        }
        if let id = pick({ $0.isUp }) {  // answers to what was not asked
            fleet.core.workerRecalled(id, started: 0, startedAt: fleet.now, at: fleet.now)
            fleet.core.workerInspected(id, started: 0, startedAt: fleet.now, at: fleet.now)
            fleet.core.workerNotStarted(id, errno: 11, at: fleet.now)
        }
        if let ended = fleet.batches.first(where: { $0.value.open == 0 }) {
            fleet.core.batchCancelled(ended.key, at: fleet.now)
        }
        fleet.core.batchCancelled(BatchID(index: 1_000_000, generation: 0), at: fleet.now)
        let actions = try fleet.perform()
        try require(actions.isEmpty && before == counts(fleet.core), "a ghost made the core do \(actions)")
    }
}
