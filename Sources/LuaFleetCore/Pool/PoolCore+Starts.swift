// Starting workers and servers: how many, when, and when to give up.
import LuaFleetWire

extension PoolCore {
    /// Workers that should be started, now or after a pause.
    var missingWorkers: Int {
        switch state {
        case .opening, .open:
            let demand: Int
            if configuration.minimumWorkers == configuration.maximumWorkers {
                demand = configuration.maximumWorkers
            } else {
                let busy = UInt64(upCount - idle.count) + queuedCount
                demand = max(
                    configuration.minimumWorkers, Int(clamping: min(busy, UInt64(configuration.maximumWorkers))))
            }
            return max(demand - liveCount, server == .absent ? 1 : 0)
        case .draining:
            let needed = Int(clamping: min(queuedCount + waitingCount, UInt64(configuration.maximumWorkers)))
            return queuedCount + waitingCount > 0 ? max(needed - liveCount, server == .absent ? 1 : 0) : 0
        case .closing, .closed:
            return 0
        }
    }

    /// Starts what is missing, unless a pause holds.
    mutating func startMissing(at now: Moment) {
        guard broken == nil else { return }
        var missing = missingWorkers
        guard missing > 0 else { return }
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
            // After a failure one worker goes first, and the others follow when it is ready. So it is with the first one's initializer.
            while missing > 0, failedStarts == 0 && !waitsForInitializer || startingCount == 0 {
                startWorker(at: now)
                missing -= 1
            }
        }
    }

    private var waitsForInitializer: Bool { configuration.hasInitializer && state == .opening }

    private mutating func startWorker(at now: Moment) {
        let slot: UInt32
        if let former = vacant.popLast() {
            slot = former
        } else {
            slot = UInt32(workers.count)
            workers.append(WorkerSlot())
        }
        workers[Int(slot)].state = .starting
        liveCount += 1
        startingCount += 1
        timers.set(slot, due: now + configuration.startLimit)
        actions.append(.startWorker(id(Int(slot))))
    }

    /// A worker or the server did not come up: pause, and after too many give up. What fails during the pause was begun before it and counts as the same failure.
    mutating func startFailed(_ failure: SetupFailure, at now: Moment) {
        if let pausedUntil, pausedUntil > now { return }
        failedStarts += 1
        guard failedStarts < configuration.startAttempts else { return breakDown(failure, at: now) }
        pausedUntil = now + pause(after: failedStarts)
    }

    func pause(after failures: Int) -> Duration {
        min(configuration.firstPause * (1 << min(failures - 1, 10)), .seconds(1))
    }

    /// No more workers can be had: those that are up go on, and when there are none every task that waits for one ends with the reason.
    mutating func breakDown(_ failure: SetupFailure, at now: Moment) {
        broken = failure
        brokenUntil = now + configuration.brokenPause
        pausedUntil = nil
        if state == .opening { state = .open }
        if upCount == 0 { finishAllWaiting(.setupFailed(failure)) }
    }

    /// What broke the pool may have passed: one more attempt, if the last one is long enough ago.
    mutating func mend(at now: Moment) {
        guard broken != nil, state == .open, brokenUntil <= now else { return }
        broken = nil
        failedStarts = configuration.startAttempts - 1
    }

    /// The pool shall have so many workers from now on; those that are too many retire when they have nothing to do. O(workers) where it shrinks.
    package mutating func resized(minimum: Int, maximum: Int, at now: Moment) {
        configuration.maximumWorkers = max(1, maximum)
        configuration.minimumWorkers = min(max(1, minimum), configuration.maximumWorkers)
        while upCount + startingCount > configuration.maximumWorkers, let slot = idle.first {
            retire(Int(slot), .resized, at: now)
        }
        for slot in idle where timers.due(of: slot) == nil { armIdle(Int(slot), at: now) }
    }
}
