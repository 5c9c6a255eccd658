// What must hold of a pool between any two events.
import LuaFleetCore

extension FakeFleet {
    /// Throws what does not hold.
    func check() throws {
        func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
            if !condition { throw IllegalAction(description: message()) }
        }
        // Every task is in exactly one place.
        try require(Set(queue).count == queue.count, "a task stands in the queue twice")
        var running = 0
        for id in unended {
            switch tasks[id]?.place {
            case .queued: try require(queue.contains(id), "\(id) is nowhere")
            case .running(let worker):
                running += 1
                try require(workers[worker]?.task == id, "\(id) runs on \(worker), which does not know it")
            case .ended, nil: try require(false, "\(id) has ended unseen")
            }
        }
        try require(queue.count + running == unended.count, "the queue holds a task that has ended")
        try require(endCount + unended.count == tasks.count, "\(endCount) ends of \(tasks.count) tasks")
        try require(core.queuedCount == queue.count, "core: \(core.queuedCount) queued, fleet: \(queue.count)")
        try require(core.runningCount == running, "core: \(core.runningCount) running, fleet: \(running)")
        try require(core.liveCount == workers.count, "core: \(core.liveCount) workers, fleet: \(workers.count)")
        // Nobody waits for nothing.
        if !queue.isEmpty {
            try require(workers(.idle).isEmpty, "a task waits beside an idle worker")
            try require(core.broken == nil, "a task waits for a pool that is broken")
            try require(
                !workers.isEmpty || server == .launching || server == .stopping || core.nextMoment != nil,
                "a task waits and nothing will happen")
        }
        if core.broken == nil, hasOpened, !isEnding, workers.count < configuration.workers,
            server == .absent || server == .ready
        {
            try require(core.nextMoment != nil, "workers are missing and nothing will happen")
        }
        if isEnding && unended.isEmpty {
            try require(isClosed || server == .stopping, "nothing is left to wait for and the pool stays open")
        }
        // Deadlines.
        let naive = naiveNextMoment
        try require((core.nextMoment ?? Moment(nanoseconds: .max)) <= naive, "the core would wake up too late")
        try require(naive > now, "something is overdue")
    }

    /// The first deadline of all, found the slow way. Pauses are the core's own affair.
    var naiveNextMoment: Moment {
        var next = Moment(nanoseconds: .max)
        guard !isClosed else { return next }
        for worker in workers.values {
            if let killedAt = worker.killedAt {
                next = min(next, killedAt + configuration.killLimit)
            } else if worker.life == .starting {
                next = min(next, worker.startedAt + configuration.startLimit)
            } else if let task = worker.task.flatMap({ tasks[$0] }), let limit = task.limits.wallTime,
                let sentAt = task.sentAt
            {
                next = min(next, sentAt + limit)
            }
        }
        if server == .launching, let launchedAt { next = min(next, launchedAt + configuration.startLimit) }
        return next
    }
}
