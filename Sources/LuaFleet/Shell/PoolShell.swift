// The pool's I/O: one event loop that turns bytes and clocks into the core's events and the core's actions into bytes. No policy.
import CFleetSystem
import Glibc
import Logging
import LuaFleetCore
import LuaFleetWire
import NIOCore
import NIOPosix

/// All of it belongs to the event loop, but for `loop` itself.
final class PoolShell: @unchecked Sendable {  // touched on its event loop only
    let loop: any EventLoop
    private let executable: String
    private let resultLimit: UInt32
    private let logger: Logger
    private var core: PoolCore
    private var actions: [PoolAction] = []
    private var isPerforming = false
    private var records: [TaskRecord?] = []
    private var connections: [WorkerConnection?] = []
    private var scripts = ScriptRegistry()
    private let keeper = SharedKeeper()
    private var server: ForkServerProcess?
    private var hasLaunched = false
    private var timer: (due: Moment, task: Scheduled<Void>)?
    /// Called once, when workers can be had or when it is known that none can.
    private var onOpen: ((SetupFailure?) -> Void)?
    private var onClose: [() -> Void] = []

    init(loop: any EventLoop, executable: String, core: PoolCore, resultLimit: UInt32, logger: Logger) {
        self.loop = loop
        self.executable = executable
        self.core = core
        self.resultLimit = resultLimit
        self.logger = logger
    }

    private var now: Moment { Moment(nanoseconds: lfs_now()) }

    // MARK: What the library asks; on the event loop

    func open(_ onOpen: @escaping (SetupFailure?) -> Void) {
        self.onOpen = onOpen
        core.poolOpened(at: now)
        perform()
    }

    @discardableResult
    func submit(_ request: TaskRequest, waiter: any TaskWaiter, tag: Int = 0) -> TaskID {
        let id = core.taskSubmitted(request.limits, at: now)
        while records.count <= Int(id.index) { records.append(nil) }
        records[Int(id.index)] = TaskRecord(
            request: request, waiter: waiter, tag: tag, outcome: TaskOutcome(end: .answered))
        perform()
        return id
    }

    func cancel(_ id: TaskID) {
        core.taskCancelled(id, at: now)
        perform()
    }

    func close(terminating: Bool, _ onClose: @escaping () -> Void) {
        guard !core.isClosed else { return onClose() }
        self.onClose.append(onClose)
        if terminating { core.terminateRequested(at: now) } else { core.closeRequested(at: now) }
        perform()
    }

    /// The processes of the workers that are ready, by slot.
    var workerPids: [Int32] {
        connections.compactMap { $0.flatMap { $0.pid == 0 ? nil : $0.pid } }
    }

    // MARK: Actions

    private func perform() {
        guard !isPerforming else { return }  // the outer call goes on with what was added
        isPerforming = true
        repeat {
            core.takeActions(into: &actions)
            for action in actions { perform(action) }
        } while !actions.isEmpty
        isPerforming = false
        setTimer()
        if let failure = core.broken, let onOpen {
            self.onOpen = nil
            onOpen(failure)
        }
    }

    private func perform(_ action: PoolAction) {
        switch action {
        case .launchServer:
            server = ForkServerProcess.launch(executable, asksForWorker: !hasLaunched, on: loop, delegate: self)
            hasLaunched = true
        case .stopServer:
            server?.stop()
        case .startWorker(let id):
            startWorker(id)
        case .killWorker(let id):
            server?.send(.frame(FrameHeader(kind: .killWorker, worker: id.slot, task: id.generation)))
        case .dropWorker(let id):
            connections[Int(id.slot)]?.shared?.ended(died: true)
            connections[Int(id.slot)]?.drop()
            connections[Int(id.slot)] = nil
        case .send(let task, let worker, let sequence, let attempt):
            send(task, to: worker, sequence: sequence, attempt: attempt)
        case .finish(let task, let end, let worker):
            finish(task, end, worker: worker)
        case .opened:
            let onOpen = onOpen
            self.onOpen = nil
            onOpen?(nil)
        case .closed:
            timer?.task.cancel()
            timer = nil
            keeper.end()
            let waiting = onClose
            onClose = []
            for closed in waiting { closed() }
        }
    }

