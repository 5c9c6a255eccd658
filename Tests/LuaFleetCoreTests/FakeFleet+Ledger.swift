// The host's side of the fake fleet: whether each action may be, and where every task is after it.
import LuaFleetCore
import LuaFleetWire

extension FakeFleet {
    /// Books an action that was taken; those before it are booked.
    mutating func enter(_ action: PoolAction) throws {
        if isClosed { if case .finish = action {} else { throw IllegalAction(description: "\(action) after closed") } }
        switch action {
        case .launchServer:
            try require(server == .absent, "launch while the server is \(server)")
            server = .launching
            launchedAt = now
            launches += 1
        case .stopServer:
            try require(server == .launching || server == .ready, "stop while the server is \(server)")
            server = .stopping
        case .startWorker(let id):
            try require(server == .ready, "start while the server is \(server)")
            try require(workers.keys.allSatisfy { $0.slot != id.slot }, "slot \(id.slot) has a tenant")
            try require(!former.contains(id), "\(id) had its life")
            try require(workers.count < configuration.maximumWorkers, "more workers than wanted")
            workers[id] = Worker(startedAt: now, begunAt: now, heardAt: now, idleSince: now)
        case .initialize(let id, let sequence, _): try prepare(id, sequence, from: .starting, to: .initializing)
        case .finalize(let id, let sequence, _): try prepare(id, sequence, from: .up, to: .finalizing)
        case .killWorker(let id): try kill(id)
        case .interruptWorker(let id, let sequence, let reason): try interrupt(id, sequence, reason)
        case .dropWorker(let id, let end): try drop(id, end)
        case .send(let range, let id, let sequence, let attempt, let epoch):
            try send(range, id, sequence, attempt, epoch)
        case .recall(let id, let epoch):
            try require(workers[id]?.ledgerEpoch == epoch &- 1, "recall of \(id) with epoch \(epoch)")
            workers[id]?.ledgerEpoch = epoch
        case .inspect(let id), .measure(let id):
            try require(workers[id] != nil, "\(action): it is not there")
        case .repeated(let range, let end, let worker): try again(range, end, worker)
        case .finish(let range, let end, let worker): try finish(range, end, worker)
        case .opened:
            // Or one that was silent too long and is being replaced: a worker of it may have done what opens the pool.
            try require(!hasOpened && (server == .ready || server == .stopping), "opened while the server is \(server)")
            if configuration.hasInitializer { try require(!workers(.up).isEmpty, "opened without a worker") }
            hasOpened = true
        case .closed:
            try require(isEnding, "closed unasked")
            try require(server == .absent && workers.isEmpty, "closed with a server or workers")
            try require(batches.allSatisfy { $0.value.open == 0 || late.contains($0.key) }, "closed with tasks")
            isClosed = true
        }
    }

    // MARK: Workers

    private mutating func prepare(_ id: WorkerID, _ sequence: UInt32, from: Worker.Life, to: Worker.Life) throws {
        guard let worker = workers[id], worker.killedAt == nil else {
            throw IllegalAction(description: "\(to) of \(id), which is not there")
        }
        try require(worker.life == from && worker.flights.isEmpty, "\(to) of \(id), which is \(worker.life)")
        try require(sequence == worker.sequence &+ 1, "\(to) has sequence \(sequence) after \(worker.sequence)")
        if to == .finalizing { try checkEnd(of: worker, id) }
        workers[id]?.life = to
        workers[id]?.sequence = sequence
        workers[id]?.preparation = (sequence, now)
        see("\(to)")
    }

    private mutating func kill(_ id: WorkerID) throws {
        guard let worker = workers[id] else {
            throw IllegalAction(description: "kill of \(id), which is not there")
        }
        try require(worker.killedAt == nil, "second kill of \(id)")
        let isDue: Bool =
            switch worker.life {
            case .starting: worker.violation != nil || worker.startedAt + configuration.startLimit <= now
            case .initializing:
                worker.violation != nil || worker.failedToPrepare || isOverdue(worker.preparation)
            case .finalizing: worker.violation != nil || worker.isPrepared || isOverdue(worker.preparation)
            case .up: worker.violation != nil || isGuilty(worker)
            }
        if !isDue, !worker.hasHungUp {
            try require(
                worker.life == .up && worker.flights.isEmpty, "\(id), which is \(worker), is killed for nothing")
            try require(!configuration.hasFinalizer, "\(id) is killed without the finalizer")
            try checkEnd(of: worker, id)
        }
        workers[id]?.killedAt = now
        let guilt = worker.interrupted?.end ?? worker.running.flatMap { dueEnd(of: $0.task) }
        // One that has hung up is as good as dead: its task ends with that.
        workers[id]?.killedFor = worker.hasHungUp ? nil : worker.violation.map { .protocolViolation($0) } ?? guilt
        see("kills")
    }

