// The fork server: a single-threaded process that forks workers on demand, ends them on demand and reports how each ended.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

struct ForkServer {
    struct Child {
        var pid: pid_t
        var slot: UInt32
        var generation: UInt32
        var page: WorkerPage
        var files: CaptureFiles
    }

    /// What of a dead worker's output since its last task is reported at most. Larger: a flood makes long reports; smaller: the end of a crash message may be cut.
    private static let tailLimit = 1 << 20

    /// The file of the workers' pages, which the host shares.
    static let pagesFile: Int32 = 4

    let control: Int32
    /// Readable when children have ended.
    private var childSignals: Int32 = -1
    let pid = getpid()
    var pages = ServerPages(file: ForkServer.pagesFile)
    /// The host's first command sets these.
    var settings = WorkerSettings()
    var isConfigured = false
    /// What forked workers begin with; nil where workers are spawned.
    var vm: OpaquePointer?
    /// The settings, for spawned workers to read; -1 where they are forked.
    var settingsFile: Int32 = -1
    /// In no order. A list is searched faster than a thousand processes are forked, and needs no types to be made at the start.
    var children: [Child] = []
    /// Of each child, at the same place.
    var pids: [pid_t] = []
    let input = InputBuffer()
    var sockets: [Int32] = []
    private var nextSocket = 0
    /// Since the program was executed.
    var wear = ServerWear()

    init(control: Int32) {
        self.control = control
    }

    /// Serves until the host closes the control socket; then every worker ends with this process.
    ///
    /// A host of another version may have sent commands already: it is told ours, and they are not read.
    mutating func run(hostVersion: UInt32?) -> Never {
        prepareProcess()
        send(Preface.bytes + .frame(FrameHeader(kind: .hello, worker: 0), payload: Hello(pid: pid).payload))
        guard hostVersion == protocolVersion else { _exit(0) }
        serve()
    }

