// Events about workers: ready, refused, ended, misbehaving, late.
import LuaFleetWire

extension PoolCore {
    /// The slot of a worker that is still its tenant.
    func slot(of worker: WorkerID) -> Int? {
        let slot = Int(worker.slot)
        guard slot < workers.count, workers[slot].generation == worker.generation, workers[slot].state != .vacant else {
            return nil
        }
        return slot
    }

    /// The worker said "ready".
    package mutating func workerReady(_ worker: WorkerID, at now: Moment) throws(ProtocolViolation) {
        guard let slot = slot(of: worker) else { return }
        switch workers[slot].state {
        case .starting:
            timers.remove(worker.slot)
            startingCount -= 1
            becomeIdle(slot)
            failedStarts = 0
            serverHasServed = true
            schedule(at: now)
        case .ending:
            return
        case .vacant, .idle, .busy:
            throw .unexpected(.ready)
        }
    }

    /// The server could not fork.
    package mutating func workerNotStarted(_ worker: WorkerID, errno: Int32, at now: Moment) {
        guard let slot = slot(of: worker) else { return }
        vacate(slot)
        startFailed(.cannotFork(errno), at: now)
    }

    /// The worker's process has ended, and all it had said was handled.
    ///
    /// `lastStarted` is the number of the last task that began there: a task that was sent but had not begun is queued again, in front.
    package mutating func workerExited(
        _ worker: WorkerID, _ exit: ProcessExit, lastStarted: UInt32, at now: Moment
    ) {
        guard let slot = slot(of: worker) else { return }
        let state = workers[slot].state
        let hasBegun = workers[slot].sequence == lastStarted
        switch state {
        case .vacant:
            return
        case .starting:
            vacate(slot)
            startFailed(.workersEndEarly(count: failedStarts + 1, last: exit), at: now)
            return
        case .idle, .ending(nil, _):
            break
        case .busy(let task) where !hasBegun:
            requeue(task)
        case .busy(let task):
            finish(task, .workerDied(exit), worker: worker)
        case .ending(let task?, let reason):
            finish(task, reason ?? .workerDied(exit), worker: worker)
        }
        vacate(slot)
        schedule(at: now)
    }

    /// The worker broke the protocol: it is killed, its task ends with that.
    package mutating func workerMisbehaved(_ worker: WorkerID, _ violation: ProtocolViolation, at now: Moment) {
        let wasStarting = slot(of: worker).map { workers[$0].state == .starting } ?? false
        kill(worker, because: .protocolViolation(violation), at: now)
        if wasStarting { startFailed(.workersEndEarly(count: failedStarts + 1, last: nil), at: now) }
    }

    /// Kills a worker; its task ends for `reason` when the exit is known.
    mutating func kill(_ worker: WorkerID, because reason: TaskEnd, at now: Moment) {
        guard let slot = slot(of: worker) else { return }
        switch workers[slot].state {
        case .vacant, .ending:
            return
        case .starting:
            startingCount -= 1
            workers[slot].state = .ending(nil, nil)
        case .idle:
            leaveIdle(slot)
            workers[slot].state = .ending(nil, nil)
        case .busy(let task):
            workers[slot].state = .ending(task, reason)
        }
        timers.set(worker.slot, due: now + configuration.killLimit)
        actions.append(.killWorker(worker))
    }

    /// Deadlines, start limits, pauses. Cheap when nothing is due.
    package mutating func timePassed(at now: Moment) {
        while let (due, slot) = timers.earliest, due <= now {
            timers.remove(slot)
            let worker = WorkerID(slot: slot, generation: workers[Int(slot)].generation)
            switch workers[Int(slot)].state {
            case .busy(let task):
                kill(worker, because: .timedOut(limit: tasks[Int(task.index)].limits.wallTime ?? .zero), at: now)
            case .starting:
                kill(worker, because: .cancelled, at: now)
                startFailed(.silent(configuration.startLimit), at: now)
            case .ending(let task, let reason):
                // The kernel does not let go of it (a hung disk, say). Its task has ended all the same.
                if let task { finish(task, reason ?? .cancelled, worker: worker) }
                vacate(Int(slot))
                schedule(at: now)
            case .vacant, .idle:
                break
            }
        }
        if case .launching(let until) = server, until <= now {
            server = .stopping
            actions.append(.stopServer)
            startFailed(.silent(configuration.startLimit), at: now)
        }
        if let pause = pausedUntil, pause <= now {
            pausedUntil = nil
            startMissing(at: now)
        }
    }

    // MARK: Starting

    mutating func startMissing(at now: Moment) {
        guard broken == nil, wantsWorkers else { return }
        if let pausedUntil, pausedUntil > now { return }
        pausedUntil = nil
        switch server {
        case .absent:
            server = .launching(until: now + configuration.startLimit)
            serverHasServed = false
            actions.append(.launchServer)
        case .launching, .stopping:
            return
        case .ready:
            // After a failure one worker goes first, and the others follow when it is ready.
            while wantsWorkers, failedStarts == 0 || startingCount == 0 { startWorker(at: now) }
        }
    }

    private mutating func startWorker(at now: Moment) {
        let slot: UInt32
        if let former = vacant.popLast() {
            slot = former
        } else {
            slot = UInt32(workers.count)
            workers.append(WorkerSlot())
        }
        workers[Int(slot)].state = .starting
        workers[Int(slot)].sequence = 0
        liveCount += 1
        startingCount += 1
        timers.set(slot, due: now + configuration.startLimit)
        actions.append(.startWorker(WorkerID(slot: slot, generation: workers[Int(slot)].generation)))
    }

    /// A worker or the server did not come up: pause, and after too many give up. What fails during the pause was begun before it and counts as the same failure.
    mutating func startFailed(_ failure: SetupFailure, at now: Moment) {
        if let pausedUntil, pausedUntil > now { return closeIfDone(at: now) }
        failedStarts += 1
        guard failedStarts < configuration.startAttempts else { return breakDown(failure, at: now) }
        let pause = min(configuration.firstPause * (1 << min(failedStarts - 1, 10)), .seconds(1))
        pausedUntil = now + pause
        closeIfDone(at: now)
    }

    /// No worker can be had: every queued task ends with the reason; running ones go on.
    mutating func breakDown(_ failure: SetupFailure, at now: Moment) {
        broken = failure
        pausedUntil = nil
        if state == .opening { state = .open }
        finishAllQueued(.setupFailed(failure))
        closeIfDone(at: now)
    }

    // MARK: Idle

    mutating func becomeIdle(_ slot: Int) {
        workers[slot].state = .idle
        workers[slot].idlePlace = idle.count
        idle.append(UInt32(slot))
    }

    /// Takes a worker out of the middle of `idle`; the last one gets its place. O(1).
    private mutating func leaveIdle(_ slot: Int) {
        let place = workers[slot].idlePlace
        let last = idle.removeLast()
        guard place < idle.count else { return }
        idle[place] = last
        workers[Int(last)].idlePlace = place
    }

    mutating func vacate(_ slot: Int) {
        let worker = WorkerID(slot: UInt32(slot), generation: workers[slot].generation)
        if workers[slot].state == .idle { leaveIdle(slot) }
        if workers[slot].state == .starting { startingCount -= 1 }
        timers.remove(worker.slot)
        workers[slot].state = .vacant
        workers[slot].generation &+= 1
        vacant.append(worker.slot)
        liveCount -= 1
        actions.append(.dropWorker(worker))
    }
}
