// A fork server that forks nobody: it plays all its workers itself, and each of them lies sooner or later.
import CFleetSystem
import Foundation
import LuaFleetWire

/// What `--fork-server` means for this program. A pool is told to start it by `workerExecutable`; `CHAOS_SEED` says which lies.
func lieAsForkServer() -> Never {
    signal(SIGPIPE, SIG_IGN)
    // One that crashes is gone. Swift's runtime would start a debugger, which outlives it when the pool kills it meanwhile.
    for number in [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV] { signal(number, SIG_DFL) }
    let seed = getenv("CHAOS_SEED").flatMap { UInt64(String(cString: $0)) } ?? 0
    var server = LyingServer(Dice(seed: seed))
    server.run()
}

/// Ends by _exit: a sanitizer looks for leaks otherwise, for its environment is not that of the tests.
struct LyingServer {
    private static let control: Int32 = 3
    private static let pages: Int32 = 4

    private var dice: Dice
    private var liars: [Liar] = []
    private var received: [UInt8] = []
    private var descriptors: [Int32] = []

    init(_ dice: Dice) {
        self.dice = dice
    }

    mutating func run() -> Never {
        send(Preface.bytes + .frame(FrameHeader(kind: .hello, worker: 0), payload: Hello(pid: getpid()).payload))
        while true {
            var polled = [pollfd(fd: Self.control, events: Int16(POLLIN), revents: 0)]
            for liar in liars { polled.append(pollfd(fd: liar.socket, events: Int16(POLLIN), revents: 0)) }
            _ = poll(&polled, nfds_t(polled.count), liars.contains(where: \.isDripping) ? 1 : -1)
            for index in liars.indices {
                if liars[index].isDripping { liars[index].drip() }
                if polled[index + 1].revents != 0 { liars[index].hear(&dice) }
            }
            if polled[0].revents != 0 { hear() }
            for liar in liars where liar.hasEnded { report(liar) }
            liars.removeAll(where: \.hasEnded)
        }
    }

    private mutating func hear() {
        var bytes = [UInt8](repeating: 0, count: 65536)
        var fds = [Int32](repeating: -1, count: 16)
        var count = 0
        let got = lfs_receive(Self.control, &bytes, bytes.count, &fds, fds.count, &count)
        guard got > 0 else { _exit(0) }
        received += bytes[..<got]
        descriptors += fds[..<count]
        while true {
            let frame = received.withUnsafeBytes { bytes -> (FrameHeader, Int)? in
                guard case .frame(let header, _, let size)? = try? FrameParser(limit: .max).next(in: bytes) else {
                    return nil
                }
                return (header, size)
            }
            guard let (header, size) = frame else { return }
            received.removeFirst(size)
            obey(header)
        }
    }

    private mutating func obey(_ header: FrameHeader) {
        switch header.kind {
        case .configure:
            close(descriptors.removeFirst())
            send(.frame(FrameHeader(kind: .configured, worker: 0), payload: ConfiguredMessage().payload))
        case .startWorker:
            let socket = descriptors.removeFirst()
            guard
                let memory = lfs_map_file(Self.pages, UInt64(header.worker) * UInt64(WorkerPage.size), WorkerPage.size)
            else { _exit(1) }
            liars.append(Liar(slot: header.worker, generation: header.task, socket: socket, memory: memory, &dice))
        case .killWorker:
            for index in liars.indices
            where liars[index].slot == header.worker && liars[index].generation == header.task {
                liars[index].hasEnded = true
            }
        default: _exit(1)
        }
    }

    /// How a worker ended, with lies of the server's own: about what it had begun, and what it had not sent.
    private mutating func report(_ liar: Liar) {
        close(liar.socket)
        munmap(liar.page.start, WorkerPage.size)
        var report = WorkerExitReport(
            exit: ProcessExit(pid: getpid(), reason: .signal(9)), lastStarted: liar.lastSeen, unsentOffset: liar.sent,
            unsent: [], standardOutput: [], standardError: [])
        if dice.once(in: 3) {
            report.lastStarted = UInt32(truncatingIfNeeded: dice.next())
            report.unsentOffset = dice.pick([0, liar.sent &+ 1, .max, dice.next()])
            report.unsent = (0..<dice.roll(0...300)).map { _ in UInt8(truncatingIfNeeded: dice.roll(0...255)) }
            report.standardError = Array("lies\n".utf8)
            report.exit.reason = dice.pick([.status(0), .status(-1), .signal(0), .signal(200)])
            report.exit.peakResidentBytes = dice.next()
        }
        send(
            .frame(FrameHeader(kind: .workerExited, worker: liar.slot, task: liar.generation), payload: report.payload))
    }

    private func send(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = lfs_send(Self.control, bytes.baseAddress! + sent, bytes.count - sent, -1)  // not empty
                guard count > 0 else { _exit(0) }
                sent += count
            }
        }
    }
}
