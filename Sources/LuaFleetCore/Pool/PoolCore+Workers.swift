// Events about workers: ready, prepared, measured, ended, misbehaving; and their ends.
import LuaFleetWire

extension PoolCore {
    /// The worker said "ready".
    package mutating func workerReady(_ worker: WorkerID, at now: Moment) throws(ProtocolViolation) {
        guard let slot = slot(of: worker) else { return }
        heardOfServer(at: now)
        switch workers[slot].state {
        case .starting:
            serverHasServed = true
            guard configuration.hasInitializer else { return becomeUp(slot, at: now) }
            workers[slot].state = .initializing
            workers[slot].sequence &+= 1
            timers.set(worker.slot, due: now + configuration.preparationLimit)
            actions.append(.initialize(worker, sequence: workers[slot].sequence, epoch: workers[slot].epoch))
        case .ending:
            return
        case .vacant, .initializing, .up, .finalizing:
            throw .unexpected(.ready)
        }
    }

    /// The initializer or the finalizer has answered; `failure`: the initializer's.
    package mutating func workerPrepared(
        _ worker: WorkerID, sequence: UInt32, _ failure: SetupFailure?, at now: Moment
    ) throws(ProtocolViolation) {
        guard let slot = slot(of: worker) else { return }
        guard workers[slot].sequence == sequence else { throw .wrongTask(sequence) }
        switch workers[slot].state {
        case .initializing:
            guard let failure else { return becomeUp(slot, at: now) }
            kill(slot, because: nil, as: .failedToStart, at: now)
            // The first one fails the pool: what is wrong with it is wrong with all.
            if state == .opening { breakDown(failure, at: now) } else { startFailed(failure, at: now) }
        case .finalizing:
            kill(slot, because: nil, as: workers[slot].end ?? .closed, at: now)
        case .ending:
            return
        case .vacant, .starting, .up:
            throw .wrongTask(sequence)
        }
    }

    private mutating func becomeUp(_ slot: Int, at now: Moment) {
        timers.remove(UInt32(slot))
        startingCount -= 1
        upCount += 1
        workers[slot].state = .up
        failedStarts = 0
        statistics.workersStarted += 1
        if state == .opening {
            state = .open
            actions.append(.opened)
        }
        becomeIdle(slot, at: now)
    }

    /// The server could not fork.
    package mutating func workerNotStarted(_ worker: WorkerID, errno: Int32, at now: Moment) {
        heardOfServer(at: now)
        // Of one that is up it says nothing: tasks may be there.
        guard let slot = slot(of: worker), workers[slot].state == .starting || workers[slot].state == .ending,
            workers[slot].flying.isEmpty
        else { return }
        vacate(slot, .notStarted(errno))
        startFailed(.cannotFork(errno), at: now)
    }

    /// The worker's process has ended, and all it had said was handled.
    ///
    /// `lastStarted` is the number of the last task that began there: those that were sent but had not begun are queued again, in front.
    package mutating func workerExited(
        _ worker: WorkerID, _ exit: ProcessExit, lastStarted: UInt32, at now: Moment
    ) {
        heardOfServer(at: now)
        guard let slot = slot(of: worker) else { return }
        let former = workers[slot].state
        let wasIdle = former == .up && workers[slot].flyingCount == 0 && !workers[slot].hasAnswered
        if !workers[slot].flying.isEmpty {
            endFlights(of: slot, after: lastStarted, .workerDied(exit), at: now)
        }
        let isStarting = former == .starting || former == .initializing
        // One that was to be recycled after its task may die of the task.
        vacate(slot, former == .up ? .exited(exit) : workers[slot].end ?? .exited(exit))
        if isStarting {
            startFailed(.workersEndEarly(count: failedStarts + 1, last: exit), at: now)
        } else if wasIdle, state == .open {
            // Somebody shoots them, or they cannot live here: not as fast as the machine can.
            idleDeaths += 1
            if idleDeaths > 1 { pausedUntil = now + pause(after: idleDeaths - 1) }
        }
    }

    /// The last task that began on a worker which says that it is `said`.
    func begun(_ slot: Int, _ said: UInt32) -> UInt32 {
        configuration.distrustsWorkers ? workers[slot].sequence : said
    }

    /// What was sent to a worker that is gone: what had not begun is queued again, what had ends.
    mutating func endFlights(of slot: Int, after lastStarted: UInt32, _ end: TaskEnd, at now: Moment) {
        takeBack(from: slot, after: begun(slot, lastStarted), at: now)
        let worker = id(slot)
        while case var node = workers[slot].flying.head, node != Self.noIndex {
            if nodes[node].count > 1 { node = split(node, 1) }
            let reason = workers[slot].interrupted.map(\.end) ?? workers[slot].killReason
            conclude(node, reason ?? end, worker: worker, at: now)
        }
    }

    /// The worker broke the protocol: it is killed, its task ends with that.
    package mutating func workerMisbehaved(_ worker: WorkerID, _ violation: ProtocolViolation, at now: Moment) {
        guard let slot = slot(of: worker) else { return }
        let isStarting = workers[slot].state == .starting || workers[slot].state == .initializing
        kill(slot, because: .protocolViolation(violation), as: .killed(.protocolViolation(violation)), at: now)
        if isStarting { startFailed(.workersEndEarly(count: failedStarts + 1, last: nil), at: now) }
    }

