// Workers and servers that do not come up: pauses, the breaker, and what it says.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct StartFailureTests {
    @Test func `F24: five workers that end before they are ready break the pool, which says so and starts no more`()
        throws
    {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 1))
        try fleet.open()
        let task = try fleet.submit()
        try fleet.serverReady()
        var pauses = [Duration]()
        var starts = 0
        while fleet.core.broken == nil {
            let worker = try #require(fleet.sortedWorkers.first)
            starts += 1
            try #require(starts < 20)
            try fleet.workerExits(worker, .status(71))
            guard fleet.core.broken == nil else { break }
            #expect(fleet.sortedWorkers.isEmpty, "no pause")
            let next = try #require(fleet.core.nextMoment)
            pauses.append(.nanoseconds(next.nanoseconds - fleet.now.nanoseconds))
            try fleet.advance(pauses.last!)  // appended one line above
        }
        #expect(starts == 5)
        #expect(pauses == [10, 20, 40, 80].map { .milliseconds($0) })
        guard case .workersEndEarly(count: 5, let last) = fleet.core.broken else {
            Issue.record("\(fleet.core.broken as Any)")
            return
        }
        #expect(last?.reason == .status(71))
        #expect(fleet.end(of: task) == fleet.core.broken.map { .setupFailed($0) })
        let late = try fleet.submit()
        #expect(fleet.end(of: late) == fleet.core.broken.map { .setupFailed($0) })
        try fleet.advance(.seconds(100))
        #expect(fleet.workers.isEmpty)
    }

    @Test func `one worker that becomes ready sets the count of failures back`() throws {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 1))
        try fleet.open()
        try fleet.serverReady()
        for _ in 0..<10 {
            for _ in 0..<4 {
                try fleet.workerExits(fleet.sortedWorkers[0])
                try fleet.advance(.seconds(1))
            }
            try fleet.workerReady(try #require(fleet.sortedWorkers.first))
            try fleet.workerExits(fleet.sortedWorkers[0])
            try fleet.advance(.seconds(1))
        }
        #expect(fleet.core.broken == nil)
    }

    @Test(arguments: [
        SetupFailure.notExecutable(2), .notAWorker(output: [1]), .otherVersion(release: "9", protocolVersion: 9),
        .endedEarly(nil, output: []),
    ])
    func `F24: a worker executable that cannot get better is not tried twice`(_ failure: SetupFailure) throws {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 2))
        try fleet.open()
        let task = try fleet.submit()
        try fleet.serverEnds(failure)
        #expect(fleet.core.broken == failure && fleet.end(of: task) == .setupFailed(failure) && fleet.launches == 1)
        try fleet.close()
        #expect(fleet.isClosed)
    }

    @Test(arguments: [SetupFailure.endedEarly(nil, output: []), .notAWorker(output: [1])])
    func `a program that has been a worker is tried again when somebody ends it before it says hello`(
        _ failure: SetupFailure
    ) throws {
        var fleet = try FakeFleet.running(workers: 2)
        try fleet.serverEnds()
        let task = try fleet.submit()
        #expect(fleet.launches == 2)
        try fleet.serverEnds(failure)
        #expect(fleet.core.broken == nil)
        try fleet.advance(.seconds(1))
        #expect(fleet.launches == 3)
        try fleet.serverReady()
        try fleet.workerReady(try #require(fleet.workers(.starting).first))
        let worker = try #require(fleet.worker(of: task))
        try fleet.complete(worker)
        try fleet.handOn(worker)
        _ = try fleet.perform()
        #expect(fleet.end(of: task) == .answered)
    }

    @Test func `a server that starts nobody and reports nobody's end is replaced, and what was queued goes on`() throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        try fleet.workerExits(fleet.sortedWorkers[0])
        try fleet.advance(.seconds(1))
        let task = try fleet.submit()
        #expect(fleet.workers(.starting).count == 1, "asked for")
        try fleet.advance(.seconds(10))
        #expect(fleet.server == .ready)
        try fleet.advance(.seconds(5))
        #expect(fleet.server == .stopping)
        try fleet.serverEnds()
        try fleet.advance(.seconds(1))
        try fleet.serverReady()
        try fleet.workerReady(try #require(fleet.workers(.starting).first))
        let worker = try #require(fleet.worker(of: task))
        try fleet.complete(worker)
        try fleet.handOn(worker)
        _ = try fleet.perform()
        #expect(fleet.end(of: task) == .answered && fleet.core.broken == nil)
    }

    @Test
    func `F24: a server that hangs before hello is stopped at the start limit, five times, then the pool says so`()
        throws
    {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 2))
        try fleet.open()
        let task = try fleet.submit()
        var stops = 0
        for _ in 0..<100 where fleet.core.broken == nil {
            let next = try #require(fleet.core.nextMoment)
            try fleet.advance(.nanoseconds(next.nanoseconds - fleet.now.nanoseconds))
            if fleet.server == .stopping {
                stops += 1
                try fleet.serverEnds()
            }
        }
        #expect(stops == 5 && fleet.launches == 5)
        #expect(fleet.end(of: task) == .setupFailed(.silent(.seconds(10))))
        try fleet.close()
        #expect(fleet.isClosed)
    }

    @Test func `F24: a worker that hangs before it is ready is killed at the start limit`() throws {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 1))
        try fleet.open()
        try fleet.serverReady()
        let worker = fleet.sortedWorkers[0]
        #expect(fleet.core.nextMoment == fleet.now + .seconds(10))
        try fleet.advance(.seconds(10))
        #expect(fleet.log == [.killWorker(worker)])
        try fleet.workerExits(worker)
        try fleet.advance(.seconds(1))
        #expect(fleet.sortedWorkers == [WorkerID(slot: 0, generation: worker.generation + 1)])
    }

    @Test func `F24: workers that break the protocol before they are ready count as failed starts`() throws {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 2))
        try fleet.open()
        try fleet.serverReady()
        var starts = 2
        for _ in 0..<100 where fleet.core.broken == nil {
            for worker in fleet.workers(.starting) { try fleet.workerMisbehaves(worker) }
            for worker in fleet.sortedWorkers {
                try fleet.workerExits(worker)
                starts += fleet.log.count { if case .startWorker = $0 { true } else { false } }
            }
            try fleet.advance(.seconds(1))
            starts += fleet.log.count { if case .startWorker = $0 { true } else { false } }
        }
        #expect(fleet.core.broken != nil && starts <= 2 + 5, "\(starts) processes")
    }

    @Test func `a task that never began and comes back to a broken pool ends with the reason`() throws {
        var fleet = try FakeFleet.running(workers: 2) { $0.startAttempts = 1 }
        let tasks = [try fleet.submit(), try fleet.submit()]
        let (one, two) = (fleet.sortedWorkers[0], fleet.sortedWorkers[1])
        let begun = try fleet.begin(one)?.batch
        try fleet.workerExits(one)
        try fleet.workerExits(try #require(fleet.sortedWorkers.first { $0.slot == one.slot }))
        #expect(fleet.core.broken != nil)
        try fleet.workerExits(two)
        let other = try #require(tasks.first { $0 != begun })
        #expect(fleet.end(of: other) == fleet.core.broken.map { .setupFailed($0) })
        try fleet.check()
        try fleet.close()
        #expect(fleet.server == .stopping)
    }

    @Test
    func `F24: forks refused all at once count as one failed start, and the pool goes on with the workers it has`()
        throws
    {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 16))
        try fleet.open()
        try fleet.serverReady()
        let asked = fleet.sortedWorkers
        try fleet.workerReady(asked[0])
        for worker in asked.dropFirst() { try fleet.workerRefused(worker) }
        #expect(fleet.core.broken == nil && fleet.core.liveCount == 1, "a moment's lack of memory broke the pool")
        let task = try fleet.submit()
        try fleet.answer(asked[0])
        #expect(fleet.end(of: task) == .answered)
        for _ in 0..<100 where fleet.workers.count < 16 {
            try fleet.advance(.seconds(1))
            for worker in fleet.workers(.starting) { try fleet.workerReady(worker) }
        }
        #expect(fleet.workers.count == 16)
    }

    @Test func `F24: a broken pool tries once more when a task comes after the pause, and works if that succeeds`()
        throws
    {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 3))
        try fleet.open()
        try fleet.serverEnds(.notExecutable(2))
        #expect(fleet.core.broken == .notExecutable(2))
        let refused = try fleet.submit()
        #expect(fleet.end(of: refused) == .setupFailed(.notExecutable(2)) && fleet.launches == 1)
        try fleet.advance(fleet.configuration.brokenPause)
        #expect(fleet.launches == 1, "not before somebody needs it")
        let waiting = try fleet.submit()
        #expect(fleet.end(of: waiting) == nil && fleet.launches == 2)
        try fleet.serverEnds(.notExecutable(2))
        #expect(fleet.end(of: waiting) == .setupFailed(.notExecutable(2)), "one attempt")
        try fleet.advance(fleet.configuration.brokenPause)
        let lucky = try fleet.submit()
        try fleet.serverReady()
        #expect(fleet.workers.count == 1, "one worker goes first")
        try fleet.raise()
        #expect(fleet.workers(.up).count == 3 && fleet.core.broken == nil)
        try fleet.answer(try #require(fleet.worker(of: lucky)))
        #expect(fleet.end(of: lucky) == .answered)
    }

    @Test func `F24: one failure of the attempt after the pause breaks the pool again`() throws {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 2))
        try fleet.open()
        try fleet.serverReady()
        for _ in 0..<5 {
            for worker in fleet.sortedWorkers { try fleet.workerRefused(worker) }
            try fleet.advance(.seconds(1))
        }
        #expect(fleet.core.broken == .cannotFork(11))
        try fleet.advance(fleet.configuration.brokenPause)
        let task = try fleet.submit()
        #expect(fleet.workers.count == 1)
        try fleet.workerRefused(fleet.sortedWorkers[0], errno: 12)
        #expect(fleet.end(of: task) == .setupFailed(.cannotFork(12)) && fleet.workers.isEmpty)
    }

    @Test func `a broken pool does what it has workers for`() throws {
        var fleet = try FakeFleet.running(workers: 2) { $0.startAttempts = 1 }
        try fleet.workerExits(fleet.sortedWorkers[0])
        try fleet.workerRefused(try #require(fleet.workers(.starting).first))
        #expect(fleet.core.broken != nil && fleet.workers.count == 1)
        let task = try fleet.submit()
        try fleet.answer(fleet.sortedWorkers[0])
        #expect(fleet.end(of: task) == .answered)
    }

    @Test func `a pool that is closed while it is broken makes no more attempts`() throws {
        var fleet = FakeFleet(PoolCoreConfiguration(workers: 2))
        try fleet.open()
        try fleet.serverEnds(.notExecutable(2))
        try fleet.close()
        try fleet.advance(.seconds(100))
        let late = try fleet.submit()
        #expect(fleet.end(of: late) == .setupFailed(.notExecutable(2)) && fleet.launches == 1)
    }

    @Test func `workers that die idle again and again are replaced more and more slowly, until one answers a task`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 1)
        var pauses: [Duration] = []
        for _ in 0..<4 {
            try fleet.workerExits(fleet.sortedWorkers[0])
            if fleet.workers.isEmpty {
                let next = try #require(fleet.core.nextMoment)
                pauses.append(.nanoseconds(next.nanoseconds - fleet.now.nanoseconds))
                try fleet.advanceToNext()
            }
            try fleet.raise()
        }
        #expect(pauses == [10, 20, 40].map { .milliseconds($0) })
        try fleet.submit()
        try fleet.answer(fleet.sortedWorkers[0])
        try fleet.workerExits(fleet.sortedWorkers[0])
        #expect(fleet.workers.count == 1, "at once")
    }
}
