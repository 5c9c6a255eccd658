// A worker's life after the fork: one loop that reads a task, runs it and writes the answer.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

struct Worker {
    /// The worker's own descriptors: 0 is /dev/null, 1 and 2 the capture files, 3 the socket to the host. There are no others.
    private static let socket: Int32 = 3

    private let slot: UInt32
    private let journal: Journal
    private var page: WorkerPage { journal.page }
    private let runner: TaskRunner
    private let settings: WorkerSettings
    /// Kept, to define them again in a fresh state. A list, for they are few: a dictionary would cost every new worker the making of its types.
    private var scripts: [ScriptDefinition] = []
    private let input = InputBuffer()
    /// What its tasks' own processes did; they are forked from here.
    private var wear = ServerWear()

    /// Turns the process that was just forked into a worker.
    init(
        slot: UInt32, server: Int32, vm: OpaquePointer, page: WorkerPage, socket: Int32, files: CaptureFiles,
        settings: WorkerSettings
    ) {
        _ = lfs_die_with_parent()
        if getppid() != server { _exit(WorkerStatus.hostGone) }  // the fork server ended before the line above
        setpgid(0, 0)
        lfs_reset_signals()
        dup2(files.standardOutput, 1)
        dup2(files.standardError, 2)
        dup2(socket, Self.socket)
        _ = fcntl(Self.socket, F_SETFD, FD_CLOEXEC)
        lfs_close_from(4)
        // A locked worker could not later.
        if settings.isInterruptible { _ = lfvm_catch_interrupts(page.interruptWord) }
        _ = Hardening(settings, server: server)
        self.init(slot: slot, vm: vm, page: page, settings: settings)
    }

    /// A worker in a process that is ready for it.
    init(slot: UInt32, vm: OpaquePointer, page: WorkerPage, settings: WorkerSettings) {
        self.slot = slot
        self.settings = settings
        self.journal = Journal(page: page, socket: Self.socket, slot: slot)
        self.runner = TaskRunner(
            vm: vm, journal: self.journal, files: CaptureFiles(standardOutput: 1, standardError: 2),
            settings: settings, requests: SharedRequests(journal: journal, input: input))
    }

    /// Works until the host closes the socket.
    mutating func run() -> Never {
        sayReady()
        let parser = FrameParser(limit: .max)  // the host is trusted
        while true {
            let missing = process(parser)
            journal.flush()  // everything, before it waits
            runner.lastLook = 0
            input.fill(from: Self.socket, needing: missing)
        }
    }

    private func sayReady() {
        let header = FrameHeader(kind: .ready, worker: slot, length: 4)
        guard let target = journal.reserve(FrameHeader.size + 4) else { _exit(WorkerStatus.noResources) }
        header.store(to: target)
        (target + FrameHeader.size).storeBytes(of: getpid().littleEndian, as: Int32.self)
        journal.commit(FrameHeader.size + 4)
        journal.flush()
    }

    /// Handles the whole frames that stand in the buffer; returns how many bytes the next one lacks.
    private mutating func process(_ parser: FrameParser) -> Int {
        while true {
            let step: FrameParser.Step
            do throws(ProtocolViolation) { step = try parser.next(in: input.bytes) } catch {
                _exit(WorkerStatus.protocolViolation)
            }
            guard case .frame(let header, let payload, let size) = step else {
                if case .needs(let count) = step { return count }
                continue
            }
            switch header.kind {
            case .define:
                guard let script = ScriptDefinition(payload: payload) else { _exit(WorkerStatus.protocolViolation) }
                scripts.removeAll { $0.id == script.id }
                scripts.append(script)
                runner.define(script)
                runner.lastLook = 0
            case .forget:
                scripts.removeAll { $0.id == header.task }
                runner.forget(header.task)
            case .task:
                guard let tasks = IncomingTasks(header: header, payload: payload) else {
                    _exit(WorkerStatus.protocolViolation)
                }
                if page.control.epoch == tasks.head.epoch { run(tasks) }  // else all of them were recalled
            default:
                _exit(WorkerStatus.protocolViolation)
            }
            input.consume(size)
        }
    }

