// Workers: started, heard, looked at, recalled, gone.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire
import NIOCore
import NIOPosix

/// Something to be learnt from a worker's page: its answers, and the task that began last, as of now or as of a recall.
struct PageLook {
    var worker: WorkerID
    var recalled: (started: UInt32, startedAt: Moment)?
}

extension PoolShell {
    func startWorker(_ id: WorkerID) {
        var ends: (Int32, Int32) = (-1, -1)
        var failure: Int32 = 0
        // The first tenant of the first slot was asked for when the server was spawned.
        let ahead = id == WorkerID(slot: 0, generation: 0) ? server?.takeFirstWorker() : nil
        if let ahead {
            ends.0 = ahead
        } else {
            failure = withUnsafeMutableBytes(of: &ends) {
                lfs_socket_pair($0.bindMemory(to: Int32.self).baseAddress!)  // a tuple of two: never nil
            }
        }
        while connections.count <= Int(id.slot) { connections.append(nil) }
        guard failure == 0 else {
            core.workerNotStarted(id, errno: -failure, at: now)
            return
        }
        guard let page = server?.pages?.page(Int(id.slot)) else {
            let why = server?.pages == nil ? ENOMEM : errno
            closeAll(ends.0)
            if ends.1 >= 0 { closeAll(ends.1) }
            core.workerNotStarted(id, errno: why, at: now)
            return
        }
        let connection = WorkerConnection(
            id: id, page: page, parser: FrameParser(limit: settings.resultLimit), delegate: self)
        connection.shared = SharedWorker(slot: id.slot, keeper: keeper)
        connection.socket = ends.0
        connections[Int(id.slot)] = connection
        if ahead == nil {
            server?.send(.frame(FrameHeader(kind: .startWorker, worker: id.slot, task: id.generation)), fd: ends.1)
        }
        ClientBootstrap(group: loop)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(connection) }
            }
            .withConnectedSocket(ends.0)
            .assumeIsolated()
            .whenComplete { result in
                if case .success(let channel) = result { connection.attached(to: channel) }
            }
    }

    // MARK: Pages

    /// Takes back what has not begun, now; what the worker has answered and what the core makes of it come when the actions are done.
    func recall(_ id: WorkerID, epoch: UInt32) {
        guard let connection = connections[Int(id.slot)], connection.id == id else { return }
        guard let started = connection.page.recall(epoch: epoch &- 1) else {
            return core.workerMisbehaved(id, .malformed(.ready), at: now)  // it has scribbled over its page
        }
        looks.append(PageLook(worker: id, recalled: (started, startedAt(connection))))
    }

    func perform(_ look: PageLook) {
        let id = look.worker
        guard let connection = connections[Int(id.slot)], connection.id == id else { return }
        connection.look()
        if let (started, startedAt) = look.recalled {
            connection.shared?.recalled(after: started)
            core.workerRecalled(id, started: started, startedAt: startedAt, at: now)
        } else {
            // After the look: a task that begins later has not been answered in it.
            let started = connection.page.control.started
            core.workerInspected(id, started: started, startedAt: startedAt(connection), at: now)
        }
    }

    private func startedAt(_ connection: WorkerConnection) -> Moment {
        Moment(nanoseconds: connection.page.header.pointee.startedAt.load(ordering: .acquiring))
    }

    /// The memory of a worker's process (proc(5), statm).
    func measure(_ id: WorkerID) {
        guard let connection = connections[Int(id.slot)], connection.id == id,
            let text = systemFile("/proc/\(connection.pid)/statm"),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
        else { return }
        core.workerMeasured(id, residentBytes: pages * UInt64(getpagesize()), at: now)
    }
}

// MARK: - What the fork server says

extension PoolShell: ForkServerDelegate {
    func forkServerIsReady(_ configured: ConfiguredMessage) {
        self.configured = configured
        core.serverReady(at: now)
        perform()
    }

    func forkServerReported(_ header: FrameHeader, payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        let id = WorkerID(slot: header.worker, generation: header.task)
        switch header.kind {
        case .workerExited:
            let report = try WorkerExitReport(payload: payload)
            guard Int(id.slot) < connections.count, let connection = connections[Int(id.slot)], connection.id == id
            else { return }
            connection.exited(report, on: loop)
        case .workerNotStarted:
            var reader = FieldReader(payload)
            guard let failure = reader.integer(Int32.self) else { throw .malformed(header.kind) }
            core.workerNotStarted(id, errno: failure, at: now)
            perform()
        default:
            throw .unexpected(header.kind)
        }
    }

