// The workers' side of the fake fleet: what reaches them, what they begin, hold back and answer.
import LuaFleetCore
import LuaFleetWire

extension FakeFleet {
    /// Does an action that was booked.
    mutating func reach(_ action: PoolAction) throws {
        switch action {
        case .send(let range, let id, let sequence, _, let epoch):
            guard workers[id] != nil else { return }  // dropped in the same breath
            for number in range.lower..<range.upper {
                workers[id]?.inbox.append(
                    Worker.Sent(
                        task: TaskKey(batch: range.batch, number: number), sequence: sequence &+ (number - range.lower),
                        epoch: epoch))
            }
        case .recall(let id, let epoch):
            guard workers[id] != nil else { return }
            workers[id]?.epoch = epoch
            workers[id]?.inbox.removeAll { $0.epoch != epoch }
            try handOn(id)
            takeBack(from: id, after: workers[id]?.begun ?? 0)
            core.workerRecalled(
                id, started: workers[id]?.begun ?? 0, startedAt: workers[id]?.begunAt ?? now, at: now)
            see("recalls")
        case .inspect(let id):
            guard workers[id] != nil else { return }
            try handOn(id)
            core.workerInspected(
                id, started: workers[id]?.begun ?? 0, startedAt: workers[id]?.begunAt ?? now, at: now)
            see("inspections")
        case .measure(let id):
            guard let worker = workers[id] else { return }
            if worker.residentBytes > configuration.recycleAboveBytes, worker.killedAt == nil {
                workers[id]?.tooLargeBytes = worker.residentBytes
            }
            core.workerMeasured(id, residentBytes: worker.residentBytes, at: now)
        default: break
        }
    }

    /// The worker begins the next task. The host does not hear of it.
    @discardableResult
    mutating func begin(_ id: WorkerID) throws -> TaskKey? {
        guard let worker = workers[id], worker.running == nil, !worker.inbox.isEmpty else { return nil }
        let next = workers[id]!.inbox.removeFirst()  // not empty
        let key = next.task
        if isTerminated { return nil }
        try require(
            self[key].place == .flying(id)
                && worker.flights.contains { $0.sequence == next.sequence && $0.task == key },
            "\(key) begins on \(id) but is \(self[key].place)")
        try require(!self[key].hasBegun, "\(key) begins for the second time")
        workers[id]?.running = next
        workers[id]?.begun = next.sequence
        workers[id]?.begunAt = now
        workers[id]?.begunCount += 1
        self[key].hasBegun = true
        self[key].begunAt = now
        self[key].begins += 1
        try require(self[key].begins <= 1 + policy(of: key).retry.max, "\(key) begins too often")
        if configuration.recycleAfterTasks > 0 {
            try require(worker.begunCount < configuration.recycleAfterTasks, "\(id) does more tasks than it may")
        }
        return key
    }

    /// What runs there, or would next, ends; the answer is held back.
    mutating func complete(_ id: WorkerID, _ end: TaskEnd = .answered) throws {
        try begin(id)
        guard let running = workers[id]?.running else { return }
        workers[id]?.running = nil
        workers[id]?.held.append(Worker.Held(task: running.task, sequence: running.sequence, end: end))
    }

    /// The host gets what the worker held back: in a row what ended alike.
    mutating func handOn(_ id: WorkerID, nanoseconds: UInt64? = nil) throws {
        guard let held = workers[id]?.held, !held.isEmpty else { return }
        workers[id]?.held = []
        workers[id]?.heardAt = now
        var first = 0
        while first < held.count {
            var count = 1
            while first + count < held.count, held[first + count].end == held[first].end,
                held[first + count].sequence == held[first].sequence &+ UInt32(count)
            {
                count += 1
            }
            for answer in held[first..<first + count] where !isTerminated {
                let interrupted = workers[id]?.interrupted
                let isAsked = interrupted?.sequence == answer.sequence && answer.end != .answered
                answers[answer.task] = isAsked ? interrupted?.end : answer.end
                if isAsked { see("interrupted in time") }
            }
            if count > 1 { see("answered several") }
            try core.tasksEnded(
                on: id, sequence: held[first].sequence, count: UInt32(count), held[first].end,
                nanoseconds: (nanoseconds ?? usualNanoseconds) * UInt64(count), at: now)
            first += count
        }
    }

    /// The next tasks end, and the host hears of it.
    mutating func answer(
        _ id: WorkerID, count: Int = 1, _ end: TaskEnd = .answered, nanoseconds: UInt64? = nil
    ) throws {
        for _ in 0..<count { try complete(id, end) }
        try handOn(id, nanoseconds: nanoseconds)
        try perform()
    }
}
