// Time: deadlines, limits, looking after workers that have not been heard of.
import LuaFleetWire

extension PoolCore {
    /// Whatever is due. Cheap when nothing is.
    package mutating func timePassed(at now: Moment) {
        while let (due, slot) = timers.earliest, due <= now {
            timers.remove(slot)
            workerIsDue(Int(slot), at: now)
        }
        while let (due, node) = delays.earliest, due <= now {
            leavePlace(node)
            enqueue(node)
        }
        while let (due, batch) = queueLimits.earliest, due <= now {
            queueLimits.remove(batch)
            queueLimitReached(batch)
        }
        if case .launching(let until) = server, until <= now {
            server = .stopping
            actions.append(.stopServer)
            startFailed(.silent(configuration.startLimit), at: now)
        }
        if let pause = pausedUntil, pause <= now { pausedUntil = nil }
        if let due = stealDue, due <= now {
            stealDue = nil
            if loaded.head != Self.noIndex { recall(Int(loaded.head)) }
        }
    }

    private mutating func workerIsDue(_ slot: Int, at now: Moment) {
        switch workers[slot].state {
        case .vacant:
            break
        case .starting:
            kill(slot, because: nil, as: .failedToStart, at: now)
            startFailed(.silent(configuration.startLimit), at: now)
        case .initializing:
            kill(slot, because: nil, as: .failedToStart, at: now)
            let failure = SetupFailure.initializerFailed("it did not end within \(configuration.preparationLimit)")
            if state == .opening { breakDown(failure, at: now) } else { startFailed(failure, at: now) }
        case .finalizing:
            kill(slot, because: nil, as: workers[slot].end ?? .closed, at: now)
        case .up:
            if let interrupted = workers[slot].interrupted, interrupted.until <= now {
                kill(slot, because: interrupted.end, as: .killed(interrupted.end), at: now)
            } else if workers[slot].idlePlace >= 0 {
                if upCount + startingCount > configuration.minimumWorkers {
                    retire(slot, .idle, at: now)
                } else {
                    armIdle(slot, at: now)  // it may be one too many by then
                }
            } else {
                look(slot, at: now)
            }
        case .ending:
            // The kernel does not let go of it (a hung disk, say). Its task has ended all the same.
            let reason = workers[slot].killReason ?? .workerDied(ProcessExit(pid: 0, reason: .signal(9)))
            let sequence = workers[slot].sequence  // all of it has begun; the rest was recalled at the kill
            endFlights(of: slot, after: sequence, reason, at: now)
            if workers[slot].end == .failedToStart || workers[slot].end == nil { replaceSilentServer(at: now) }
            vacate(slot, workers[slot].end ?? .killed(reason))
        }
    }

    /// Tasks that have never begun have waited too long; those that come back for another attempt have not.
    private mutating func queueLimitReached(_ batch: UInt32) {
        guard let limit = batches[Int(batch)].policy.queueTime else { return }
        var node = batches[Int(batch)].nodes.head
        while node != Self.noIndex {
            let next = nodes[node].batchNext
            switch nodes[node].place {
            case .queued where nodes[node].attempt == 0: finish(node, .queueTimedOut(limit: limit), worker: nil)
            // Behind another one, perhaps: then it comes back and ends.
            case .flying(let slot) where nodes[node].attempt == 1:
                if workers[Int(slot)].state == .up, !workers[Int(slot)].isSettled { recall(Int(slot)) }
            case .queued, .flying, .waiting, .vacant: break
            }
            node = next
        }
    }

    // MARK: Looking

    /// When a worker that runs something has to be looked at, unless it is heard of before.
    private func lookDue(_ slot: Int) -> Moment? {
        let head = workers[slot].flying.head
        guard head != Self.noIndex else { return nil }
        let heardAt = workers[slot].heardAt
        var due = batches[Int(nodes[head].batch)].policy.wallTime.map { heardAt + $0 }
        if workers[slot].flyingCount > 1 {
            let look = heardAt + configuration.lookPause * (1 << min(workers[slot].looks, 4))
            due = min(due ?? look, look)
        }
        // It may have begun before the last answer came: answers can be held back.
        if let seen = workers[slot].seen, let running = running(slot, seen.sequence),
            let end = endDue(running, startedAt: seen.startedAt)
        {
            due = min(due ?? end, end)
        }
        return due
    }