    func forkServerEnded(_ failure: SetupFailure?) {
        // Its workers die with it, but perhaps not this instant: from here on none of them begins a task.
        var lastStarted: [UInt32: UInt32] = [:]
        for connection in connections.compactMap({ $0 }) where connection.pid != 0 {
            let control = connection.page.control
            lastStarted[connection.id.slot] = connection.page.recall(epoch: control.epoch) ?? control.started
        }
        server = nil
        core.serverEnded(failure, lastStarted: lastStarted, at: now)
        perform()
    }
}

// MARK: - What workers say

extension PoolShell: WorkerConnectionDelegate {
    func worker(_ connection: WorkerConnection, sent header: FrameHeader, payload: UnsafeRawBufferPointer)
        throws(ProtocolViolation)
    {
        switch header.kind {
        case .ready:
            var reader = FieldReader(payload)
            guard let pid = reader.integer(Int32.self) else { throw .malformed(.ready) }
            connection.pid = pid
            events.post(.workerStarted(worker: Int(connection.id.slot) + 1, pid: pid))
            try core.workerReady(connection.id, at: now)
        case .output:
            guard let stream = OutputStream(rawValue: header.flags) else { throw .malformed(.output) }
            wrote(payload, to: stream, sequence: header.task, on: connection)
        case .message:
            guard let kind = TaskMessage.Kind(rawValue: header.flags) else { throw .malformed(.message) }
            said(TaskMessage(kind: kind, bytes: Array(payload)), sequence: header.task, on: connection)
        case .exiting:
            var reader = FieldReader(payload)
            guard let code = reader.integer(Int32.self) else { throw .malformed(.exiting) }
            withTask(header.task, on: connection) { $0.extras.exitCode = code }
        case .usage:
            guard let usage = TaskUsage(payload: payload) else { throw .malformed(.usage) }
            withTask(header.task, on: connection) { $0.extras.usage = usage }
        case .processExited:
            var reader = FieldReader(payload)
            guard let exit = ProcessExit(from: &reader), let errno = reader.integer(Int32.self) else {
                throw .malformed(.processExited)
            }
            withTask(header.task, on: connection) { $0.pid = exit.pid }
            connection.shared?.taskEnded(header.task, died: true)
            connection.listen(true)
            try core.tasksEnded(
                on: connection.id, sequence: header.task, count: 1,
                errno == 0 ? .workerDied(exit) : .notForked(errno), nanoseconds: runTime(connection), at: now)
        case .request:
            let place = core.task(at: header.task, on: connection.id)
            try connection.requested(
                payload, sequence: header.task, of: place.flatMap { records[Int($0.0.index)] }, task: place?.1 ?? 0)
            return
        case .hello, .startWorker, .killWorker, .workerNotStarted, .workerExited, .define, .forget, .task, .values,
            .failure, .configure, .configured, .reply, .interruptWorker:
            throw .unexpected(header.kind)
        }
        perform()
    }

    private func runTime(_ connection: WorkerConnection) -> UInt64 {
        let (startedAt, now) = (startedAt(connection), now)
        return now > startedAt ? now.nanoseconds - startedAt.nanoseconds : 0
    }

    func worker(_ connection: WorkerConnection, answered first: UInt32, _ answers: consuming WorkerAnswers)
        throws(ProtocolViolation)
    {
        let (count, nanoseconds) = (answers.count, answers.nanoseconds)
        connection.shared?.tasksEnded(first, count: count)
        connection.listen(true)  // whoever held the task up does not hold up the next one
        if let form = settings.resultForm { try check(answers, form) }
        if connection.preparation != 0, first == connection.preparation {
            connection.preparation = 0
            try prepared(connection, first, answers)
        } else {
            let end = answers.failure.map { TaskEnd.failed($0) } ?? .answered
            self.answers = consume answers
            try core.tasksEnded(
                on: connection.id, sequence: first, count: count, end, nanoseconds: nanoseconds, at: now)
        }
        perform()
        self.answers = nil
    }

    func workerHungUp(_ connection: WorkerConnection) {
        core.workerHungUp(connection.id, at: now)
        perform()
    }

