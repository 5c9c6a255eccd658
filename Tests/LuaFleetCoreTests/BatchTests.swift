// Batches: how many tasks go to a worker at once and ahead of need, and what is taken back.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct BatchTests {
    /// How many tasks stand in the workers, by slot.
    private func loads(_ fleet: FakeFleet) -> [Int] {
        fleet.sortedWorkers.map { fleet.workers[$0]?.flights.count ?? 0 }
    }

    @Test func `until the duration is known each worker gets one task, then as many as fill a millisecond`() throws {
        var fleet = try FakeFleet.running(workers: 2)
        try fleet.submit(10_000)
        #expect(loads(fleet) == [1, 1])
        try fleet.answer(fleet.sortedWorkers[0], nanoseconds: 10_000)
        #expect(loads(fleet) == [100, 1], "1 ms of tasks of 10 µs")
        try fleet.answer(fleet.sortedWorkers[1], nanoseconds: 10_000)
        #expect(loads(fleet) == [100, 100])
        try fleet.answer(fleet.sortedWorkers[0], count: 20, nanoseconds: 10_000)
        #expect(loads(fleet) == [80, 100], "no new ones before half of them are done")
        try fleet.answer(fleet.sortedWorkers[0], count: 30, nanoseconds: 10_000)
        #expect(loads(fleet) == [100, 100])
        // They become slower than the way to the host.
        try fleet.answer(fleet.sortedWorkers[0], count: 100, nanoseconds: 5_000_000)
        #expect(loads(fleet) == [1, 100])
        try fleet.check()
    }

    @Test func `no worker gets more than its share, nor more than may be sent at once`() throws {
        var fleet = try FakeFleet.running(workers: 4) { $0.prefetchTasks = 16 }
        try fleet.submit(1)
        try fleet.answer(
            try #require(fleet.sortedWorkers.first { fleet.workers[$0]?.flights.count == 1 }), nanoseconds: 10)
        try fleet.submit(20)
        #expect(
            loads(fleet).sorted() == [2, 3, 4, 5], "an even share of what is left, the rest for those who are first")
        try fleet.submit(1000)
        for worker in fleet.sortedWorkers { try fleet.answer(worker, count: 5, nanoseconds: 10) }
        #expect(loads(fleet) == [16, 16, 16, 16])
    }

    @Test func `F13: a chunk size is kept, and the rest of a batch goes as it is`() throws {
        var fleet = try FakeFleet.running(workers: 2)
        let batch = try fleet.submit(25, TaskPolicy.chunks(of: 10))
        #expect(loads(fleet) == [10, 10])
        let worker = try #require(fleet.worker(of: batch, 0))
        try fleet.answer(worker, count: 10)
        #expect(fleet.worker(of: batch, 24) == worker)
    }

    @Test func `a worker is given nothing ahead where the batch does not allow it`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        try fleet.submit()
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker, nanoseconds: 10)
        let alone = try fleet.submit(3, TaskPolicy.make { $0.allowsPrefetch = false })
        let others = try fleet.submit(5)
        for number in 0..<3 {
            #expect(loads(fleet) == [1])
            #expect(fleet.worker(of: alone, number) == worker)
            try fleet.answer(worker, nanoseconds: 10)
        }
        #expect(loads(fleet) == [5] && fleet.worker(of: others, 4) == worker)
        try fleet.submit(2, TaskPolicy.make { $0.allowsPrefetch = false })
        try fleet.answer(worker, count: 4, nanoseconds: 10)
        #expect(loads(fleet) == [1], "behind another one")
    }

    // MARK: Taking back

    @Test func `what stands behind a task that takes long goes to a worker that is idle`() throws {
        var fleet = try FakeFleet.running(workers: 2)
        let batch = try fleet.submit(6, TaskPolicy.chunks(of: 6))
        let loaded = try #require(fleet.worker(of: batch))
        let other = try #require(fleet.sortedWorkers.first { $0 != loaded })
        try fleet.begin(loaded)
        #expect(fleet.core.nextMoment == fleet.now + fleet.configuration.stealPause)
        try fleet.advanceToNext()
        #expect(
            fleet.log == [
                .recall(loaded, epoch: 1), .send(TaskRange(batch, 1, 6), to: other, sequence: 1, attempt: 1, epoch: 0),
            ])
        #expect(fleet.workers[loaded]?.flights.count == 1)
        try fleet.answer(other, count: 5)
        try fleet.answer(loaded)
        #expect(fleet.ends(of: batch) == Array(repeating: .answered, count: 6))
        // What is sent there later names the new epoch.
        try fleet.submit(2)
        #expect(
            fleet.log.contains {
                if case .send(_, loaded, sequence: 7, attempt: 1, epoch: 1) = $0 { true } else { false }
            })
    }

    @Test func `an idle worker asks every loaded one in turn, not one that has nothing to give again and again`() throws
    {
        var fleet = try FakeFleet.running(workers: 3)
        let first = try fleet.submit(3, TaskPolicy.chunks(of: 3))
        let second = try fleet.submit(3, TaskPolicy.chunks(of: 3))
        let liar = try #require(fleet.worker(of: second))
        // All of them have begun there, it says, and answers none.
        try fleet.begin(try #require(fleet.worker(of: first)))
        fleet.now = fleet.now + fleet.configuration.stealPause
        var actions: [PoolAction] = []
        for _ in 0..<3 {
            fleet.core.timePassed(at: fleet.now)
            fleet.core.takeActions(into: &actions, at: fleet.now)
            guard case .recall(let asked, _)? = actions.first else { break }
            fleet.core.workerRecalled(
                asked, started: asked == liar ? 3 : 1, startedAt: fleet.now, at: fleet.now)
            fleet.core.takeActions(into: &actions, at: fleet.now)
            if actions.contains(where: { if case .send = $0 { true } else { false } }) { return }
            fleet.now = fleet.now + fleet.configuration.stealPause
        }
        Issue.record("the idle worker stays idle")
    }

    @Test func `nothing is sent to a worker between the recall and its answer`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let (first, second) = (try fleet.submit(2, TaskPolicy.chunks(of: 2)), try fleet.submit(2))
        let worker = fleet.sortedWorkers[0]
        // The shell has a cancel and an answer to report before it asks what to do.
        try fleet.complete(worker)
        try fleet.complete(worker)
        fleet.batches[first]?.isCancelled = true
        fleet.core.batchCancelled(first, at: fleet.now)
        try fleet.handOn(worker)
        try fleet.perform()
        #expect(fleet.ends(of: first) == [.answered, .answered])
        try fleet.answer(worker)
        try fleet.answer(worker)
        #expect(fleet.ends(of: second) == [.answered, .answered])
        try fleet.check()
    }

    @Test func `F17: cancelling a batch that is queued, sent ahead and running at once ends it once, and one worker`()
        throws
    {
        var fleet = try FakeFleet.running(workers: 2)
        let batch = try fleet.submit(20, TaskPolicy.chunks(of: 5))
        let other = try fleet.submit(3)
        let (one, two) = (try #require(fleet.worker(of: batch, 0)), try #require(fleet.worker(of: batch, 5)))
        try fleet.answer(one, count: 2)
        try fleet.begin(one)
        try fleet.cancel(batch)
        #expect(fleet.ends(of: batch).count { $0 == .cancelled } == 17)
        #expect(fleet.end(of: batch, 2) == nil, "it runs")
        #expect(fleet.workers[one]?.killedAt != nil && fleet.workers[two]?.killedAt == nil)
        #expect(fleet.worker(of: other, 0) == two, "the worker where nothing had begun goes on")
        try fleet.workerExits(one)
        #expect(fleet.end(of: batch, 2) == .cancelled)
        try fleet.closeAmongFriends()
        #expect(fleet.ends(of: other) == [.answered, .answered, .answered])
    }

    @Test func `a caller that submits while a batch's last task is finished gets another place`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        fleet.onFinish = { fleet, _ in if fleet.submittedCount < 50 { fleet.submitOnly() } }
        try fleet.submit()
        for _ in 0..<60 { try fleet.answer(fleet.sortedWorkers[0]) }
        #expect(fleet.openCount == 0 && fleet.submittedCount == 50)
    }

    @Test func `words of a worker about tasks that it never had do not trap`() throws {
        for started in [UInt32.max, 0x8000_0000, 0x7FFF_FFFF, 100, 4, 0] {
            var fleet = try FakeFleet.running(workers: 2)
            _ = try fleet.submit(5, TaskPolicy.chunks(of: 5) { $0.wallTime = .milliseconds(1) })
            var actions: [PoolAction] = []
            for step in 1..<100 {
                let now = fleet.now + .milliseconds(step * 100)
                fleet.core.timePassed(at: now)
                fleet.core.takeActions(into: &actions, at: now)
                for action in actions {
                    switch action {
                    case .recall(let worker, _):
                        fleet.core.workerRecalled(worker, started: started, startedAt: now + .seconds(1000), at: now)
                    case .inspect(let worker):
                        fleet.core.workerInspected(worker, started: started, startedAt: now + .seconds(1000), at: now)
                    default: break
                    }
                }
            }
            #expect(fleet.core.flyingCount + fleet.core.queuedCount <= 5)
        }
    }
}
