// What must hold of a pool between any two events.
import LuaFleetCore

extension FakeFleet {
    /// Throws what does not hold.
    func check() throws {
        try require(
            endCount + openCount == submittedCount, "\(endCount) ends and \(openCount) tasks of \(submittedCount)")
        let queued = queue.count + again.count
        try require(queued + flyingCount + waiting.count == openCount, "a task is nowhere, or in two places")
        try require(core.queuedCount == queued, "core: \(core.queuedCount) queued, fleet: \(queued)")
        try require(core.flyingCount == flyingCount, "core: \(core.flyingCount) flying, fleet: \(flyingCount)")
        try require(core.waitingCount == waiting.count, "core: \(core.waitingCount) waiting, fleet: \(waiting.count)")
        try require(core.taskCount == openCount, "core: \(core.taskCount) tasks")
        try require(core.liveCount == workers.count, "core: \(core.liveCount) workers, fleet: \(workers.count)")
        let idle = workers.values.count { $0.isUp && $0.flights.isEmpty }
        if !isTerminated { try require(core.idleCount == idle, "core: \(core.idleCount) idle, fleet: \(idle)") }
        // Nobody waits for nothing.
        if queued > 0 {
            try require(idle == 0, "a task waits beside an idle worker")
            try require(
                core.broken == nil
                    || workers.values.contains { $0.isUp || $0.killedAt != nil || $0.life == .finalizing },
                "a task waits for a pool that is broken")
        }
        if openCount > 0 {
            try require(
                !workers.isEmpty || server == .launching || server == .stopping || core.nextMoment != nil,
                "a task waits and nothing will happen")
        }
        if core.broken == nil, hasOpened, !isEnding, workers.count < configuration.minimumWorkers,
            server == .absent || server == .ready
        {
            try require(core.nextMoment != nil || !workers.isEmpty, "workers are missing and nothing will happen")
        }
        if isEnding && openCount == 0 {
            let isFinalizing = !isTerminated && workers.values.contains { $0.life == .finalizing && $0.killedAt == nil }
            try require(isClosed || server == .stopping || isFinalizing, "nothing is left and the pool stays open")
        }
        if !isEnding, workers(.up).count > configuration.maximumWorkers {
            try require(idle == 0, "one worker too many is idle")
        }
        let (naive, reason) = naiveNextMoment
        let next = core.nextMoment ?? Moment(nanoseconds: .max)
        try require(next <= naive, "the core would wake up at \(next), too late for \(naive): \(reason)")
        try require(naive > now, "overdue since \(naive), it is \(now): \(reason)")
    }

    /// Each task is where the ledger says. Slow.
    func checkTasks() throws {
        let inQueue = Set(queue)
        try require(inQueue.count == queue.count, "a task stands in the queue twice")
        var flights: [TaskKey: WorkerID] = [:]
        for (id, worker) in workers {
            for flight in worker.flights {
                try require(flights.updateValue(id, forKey: flight.task) == nil, "\(flight.task) flies twice")
            }
        }
        for (id, batch) in batches where batch.open > 0 {
            var open = 0
            for (number, task) in batch.tasks.enumerated() {
                let key = TaskKey(batch: id, number: UInt32(number))
                if case .ended = task.place { continue }
                open += 1
                switch task.place {
                case .queued: try require(inQueue.contains(key) != again.contains(key), "\(key) is nowhere")
                case .flying(let worker): try require(flights[key] == worker, "\(key) does not fly to \(worker)")
                case .waiting(let due): try require(waiting[key] == due, "\(key) does not wait")
                case .returned, .ended: try require(false, "\(key) came back")
                }
            }
            try require(open == batch.open, "\(open) tasks of \(id) are open, not \(batch.open)")
        }
    }

    /// The first deadline of all, found the slow way. Pauses are the core's own affair.
    var naiveNextMoment: (Moment, String) {
        var next = Moment(nanoseconds: .max)
        var reason = ""
        func consider(_ moment: Moment, _ why: @autoclosure () -> String) {
            if moment < next { (next, reason) = (moment, why()) }
        }
        guard !isClosed, !isTerminated else { return (next, reason) }
        for (id, worker) in workers {
            if let killedAt = worker.killedAt {
                consider(killedAt + configuration.killLimit, "kill limit of \(id)")
            } else if worker.life == .starting {
                consider(worker.startedAt + configuration.startLimit, "start limit of \(id)")
            } else if let preparation = worker.preparation, worker.life != .up {
                consider(preparation.at + configuration.preparationLimit, "\(worker.life) of \(id)")
            } else if let interrupted = worker.interrupted, let running = worker.running {
                consider(interrupted.at + (policy(of: running.task).grace ?? .zero), "grace of \(running)")
            } else if let running = worker.running, let limit = policy(of: running.task).wallTime {
                // Of one that holds answers back the host knows no more than at its last look.
                let late = worker.held.isEmpty ? .zero : configuration.lookPause * 16
                consider(worker.begunAt + limit + late, "deadline of \(running) on \(id), \(worker)")
            } else if worker.running == nil, worker.held.isEmpty, let first = worker.flights.first,
                let limit = policy(of: first.task).wallTime
            {
                // Looked at when the deadline would be if it had begun at once, and from then on now and then.
                let patience = max(configuration.beginLimit, limit) + configuration.lookPause * 17
                consider(worker.heardAt + patience, "begin of \(first) on \(id), \(worker)")
            }
        }
        for (key, due) in waiting { consider(due, "pause of \(key)") }
        for key in queue {
            guard let batch = batches[key.batch], let limit = batch.policy.queueTime else { continue }
            consider(batch.submittedAt + limit, "queue limit of \(key)")
        }
        if server == .launching, let launchedAt { consider(launchedAt + configuration.startLimit, "server") }
        return (next, reason)
    }
}