    private mutating func run(_ tasks: IncomingTasks) {
        guard tasks.head.isolation != .shared else {
            runner.run(tasks)
            if !journal.isEmpty { runner.flushIfDue(at: runner.lastLook == 0 ? lfs_now() : runner.lastLook) }
            if lfvm_is_tainted(runner.vm) {  // this state can serve no other task
                journal.flush()
                _exit(0)
            }
            return
        }
        var rest = tasks
        while let task = rest.popFirst(), page.control.epoch == task.head.epoch {
            runner.lastLook = 0
            if task.head.isolation == .freshState { runInFreshState(task) } else { runInFreshProcess(task) }
            // Before the next task starts: what this one did is known to the host even if the next one never ends.
            journal.flush()
            if settings.sandbox == .safe && wear.isEnough { _exit(WorkerStatus.wornOut) }
        }
    }

    private func runInFreshState(_ task: IncomingTasks) {
        guard let fresh = try? settings.makeVM().vm else { _exit(WorkerStatus.noResources) }
        let (former, uncompiled) = (runner.vm, runner.uncompiled)
        runner.adopt(fresh)
        runner.uncompiled = []
        if let script = scripts.first(where: { $0.id == task.head.script }) { runner.define(script) }
        runner.run(task)
        journal.flush()
        runner.adopt(former)
        runner.uncompiled = uncompiled
        lfvm_destroy(fresh)
    }

    private mutating func runInFreshProcess(_ task: IncomingTasks) {
        page.header.pointee.startedAt.store(lfs_now(), ordering: .releasing)
        guard page.begin(task.sequence, epoch: task.head.epoch) else { return }
        runner.compile(task.head.script)  // here, so that it is done once
        let worker = getpid()
        let pid = lfs_fork()
        if pid == 0 {
            _ = lfs_die_with_parent()
            if getppid() != worker { _exit(WorkerStatus.hostGone) }
            runner.requests.isShortLived = true
            runner.adopt(runner.vm)  // its own pid and random numbers
            runner.run(task, hasBegun: true)
            journal.flush(answered: task.sequence)
            _exit(0)
        }
        var ended = lfs_exit()
        if pid > 0 {
            wear.forked()
            page.header.pointee.taskProcess.store(pid, ordering: .relaxed)
            if settings.isInterruptible {
                lfvm_forward_interrupts(pid, task.sequence)
                lfs_wait_unreaped(pid)
                lfvm_forward_interrupts(0, 0)  // from here on its number may pass to somebody else
            }
            while lfs_reap(pid, true, false, &ended) == -EINTR {}
            wear.ended(ended, at: lfs_now())
        }
        if journal.isUncertain { endAs(ended) }
        if !journal.hasAnswer(to: task.sequence) {
            runner.assumeWrittenPast()  // nobody knows what it has done
            report(ended, forkFailure: pid < 0 ? -pid : 0, sequence: task.sequence)
        }
    }

    /// Ends the worker as the task's process ended. That one was cut off in the middle of the stream: the host knows how much of it came, and
    /// the fork server's report has the rest.
    private func endAs(_ ended: lfs_exit) -> Never {
        if ended.signaled { kill(getpid(), ended.code) }
        _exit(ended.signaled ? WorkerStatus.streamCut : ended.code)
    }

    /// Says that the task's process ended without an answer, after what it wrote.
    private func report(_ ended: lfs_exit, forkFailure: Int32, sequence: UInt32) {
        runner.collectOutput(sequence: sequence)
        var payload = [UInt8]()
        ProcessExit(ended).append(to: &payload)
        payload.append(integer: forkFailure)
        let size = FrameHeader.size + payload.count
        // Far shorter than the journal.
        guard let target = journal.reserve(size) else { _exit(WorkerStatus.noResources) }
        FrameHeader(kind: .processExited, worker: slot, task: sequence, length: payload.count).store(to: target)
        payload.withUnsafeBytes { bytes in
            (target + FrameHeader.size).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)  // not empty
        }
        journal.commit(size)
    }
}

extension ProcessExit {
    init(_ ended: lfs_exit) {
        self.init(
            pid: ended.pid, reason: ended.signaled ? .signal(ended.code) : .status(ended.code),
            userTimeMicroseconds: ended.user_us, systemTimeMicroseconds: ended.system_us,
            peakResidentBytes: ended.peak_rss_bytes)
    }
}
