// A worker's life: prepared, recycled, one too many, finalized.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct WorkerLifeTests {
    /// Answers whatever flies, and lets workers end and come up, until no task is open; the tasks that each incarnation did.
    private func finish(_ fleet: inout FakeFleet, count: Int = 4) throws -> [UInt32] {
        var runs: [WorkerID: UInt32] = [:]
        for _ in 0..<1000 where fleet.openCount > 0 {
            for id in fleet.sortedWorkers {
                guard let worker = fleet.workers[id] else { continue }
                if worker.killedAt != nil {
                    try fleet.workerExits(id)
                } else if worker.life == .finalizing {
                    try fleet.prepared(id)
                } else if worker.life == .up {
                    try fleet.answer(id, count: count, nanoseconds: 10)
                }
                runs[id] = fleet.workers[id]?.begunCount ?? runs[id]
                try fleet.check()
            }
            try fleet.raise()
        }
        return runs.sorted { ($0.key.slot, $0.key.generation) < ($1.key.slot, $1.key.generation) }.map(\.value)
    }

    // MARK: Hanging up

    @Test func `F21: a worker that hung up is killed, and its task ends as its exit says`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.workerHangsUp(worker)
        #expect(fleet.log.contains(.killWorker(worker)) && fleet.end(of: task) == nil)
        try fleet.workerExits(worker, .signal(9))
        #expect(fleet.end(of: task) == .workerDied(ProcessExit(pid: Int32(worker.slot) + 100, reason: .signal(9))))
        try fleet.raise()
        let next = try fleet.submit()
        _ = try finish(&fleet)
        #expect(fleet.end(of: next) == .answered)
    }

    @Test func `F21: where nobody tells of the end of a worker that hung up, the fork server is replaced`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit(2, TaskPolicy.chunks(of: 2))
        let worker = fleet.sortedWorkers[0]
        try fleet.begin(worker)
        try fleet.advance(fleet.configuration.startLimit)
        try fleet.workerHangsUp(worker)
        try fleet.advance(fleet.configuration.killLimit)
        #expect(fleet.ends(of: task).first == .workerDied(ProcessExit(pid: 0, reason: .signal(9))))
        #expect(fleet.log.contains(.stopServer))
        try fleet.serverEnds(nil)
        try fleet.serverReady()
        try fleet.raise()
        _ = try finish(&fleet)
        #expect(fleet.ends(of: task).last == .answered)
    }

    // MARK: Recycling

    @Test(arguments: [0, 2, 3, 10] as [UInt32])
    func `F38: 10 tasks, one worker, 3 tasks a worker: 3, 3, 3, 1, whatever the chunk`(_ chunk: UInt32) throws {
        var fleet = try FakeFleet.running(workers: 1) { $0.recycleAfterTasks = 3 }
        let batch = try fleet.submit(10, TaskPolicy.chunks(of: chunk))
        let runs = try finish(&fleet)
        #expect(runs == [3, 3, 3, 1])
        #expect(fleet.ends(of: batch) == Array(repeating: .answered, count: 10))
        #expect(fleet.sights["drop recycledAfterTasks"] == 3 && fleet.core.statistics.workersRecycled == 3)
    }

    @Test func `F38: tasks that were taken back do not count as done`() throws {
        var fleet = try FakeFleet.running(workers: 2) { $0.recycleAfterTasks = 4 }
        try fleet.submit(4, TaskPolicy.chunks(of: 4))
        let loaded = try #require(fleet.sortedWorkers.first { fleet.workers[$0]?.flights.isEmpty == false })
        try fleet.begin(loaded)
        try fleet.advanceToNext()
        #expect(fleet.workers[loaded]?.flights.count == 1)
        try fleet.answer(loaded)
        #expect(fleet.workers[loaded]?.killedAt == nil, "it did one task")
        try fleet.submit(20)
        _ = try finish(&fleet)
        #expect(fleet.endCount == 24)
    }

    @Test func `F38: a worker that holds too much memory ends after its task, and what was sent ahead goes elsewhere`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1) { $0.recycleAboveBytes = 1000 }
        let batch = try fleet.submit(5, TaskPolicy.chunks(of: 5))
        let worker = fleet.sortedWorkers[0]
        fleet.workers[worker]?.residentBytes = 1001
        try fleet.complete(worker)
        try fleet.begin(worker)
        try fleet.answer(worker, count: 0)
        #expect(fleet.log.contains(.measure(worker)) && fleet.log.contains(.recall(worker, epoch: 1)))
        #expect(fleet.worker(of: batch, 1) == worker && fleet.core.queuedCount == 3)
        try fleet.answer(worker)
        #expect(fleet.workers[worker]?.killedAt != nil && fleet.end(of: batch, 1) == .answered)
        try fleet.workerExits(worker)
        #expect(fleet.log.first == .dropWorker(worker, .recycledAboveBytes(1001)))
        try fleet.raise()
        try fleet.answer(fleet.sortedWorkers[0], count: 3)
        #expect(fleet.openCount == 0)
    }

    @Test func `a worker that was to be recycled and dies of its task is reported as dead`() throws {
        var fleet = try FakeFleet.running(workers: 1) { $0.recycleAboveBytes = 1000 }
        try fleet.submit(2, TaskPolicy.chunks(of: 2))
        let worker = fleet.sortedWorkers[0]
        fleet.workers[worker]?.residentBytes = 1001
        try fleet.complete(worker)
        try fleet.begin(worker)
        try fleet.answer(worker, count: 0)
        try fleet.workerExits(worker, .signal(11))
        #expect(fleet.sights["drop exited"] == 1 && fleet.core.statistics.workersDied == 1)
    }

    // MARK: Size

    @Test func `F39: resize 1, 8, 2 under load loses no task, and the pool has that many workers`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let batch = try fleet.submit(5000)
        try fleet.answer(fleet.sortedWorkers[0], nanoseconds: 1000)
        try fleet.resize(minimum: 8, maximum: 8)
        try fleet.raise()
        #expect(fleet.workers(.up).count == 8)
        for _ in 0..<3 { for worker in fleet.workers(.up) { try fleet.answer(worker, count: 20, nanoseconds: 1000) } }
        try fleet.resize(minimum: 2, maximum: 2)
        var rounds = 0
        while fleet.workers.count > 2 {
            rounds += 1
            try #require(rounds < 200 && fleet.openCount > 0, "under load no worker ends")
            for worker in fleet.sortedWorkers {
                if fleet.workers[worker]?.killedAt != nil {
                    try fleet.workerExits(worker)
                } else {
                    try fleet.answer(worker, count: 20, nanoseconds: 1000)
                }
                try fleet.check()
            }
        }
        #expect(fleet.sights["drop resized"] == 6)
        _ = try finish(&fleet, count: 100)
        #expect(fleet.ends(of: batch).allSatisfy { $0 == .answered })
    }

    @Test func `F39: a pool grows with its tasks, and workers above the minimum end when they were idle for long`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 4) {
            $0.minimumWorkers = 1
            $0.idleTime = .seconds(10)
        }
        #expect(fleet.workers.count == 1)
        try fleet.submit(3)
        #expect(fleet.workers.count == 3)
        try fleet.raise()
        try fleet.submit(50)
        #expect(fleet.workers.count == 4)
        try fleet.raise()
        for _ in 0..<20 { for worker in fleet.sortedWorkers { try fleet.answer(worker, count: 20) } }
        #expect(fleet.openCount == 0)
        try fleet.advance(.seconds(5))
        try fleet.submit(1)
        try fleet.answer(try #require(fleet.sortedWorkers.first { fleet.workers[$0]?.flights.isEmpty == false }))
        for _ in 0..<20 where fleet.workers.count > 1 {
            try fleet.advanceToNext()
            for worker in fleet.sortedWorkers where fleet.workers[worker]?.killedAt != nil {
                try fleet.workerExits(worker)
            }
            try fleet.check()
        }
        #expect(fleet.workers.count == 1 && fleet.sights["drop idle"] == 3)
        try fleet.advance(.seconds(100))
        #expect(fleet.workers(.up).count == 1, "the minimum stays")
    }

    @Test func `F39: a worker that becomes one too many later ends too`() throws {
        var fleet = try FakeFleet.running(workers: 3) {
            $0.minimumWorkers = 2
            $0.idleTime = .seconds(10)
        }
        #expect(fleet.workers.count == 2)
        try fleet.advance(.seconds(10))
        #expect(fleet.workers(.up).count == 2)
        try fleet.resize(minimum: 1, maximum: 3)
        try fleet.advance(.seconds(10))
        #expect(fleet.workers(.up).count == 1)
    }

    // MARK: Initializer and finalizer

    @Test func `F36: each worker is initialized before it takes tasks, and the first one alone`() throws {
        var fleet = FakeFleet(Self.prepared(workers: 3))
        try fleet.open()
        let task = try fleet.submit()
        try fleet.serverReady()
        #expect(fleet.workers.count == 1 && !fleet.hasOpened)
        let worker = fleet.sortedWorkers[0]
        try fleet.workerReady(worker)
        #expect(fleet.log == [.initialize(worker, sequence: 1, epoch: 0)] && fleet.worker(of: task) == nil)
        #expect(throws: ProtocolViolation.wrongTask(7)) {
            try fleet.core.workerPrepared(worker, sequence: 7, nil, at: fleet.now)
        }
        try fleet.prepared(worker)
        #expect(fleet.hasOpened && fleet.worker(of: task) == worker && fleet.workers.count == 3)
        #expect(fleet.log.contains(.send(TaskRange(task, 0, 1), to: worker, sequence: 2, attempt: 1, epoch: 0)))
    }

    @Test func `F24: an initializer that fails while the pool opens breaks it, with its message`() throws {
        var fleet = FakeFleet(Self.prepared(workers: 3))
        try fleet.open()
        let task = try fleet.submit()
        try fleet.serverReady()
        try fleet.workerReady(fleet.sortedWorkers[0])
        try fleet.prepared(fleet.sortedWorkers[0], .initializerFailed("init.lua:1: boom"))
        #expect(fleet.core.broken == .initializerFailed("init.lua:1: boom"))
        #expect(fleet.end(of: task) == .setupFailed(.initializerFailed("init.lua:1: boom")))
        try fleet.workerExits(fleet.sortedWorkers[0])
        #expect(fleet.workers.isEmpty && !fleet.hasOpened)
    }

    @Test func `F24: an initializer that hangs is cut off`() throws {
        var fleet = FakeFleet(Self.prepared(workers: 1))
        try fleet.open()
        try fleet.serverReady()
        try fleet.workerReady(fleet.sortedWorkers[0])
        #expect(fleet.core.nextMoment == fleet.now + .seconds(60))
        try fleet.advanceToNext()
        guard case .initializerFailed(let message) = fleet.core.broken else {
            Issue.record("\(fleet.core.broken as Any)")
            return
        }
        #expect(message.contains("60.0 seconds"))
    }

    @Test func `F24: initializers that fail later trip the breaker, and the pool goes on with the workers it has`()
        throws
    {
        var fleet = FakeFleet(Self.prepared(workers: 2))
        try fleet.open()
        try fleet.serverReady()
        try fleet.workerReady(fleet.sortedWorkers[0])
        try fleet.prepared(fleet.sortedWorkers[0])
        var failures = 0
        for _ in 0..<100 where fleet.core.broken == nil {
            if let worker = fleet.workers(.starting).first {
                try fleet.workerReady(worker)
                try fleet.prepared(worker, .initializerFailed("boom"))
                try fleet.workerExits(worker)
                failures += 1
            }
            try fleet.advance(.seconds(1))
        }
        #expect(failures == 5 && fleet.core.broken == .initializerFailed("boom"))
        let task = try fleet.submit()
        try fleet.answer(fleet.sortedWorkers[0])
        #expect(fleet.end(of: task) == .answered)
    }

    @Test func `F36: finalizers run before a worker is recycled and when the pool closes; one that hangs is cut off`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 2) {
            $0.hasFinalizer = true
            $0.recycleAfterTasks = 1
        }
        let task = try fleet.submit()
        let worker = try #require(fleet.worker(of: task))
        try fleet.answer(worker)
        #expect(
            fleet.log == [
                .finish(TaskRange(task, 0, 1), .answered, worker: worker), .finalize(worker, sequence: 2, epoch: 0),
            ])
        try fleet.prepared(worker)
        #expect(fleet.log == [.killWorker(worker)])
        try fleet.workerExits(worker)
        try fleet.raise()
        try fleet.close()
        #expect(fleet.workers(.finalizing).count == 2 && fleet.server == .ready)
        try fleet.prepared(fleet.workers(.finalizing)[0])
        #expect(fleet.server == .ready, "another one still runs")
        #expect(fleet.core.nextMoment == fleet.now + fleet.configuration.killLimit)
        for worker in fleet.sortedWorkers where fleet.workers[worker]?.killedAt != nil { try fleet.workerExits(worker) }
        try fleet.advance(fleet.configuration.preparationLimit)
        #expect(fleet.server == .stopping)
        try fleet.serverEnds()
        #expect(fleet.isClosed && fleet.sights["finalizing"] == 3)
    }

    @Test func `F36: a worker that was still initializing when the pool closed is finalized too`() throws {
        var fleet = FakeFleet(Self.prepared(workers: 2))
        fleet.configuration.hasFinalizer = true
        fleet.core = PoolCore(configuration: fleet.configuration)
        try fleet.open()
        try fleet.serverReady()
        try fleet.workerReady(fleet.sortedWorkers[0])
        try fleet.prepared(fleet.sortedWorkers[0])
        try fleet.workerReady(fleet.sortedWorkers[1])
        try fleet.close()
        #expect(fleet.workers(.finalizing).count == 1 && fleet.workers(.initializing).count == 1)
        try fleet.prepared(fleet.workers(.initializing)[0])
        #expect(fleet.workers(.finalizing).count == 2)
        try fleet.closeAmongFriends()
    }

    @Test func `terminating waits for no finalizer`() throws {
        var fleet = try FakeFleet.running(workers: 2) { $0.hasFinalizer = true }
        try fleet.close()
        #expect(fleet.server == .ready)
        try fleet.terminate()
        #expect(fleet.server == .stopping)
    }

    private static func prepared(workers: Int) -> PoolCoreConfiguration {
        var configuration = PoolCoreConfiguration(workers: workers)
        configuration.hasInitializer = true
        return configuration
    }
}