    /// A sandboxed worker may be anything by now: what it sends is looked through before anybody else gets it.
    private func check(_ answers: WorkerAnswers, _ limits: ValueLimits) throws(ProtocolViolation) {
        func isSound(_ bytes: UnsafeRawBufferPointer, _ count: UInt32) -> Bool {
            guard var reader = try? ValueReader(bytes, limits: limits) else { return false }
            do throws(ValueError) {
                for _ in 0..<count { try reader.skip() }
            } catch {
                return false
            }
            return true
        }
        let isSound =
            answers.message.map { $0.withUnsafeBytes { isSound($0, 1) } }
            ?? answers.messages.withUnsafeReadableBytes { isSound($0, answers.count) }
        guard isSound else { throw .malformed(.values) }
    }

    private func prepared(_ connection: WorkerConnection, _ sequence: UInt32, _ answers: WorkerAnswers)
        throws(ProtocolViolation)
    {
        let message = answers.message ?? Array(answers.messages.readableBytesView)
        var failure: SetupFailure?
        if answers.failure != nil {
            let parts = (try? LuaMessage.decode(LuaResults.self, from: message)).map(Array.init) ?? []
            failure = .initializerFailed(parts.first?.string ?? "its message cannot be read")
            settings.logger.warning(
                "initializer or finalizer failed",
                metadata: ["worker": "\(connection.id.slot + 1)", "message": "\(parts.first?.string ?? "")"])
        }
        let isInitializer = settings.initializer != nil && !connection.isInitialized
        connection.isInitialized = true
        if failure == nil, !isInitializer { events.finalized(worker: Int(connection.id.slot) + 1, message) }
        try core.workerPrepared(connection.id, sequence: sequence, failure, at: now)
    }

    private func wrote(
        _ bytes: UnsafeRawBufferPointer, to stream: OutputStream, sequence: UInt32, on connection: WorkerConnection
    ) {
        guard let (batch, task) = core.task(at: sequence, on: connection.id), let record = records[Int(batch.index)]
        else { return }
        if record.waiter.hearsOutput {
            record.waiter.taskWrote(bytes, to: stream, task: record.first + Int(task))
            let loop = loop
            guard connection.wrote(bytes.count, sequence: sequence) > OutputRelay.allowance else { return }
            if record.waiter.isFull({ loop.execute { connection.listen(true) } }) { connection.listen(false) }
            return
        }
        detail(batch, task) { outcome in
            let held = outcome.extras.standardOutput.count + outcome.extras.standardError.count
            // No honest worker sends it.
            if settings.outputLimit > 0, held + bytes.count > settings.outputLimit { return }
            switch stream {
            case .standardOutput: outcome.extras.standardOutput.append(contentsOf: bytes)
            case .standardError: outcome.extras.standardError.append(contentsOf: bytes)
            }
        }
    }

    private func said(_ message: TaskMessage, sequence: UInt32, on connection: WorkerConnection) {
        guard let (batch, task) = core.task(at: sequence, on: connection.id), let record = records[Int(batch.index)]
        else { return }
        record.waiter.taskSaid(message, task: record.first + Int(task))
        guard message.kind == .log || events.hasListeners, let said = LuaTaskMessage(message) else { return }
        events.post(.taskSaid(number: record.number + Int(task), said))
        if case .log(let level, let text, let fields) = said {
            settings.logger.log(level: level, text, fields: fields, worker: Int(connection.id.slot) + 1)
        }
    }

    private func withTask(
        _ sequence: UInt32, on connection: WorkerConnection, _ change: (inout TaskOutcome) -> Void
    ) {
        guard let (batch, task) = core.task(at: sequence, on: connection.id) else { return }
        detail(batch, task, change)
    }

    func worker(_ connection: WorkerConnection, violated violation: ProtocolViolation) {
        settings.logger.warning(
            "worker broke the protocol", metadata: ["worker": "\(connection.id.slot + 1)", "how": "\(violation)"])
        core.workerMisbehaved(connection.id, violation, at: now)
        perform()
    }

    func worker(_ connection: WorkerConnection, ended report: WorkerExitReport) {
        for (bytes, stream) in [
            (report.standardOutput, OutputStream.standardOutput), (report.standardError, .standardError),
        ] where !bytes.isEmpty {
            bytes.withUnsafeBytes { wrote($0, to: stream, sequence: report.lastStarted, on: connection) }
        }
        connection.shared?.ended(died: report.exit.reason != .status(0))
        core.workerExited(connection.id, report.exit, lastStarted: report.lastStarted, at: now)
        perform()
    }
}
