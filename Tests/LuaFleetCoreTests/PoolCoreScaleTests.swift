// That an event costs the same in a fleet of a hundred thousand as in one of a thousand.
import Glibc
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite(.serialized)
struct PoolCoreScaleTests {
    /// A core with that many idle workers, and nothing left to do.
    private func core(workers count: Int) throws -> PoolCore {
        var core = PoolCore(configuration: PoolCoreConfiguration(workers: count))
        let now = Moment(nanoseconds: 1)
        core.poolOpened(at: now)
        core.serverReady(at: now)
        var actions: [PoolAction] = []
        core.takeActions(into: &actions)
        for case .startWorker(let worker) in actions { try core.workerReady(worker, at: now) }
        core.takeActions(into: &actions)
        return core
    }

    /// Processor time of this thread, which a busy machine does not lengthen. Nanoseconds.
    private func processorTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    typealias Events = (inout PoolCore, inout [PoolAction]) throws -> Int

    /// Processor time of one event, where `events` is given a fleet of that size; the best of three.
    private func cost(workers: Int, after prepare: (inout PoolCore) -> Void, of events: Events) throws -> Double {
        var best = Double.infinity
        for _ in 0..<3 {
            var core = try core(workers: workers)
            var actions: [PoolAction] = []
            prepare(&core)
            core.takeActions(into: &actions)
            let start = processorTime()
            let count = try events(&core, &actions)
            best = min(best, Double(processorTime() - start) / Double(count))
        }
        return best
    }

    /// 100 times the fleet: a scan would cost 100 times as much, a heap half as much again, a cold cache a few times.
    private func expectFlat(_ name: String, after prepare: (inout PoolCore) -> Void = { _ in }, _ events: Events) throws
    {
        let small = try cost(workers: 1000, after: prepare, of: events)
        let large = try cost(workers: 100_000, after: prepare, of: events)
        print("\(name): \(Int(small)) ns an event with 1,000 workers, \(Int(large)) ns with 100,000")
        #expect(large < 20 * small, "\(name)")
    }

    @Test func `submitting and answering cost the same with 100,000 workers as with 1,000`() throws {
        try expectFlat("submit and answer") { core, actions in
            let now = Moment(nanoseconds: 5)
            var ended = 0
            for _ in 0..<3 {
                for _ in 0..<500 { _ = core.taskSubmitted(TaskLimits(wallTime: .seconds(1)), at: now) }
                core.takeActions(into: &actions)
                let sent = actions
                for case .send(_, let worker, let sequence, _) in sent {
                    try core.taskAnswered(by: worker, sequence: sequence, at: now)
                }
                core.takeActions(into: &actions)
                ended += actions.count { if case .finish = $0 { true } else { false } }
            }
            #expect(ended == 1500)
            return ended
        }
    }

    @Test func `the death of an idle worker costs the same with 100,000 workers as with 1,000`() throws {
        try expectFlat("idle deaths") { core, actions in
            let exit = ProcessExit(pid: 1, reason: .signal(9))
            for slot in 0..<500 {
                core.workerExited(
                    WorkerID(slot: UInt32(slot * 2), generation: 0), exit, lastStarted: 0, at: Moment(nanoseconds: 5))
            }
            core.takeActions(into: &actions)
            #expect(actions.count == 1000)
            return 500
        }
    }

    @Test func `killing an idle worker costs the same with 100,000 workers as with 1,000`() throws {
        try expectFlat("kills of idle workers") { core, actions in
            for slot in 0..<500 {
                core.workerMisbehaved(
                    WorkerID(slot: UInt32(slot * 2), generation: 0), .reservedBytes, at: Moment(nanoseconds: 5))
            }
            core.takeActions(into: &actions)
            #expect(actions.count == 500)
            return 500
        }
    }

    @Test func `cancelling in the middle of a long queue does not walk it`() throws {
        var tasks: [TaskID] = []
        let now = Moment(nanoseconds: 5)
        // All workers busy, and as many tasks waiting.
        try expectFlat("cancels") { core in
            tasks = (0..<2 * core.liveCount).map { _ in core.taskSubmitted(TaskLimits(), at: now) }
        } _: { core, actions in
            for task in tasks[(core.liveCount + core.liveCount / 2)...].prefix(400) {
                core.taskCancelled(task, at: now)
            }
            core.takeActions(into: &actions)
            #expect(actions.count == 400)
            return 400
        }
    }

    @Test func `the server's death with 100,000 workers is one pass`() throws {
        try expectFlat("server's death, by worker") { core, actions in
            let count = core.liveCount
            core.serverEnded(nil, at: Moment(nanoseconds: 5))
            core.takeActions(into: &actions)
            #expect(actions.count == count + 1)
            return count
        }
    }

    @Test func `100,000 deadlines fire in order and each kills its worker`() throws {
        var core = try core(workers: 100_000)
        var actions: [PoolAction] = []
        for index in 0..<100_000 {
            // 7919 is prime: every delay once, in a wild order.
            _ = core.taskSubmitted(
                TaskLimits(wallTime: .microseconds(1 + index * 7919 % 100_000)), at: Moment(nanoseconds: 0))
        }
        core.takeActions(into: &actions)
        var killed = Set<WorkerID>()
        for step in 1...10 {
            core.timePassed(at: Moment(nanoseconds: UInt64(step) * 10_000_000))
            core.takeActions(into: &actions)
            #expect(actions.count == 10_000)
            for case .killWorker(let worker) in actions { killed.insert(worker) }
        }
        #expect(killed.count == 100_000)
    }
}