    mutating func serve() -> Never {
        childSignals = lfs_child_signals()
        guard childSignals >= 0 else { _exit(WorkerStatus.noResources) }
        reap()  // who ended before there was somebody to tell
        var descriptors = [
            pollfd(fd: control, events: Int16(POLLIN), revents: 0),
            pollfd(fd: childSignals, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            guard poll(&descriptors, 2, -1) >= 0 || errno == EINTR else { _exit(WorkerStatus.noResources) }
            if descriptors[1].revents != 0 {
                lfs_drain_signals(childSignals)
                reap()
            }
            if descriptors[0].revents != 0 { receive() }
            renewIfDue()
        }
    }

    /// What workers inherit: signals as the system has them, no core files, first in line for the out-of-memory killer, room for descriptors.
    func prepareProcess() {
        // Swift's runtime may have put its backtracer behind the signals of a crash (SWIFT_BACKTRACE): a worker ends at once, by the signal.
        for number in 1...31 { signal(Int32(number), SIG_DFL) }
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        let adjustment = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
        if adjustment >= 0 {
            _ = write(adjustment, "500", 3)
            close(adjustment)
        }
    }

    // MARK: Commands

    private mutating func receive() {
        let room = input.makeRoom(4096)
        var received: (Int32, Int32, Int32, Int32) = (-1, -1, -1, -1)
        var count = 0
        let bytes = withUnsafeMutableBytes(of: &received) {
            let fds = $0.bindMemory(to: Int32.self).baseAddress!  // a tuple of four: not empty
            return lfs_receive(control, room.baseAddress!, room.count, fds, 4, &count)  // room for a frame
        }
        guard bytes > 0 else { leave() }
        withUnsafeBytes(of: &received) { sockets.append(contentsOf: $0.bindMemory(to: Int32.self).prefix(count)) }
        input.received(bytes)
        let parser = FrameParser(limit: 64 << 20)
        while true {
            let step: FrameParser.Step
            do throws(ProtocolViolation) { step = try parser.next(in: input.bytes) } catch { leave() }
            guard case .frame(let header, _, let size) = step else { return }
            switch header.kind {
            case .configure:
                guard !isConfigured, let file = nextDescriptor() else { leave() }
                configure(file: file)
                isConfigured = true
            case .startWorker where isConfigured: start(slot: header.worker, generation: header.task)
            case .killWorker: kill(slot: header.worker, generation: header.task)
            case .interruptWorker: interrupt(slot: header.worker, generation: header.task)
            default: leave()
            }
            input.consume(size)
        }
    }

    private mutating func start(slot: UInt32, generation: UInt32) {
        guard let socket = nextDescriptor() else { leave() }
        defer { close(socket) }
        // A former tenant that the kernel does not let go of after a SIGKILL has the same page. It never writes again, and nobody waits for what it said.
        guard let page = pages.page(slot) else { return refuse(slot, generation, ENOMEM) }
        page.initialize()
        guard let files = CaptureFiles() else { return refuse(slot, generation, EMFILE) }
        let child: pid_t
        if let vm {
            child = lfs_fork()
            if child == 0 {
                guard let own = pages.ownPage(slot) else { _exit(WorkerStatus.noResources) }
                var worker = Worker(
                    slot: slot, server: pid, vm: vm, page: own, socket: socket, files: files, settings: settings)
                worker.run()
            }
            wear.forked()
        } else {
            child = SpawnedWorker.spawn(
                slot: "\(slot)", server: pid, files: files, socket: socket, settings: settingsFile)
        }
        guard child > 0 else {
            files.close()
            return refuse(slot, generation, -child)
        }
        children.append(Child(pid: child, slot: slot, generation: generation, page: page, files: files))
        pids.append(child)
    }

    /// The descriptor that came with a command.
    private mutating func nextDescriptor() -> Int32? {
        guard nextSocket < sockets.count else { return nil }
        let fd = sockets[nextSocket]
        nextSocket += 1
        if nextSocket == sockets.count {
            sockets.removeAll(keepingCapacity: true)
            nextSocket = 0
        }
        return fd
    }

    private func refuse(_ slot: UInt32, _ generation: UInt32, _ failure: Int32) {
        var payload = [UInt8]()
        payload.append(integer: failure)
        send(.frame(FrameHeader(kind: .workerNotStarted, worker: slot, task: generation), payload: payload))
    }

    private func kill(slot: UInt32, generation: UInt32) {
        guard let pid = children.first(where: { $0.slot == slot && $0.generation == generation })?.pid else {
            return  // it has ended, and the report is on its way
        }
        // Not reaped yet, so the number is still its own. The group is its own too, unless it was killed before it could say so.
        _ = Glibc.kill(-pid, SIGKILL)
        _ = Glibc.kill(pid, SIGKILL)
    }

    /// The signal that ends the task which the page names, and nothing else.
    private func interrupt(slot: UInt32, generation: UInt32) {
        guard let child = children.first(where: { $0.slot == slot && $0.generation == generation }) else { return }
        // Not reaped yet, as above.
        child.page.sendInterrupt { _ = lfs_signal_main_thread(child.pid, lfvm_interrupt_signal()) }
    }

    // MARK: Ends

    private mutating func reap() {
        var ended = lfs_exit()
        while lfs_reap(-1, false, true, &ended) == 0, ended.pid > 0 {
            guard let place = pids.firstIndex(of: ended.pid) else { continue }
            wear.ended(ended, at: lfs_now())
            let child = children[place]
            children.swapAt(place, children.count - 1)
            pids.swapAt(place, pids.count - 1)
            children.removeLast()
            pids.removeLast()
            let page = child.page
            let unsent = page.unsent(slot: child.slot, pid: ended.pid, now: lfs_now())
            let report = WorkerExitReport(
                exit: ProcessExit(ended), lastStarted: page.control.started, unsentOffset: unsent.offset,
                unsent: unsent.bytes,
                standardOutput: child.files.tail(
                    of: .standardOutput, from: page.taken(of: .standardOutput), limit: Self.tailLimit),
                standardError: child.files.tail(
                    of: .standardError, from: page.taken(of: .standardError), limit: Self.tailLimit))
            child.files.close()
            send(
                .frame(
                    FrameHeader(kind: .workerExited, worker: child.slot, task: child.generation),
                    payload: report.payload))
        }
    }

    /// The host is gone or does not make sense: nothing may be left behind.
    func leave() -> Never {
        for pid in pids {
            _ = Glibc.kill(-pid, SIGKILL)
            _ = Glibc.kill(pid, SIGKILL)
        }
        // Reaped here, since the next parent may be an init that reaps nobody. Not for ever: the kernel may hold one that hangs in a disk.
        let patience = lfs_now() + 1_000_000_000
        var remaining = children.count
        var ended = lfs_exit()
        while remaining > 0, lfs_now() < patience {
            guard lfs_reap(-1, false, true, &ended) == 0 else { break }
            if ended.pid > 0 {
                remaining -= 1
            } else {
                var end = pollfd(fd: childSignals, events: Int16(POLLIN), revents: 0)
                poll(&end, 1, 10)
                lfs_drain_signals(childSignals)
            }
        }
        _exit(0)
    }

    func send(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = lfs_send(control, buffer.baseAddress! + sent, buffer.count - sent, -1)  // not empty
                guard count > 0 else { leave() }
                sent += count
            }
        }
    }
}
