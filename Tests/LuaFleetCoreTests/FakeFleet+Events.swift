// What happens to the fake fleet: each event, then all that the core wants done about it.
import LuaFleetCore
import LuaFleetWire

extension FakeFleet {
    mutating func open() throws {
        core.poolOpened(at: now)
        try perform()
    }

    /// Every worker that starts is ready, and its initializer succeeds.
    mutating func raise() throws {
        while let worker = workers(.starting).first ?? workers(.initializing).first {
            if workers[worker]?.life == .starting { try workerReady(worker) } else { try prepared(worker) }
        }
    }

    mutating func cancel(_ id: BatchID) throws {
        batches[id]?.isCancelled = true
        core.batchCancelled(id, at: now)
        try perform()
    }

    mutating func cancelQueue() throws {
        queueCancels = Set(queue).union(again).union(waiting.keys)
        for worker in workers.values where worker.isUp {
            queueCancels.formUnion(worker.inbox.map(\.task))
        }
        core.queueCancelled(at: now)
        try perform()
    }

    mutating func serverReady() throws {
        if server == .launching { server = .ready }
        core.serverReady(at: now)
        try perform()
    }

    /// It ends, and says what had begun on its workers; or nobody knows.
    mutating func serverEnds(_ failure: SetupFailure? = nil, blind: Bool = false) throws {
        for id in sortedWorkers { try handOn(id) }
        server = .absent
        serverEndsNow = true
        isServerBlind = blind
        var lastStarted: [UInt32: UInt32] = [:]
        if !blind {
            for id in sortedWorkers {
                lastStarted[id.slot] = workers[id]?.begun
                takeBack(from: id, after: workers[id]?.begun ?? 0)
            }
        }
        core.serverEnded(failure, lastStarted: lastStarted, at: now)
        try perform()
    }

    mutating func workerReady(_ id: WorkerID) throws {
        if workers[id]?.life == .starting, workers[id]?.killedAt == nil, !configuration.hasInitializer { rise(id) }
        try core.workerReady(id, at: now)
        try perform()
    }

    private mutating func rise(_ id: WorkerID) {
        workers[id]?.life = .up
        workers[id]?.idleSince = now
    }

    /// The initializer or the finalizer answers.
    mutating func prepared(_ id: WorkerID, _ failure: SetupFailure? = nil) throws {
        guard let worker = workers[id], let preparation = worker.preparation else { return }
        if worker.killedAt == nil {
            if worker.life == .finalizing {
                workers[id]?.isPrepared = true
            } else if failure != nil {
                workers[id]?.failedToPrepare = true
            } else {
                rise(id)
            }
        }
        try core.workerPrepared(id, sequence: preparation.sequence, failure, at: now)
        try perform()
    }

    mutating func workerRefused(_ id: WorkerID, errno: Int32 = 11) throws {
        workers[id]?.exit = ProcessExit(pid: 0, reason: .status(0))
        core.workerNotStarted(id, errno: errno, at: now)
        try perform()
    }

    mutating func workerExits(_ id: WorkerID, _ reason: ProcessExit.Reason = .signal(9)) throws {
        let exit = ProcessExit(pid: Int32(id.slot) + 100, reason: reason)
        let begun = workers[id]?.begun ?? 0
        try handOn(id)
        takeBack(from: id, after: begun)
        workers[id]?.exit = exit
        core.workerExited(id, exit, lastStarted: begun, at: now)
        try perform()
    }

    mutating func workerMisbehaves(_ id: WorkerID, _ violation: ProtocolViolation = .reservedBytes) throws {
        if workers[id]?.killedAt == nil { workers[id]?.violation = violation }
        core.workerMisbehaved(id, violation, at: now)
        try perform()
    }

    mutating func workerHangsUp(_ id: WorkerID) throws {
        if workers[id]?.killedAt == nil { workers[id]?.hasHungUp = true }
        core.workerHungUp(id, at: now)
        try perform()
    }

    /// Time goes on; the core hears of it where it asked to.
    mutating func advance(_ duration: Duration) throws {
        now = now + duration
        guard let next = core.nextMoment, next <= now else { return }
        for (key, due) in waiting where due <= now {
            waiting[key] = nil
            self[key].place = .queued
            again.insert(key)
        }
        core.timePassed(at: now)
        try perform()
    }

    /// Time goes on to the next moment that the core asked for.
    mutating func advanceToNext() throws {
        guard let next = core.nextMoment else { throw IllegalAction(description: "nothing will happen") }
        try advance(.nanoseconds(next.nanoseconds - min(next.nanoseconds, now.nanoseconds)))
    }

    mutating func resize(minimum: Int, maximum: Int) throws {
        configuration.maximumWorkers = maximum
        configuration.minimumWorkers = minimum
        core.resized(minimum: minimum, maximum: maximum, at: now)
        try perform()
    }

    mutating func close() throws {
        isEnding = true
        core.closeRequested(at: now)
        try perform()
    }

    mutating func terminate() throws {
        isEnding = true
        isTerminated = true
        core.terminateRequested(at: now)
        try perform()
    }

    /// Closes the pool among workers that behave.
    mutating func closeAmongFriends(_ check: (FakeFleet) throws -> Void = { try $0.check() }) throws {
        if !isEnding { try close() }
        for _ in 0..<5000 where !isClosed {
            switch server {
            case .launching: try serverReady()
            case .stopping: try serverEnds()
            case .absent, .ready: break
            }
            for id in sortedWorkers {
                guard let worker = workers[id] else { continue }
                if worker.killedAt != nil {
                    try workerExits(id)
                } else if worker.life == .starting {
                    try workerReady(id)
                    if workers[id]?.life == .initializing { try prepared(id) }
                } else if worker.life != .up {
                    try prepared(id)
                } else if !worker.flights.isEmpty {
                    try answer(id, count: 8)
                }
                try check(self)
            }
            try advance(.milliseconds(3))
            if workers.isEmpty, server != .stopping, core.nextMoment != nil { try advanceToNext() }
            try check(self)
        }
        try require(isClosed && openCount == 0, "the pool does not close: \(openCount) tasks left")
    }
}
