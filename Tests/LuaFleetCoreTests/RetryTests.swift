// Tasks that are tried again: which, how often, after what pause; and those that are set aside.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct RetryTests {
    private static func retrying(
        _ max: UInt32, _ kinds: RetryPolicy.Kinds, _ change: (inout RetryPolicy) -> Void = { _ in }
    ) -> TaskPolicy {
        var policy = TaskPolicy()
        policy.retry.max = max
        policy.retry.kinds = kinds
        change(&policy.retry)
        return policy
    }

    private func attempts(_ actions: [PoolAction]) -> [UInt32] {
        actions.compactMap { if case .send(_, _, _, let attempt, _) = $0 { attempt } else { nil } }
    }

    @Test func `F23: a task that fails is tried again after pauses that double, with its attempt's number`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit(
            1,
            Self.retrying(3, .scriptError) {
                $0.pause = .milliseconds(10)
                $0.longestPause = .milliseconds(30)
            })
        let worker = fleet.sortedWorkers[0]
        #expect(attempts(fleet.log) == [1])
        for (attempt, pause) in [(2, 10), (3, 20), (4, 30)] {
            try fleet.answer(worker, .failed(.scriptError))
            #expect(fleet.log == [.repeated(TaskRange(task, 0, 1), .failed(.scriptError), worker: worker)])
            #expect(fleet.core.nextMoment == fleet.now + .milliseconds(pause) && fleet.core.waitingCount == 1)
            try fleet.advanceToNext()
            #expect(attempts(fleet.log) == [UInt32(attempt)])
        }
        try fleet.answer(worker, .failed(.scriptError))
        #expect(fleet.end(of: task) == .failed(.scriptError))
        #expect(fleet.core.statistics.repeated == 3 && fleet.core.statistics.failed == 1)
    }

    @Test func `F23: a kind that was not asked for is not tried again`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let batch = try fleet.submit(2, Self.retrying(5, [.timeout, .workerDied]))
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker, .failed(.scriptError))
        #expect(fleet.end(of: batch, 0) == .failed(.scriptError))
        try fleet.begin(worker)
        try fleet.workerExits(worker)
        #expect(fleet.end(of: batch, 1) == nil && fleet.core.queuedCount == 1)
    }

    @Test func `F23: what has a number of attempts keeps it when it comes back without having begun`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        _ = try fleet.submit(1, Self.retrying(1, .scriptError))
        try fleet.answer(fleet.sortedWorkers[0], .failed(.scriptError))
        #expect(attempts(fleet.log) == [2])
        try fleet.workerExits(fleet.sortedWorkers[0])
        try fleet.raise()
        #expect(attempts(fleet.log) == [2])
    }

    @Test func `F23: a task under which so many workers died is set aside, whatever the number of attempts`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let poison = try fleet.submit(1, Self.retrying(100, .workerDied) { $0.maxKills = 3 })
        for _ in 0..<3 {
            #expect(fleet.end(of: poison) == nil)
            try fleet.begin(fleet.sortedWorkers[0])
            try fleet.workerExits(fleet.sortedWorkers[0], .signal(11))
            try fleet.raise()
        }
        let last = ProcessExit(pid: 100, reason: .signal(11))
        #expect(fleet.end(of: poison) == .quarantined(kills: 3, last: last))
        #expect(fleet.core.statistics.workersDied == 3 && fleet.core.statistics.died == 1)
    }

    @Test func `a task that was cancelled is not tried again, also while it waits for that`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let policy = Self.retrying(5, [.scriptError, .workerDied, .timeout]) { $0.pause = .seconds(1) }
        let (first, second) = (try fleet.submit(1, policy), try fleet.submit(1, policy))
        let worker = fleet.sortedWorkers[0]
        try fleet.answer(worker, .failed(.scriptError))
        try fleet.cancel(first)
        #expect(fleet.end(of: first) == .cancelled && fleet.core.waitingCount == 0)
        try fleet.begin(worker)
        try fleet.cancel(second)
        try fleet.workerExits(worker)
        #expect(fleet.end(of: second) == .cancelled)
    }

    @Test func `a pool that closes still tries again`() throws {
        var fleet = try FakeFleet.running(workers: 1)
        let task = try fleet.submit(1, Self.retrying(1, .workerDied) { $0.pause = .seconds(1) })
        try fleet.begin(fleet.sortedWorkers[0])
        try fleet.close()
        try fleet.workerExits(fleet.sortedWorkers[0])
        #expect(!fleet.isClosed && fleet.server == .ready)
        try fleet.raise()
        try fleet.advance(.seconds(1))
        try fleet.closeAmongFriends()
        #expect(fleet.end(of: task) == .answered)
    }
}