    /// Sets the worker's timer where it has none, or a later one: an earlier one costs one look that finds nothing to do.
    mutating func armLook(_ slot: Int, at now: Moment) {
        guard workers[slot].state == .up, workers[slot].interrupted == nil, let due = lookDue(slot) else { return }
        if let set = timers.due(of: UInt32(slot)), set <= due { return }
        timers.set(UInt32(slot), due: due)
    }

    private mutating func look(_ slot: Int, at now: Moment) {
        guard let due = lookDue(slot) else { return }
        if due > now {
            timers.set(UInt32(slot), due: due)
        } else if !workers[slot].isInspecting {
            workers[slot].isInspecting = true
            actions.append(.inspect(id(slot)))
        }
    }

    /// What it has answered was handled. The last task that began there has sequence `started` and began at `startedAt`.
    package mutating func workerInspected(_ worker: WorkerID, started: UInt32, startedAt: Moment, at now: Moment) {
        guard let slot = slot(of: worker), workers[slot].isInspecting else { return }
        workers[slot].isInspecting = false
        guard workers[slot].state == .up, workers[slot].interrupted == nil, workers[slot].flyingCount > 0 else {
            return
        }
        workers[slot].looks += 1
        let head = workers[slot].flying.head
        let started = begun(slot, started)
        if let running = running(slot, started) {
            let startedAt = start(of: started, on: slot, claimed: startedAt, at: now)
            let end = endDue(running, startedAt: startedAt)
            if let end, end <= now { return recall(slot) }  // so that the kill cannot hit the task behind it
            setLook(slot, end, at: now)
        } else {
            // It has not begun, or so it says: the worker is stuck, or the machine is.
            let patience = workers[slot].heardAt + configuration.beginLimit
            guard let limit = batches[Int(nodes[head].batch)].policy.wallTime else {
                return setLook(slot, nil, at: now)
            }
            if workers[slot].isRecalling { return }  // it comes back in a moment, and nothing is left to be stuck with
            if patience <= now { return kill(slot, because: nil, as: .stuck, at: now) }
            // Whenever it begins, it cannot be late before that.
            timers.set(UInt32(slot), due: min(patience, now + max(limit, .milliseconds(1))))
        }
    }

    /// When a task began there: not later than now, nor than was said before.
    mutating func start(of sequence: UInt32, on slot: Int, claimed: Moment, at now: Moment) -> Moment {
        var start = min(claimed, now)
        if let seen = workers[slot].seen, seen.sequence == sequence { start = min(start, seen.startedAt) }
        workers[slot].seen = (sequence, start)
        return start
    }

    private mutating func setLook(_ slot: Int, _ end: Moment?, at now: Moment) {
        let look = now + configuration.lookPause * (1 << min(workers[slot].looks, 4))
        timers.set(UInt32(slot), due: min(end ?? look, look))
    }

    private func endDue(_ node: UInt32, startedAt: Moment) -> Moment? {
        batches[Int(nodes[node].batch)].policy.wallTime.map { startedAt + $0 }
    }

    /// Nothing but this one runs or will run there: it ends if it has to.
    mutating func judge(_ node: UInt32, on slot: Int, startedAt: Moment, claimed: UInt32, at now: Moment) {
        guard workers[slot].interrupted == nil else { return }  // it has its grace
        let batch = Int(nodes[node].batch)
        if batches[batch].isCancelled {
            end(node, on: slot, .cancelled, claimed: claimed, at: now)
        } else if let due = endDue(node, startedAt: startedAt) {
            if due <= now {
                let limit = batches[batch].policy.wallTime ?? .zero
                end(node, on: slot, .timedOut(limit: limit), claimed: claimed, at: now)
            } else {
                timers.set(UInt32(slot), due: due)
            }
        }
    }
}
