// Events about the pool itself and its fork server: opened, server up, server gone, closing.
import LuaFleetWire

extension PoolCore {
    /// The pool begins: a server is launched.
    package mutating func poolOpened(at now: Moment) {
        startMissing(at: now)
    }

    /// The server said hello, in our version.
    package mutating func serverReady(at now: Moment) {
        guard case .launching = server else { return }
        server = .ready
        if state == .opening {
            state = .open
            actions.append(.opened)
        }
        startMissing(at: now)
        schedule(at: now)
    }

    /// The server's process is gone, or could not be started, or is no worker of ours. All its workers are gone with it.
    package mutating func serverEnded(_ failure: SetupFailure?, at now: Moment) {
        let former = server
        guard former != .absent else { return }
        server = .absent
        for slot in workers.indices where workers[slot].state != .vacant {
            let state = workers[slot].state
            let worker = WorkerID(slot: UInt32(slot), generation: workers[slot].generation)
            switch state {
            case .busy(let task): finish(task, .forkServerDied, worker: worker)
            case .ending(let task?, let reason): finish(task, reason ?? .forkServerDied, worker: worker)
            case .vacant, .starting, .idle, .ending(nil, _): break
            }
            vacate(slot)
        }
        if state == .closing {
            state = .closed
            actions.append(.closed)
            return
        }
        switch former {
        case .launching:
            let failure = failure ?? .endedEarly(nil, output: [])
            // These do not get better by trying again.
            switch failure {
            case .notExecutable, .notAWorker, .otherVersion, .endedEarly, .notConfigured: breakDown(failure, at: now)
            default: startFailed(failure, at: now)
            }
        case .ready where !serverHasServed:
            startFailed(failure ?? .endedEarly(nil, output: []), at: now)
        case .ready, .stopping, .absent:
            break
        }
        schedule(at: now)
    }

    /// No more tasks. Those that are queued or running still end as they would; then the pool closes.
    package mutating func closeRequested(at now: Moment) {
        guard state == .open || state == .opening else { return }
        state = .draining
        closeIfDone(at: now)
    }

    /// No more tasks, and those that are there end now.
    package mutating func terminateRequested(at now: Moment) {
        guard state != .closing, state != .closed else { return }
        state = .draining
        finishAllQueued(.poolTerminated)
        for slot in workers.indices {
            let worker = WorkerID(slot: UInt32(slot), generation: workers[slot].generation)
            switch workers[slot].state {
            case .busy(let task), .ending(let task?, _):
                workers[slot].state = .ending(nil, nil)
                finish(task, .poolTerminated, worker: worker)
            case .vacant, .starting, .idle, .ending(nil, _):
                break
            }
        }
        closeIfDone(at: now)
    }

    /// Draining with nothing left: the server goes, and every worker with it.
    mutating func closeIfDone(at now: Moment) {
        guard state == .draining, taskCount == 0 else { return }
        switch server {
        case .absent:
            state = .closed
            actions.append(.closed)
        case .launching, .ready:
            state = .closing
            server = .stopping
            actions.append(.stopServer)
        case .stopping:
            state = .closing
        }
    }
}
