// When a task may end, and how; when it has to be tried again instead.
import LuaFleetCore
import LuaFleetWire

extension FakeFleet {
    mutating func again(_ range: TaskRange, _ end: TaskEnd, _ worker: WorkerID?) throws {
        for number in range.lower..<range.upper {
            let key = TaskKey(batch: range.batch, number: number)
            try check(end, key, worker)
            try require(isRepeated(key, end), "\(key), \(self[key]), is tried again after \(end)")
            leave(key)
            answers[key] = nil
            batches[key.batch]?.isRagged = true
            self[key].hasBegun = false
            self[key].begunAt = nil
            if case .workerDied = end { self[key].kills += 1 }
            let retry = policy(of: key).retry
            if retry.pause > .zero {
                let pause = min(retry.longestPause, retry.pause * (1 << (Int(self[key].attempts) - 1)))
                self[key].place = .waiting(now + pause)
                waiting[key] = now + pause
            } else {
                self[key].place = .queued
                again.insert(key)
            }
            see("repeated after \(end.name)")
        }
    }

    mutating func finish(_ range: TaskRange, _ end: TaskEnd, _ worker: WorkerID?) throws {
        let queued = (range.lower..<range.upper).contains {
            let task = self[TaskKey(batch: range.batch, number: $0)]
            return task.place == .queued && task.attempts == 0
        }
        if queued { queue.removeAll { $0.batch == range.batch && (range.lower..<range.upper).contains($0.number) } }
        for number in range.lower..<range.upper {
            let key = TaskKey(batch: range.batch, number: number)
            try check(end, key, worker)
            try require(!isRepeated(key, end), "\(key), \(self[key]), is not tried again after \(end)")
            leave(key)
            answers[key] = nil
            self[key].place = .ended(end)
            batches[key.batch]?.open -= 1
            openCount -= 1
            endCount += 1
            see("end \(end.name)")
        }
    }

    /// Takes the task out of wherever it is but the queue of those that have never begun.
    private mutating func leave(_ key: TaskKey) {
        switch self[key].place {
        case .queued: again.remove(key)
        case .waiting: waiting[key] = nil
        case .returned: returnedCount -= 1
        case .flying(let id):
            flyingCount -= 1
            if let index = workers[id]?.flights.firstIndex(where: { $0.task == key }) {
                let sequence = workers[id]?.flights.remove(at: index).sequence
                if let sequence, workers[id]?.interrupted?.sequence == sequence { workers[id]?.interrupted = nil }
            }
            if workers[id]?.flights.isEmpty == true { workers[id]?.idleSince = now }
        case .ended: break
        }
    }

    func isOverdueInQueue(_ key: TaskKey) -> Bool {
        guard let batch = batches[key.batch], let limit = batch.policy.queueTime else { return false }
        return batch.submittedAt + limit <= now
    }

    private func isRepeated(_ key: TaskKey, _ end: TaskEnd) -> Bool {
        let (task, retry) = (self[key], policy(of: key).retry)
        guard let kind = end.kind, retry.kinds.contains(kind), task.attempts <= retry.max else { return false }
        var kills = task.kills
        if case .workerDied = end { kills += 1 }
        let isSetAside = retry.maxKills > 0 && kills >= retry.maxKills
        return !isSetAside && batches[key.batch]?.isCancelled == false && !isTerminated
    }

    private func check(_ end: TaskEnd, _ key: TaskKey, _ workerID: WorkerID?) throws {
        guard let batch = batches[key.batch] else {
            throw IllegalAction(description: "end of \(key), which nobody submitted")
        }
        let task = batch.tasks[Int(key.number)]
        if case .ended(let former) = task.place {
            throw IllegalAction(description: "second end of \(key): \(end) after \(former)")
        }
        var worker: Worker?
        if case .flying(let id) = task.place {
            try require(workerID == id, "\(key) ran on \(id), not on \(workerID as Any)")
            worker = workers[id]
            try require(worker?.flights.contains { $0.task == key } == true, "\(key) does not fly on \(id)")
        } else {
            try require(workerID == nil, "\(key) ran nowhere, not on \(workerID as Any)")
        }
        let isLegal =
            switch end {
            case .quarantined(let kills, let last):
                batch.policy.retry.maxKills > 0 && kills == task.kills + 1 && kills >= batch.policy.retry.maxKills
                    && batch.policy.retry.kinds.contains(.workerDied) && isLegal(.workerDied(last), task, key, worker)
            default: isLegal(end, task, key, worker)
            }
        try require(isLegal, "\(key), \(task), must not end with \(end); its worker: \(worker as Any)")
    }

    private func isLegal(_ end: TaskEnd, _ task: Task, _ key: TaskKey, _ worker: Worker?) -> Bool {
        if let answer = answers[key] { return answer == end }
        let batch = batches[key.batch]!  // looked up before
        let reason = worker.flatMap { $0.interrupted?.end ?? $0.killedFor }
        switch end {
        case .answered, .failed, .notForked, .quarantined: return false
        case .workerDied(let exit):
            guard let worker, task.hasBegun, reason == nil else { return false }
            let isHeld = worker.killedAt.map { $0 + configuration.killLimit <= now } ?? false
            return worker.exit == exit || isHeld && exit.reason == .signal(9)
        case .timedOut(let limit):
            return task.hasBegun && reason == end && batch.policy.wallTime == limit
                && (task.begunAt.map { $0 + limit <= now } ?? false)
        case .cancelled:
            if worker != nil { return task.hasBegun && batch.isCancelled && reason == .cancelled }
            return batch.isCancelled || queueCancels.contains(key)
        case .forkServerDied:
            return worker != nil && serverEndsNow && reason == nil && (task.hasBegun || isServerBlind)
        case .protocolViolation(let violation): return task.hasBegun && worker?.violation == violation
        case .setupFailed(let failure):
            return worker == nil && [core.broken, brokenBefore].contains(failure)
                && (workers(.up).isEmpty || late.contains(key.batch))
        case .poolTerminated: return isTerminated || late.contains(key.batch) && task.attempts == 0
        case .queueTimedOut(let limit):
            return worker == nil && task.attempts == 0 && batch.policy.queueTime == limit && isOverdueInQueue(key)
        }
    }
}

extension TaskEnd {
    /// What a retry policy calls it.
    var kind: RetryPolicy.Kinds? {
        switch self {
        case .failed(.scriptError): .scriptError
        case .failed(.memoryLimit): .memoryLimit
        case .failed(.notEncodable): .notEncodable
        case .failed(.resultLimit): .resultLimit
        case .timedOut: .timeout
        case .workerDied, .forkServerDied: .workerDied
        case .notForked: .setup
        case .protocolViolation: .protocolViolation
        default: nil
        }
    }
}
