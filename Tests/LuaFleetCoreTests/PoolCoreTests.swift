// What the core does in each situation that matters, one at a time.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct PoolCoreTests {
    @Test func `a pool launches a server, then asks for all its workers, then takes tasks in the order they came`()
        throws
    {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 2))
        try fleet.open()
        #expect(fleet.log == [.launchServer])
        let tasks = try (0..<5).map { _ in try fleet.submit() }
        try fleet.serverReady()
        #expect(fleet.hasOpened && fleet.workers.count == 2)
        let (one, two) = (fleet.sortedWorkers[0], fleet.sortedWorkers[1])
        try fleet.workerReady(two)
        #expect(fleet.log == [.send(tasks[0], to: two, sequence: 1, attempt: 1)])
        try fleet.workerReady(one)
        #expect(fleet.log == [.send(tasks[1], to: one, sequence: 1, attempt: 1)])
        try fleet.answer(two)
        #expect(
            fleet.log == [.finish(tasks[0], .answered, worker: two), .send(tasks[2], to: two, sequence: 2, attempt: 1)])
    }

    @Test
    func `F21: a task whose worker died before it began goes to the front and runs elsewhere as its first attempt`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        let first = try fleet.submit()
        let second = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        try fleet.workerExits(worker)
        #expect(fleet.end(of: first) == nil)
        let next = try #require(fleet.sortedWorkers.first)
        #expect(next.slot == worker.slot && next.generation == worker.generation + 1)
        try fleet.workerReady(next)
        #expect(fleet.log == [.send(first, to: next, sequence: 1, attempt: 1)])
        try fleet.answer(next)
        try fleet.answer(next)
        #expect(fleet.end(of: first) == .answered && fleet.end(of: second) == .answered)
    }

    @Test func `F21: a task that had begun ends with its worker and is not started again`() throws {
        var fleet = try FakeFleet.running(workers: 2)
        let bad = try fleet.submit()
        let good = try fleet.submit()
        let worker = try #require(fleet.sortedWorkers.first { fleet.workers[$0]?.task == bad })
        let other = try #require(fleet.sortedWorkers.first { fleet.workers[$0]?.task == good })
        fleet.begin(worker)
        try fleet.workerExits(worker, .signal(11))
        guard case .workerDied(let exit) = fleet.end(of: bad) else {
            Issue.record("\(fleet.end(of: bad) as Any)")
            return
        }
        #expect(exit.reason == .signal(11))
        #expect(fleet.end(of: good) == nil && fleet.workers.count == 2, "the other task runs on, a replacement starts")
        try fleet.answer(other)
        #expect(fleet.end(of: good) == .answered)
    }

    @Test func `F21: a worker that dies idle costs no task and is replaced at once`() throws {
        var fleet = try FakeFleet.running(workers: 3)
        let worker = fleet.sortedWorkers[1]
        try fleet.workerExits(worker)
        #expect(
            fleet.log == [
                .dropWorker(worker), .startWorker(WorkerID(slot: worker.slot, generation: worker.generation + 1)),
            ])
        for _ in 0..<2 { try fleet.submit() }
        #expect(fleet.core.runningCount == 2, "a task was sent to the dead")
    }

    @Test func `an answer that comes after the kill counts, and the exit that follows harms nobody`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        try fleet.cancel(task)
        #expect(fleet.log == [.killWorker(worker)] && fleet.end(of: task) == nil)
        try fleet.answer(worker)
        #expect(fleet.end(of: task) == .answered)
        let next = try fleet.submit()
        #expect(fleet.core.queuedCount == 1, "nothing is sent to a worker that is being killed")
        try fleet.workerExits(worker)
        try fleet.workerReady(fleet.sortedWorkers[0])
        #expect(fleet.core.runningCount == 1 && fleet.end(of: next) == nil)
    }

    @Test func `F22: a deadline counts from the sending, kills the worker, and the task ends when the exit is known`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        let first = try fleet.submit(wallTime: .milliseconds(50))
        let second = try fleet.submit(wallTime: .milliseconds(50))
        let worker = fleet.sortedWorkers[0]
        let start = fleet.now
        #expect(fleet.core.nextMoment == start + .milliseconds(50))
        try fleet.advance(.milliseconds(40))
        try fleet.answer(worker)
        #expect(fleet.core.nextMoment == start + .milliseconds(90), "the second one's time began when it was sent")
        try fleet.advance(.milliseconds(49))
        #expect(fleet.log.isEmpty || fleet.workers[worker]?.killedAt == nil)
        try fleet.advance(.milliseconds(1))
        #expect(fleet.log == [.killWorker(worker)])
        #expect(fleet.end(of: second) == nil && fleet.core.nextMoment == fleet.now + fleet.configuration.killLimit)
        try fleet.workerExits(worker)
        #expect(fleet.end(of: first) == .answered && fleet.end(of: second) == .timedOut(limit: .milliseconds(50)))
    }

    @Test func `a task ends after the kill limit even if the kernel holds its process, and the slot gets a new tenant`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        fleet.begin(worker)
        try fleet.cancel(task)
        try fleet.advance(fleet.configuration.killLimit)
        #expect(fleet.end(of: task) == .cancelled)
        #expect(fleet.log.last == .startWorker(WorkerID(slot: worker.slot, generation: worker.generation + 1)))
        // The report comes at last, and must not hit the new tenant.
        try fleet.workerExits(worker)
        #expect(fleet.log.isEmpty && fleet.core.liveCount == 1)
    }

    @Test func `cancelling: a queued task ends at once, an ended one stays as it is`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let (running, queued, last) = (try fleet.submit(), try fleet.submit(), try fleet.submit())
        try fleet.cancel(queued)
        #expect(fleet.log == [.finish(queued, .cancelled, worker: nil)])
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker)
        #expect(fleet.workers[worker]?.task == last)
        try fleet.cancel(running)
        try fleet.cancel(queued)
        #expect(fleet.log.isEmpty)
    }

    @Test func `a broken protocol kills the worker and ends its task with the reason`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        fleet.begin(worker)
        #expect(throws: ProtocolViolation.wrongTask(9)) {
            try fleet.core.taskAnswered(by: worker, sequence: 9, at: fleet.now)
        }
        #expect(throws: ProtocolViolation.unexpected(.ready)) { try fleet.core.workerReady(worker, at: fleet.now) }
        try fleet.workerMisbehaves(worker, .wrongTask(9))
        #expect(fleet.log == [.killWorker(worker)])
        try fleet.workerExits(worker)
        #expect(fleet.end(of: task) == .protocolViolation(.wrongTask(9)))
    }

    @Test func `the server's death ends the running tasks and no other`() throws {
        var fleet = try FakeFleet.running(workers: 2)
        let tasks = try (0..<4).map { _ in try fleet.submit() }
        try fleet.serverEnds()
        #expect(tasks.map(fleet.end(of:)) == [.forkServerDied, .forkServerDied, nil, nil])
        #expect(fleet.workers.isEmpty && fleet.log.last == .launchServer)
        try fleet.serverReady()
        for worker in fleet.sortedWorkers { try fleet.workerReady(worker) }
        #expect(fleet.core.runningCount == 2 && fleet.core.queuedCount == 0)
    }

    // MARK: Closing

    @Test func `closing lets queued and running tasks end, then stops the server, then is closed`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let tasks = [try fleet.submit(), try fleet.submit()]
        try fleet.close()
        #expect(fleet.log.isEmpty)
        let late = try fleet.submit()
        #expect(fleet.end(of: late) == .poolTerminated)
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker)
        try fleet.answer(worker)
        #expect(tasks.map(fleet.end(of:)) == [.answered, .answered] && fleet.log.last == .stopServer)
        try fleet.close()
        #expect(fleet.log.isEmpty)
        try fleet.serverEnds()
        #expect(fleet.log == [.dropWorker(worker), .closed])
    }

    @Test func `terminating ends every task now and closes when the server is gone`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let tasks = [try fleet.submit(), try fleet.submit()]
        try fleet.terminate()
        #expect(tasks.map(fleet.end(of:)) == [.poolTerminated, .poolTerminated])
        #expect(fleet.log.last == .stopServer && !fleet.isClosed)
        try fleet.serverEnds()
        #expect(fleet.isClosed)
    }

    @Test func `a pool that drains replaces a dead worker while tasks wait for one`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        _ = try fleet.submit()
        let second = try fleet.submit()
        try fleet.close()
        let worker = fleet.sortedWorkers[0]
        fleet.begin(worker)
        try fleet.workerExits(worker)
        try fleet.workerReady(try #require(fleet.sortedWorkers.first))
        try fleet.answer(fleet.sortedWorkers[0])
        #expect(fleet.end(of: second) == .answered && fleet.server == .stopping)
    }
}
