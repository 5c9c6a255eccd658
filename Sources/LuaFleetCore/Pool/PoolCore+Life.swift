// Events about the pool itself and its fork server: opened, server up, server gone, closing.
import LuaFleetWire

extension PoolCore {
    /// The pool begins: a server is launched by the actions that are taken next.
    package mutating func poolOpened(at now: Moment) {}

    /// The server said hello, in our version.
    package mutating func serverReady(at now: Moment) {
        guard case .launching = server else { return }
        server = .ready
        if state == .opening, !configuration.hasInitializer {
            state = .open
            actions.append(.opened)
        }
    }

    /// The server's process is gone, or could not be started, or is no worker of ours. All its workers are gone with it, or will be in a moment.
    ///
    /// `lastStarted` has, by slot, the last task that began on each worker; none begins after that.
    package mutating func serverEnded(
        _ failure: SetupFailure?, lastStarted: [UInt32: UInt32] = [:], at now: Moment
    ) {
        let former = server
        guard former != .absent else { return }
        server = .absent
        for slot in workers.indices where workers[slot].state != .vacant {
            endFlights(of: slot, after: lastStarted[UInt32(slot)] ?? workers[slot].sequence, .forkServerDied, at: now)
            vacate(slot, state == .closing ? .closed : workers[slot].end ?? .serverEnded)
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
    }

    /// No more tasks. Those that are there still end as they would; then the pool closes.
    package mutating func closeRequested(at now: Moment) {
        guard state == .open || state == .opening else { return }
        state = .draining
    }

    /// No more tasks, and those that are there end now.
    package mutating func terminateRequested(at now: Moment) {
        guard state != .closing, state != .closed else { return }
        state = .draining
        isTerminated = true
        finishAllWaiting(.poolTerminated)
        for slot in workers.indices where workers[slot].state != .vacant {
            while case let node = workers[slot].flying.head, node != Self.noIndex {
                finish(node, .poolTerminated, worker: id(slot))
            }
            workers[slot].interrupted = nil  // what was has ended, and needs no kill of its own
            noteLoad(slot)
        }
    }

    /// Draining with nothing left: workers run their finalizers, then the server goes, and every worker with it.
    mutating func closeIfDone(at now: Moment) {
        guard state == .draining, taskCount == 0 else { return }
        if configuration.hasFinalizer, server == .ready, !isTerminated {
            if !isRetiringAll {
                isRetiringAll = true
                for slot in workers.indices where workers[slot].state == .up { retire(slot, .closed, at: now) }
            }
            guard finalizingCount == 0 else { return }
        }
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
