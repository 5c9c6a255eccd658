// What the core does in each situation that matters, one at a time: single tasks, deaths, closing.
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
        #expect(fleet.log == [.send(TaskRange(tasks[0], 0, 1), to: two, sequence: 1, attempt: 1, epoch: 0)])
        try fleet.workerReady(one)
        #expect(fleet.log == [.send(TaskRange(tasks[1], 0, 1), to: one, sequence: 1, attempt: 1, epoch: 0)])
        try fleet.answer(two)
        #expect(
            fleet.log == [
                .finish(TaskRange(tasks[0], 0, 1), .answered, worker: two),
                .send(TaskRange(tasks[2], 0, 1), to: two, sequence: 2, attempt: 1, epoch: 0),
            ])
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
        #expect(fleet.log == [.send(TaskRange(first, 0, 1), to: next, sequence: 1, attempt: 1, epoch: 0)])
        try fleet.answer(next)
        try fleet.answer(next)
        #expect(fleet.end(of: first) == .answered && fleet.end(of: second) == .answered)
    }

    @Test func `F21: a task that had begun ends with its worker and is not started again`() throws {
        var fleet = try FakeFleet.running(workers: 2)
        let bad = try fleet.submit()
        let good = try fleet.submit()
        let worker = try #require(fleet.worker(of: bad))
        let other = try #require(fleet.worker(of: good))
        try fleet.begin(worker)
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

    @Test func `F21: of tasks sent together only the one that ran ends with the worker`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let batch = try fleet.submit(10, TaskPolicy.chunks(of: 10))
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker, count: 3)
        try fleet.begin(worker)
        try fleet.workerExits(worker, .signal(11))
        #expect(fleet.ends(of: batch).prefix(3) == [.answered, .answered, .answered])
        guard case .workerDied = fleet.end(of: batch, 3) else {
            Issue.record("\(fleet.end(of: batch, 3) as Any)")
            return
        }
        let next = try #require(fleet.sortedWorkers.first)
        try fleet.workerReady(next)
        #expect(fleet.log == [.send(TaskRange(batch, 4, 10), to: next, sequence: 1, attempt: 1, epoch: 0)])
    }

    @Test func `F21: a worker that dies idle costs no task and is replaced at once`() throws {
        var fleet = try FakeFleet.running(workers: 3)
        let worker = fleet.sortedWorkers[1]
        try fleet.workerExits(worker)
        let exit = ProcessExit(pid: Int32(worker.slot) + 100, reason: .signal(9))
        #expect(
            fleet.log == [
                .dropWorker(worker, .exited(exit)),
                .startWorker(WorkerID(slot: worker.slot, generation: worker.generation + 1)),
            ])
        for _ in 0..<2 { try fleet.submit() }
        #expect(fleet.core.flyingCount == 2, "a task was sent to the dead")
    }

    @Test func `an answer that comes after the kill counts, and the exit that follows harms nobody`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.cancel(task)
        #expect(fleet.log == [.recall(worker, epoch: 1), .killWorker(worker)] && fleet.end(of: task) == nil)
        try fleet.answer(worker)
        #expect(fleet.end(of: task) == .answered)
        let next = try fleet.submit()
        #expect(fleet.core.queuedCount == 1, "nothing is sent to a worker that is being killed")
        try fleet.workerExits(worker)
        try fleet.workerReady(fleet.sortedWorkers[0])
        #expect(fleet.core.flyingCount == 1 && fleet.end(of: next) == nil)
    }

    @Test func `cancelling: a queued task ends at once, an ended one stays as it is`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let (running, queued, last) = (try fleet.submit(), try fleet.submit(), try fleet.submit())
        try fleet.cancel(queued)
        #expect(fleet.log == [.finish(TaskRange(queued, 0, 1), .cancelled, worker: nil)])
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker)
        #expect(fleet.worker(of: last) == worker)
        try fleet.cancel(running)
        try fleet.cancel(queued)
        #expect(fleet.log.isEmpty)
    }

    @Test func `a broken protocol kills the worker and ends the task that runs there, and no other`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let batch = try fleet.submit(3, TaskPolicy.chunks(of: 3))
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        #expect(throws: ProtocolViolation.wrongTask(9)) {
            try fleet.core.tasksEnded(on: worker, sequence: 9, count: 1, .answered, nanoseconds: 1, at: fleet.now)
        }
        #expect(throws: ProtocolViolation.wrongTask(1)) {
            try fleet.core.tasksEnded(on: worker, sequence: 1, count: 4, .answered, nanoseconds: 1, at: fleet.now)
        }
        #expect(throws: ProtocolViolation.unexpected(.ready)) { try fleet.core.workerReady(worker, at: fleet.now) }
        try fleet.workerMisbehaves(worker, .wrongTask(9))
        #expect(fleet.log == [.recall(worker, epoch: 1), .killWorker(worker)])
        #expect(fleet.core.queuedCount == 2, "what had not begun is queued before the exit is known")
        // The kernel holds the process.
        try fleet.advance(fleet.configuration.killLimit)
        #expect(fleet.ends(of: batch) == [.protocolViolation(.wrongTask(9)), nil, nil])
    }

    @Test func `the server's death ends the tasks that had begun and no other`() throws {
        var fleet = try FakeFleet.running(workers: 2)
        let tasks = try (0..<4).map { _ in try fleet.submit() }
        let begun = try #require(fleet.worker(of: tasks[0]))
        try fleet.begin(begun)
        try fleet.serverEnds()
        #expect(tasks.map { fleet.end(of: $0) } == [.forkServerDied, nil, nil, nil])
        #expect(fleet.workers.isEmpty && fleet.log.last == .launchServer)
        try fleet.serverReady()
        try fleet.raise()
        #expect(fleet.core.flyingCount == 2 && fleet.core.queuedCount == 1)
        #expect(fleet.worker(of: tasks[1]) != nil && fleet.worker(of: tasks[2]) != nil, "in their order")
        // Nobody knows what had begun: then all may have.
        try fleet.serverEnds(blind: true)
        #expect(tasks.map { fleet.end(of: $0) } == [.forkServerDied, .forkServerDied, .forkServerDied, nil])
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
        #expect(tasks.map { fleet.end(of: $0) } == [.answered, .answered] && fleet.log.last == .stopServer)
        try fleet.close()
        #expect(fleet.log.isEmpty)
        try fleet.serverEnds()
        #expect(fleet.log == [.dropWorker(worker, .closed), .closed])
    }

    @Test func `terminating ends every task now, takes late answers calmly, and closes when the server is gone`() throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        let tasks = [try fleet.submit(), try fleet.submit()]
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.terminate()
        #expect(tasks.map { fleet.end(of: $0) } == [.poolTerminated, .poolTerminated])
        #expect(fleet.log.last == .stopServer && !fleet.isClosed)
        try fleet.answer(worker)  // it cannot know
        #expect(fleet.log.isEmpty)
        try fleet.serverEnds()
        #expect(fleet.isClosed)
    }

    @Test func `a pool that drains replaces a dead worker while tasks wait for one`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        _ = try fleet.submit()
        let second = try fleet.submit()
        try fleet.close()
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.workerExits(worker)
        try fleet.workerReady(try #require(fleet.sortedWorkers.first))
        try fleet.answer(fleet.sortedWorkers[0])
        #expect(fleet.end(of: second) == .answered && fleet.server == .stopping)
    }

    @Test func `cancelling the queue ends what waits or was sent ahead, and lets run what runs`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let (sent, queued) = (try fleet.submit(5, TaskPolicy.chunks(of: 5)), try fleet.submit(2))
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker)
        try fleet.begin(worker)
        try fleet.cancelQueue()
        #expect(fleet.ends(of: sent) == [.answered, nil, .cancelled, .cancelled, .cancelled])
        #expect(fleet.ends(of: queued) == [.cancelled, .cancelled])
        try fleet.answer(worker)
        #expect(fleet.end(of: sent, 1) == .answered && fleet.workers[worker]?.killedAt == nil)
    }
}

extension TaskPolicy {
    static func chunks(of count: UInt32, _ change: (inout TaskPolicy) -> Void = { _ in }) -> TaskPolicy {
        var policy = TaskPolicy()
        policy.chunk = count
        change(&policy)
        return policy
    }

    static func make(_ change: (inout TaskPolicy) -> Void) -> TaskPolicy {
        var policy = TaskPolicy()
        change(&policy)
        return policy
    }
}
