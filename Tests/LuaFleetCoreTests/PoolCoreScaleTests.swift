// That an event costs the same in a fleet of a hundred thousand as in one of a thousand.
import Glibc
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite(.serialized)
struct PoolCoreScaleTests {
    private static let now = Moment(nanoseconds: 5)

    /// A core with that many idle workers, and nothing left to do.
    private func core(workers count: Int) throws -> PoolCore {
        var core = PoolCore(configuration: PoolCoreConfiguration(workers: count))
        let now = Moment(nanoseconds: 1)
        core.poolOpened(at: now)
        var actions: [PoolAction] = []
        core.takeActions(into: &actions, at: now)
        core.serverReady(at: now)
        core.takeActions(into: &actions, at: now)
        for case .startWorker(let worker) in actions { try core.workerReady(worker, at: now) }
        core.takeActions(into: &actions, at: now)
        #expect(core.idleCount == count)
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
    private func cost(
        workers: Int, after prepare: (inout PoolCore, inout [PoolAction]) throws -> Void, of events: Events
    ) throws -> Double {
        var best = Double.infinity
        for _ in 0..<3 {
            var core = try core(workers: workers)
            var actions: [PoolAction] = []
            try prepare(&core, &actions)
            let start = processorTime()
            let count = try events(&core, &actions)
            best = min(best, Double(processorTime() - start) / Double(count))
        }
        return best
    }

    /// 100 times the fleet: a scan would cost 100 times as much, a heap half as much again, a cold cache a few times.
    private func expectFlat(
        _ name: String, after prepare: (inout PoolCore, inout [PoolAction]) throws -> Void = { _, _ in },
        _ events: Events
    ) throws {
        let small = try cost(workers: 1000, after: prepare, of: events)
        let large = try cost(workers: 100_000, after: prepare, of: events)
        print("\(name): \(Int(small)) ns an event with 1,000 workers, \(Int(large)) ns with 100,000")
        #expect(large < 20 * small, "\(name)")
    }

    /// Each worker gets a chunk of four tasks, of one batch or of one each.
    private func load(_ core: inout PoolCore, _ actions: inout [PoolAction], workers: Int? = nil) {
        var policy = TaskPolicy(wallTime: .seconds(1))
        policy.chunk = 4
        for _ in 0..<(workers ?? core.liveCount) { _ = core.tasksSubmitted(4, policy, at: Self.now) }
        core.takeActions(into: &actions, at: Self.now)
    }

    @Test func `submitting and answering cost the same with 100,000 workers as with 1,000`() throws {
        try expectFlat("submit and answer") { core, actions in
            var ended = 0
            for _ in 0..<3 {
                for _ in 0..<500 { _ = core.tasksSubmitted(1, TaskPolicy(wallTime: .seconds(1)), at: Self.now) }
                core.takeActions(into: &actions, at: Self.now)
                let sent = actions
                for case .send(_, let worker, let sequence, _, _) in sent {
                    try core.tasksEnded(
                        on: worker, sequence: sequence, count: 1, .answered, nanoseconds: 1_000_000_000, at: Self.now)
                }
                core.takeActions(into: &actions, at: Self.now)
                ended += actions.count { if case .finish = $0 { true } else { false } }
            }
            #expect(ended == 1500)
            return ended
        }
    }

    @Test func `a batch of a million tasks is submitted like one of one`() throws {
        try expectFlat("submit a batch") { core, actions in
            for _ in 0..<500 {
                let batch = core.tasksSubmitted(1_000_000, TaskPolicy(wallTime: .seconds(1)), at: Self.now)
                core.batchCancelled(batch, at: Self.now)
            }
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == 500)
            return 500
        }
    }

    @Test func `tasks that are sent and answered by the hundred cost the same with 100,000 workers as with 1,000`()
        throws
    {
        try expectFlat("chunks") { core, actions in
            var policy = TaskPolicy()
            policy.chunk = 100
            _ = core.tasksSubmitted(50_000, policy, at: Self.now)
            core.takeActions(into: &actions, at: Self.now)
            let sent = actions
            for case .send(let range, let worker, let sequence, _, _) in sent {
                try core.tasksEnded(
                    on: worker, sequence: sequence, count: range.count, .answered, nanoseconds: 1_000_000_000,
                    at: Self.now)
            }
            core.takeActions(into: &actions, at: Self.now)
            #expect(sent.count == 500 && actions.count == 500 && core.taskCount == 0)
            return 500
        }
    }

    @Test func `taking tasks from a loaded worker for an idle one costs the same with 100,000 workers as with 1,000`()
        throws
    {
        try expectFlat("steals", after: { core, actions in load(&core, &actions, workers: core.liveCount / 2) }) {
            core, actions in
            var now = Self.now
            for _ in 0..<45 {
                now = now + .microseconds(200)
                core.timePassed(at: now)
                core.takeActions(into: &actions, at: now)
                guard case .recall(let worker, _)? = actions.first, actions.count == 1 else {
                    Issue.record("no recall: \(actions)")
                    return 1
                }
                core.workerRecalled(worker, started: 1, startedAt: now, at: now)
                core.takeActions(into: &actions, at: now)
                #expect(actions.count == 1, "three tasks, one chunk, to an idle worker")
            }
            return 45
        }
    }

