// Deadlines, grace, queue limits: what ends when, and whom it hits.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct DeadlineTests {
    private static func limited(_ limit: Duration, grace: Duration? = nil, chunk: UInt32 = 0) -> TaskPolicy {
        var policy = TaskPolicy(wallTime: limit)
        policy.grace = grace
        policy.chunk = chunk
        return policy
    }

    @Test func `F22: a deadline counts from the start, kills the worker, and the task ends when the exit is known`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        let first = try fleet.submit(1, Self.limited(.milliseconds(50)))
        let second = try fleet.submit(1, Self.limited(.milliseconds(50)))
        let worker = fleet.sortedWorkers[0]
        let start = fleet.now
        #expect(fleet.core.nextMoment == start + .milliseconds(50))
        try fleet.advance(.milliseconds(20))
        try fleet.begin(worker)
        try fleet.advance(.milliseconds(30))
        #expect(fleet.log == [.inspect(worker)], "it began later than it was sent")
        try fleet.advance(.milliseconds(19))
        try fleet.answer(worker)
        try fleet.begin(worker)
        try fleet.advance(.milliseconds(49))
        #expect(fleet.workers[worker]?.killedAt == nil)
        try fleet.advance(.milliseconds(1))
        #expect(fleet.log == [.inspect(worker), .recall(worker, epoch: 1), .killWorker(worker)])
        #expect(fleet.end(of: second) == nil && fleet.core.nextMoment == fleet.now + fleet.configuration.killLimit)
        try fleet.workerExits(worker)
        #expect(fleet.end(of: first) == .answered && fleet.end(of: second) == .timedOut(limit: .milliseconds(50)))
    }

    @Test func `F22: the kill for a deadline hits only its task, of many that were sent together`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let batch = try fleet.submit(100, Self.limited(.milliseconds(50), chunk: 100))
        let worker = fleet.sortedWorkers[0]
        // Three answers are held back, and the fourth task takes long.
        for _ in 0..<3 { try fleet.complete(worker) }
        try fleet.begin(worker)
        let start = fleet.now
        while fleet.workers[worker]?.killedAt == nil { try fleet.advanceToNext() }
        #expect(fleet.now == start + .milliseconds(50))
        #expect(fleet.log == [.inspect(worker), .recall(worker, epoch: 1), .killWorker(worker)])
        #expect(fleet.core.queuedCount == 96)
        try fleet.workerExits(worker)
        #expect(fleet.ends(of: batch).prefix(3).allSatisfy { $0 == .answered })
        #expect(fleet.end(of: batch, 3) == .timedOut(limit: .milliseconds(50)))
        try fleet.closeAmongFriends()
        #expect(fleet.ends(of: batch).count { $0 == .answered } == 99)
    }

    @Test func `a deadline that is known is kept though an answer came since`() throws {
        var fleet = try FakeFleet.running(workers: 1) { $0.lookPause = .milliseconds(4) }
        let batch = try fleet.submit(3, Self.limited(.milliseconds(5), chunk: 3))
        let worker = fleet.sortedWorkers[0]
        try fleet.complete(worker)
        try fleet.begin(worker)
        let start = fleet.now
        try fleet.advanceToNext()
        #expect(fleet.now == start + .milliseconds(4) && fleet.end(of: batch) == .answered)
        try fleet.advanceToNext()
        #expect(fleet.now == start + .milliseconds(5) && fleet.workers[worker]?.killedAt == fleet.now)
    }

    @Test func `a task that cannot begin is tried elsewhere, and nothing ends for it`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let batch = try fleet.submit(3, Self.limited(.seconds(1), chunk: 3))
        let worker = fleet.sortedWorkers[0]
        let start = fleet.now
        while fleet.workers[worker]?.killedAt == nil { try fleet.advanceToNext() }
        #expect(fleet.now == start + fleet.configuration.beginLimit)
        #expect(fleet.core.queuedCount == 3 && fleet.endCount == 0)
        try fleet.advance(fleet.configuration.killLimit)
        try fleet.raise()
        try fleet.answer(fleet.sortedWorkers[0], count: 3)
        #expect(fleet.ends(of: batch) == [.answered, .answered, .answered])
    }

    @Test func `a worker that says that its task has just begun, each time it is asked, is killed all the same`() throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        _ = try fleet.submit(1, Self.limited(.milliseconds(100)))
        var actions: [PoolAction] = []
        let start = fleet.now
        var isKilled = false
        for _ in 0..<1000 where !isKilled {
            let now = try #require(fleet.core.nextMoment)
            fleet.core.timePassed(at: now)
            fleet.core.takeActions(into: &actions, at: now)
            while !actions.isEmpty {
                for action in actions {
                    switch action {
                    case .recall(let id, _):
                        fleet.core.workerRecalled(id, started: 1, startedAt: now + .seconds(9), at: now)
                    case .inspect(let id):
                        fleet.core.workerInspected(id, started: 1, startedAt: now + .seconds(9), at: now)
                    case .killWorker: isKilled = true
                    default: break
                    }
                }
                fleet.core.takeActions(into: &actions, at: now)
            }
            #expect(now <= start + .milliseconds(200), "its first word counts")
        }
        #expect(isKilled)
    }

    @Test func `a task ends after the kill limit even if the kernel holds its process, and the slot gets a new tenant`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.cancel(task)
        try fleet.advance(fleet.configuration.killLimit)
        #expect(fleet.end(of: task) == .cancelled)
        #expect(fleet.log.last == .startWorker(WorkerID(slot: worker.slot, generation: worker.generation + 1)))
        // The report comes at last, and must not hit the new tenant.
        try fleet.workerExits(worker)
        #expect(fleet.log.isEmpty && fleet.core.liveCount == 1)
    }

    // MARK: Grace

    @Test func `F26: with a grace the script is interrupted, and the worker lives if it ends in time`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit(1, Self.limited(.milliseconds(10), grace: .milliseconds(5)))
        let next = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.advance(.milliseconds(10))
        #expect(
            fleet.log == [
                .inspect(worker), .recall(worker, epoch: 1), .interruptWorker(worker, sequence: 1, .deadline),
            ])
        #expect(fleet.core.nextMoment == fleet.now + .milliseconds(5) && fleet.worker(of: next) == nil)
        try fleet.answer(worker, .failed(.scriptError))
        #expect(fleet.end(of: task) == .timedOut(limit: .milliseconds(10)))
        #expect(fleet.worker(of: next) == worker && fleet.workers[worker]?.killedAt == nil)
    }

    @Test func `F26: a task that returns in its grace has returned, one that does not is killed with its worker`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        let policy = TaskPolicy.make { $0.grace = .milliseconds(5) }
        let (good, bad) = (try fleet.submit(1, policy), try fleet.submit(1, policy))
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.cancel(good)
        try fleet.answer(worker)
        #expect(fleet.end(of: good) == .answered)
        try fleet.begin(worker)
        try fleet.cancel(bad)
        let until = fleet.now + .milliseconds(5)
        try fleet.advance(.milliseconds(2))
        try fleet.cancel(bad)  // asking twice does not make it sooner
        #expect(fleet.workers[worker]?.killedAt == nil && fleet.core.nextMoment == until)
        try fleet.advanceToNext()
        #expect(fleet.log == [.killWorker(worker)])
        try fleet.workerExits(worker)
        #expect(fleet.end(of: bad) == .cancelled)
    }

    @Test func `an interrupt ends its task and not those that failed before it`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let batch = try fleet.submit(3, Self.limited(.milliseconds(10), grace: .milliseconds(5), chunk: 3))
        let worker = fleet.sortedWorkers[0]
        var actions: [PoolAction] = []
        try fleet.begin(worker)
        // Its shell did not hand on two failures before it answered the recall.
        fleet.core.workerInspected(worker, started: 3, startedAt: fleet.now, at: fleet.now)
        fleet.core.batchCancelled(batch, at: fleet.now)
        fleet.core.takeActions(into: &actions, at: fleet.now)
        fleet.core.workerRecalled(worker, started: 3, startedAt: fleet.now, at: fleet.now)
        try fleet.core.tasksEnded(
            on: worker, sequence: 1, count: 3, .failed(.scriptError), nanoseconds: 3, at: fleet.now)
        fleet.core.takeActions(into: &actions, at: fleet.now)
        #expect(
            actions == [
                .interruptWorker(worker, sequence: 3, .cancelled),
                .finish(TaskRange(batch, 0, 2), .failed(.scriptError), worker: worker),
                .finish(TaskRange(batch, 2, 3), .cancelled, worker: worker),
            ])
    }

    @Test func `F26: a worker that is not believed and has not begun its task, as it says, gets no grace`() throws {
        for hasBegun in [false, true] {
            var fleet = try FakeFleet.running(workers: 1) { $0.distrustsWorkers = true }
            let task = try fleet.submit(1, TaskPolicy.make { $0.grace = .seconds(5) })
            let worker = fleet.sortedWorkers[0]
            var actions: [PoolAction] = []
            fleet.core.batchCancelled(task, at: fleet.now)
            fleet.core.takeActions(into: &actions, at: fleet.now)
            fleet.core.workerRecalled(worker, started: hasBegun ? 1 : 0, startedAt: fleet.now, at: fleet.now)
            fleet.core.takeActions(into: &actions, at: fleet.now)
            #expect(actions == [hasBegun ? .interruptWorker(worker, sequence: 1, .cancelled) : .killWorker(worker)])
        }
    }

    @Test func `F26: a task that has its grace when the pool is terminated ends then, and its worker with all others`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1) { $0.hasFinalizer = true }
        let task = try fleet.submit(1, TaskPolicy.make { $0.grace = .milliseconds(5) })
        try fleet.begin(fleet.sortedWorkers[0])
        try fleet.cancel(task)
        try fleet.terminate()
        #expect(fleet.end(of: task) == .poolTerminated && fleet.log.last == .stopServer)
        try fleet.advance(.milliseconds(5))
        #expect(fleet.log.isEmpty)
    }

    // MARK: The queue

    @Test func `F22: a task that waits longer for a worker than it may ends, one that was begun does not`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let policy = TaskPolicy.chunks(of: 2) { $0.queueTime = .milliseconds(10) }
        let batch = try fleet.submit(4, policy)
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        #expect(fleet.core.nextMoment == fleet.now + .milliseconds(10))
        try fleet.advanceToNext()
        let late = TaskEnd.queueTimedOut(limit: .milliseconds(10))
        #expect(fleet.ends(of: batch) == [nil, late, late, late], "also what was sent ahead and stands behind it")
        try fleet.answer(worker)
        #expect(fleet.end(of: batch) == .answered)
        #expect(fleet.core.statistics.timedOut == 3 && fleet.core.statistics.succeeded == 1)
    }

    @Test func `F22: a queue limit does not end a task that waits for another attempt`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let policy = TaskPolicy.make {
            $0.queueTime = .milliseconds(10)
            $0.retry.max = 1
            $0.retry.kinds = .scriptError
            $0.retry.pause = .milliseconds(50)
        }
        let task = try fleet.submit(1, policy)
        try fleet.answer(fleet.sortedWorkers[0], .failed(.scriptError))
        try fleet.advance(.milliseconds(10))
        #expect(fleet.end(of: task) == nil && fleet.core.waitingCount == 1)
        try fleet.advance(.milliseconds(40))
        try fleet.answer(fleet.sortedWorkers[0])
        #expect(fleet.end(of: task) == .answered)
    }
}