    private func isOverdue(_ preparation: (sequence: UInt32, at: Moment)?) -> Bool {
        preparation.map { $0.at + configuration.preparationLimit <= now } ?? false
    }

    /// Whether something that runs there has to end now; or nothing begins there, and that for long.
    private func isGuilty(_ worker: Worker) -> Bool {
        if let interrupted = worker.interrupted, let task = worker.running {
            return interrupted.at + (policy(of: task.task).grace ?? .zero) <= now
        }
        if let running = worker.running {
            return policy(of: running.task).grace == nil && dueEnd(of: running.task) != nil
        }
        return worker.flights.first.map { policy(of: $0.task).wallTime != nil } ?? false
            && worker.heardAt + configuration.beginLimit <= now
    }

    /// Why a task that runs has to end now.
    func dueEnd(of key: TaskKey) -> TaskEnd? {
        if batches[key.batch]?.isCancelled == true { return .cancelled }
        if let limit = policy(of: key).wallTime, let begunAt = self[key].begunAt, begunAt + limit <= now {
            return .timedOut(limit: limit)
        }
        return nil
    }

    /// A worker that has nothing to do may end for these reasons.
    private func checkEnd(of worker: Worker, _ id: WorkerID) throws {
        let up = workers.values.count { $0.isUp || $0.killedAt == nil && $0.life != .up && $0.life != .finalizing }
        let isIdle = configuration.idleTime.map { worker.idleSince + $0 <= now } ?? false
        try require(
            configuration.recycleAfterTasks > 0 && worker.begunCount == configuration.recycleAfterTasks
                || worker.tooLargeBytes != nil || up > configuration.maximumWorkers
                || isIdle && up > configuration.minimumWorkers || isEnding && openCount == 0,
            "\(id), which is \(worker), has to end for nothing")
    }

    private mutating func interrupt(_ id: WorkerID, _ sequence: UInt32, _ reason: InterruptReason) throws {
        guard let worker = workers[id], worker.isUp, let running = worker.running, let end = dueEnd(of: running.task)
        else { throw IllegalAction(description: "interrupt of \(id) without a reason") }
        try require(policy(of: running.task).grace != nil && worker.interrupted == nil, "second interrupt of \(id)")
        try require(worker.flights.count == 1, "an interrupt that may hit another one than \(running.task)")
        try require(sequence == running.sequence, "an interrupt of \(sequence) while \(running.sequence) runs")
        try require(reason == (end == .cancelled ? .cancelled : .deadline), "an interrupt for the \(reason): \(end)")
        workers[id]?.interrupted = (running.sequence, end, now)
        see("interrupts")
    }

    private mutating func drop(_ id: WorkerID, _ end: WorkerEnd) throws {
        guard let worker = workers.removeValue(forKey: id) else {
            throw IllegalAction(description: "drop of \(id), which is not there")
        }
        let isHeld = worker.killedAt.map { $0 + configuration.killLimit <= now } ?? false
        try require(worker.exit != nil || serverEndsNow || isHeld, "drop of \(id), which lives")
        try require(worker.flights.isEmpty, "drop of \(id) with its tasks \(worker.flights)")
        if case .recycledAfterTasks(let count) = end {
            try require(
                count == worker.begunCount && count == configuration.recycleAfterTasks,
                "recycled after \(worker.begunCount) tasks, says \(count)")
        }
        if case .recycledAboveBytes(let bytes) = end { try require(bytes == worker.tooLargeBytes, "\(bytes) bytes") }
        if case .exited = end {
            try require(
                worker.exit != nil && (worker.killedAt == nil || worker.hasHungUp), "\(id) did not end by itself")
        }
        see("drop \(end.name)")
        former.append(id)
        if former.count > 200 { former.removeFirst(100) }
    }