    /// Its end of the stream came a while ago, and nobody has said since that its process has ended: it is killed, in case it lives; and if there is no word of that either, the fork
    /// server is of no more use.
    package mutating func workerHungUp(_ worker: WorkerID, at now: Moment) {
        guard let slot = slot(of: worker), workers[slot].state != .ending else { return }
        let isStarting = workers[slot].state == .starting || workers[slot].state == .initializing
        kill(slot, because: nil, as: .failedToStart, at: now)
        if isStarting {
            startFailed(.workersEndEarly(count: failedStarts + 1, last: nil), at: now)
        } else {
            workers[slot].end = nil  // as its exit says
        }
    }

    /// Its process holds so much memory between tasks.
    package mutating func workerMeasured(_ worker: WorkerID, residentBytes: UInt64, at now: Moment) {
        guard let slot = slot(of: worker), workers[slot].state == .up else { return }
        guard configuration.recycleAboveBytes > 0, residentBytes > configuration.recycleAboveBytes else { return }
        workers[slot].end = .recycledAboveBytes(residentBytes)
        // What was sent ahead goes to its successor.
        if workers[slot].flyingCount == 0 {
            retire(slot, .recycledAboveBytes(residentBytes), at: now)
        } else {
            recall(slot)
        }
    }

    // MARK: Ends

    /// Kills a worker; what runs there ends for `reason` when the exit is known.
    mutating func kill(_ slot: Int, because reason: TaskEnd?, as end: WorkerEnd, at now: Moment) {
        switch workers[slot].state {
        case .vacant, .ending: return
        case .starting, .initializing: startingCount -= 1
        case .up: upCount -= 1
        case .finalizing: finalizingCount -= 1
        }
        leaveIdle(slot)
        workers[slot].state = .ending
        workers[slot].killReason = reason
        workers[slot].end = end
        noteLoad(slot)
        timers.set(UInt32(slot), due: now + configuration.killLimit)
        // What has not begun goes elsewhere now, and does not end for this even if the kernel holds the process.
        if workers[slot].flyingCount > 0, !workers[slot].isSettled { recall(slot) }
        actions.append(.killWorker(id(slot)))
    }

    /// Ends a worker that has nothing to do, after the pool's finalizer.
    mutating func retire(_ slot: Int, _ end: WorkerEnd, at now: Moment) {
        guard workers[slot].state == .up, workers[slot].flyingCount == 0 else { return }
        guard configuration.hasFinalizer else { return kill(slot, because: nil, as: end, at: now) }
        leaveIdle(slot)
        upCount -= 1
        finalizingCount += 1
        workers[slot].state = .finalizing
        workers[slot].end = end
        workers[slot].sequence &+= 1
        timers.set(UInt32(slot), due: now + configuration.preparationLimit)
        actions.append(.finalize(id(slot), sequence: workers[slot].sequence, epoch: workers[slot].epoch))
    }

    /// Ends what runs there: by an error in its script where the task's policy says so, else by a kill. `claimed`: the last task that began, as the worker says.
    mutating func end(_ node: UInt32, on slot: Int, _ end: TaskEnd, claimed: UInt32, at now: Moment) {
        // One that is not believed and says that the task has not begun will never begin it: nothing is there to tidy up.
        guard let grace = batches[Int(nodes[node].batch)].policy.grace, claimed == nodes[node].lastSequence else {
            return kill(slot, because: end, as: .killed(end), at: now)
        }
        let sequence = nodes[node].lastSequence
        workers[slot].interrupted = (sequence, end, now + grace)
        timers.set(UInt32(slot), due: now + grace)
        actions.append(.interruptWorker(id(slot), sequence: sequence, end == .cancelled ? .cancelled : .deadline))
    }

    // MARK: Idle

    /// A worker has nothing to do: it waits for a task, unless it is one too many or has done enough.
    mutating func becomeIdle(_ slot: Int, at now: Moment) {
        timers.remove(UInt32(slot))
        if isAtItsEnd(slot) { return retire(slot, .recycledAfterTasks(workers[slot].assigned), at: now) }
        if case .recycledAboveBytes? = workers[slot].end {
            return retire(slot, workers[slot].end ?? .closed, at: now)
        }
        if isRetiringAll { return retire(slot, .closed, at: now) }  // it was initializing when the others were told
        if upCount + startingCount > configuration.maximumWorkers { return retire(slot, .resized, at: now) }
        workers[slot].idlePlace = idle.count
        idle.append(UInt32(slot))
        armIdle(slot, at: now)
    }

    mutating func armIdle(_ slot: Int, at now: Moment) {
        guard let idleTime = configuration.idleTime, configuration.minimumWorkers < configuration.maximumWorkers else {
            return
        }
        timers.set(UInt32(slot), due: now + max(idleTime, .milliseconds(1)))
    }

    /// Takes a worker out of the middle of `idle`; the last one gets its place. O(1).
    private mutating func leaveIdle(_ slot: Int) {
        let place = workers[slot].idlePlace
        guard place >= 0 else { return }
        workers[slot].idlePlace = -1
        let last = idle.removeLast()
        guard place < idle.count else { return }
        idle[place] = last
        workers[Int(last)].idlePlace = place
    }

    mutating func vacate(_ slot: Int, _ end: WorkerEnd) {
        let worker = id(slot)
        leaveIdle(slot)
        switch workers[slot].state {
        case .starting, .initializing: startingCount -= 1
        case .up: upCount -= 1
        case .finalizing: finalizingCount -= 1
        case .vacant, .ending: break
        }
        timers.remove(worker.slot)
        workers[slot].state = .vacant
        noteLoad(slot)
        workers[slot].vacate()
        vacant.append(worker.slot)
        liveCount -= 1
        statistics.count(end)
        actions.append(.dropWorker(worker, end))
        if let broken, upCount == 0, state == .open || state == .draining { finishAllWaiting(.setupFailed(broken)) }
    }
}