    @Test func `cancelling what flies costs the same with 100,000 workers as with 1,000`() throws {
        var batches: [(BatchID, WorkerID)] = []
        try expectFlat("cancels of sent tasks") { core, actions in
            load(&core, &actions)
            batches = []
            for case .send(let range, let worker, _, _, _) in actions { batches.append((range.batch, worker)) }
        } _: { core, actions in
            for (batch, worker) in batches.prefix(400) {
                core.batchCancelled(batch, at: Self.now)
                core.workerRecalled(worker, started: 0, startedAt: Self.now, at: Self.now)
            }
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == 800)
            return 400
        }
    }

    @Test func `the death of an idle worker costs the same with 100,000 workers as with 1,000`() throws {
        try expectFlat("idle deaths") { core, actions in
            let exit = ProcessExit(pid: 1, reason: .signal(9))
            for slot in 0..<500 {
                core.workerExited(
                    WorkerID(slot: UInt32(slot * 2), generation: 0), exit, lastStarted: 0, at: Self.now)
            }
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == 500, "replacements wait: somebody shoots them")
            core.takeActions(into: &actions, at: Self.now + .seconds(2))
            #expect(actions.count == 500)
            return 500
        }
    }

    @Test func `the death of a loaded worker costs the same with 100,000 workers as with 1,000`() throws {
        try expectFlat("deaths", after: { core, actions in load(&core, &actions) }) { core, actions in
            let exit = ProcessExit(pid: 1, reason: .signal(9))
            for slot in 0..<500 {
                core.workerExited(
                    WorkerID(slot: UInt32(slot * 2), generation: 0), exit, lastStarted: 1, at: Self.now)
            }
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == 1500, "an end, a drop, a start")
            return 500
        }
    }

    @Test func `killing an idle worker costs the same with 100,000 workers as with 1,000`() throws {
        try expectFlat("kills of idle workers") { core, actions in
            for slot in 0..<500 {
                core.workerMisbehaved(
                    WorkerID(slot: UInt32(slot * 2), generation: 0), .reservedBytes, at: Self.now)
            }
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == 500)
            return 500
        }
    }

    @Test func `cancelling in the middle of a long queue does not walk it`() throws {
        var tasks: [BatchID] = []
        // All workers busy, and as many tasks waiting.
        try expectFlat("cancels") { core, actions in
            tasks = (0..<2 * core.liveCount).map { _ in core.tasksSubmitted(1, TaskPolicy(), at: Self.now) }
            core.takeActions(into: &actions, at: Self.now)
        } _: { core, actions in
            for task in tasks[(core.liveCount + core.liveCount / 2)...].prefix(400) {
                core.batchCancelled(task, at: Self.now)
            }
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == 400)
            return 400
        }
    }

    @Test func `the server's death with 100,000 workers is one pass`() throws {
        try expectFlat("server's death, by worker") { core, actions in
            let count = core.liveCount
            core.serverEnded(nil, at: Self.now)
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == count + 1)
            return count
        }
    }

    @Test func `making the pool half as large is one pass`() throws {
        try expectFlat("resize, by worker") { core, actions in
            let count = core.liveCount
            core.resized(minimum: count / 2, maximum: count / 2, at: Self.now)
            core.takeActions(into: &actions, at: Self.now)
            #expect(actions.count == count / 2)
            return count
        }
    }

    @Test func `100,000 deadlines fire in order and each kills its worker`() throws {
        var core = try core(workers: 100_000)
        var actions: [PoolAction] = []
        let start = Moment(nanoseconds: 0)
        for index in 0..<100_000 {
            // 7919 is prime: every delay once, in a wild order.
            _ = core.tasksSubmitted(1, TaskPolicy(wallTime: .microseconds(1 + index * 7919 % 100_000)), at: start)
        }
        core.takeActions(into: &actions, at: start)
        var killed = Set<WorkerID>()
        for step in 1...10 {
            let now = Moment(nanoseconds: UInt64(step) * 10_000_000)
            core.timePassed(at: now)
            core.takeActions(into: &actions, at: now)
            #expect(actions.count == 10_000)
            for case .inspect(let worker) in actions {
                core.workerInspected(worker, started: 1, startedAt: start, at: now)
            }
            core.takeActions(into: &actions, at: now)
            for case .recall(let worker, _) in actions {
                core.workerRecalled(worker, started: 1, startedAt: start, at: now)
            }
            core.takeActions(into: &actions, at: now)
            for case .killWorker(let worker) in actions { killed.insert(worker) }
            #expect(killed.count == step * 10_000)
        }
    }
}