    // MARK: Sending

    private mutating func send(
        _ range: TaskRange, _ id: WorkerID, _ sequence: UInt32, _ attempt: UInt32, _ epoch: UInt32
    ) throws {
        guard let worker = workers[id], let batch = batches[range.batch], range.upper <= batch.tasks.count else {
            throw IllegalAction(description: "send of \(range) to \(id): one of them is not there")
        }
        try require(worker.isUp && worker.interrupted == nil, "send to a worker that takes no tasks")
        try require(epoch == worker.ledgerEpoch, "send in epoch \(epoch) instead of \(worker.ledgerEpoch)")
        try require(sequence == worker.sequence &+ 1, "sequence \(sequence) after \(worker.sequence)")
        try require(!batch.isCancelled, "send of a batch that was cancelled")
        let policy = batch.policy
        if !worker.flights.isEmpty {
            try require(
                policy.allowsPrefetch && worker.flights.allSatisfy { self.policy(of: $0.task).allowsPrefetch },
                "ahead of need, which is not allowed")
            try require(configuration.prefetch > .zero || worker.flights.count == 0, "ahead of need")
            see("prefetched", Int(range.count))
        }
        if !policy.allowsPrefetch { try require(range.count <= max(1, policy.chunk), "\(range) at once") }
        let most = Int(max(configuration.prefetchTasks, 1) + max(policy.chunk, 1) - 1)
        try require(worker.flights.count + Int(range.count) <= most, "\(worker.flights.count) and \(range) at once")
        if policy.chunk > 0, configuration.recycleAfterTasks == 0, !batch.isRagged, range.upper < batch.tasks.count {
            try require(range.count % policy.chunk == 0, "\(range) is no multiple of \(policy.chunk)")
            see("whole chunks")
        }
        for number in range.lower..<range.upper {
            let key = TaskKey(batch: range.batch, number: number)
            let task = batch.tasks[Int(number)]
            try require(task.place == .queued, "send of a task that is \(task.place)")
            try require(!task.hasBegun, "a task that began is sent again")
            try require(attempt == task.attempts + 1, "attempt \(attempt) after \(task.attempts)")
            if task.attempts > 0 { again.remove(key) }
            self[key].place = .flying(id)
            self[key].attempts = attempt
            workers[id]?.flights.append((key, sequence &+ (number - range.lower)))
        }
        if attempt == 1 {
            let first = queue.prefix(Int(range.count))
            try require(
                first.first == TaskKey(batch: range.batch, number: range.lower)
                    && first.last == TaskKey(batch: range.batch, number: range.upper - 1),
                "not first come, first served: \(range) before \(queue.first as Any)")
            queue.removeFirst(Int(range.count))
        }
        flyingCount += Int(range.count)
        workers[id]?.sequence = sequence &+ range.count &- 1
        if worker.flights.isEmpty { workers[id]?.heardAt = now }
        if range.count > 1 { see("sent several") }
    }

    /// The core has been told that nothing behind `started` has begun there.
    mutating func takeBack(from id: WorkerID, after started: UInt32) {
        guard let worker = workers[id] else { return }
        let back = worker.flights.filter { Int32(bitPattern: started &- $0.sequence) < 0 }.map(\.task)
        guard !back.isEmpty else { return }
        workers[id]?.flights.removeLast(back.count)
        flyingCount -= back.count
        see("taken back", back.count)
        var fresh: [TaskKey] = []
        for key in back {
            batches[key.batch]?.isRagged = true
            self[key].attempts -= 1
            let isFirst = self[key].attempts == 0
            let isTooLate = isFirst && isOverdueInQueue(key)
            if batches[key.batch]?.isCancelled == true || isTooLate || queueCancels.contains(key) {
                self[key].place = .returned
                returnedCount += 1
            } else {
                self[key].place = .queued
                if isFirst { fresh.append(key) } else { again.insert(key) }
            }
        }
        queue.insert(contentsOf: fresh, at: 0)
    }
}

extension WorkerEnd {
    var name: String { String(String(describing: self).prefix { $0 != "(" }) }
}

extension TaskEnd {
    var name: String { String(String(describing: self).prefix { $0 != "(" }) }
}