    private func setTimer() {
        guard let next = core.nextMoment, !core.isClosed else { return }
        if let timer, timer.due <= next { return }
        timer?.task.cancel()
        let delay = next.nanoseconds > now.nanoseconds ? next.nanoseconds - now.nanoseconds : 0
        let task = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(clamping: delay))) {
            self.timer = nil
            self.core.timePassed(at: self.now)
            self.perform()
        }
        timer = (next, task)
    }

    private func startWorker(_ id: WorkerID) {
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
        let connection = WorkerConnection(id: id, parser: FrameParser(limit: resultLimit), delegate: self)
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

    private func send(_ task: TaskID, to worker: WorkerID, sequence: UInt32, attempt: UInt32) {
        guard let connection = connections[Int(worker.slot)], let request = records[Int(task.index)]?.request else {
            return
        }
        let (script, evicted) = scripts.id(of: request.script)
        if let evicted {
            for other in connections.compactMap({ $0 }) where other.knownScripts.remove(evicted) != nil {
                other.writeAndFlush(
                    ByteBuffer(bytes: [UInt8].frame(FrameHeader(kind: .forget, worker: other.id.slot, task: evicted))))
            }
        }
        if connection.knownScripts.insert(script).inserted {
            let definition = ScriptDefinition(
                id: script, form: request.script.form, chunkName: request.script.chunkName,
                source: request.script.source)
            connection.write(
                ByteBuffer(
                    bytes: [UInt8].frame(FrameHeader(kind: .define, worker: worker.slot), payload: definition.payload)))
        }
        let header = FrameHeader(kind: .task, worker: worker.slot, task: sequence)
        let head = TaskHead(
            script: script, isolation: request.isolation, setsArg: request.setsArg, attempt: attempt,
            index: request.index)
        connection.task = task
        connection.sends(request, sequence: sequence)
        records[Int(task.index)]?.sentAt = lfs_now()
        records[Int(task.index)]?.outcome.attempts = attempt
        if let frame = records[Int(task.index)]?.request.payload.frame(header, head) { connection.writeAndFlush(frame) }
    }

    private func finish(_ task: TaskID, _ end: TaskEnd, worker: WorkerID?) {
        guard var record = records[Int(task.index)] else { return }
        records[Int(task.index)] = nil
        record.outcome.end = end
        if let worker {
            record.outcome.worker = Int(worker.slot) + 1
            if record.outcome.pid == 0 { record.outcome.pid = connections[Int(worker.slot)]?.pid ?? 0 }
            if record.outcome.nanoseconds == 0 && record.sentAt != 0 {
                record.outcome.nanoseconds = lfs_now() - record.sentAt
            }
            if let connection = connections[Int(worker.slot)], connection.task == task { connection.task = nil }
        }
        if record.outcome.hasFailed && record.request.payload.arguments.count <= 4096 {
            record.outcome.arguments = Array(record.request.payload.arguments)
        }
        record.waiter.taskEnded(record.outcome, tag: record.tag)
    }
}

// MARK: - What the fork server says

extension PoolShell: ForkServerDelegate {
    func forkServerIsReady() {
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
        server = nil
        core.serverEnded(failure, at: now)
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
            try core.workerReady(connection.id, at: now)
        case .values, .failure:
            var reader = FieldReader(payload)
            guard let head = AnswerHead(from: &reader) else { throw .malformed(header.kind) }
            try worker(connection, answered: header, head, Array(reader.rest))
        case .output:
            guard let stream = OutputStream(rawValue: header.flags) else { throw .malformed(.output) }
            withRecord(of: connection) { record in
                switch stream {
                case .standardOutput: record.outcome.standardOutput.append(contentsOf: payload)
                case .standardError: record.outcome.standardError.append(contentsOf: payload)
                }
            }
        case .message:
            break  // nobody listens yet
        case .request:
            let isolation = connection.task.flatMap { records[Int($0.index)]?.request.isolation }
            try connection.requested(payload, sequence: header.task, ownsProcess: isolation == .freshProcess)
            return
        case .exiting:
            var reader = FieldReader(payload)
            guard let code = reader.integer(Int32.self) else { throw .malformed(.exiting) }
            withRecord(of: connection) { $0.outcome.exitCode = code }
        case .processExited:
            var reader = FieldReader(payload)
            guard let exit = ProcessExit(from: &reader), let errno = reader.integer(Int32.self) else {
                throw .malformed(.processExited)
            }
            withRecord(of: connection) { $0.outcome.pid = exit.pid }
            connection.shared?.taskEnded(header.task, died: true)
            try core.taskProcessEnded(
                on: connection.id, sequence: header.task, errno == 0 ? .workerDied(exit) : .notForked(errno), at: now)
        case .hello, .startWorker, .killWorker, .workerNotStarted, .workerExited, .define, .forget, .task, .reply:
            throw .unexpected(header.kind)
        }
        perform()
    }

    func worker(_ connection: WorkerConnection, answered header: FrameHeader, _ head: AnswerHead, _ message: [UInt8])
        throws(ProtocolViolation)
    {
        let answer: TaskOutcome.Answer
        if header.kind == .values {
            answer = .values(message)
        } else {
            guard let failure = WireFailure(rawValue: header.flags) else { throw .malformed(.failure) }
            answer = .failure(failure, message)
        }
        withRecord(of: connection) { record in
            record.outcome.references = SharedReference.all(in: message, if: header.kind == .values && header.flags == 1)
            record.outcome.answer = answer
            record.outcome.nanoseconds = head.nanoseconds
            record.outcome.pid = head.pid
        }
        connection.shared?.taskEnded(header.task, died: false)
        try core.taskAnswered(by: connection.id, sequence: header.task, at: now)
        perform()
    }

    private func withRecord(of connection: WorkerConnection, _ body: (inout TaskRecord) -> Void) {
        guard let task = connection.task, records[Int(task.index)] != nil else { return }
        body(&records[Int(task.index)]!)  // looked at one line above
    }

    func worker(_ connection: WorkerConnection, violated violation: ProtocolViolation) {
        logger.warning(
            "worker broke the protocol", metadata: ["worker": "\(connection.id.slot + 1)", "how": "\(violation)"])
        core.workerMisbehaved(connection.id, violation, at: now)
        perform()
    }

    func worker(_ connection: WorkerConnection, ended report: WorkerExitReport) {
        withRecord(of: connection) { record in
            record.outcome.standardOutput.append(contentsOf: report.standardOutput)
            record.outcome.standardError.append(contentsOf: report.standardError)
        }
        connection.shared?.ended(died: true)
        core.workerExited(connection.id, report.exit, lastStarted: report.lastStarted, at: now)
        perform()
    }
}
