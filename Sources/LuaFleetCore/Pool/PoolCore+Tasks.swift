// Events about tasks: submitted, answered, cancelled; and the queue.
import LuaFleetWire

extension PoolCore {
    /// A task was submitted. It ends exactly once, in an action `finish`. O(1).
    package mutating func taskSubmitted(_ limits: TaskLimits, at now: Moment) -> TaskID {
        let index: UInt32
        if firstVacantTask != Self.noSlot {
            index = firstVacantTask
            firstVacantTask = tasks[Int(index)].next
        } else {
            index = UInt32(tasks.count)
            tasks.append(TaskSlot())
        }
        tasks[Int(index)].limits = limits
        tasks[Int(index)].attempt = 0
        let id = TaskID(index: index, generation: tasks[Int(index)].generation)
        enqueue(index)
        if let broken {
            finish(id, .setupFailed(broken), worker: nil)
        } else if state != .open && state != .opening {
            finish(id, .poolTerminated, worker: nil)
        } else {
            schedule(at: now)
        }
        return id
    }

    /// The worker answered its task. A violation where it runs no such task: the shell kills it.
    package mutating func taskAnswered(by worker: WorkerID, sequence: UInt32, at now: Moment) throws(ProtocolViolation)
    {
        guard let slot = slot(of: worker) else { return }  // a former tenant's last words
        guard workers[slot].sequence == sequence else { throw .wrongTask(sequence) }
        switch workers[slot].state {
        case .busy(let task):
            timers.remove(worker.slot)
            becomeIdle(slot)
            finish(task, .answered, worker: worker)
            schedule(at: now)
        case .ending(let task?, _):
            // It was done before the kill reached it: that counts, and the exit that follows is nobody's fault.
            workers[slot].state = .ending(nil, nil)
            finish(task, .answered, worker: worker)
            closeIfDone(at: now)
            closeIfDone(at: now)
        case .vacant, .starting, .idle, .ending(nil, _):
            throw .wrongTask(sequence)
        }
    }

    /// The process of a fresh-process task ended without an answer; the worker that forked it lives.
    package mutating func taskProcessEnded(
        on worker: WorkerID, sequence: UInt32, _ end: TaskEnd, at now: Moment
    ) throws(ProtocolViolation) {
        guard let slot = slot(of: worker) else { return }
        guard workers[slot].sequence == sequence else { throw .wrongTask(sequence) }
        switch workers[slot].state {
        case .busy(let task):
            timers.remove(worker.slot)
            becomeIdle(slot)
            finish(task, end, worker: worker)
            schedule(at: now)
        case .ending(let task?, let reason):
            workers[slot].state = .ending(nil, nil)
            finish(task, reason ?? end, worker: worker)
            closeIfDone(at: now)
            closeIfDone(at: now)
        case .vacant, .starting, .idle, .ending(nil, _):
            throw .wrongTask(sequence)
        }
    }

    /// Somebody no longer wants the task. A queued one ends now, a running one with its worker. O(1).
    package mutating func taskCancelled(_ id: TaskID, at now: Moment) {
        guard Int(id.index) < tasks.count, tasks[Int(id.index)].generation == id.generation else { return }
        switch tasks[Int(id.index)].state {
        case .vacant:
            return
        case .queued:
            finish(id, .cancelled, worker: nil)
            closeIfDone(at: now)
        case .running(let worker):
            kill(worker, because: .cancelled, at: now)
        }
    }

    // MARK: Queue

    mutating func enqueue(_ index: UInt32) {
        tasks[Int(index)].state = .queued
        tasks[Int(index)].next = Self.noSlot
        tasks[Int(index)].previous = queueTail
        if queueTail != Self.noSlot { tasks[Int(queueTail)].next = index } else { queueHead = index }
        queueTail = index
        queuedCount += 1
    }

    /// Puts a task that was sent but never began in front of all others.
    mutating func requeue(_ task: TaskID) {
        if let broken { return finish(task, .setupFailed(broken), worker: nil) }  // no worker will come for it
        let index = task.index
        runningCount -= 1
        tasks[Int(index)].attempt -= 1
        tasks[Int(index)].state = .queued
        tasks[Int(index)].previous = Self.noSlot
        tasks[Int(index)].next = queueHead
        if queueHead != Self.noSlot { tasks[Int(queueHead)].previous = index } else { queueTail = index }
        queueHead = index
        queuedCount += 1
    }

    mutating func unqueue(_ index: UInt32) {
        let (previous, next) = (tasks[Int(index)].previous, tasks[Int(index)].next)
        if previous != Self.noSlot { tasks[Int(previous)].next = next } else { queueHead = next }
        if next != Self.noSlot { tasks[Int(next)].previous = previous } else { queueTail = previous }
        queuedCount -= 1
    }

    /// Pairs queued tasks with idle workers, and asks for workers where some are missing.
    mutating func schedule(at now: Moment) {
        while queueHead != Self.noSlot, let slot = idle.popLast() {
            let index = queueHead
            unqueue(index)
            runningCount += 1
            let worker = WorkerID(slot: slot, generation: workers[Int(slot)].generation)
            let task = TaskID(index: index, generation: tasks[Int(index)].generation)
            tasks[Int(index)].state = .running(worker)
            tasks[Int(index)].attempt += 1
            workers[Int(slot)].state = .busy(task)
            workers[Int(slot)].sequence &+= 1
            if let limit = tasks[Int(index)].limits.wallTime { timers.set(slot, due: now + limit) }
            actions.append(
                .send(task, to: worker, sequence: workers[Int(slot)].sequence, attempt: tasks[Int(index)].attempt))
        }
        if liveCount < configuration.workers || server == .absent { startMissing(at: now) }
        closeIfDone(at: now)
    }

    /// Ends a task, wherever it is.
    mutating func finish(_ id: TaskID, _ end: TaskEnd, worker: WorkerID?) {
        let index = Int(id.index)
        switch tasks[index].state {
        case .vacant: return
        case .queued: unqueue(id.index)
        case .running: runningCount -= 1
        }
        tasks[index].state = .vacant
        tasks[index].generation &+= 1
        freed.append(id.index)
        actions.append(.finish(id, end, worker: worker))
    }

    mutating func finishAllQueued(_ end: TaskEnd) {
        while queueHead != Self.noSlot {
            finish(TaskID(index: queueHead, generation: tasks[Int(queueHead)].generation), end, worker: nil)
        }
    }
}
