// The fork server's process as the host sees it: spawned, spoken to on its control socket, reaped.
import CFleetSystem
import DequeModule
import Glibc
import LuaFleetCore
import LuaFleetWire
import NIOCore
import NIOPosix

/// What a fork server's process reports; called on the event loop.
protocol ForkServerDelegate: AnyObject {
    func forkServerIsReady(_ configured: ConfiguredMessage)
    func forkServerReported(_ header: FrameHeader, payload: UnsafeRawBufferPointer) throws(ProtocolViolation)
    /// The process is gone and reaped. Called once, as the last thing.
    func forkServerEnded(_ failure: SetupFailure?)
}

/// One spawned fork server. All of it belongs to the event loop.
final class ForkServerProcess: ChannelInboundHandler, @unchecked Sendable {  // touched on its event loop only
    typealias InboundIn = ByteBuffer

    private let loop: any EventLoop
    private weak var delegate: (any ForkServerDelegate)?
    private var channel: (any Channel)?
    private var control: Int32 = -1
    private var noise: Int32 = -1
    private var firstWorker: Int32 = -1
    /// What this server's workers share with the host; nil: it was not spawned.
    private(set) var pages: WorkerPages?
    private var pid: pid_t = 0
    private var received = ByteBuffer()
    private var hasPreface = false
    private var hasSaidHello = false
    private var isReady = false
    private var failure: SetupFailure?
    /// Commands that the socket had no room for, each with the descriptor that goes with it.
    private var waiting: Deque<(bytes: [UInt8], fd: Int32)> = []
    private let parser = FrameParser(limit: 256 << 20)

    private init(loop: any EventLoop, delegate: any ForkServerDelegate) {
        self.loop = loop
        self.delegate = delegate
    }

    /// Spawns `program`. The delegate hears of it later, also of failure; nothing is thrown and nothing blocks for long.
    ///
    /// `asksForWorker`: worker 0 is asked for at once, before the pool does; ``takeFirstWorker()`` has its socket.
    static func launch(
        _ program: WorkerProgram, asksForWorker: Bool, on loop: any EventLoop, delegate: any ForkServerDelegate
    ) -> ForkServerProcess {
        let process = ForkServerProcess(loop: loop, delegate: delegate)
        process.spawn(program, asksForWorker)
        return process
    }

    private func spawn(_ program: WorkerProgram, _ asksForWorker: Bool) {
        let spawned: SpawnedServer
        do throws(SetupFailure) { spawned = try SpawnedServer.take(program, asksForWorker: asksForWorker) } catch {
            return end(with: error)
        }
        pid = spawned.pid
        control = spawned.control
        noise = spawned.noise
        firstWorker = spawned.firstWorker
        pages = spawned.pages
        ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(self) }
            }
            .withConnectedSocket(control)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel): self.channel = channel
                case .failure:
                    self.failure = .hostResources(EMFILE)
                    self.reap(since: lfs_now())
                }
            }
    }

    // MARK: Commands

    /// Sends a command, with a descriptor that is closed here once it is on its way.
    func send(_ bytes: [UInt8], fd: Int32 = -1) {
        waiting.append((bytes, fd))
        if waiting.count == 1 { sendWaiting() }
    }

    private func sendWaiting() {
        while let (bytes, fd) = waiting.first {
            guard channel?.isActive == true else { return discardWaiting() }
            let sent = bytes.withUnsafeBytes { lfs_send(control, $0.baseAddress!, $0.count, fd) }  // not empty
            if sent == -Int(EAGAIN) {
                // The server has not read for 200 KB of commands: it is busy forking. Its next report does not tell of room, so look again soon.
                loop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.sendWaiting() }
                return
            }
            guard sent > 0 else { return discardWaiting() }  // it is gone: its end will be reported
            if fd >= 0 { closeAll(fd) }
            if sent == bytes.count {
                waiting.removeFirst()
            } else {
                waiting[0] = (Array(bytes[sent...]), -1)
            }
        }
    }

    private func discardWaiting() {
        for (_, fd) in waiting where fd >= 0 { closeAll(fd) }
        waiting.removeAll()
    }

    /// The host's end of worker 0's socket, where it was asked for ahead; the caller closes it. Once.
    func takeFirstWorker() -> Int32? {
        guard firstWorker >= 0 else { return nil }
        defer { firstWorker = -1 }
        return firstWorker
    }

    /// Closes the control socket: the server kills and reaps its workers and ends.
    func stop() {
        channel?.close(promise: nil)
    }

    // MARK: Reports

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        do throws(ProtocolViolation) {
            try process()
            received.discardReadBytes()
        } catch {
            if !isReady { failure = failure ?? .notAWorker(output: Array(received.readableBytesView.prefix(200))) }
            context.close(promise: nil)
        }
    }

    private func process() throws(ProtocolViolation) {
        if !hasPreface {
            let end = try received.withUnsafeReadableBytes { bytes throws(ProtocolViolation) in
                try Preface.end(in: bytes)
            }
            guard let end else { return }
            received.moveReaderIndex(forwardBy: end)
            hasPreface = true
        }
        while received.readableBytes >= FrameHeader.size {
            let size = try received.withUnsafeReadableBytes { bytes throws(ProtocolViolation) -> Int in
                guard case .frame(let header, let payload, let size) = try parser.next(in: bytes) else { return 0 }
                try handle(header, payload)
                return size
            }
            guard size > 0 else { return }
            received.moveReaderIndex(forwardBy: size)
        }
    }

    private func handle(_ header: FrameHeader, _ payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        if isReady {
            try delegate?.forkServerReported(header, payload: payload)
            return
        }
        if hasSaidHello {
            guard header.kind == .configured else { throw .unexpected(header.kind) }
            let configured = try ConfiguredMessage(payload: payload)
            guard configured.failure == nil else {
                failure = .notConfigured(configured)
                throw .malformed(.configured)
            }
            isReady = true
            delegate?.forkServerIsReady(configured)
            return
        }
        guard header.kind == .hello else { throw .unexpected(header.kind) }
        let hello = try Hello(payload: payload)
        guard hello.protocolVersion == protocolVersion else {
            failure = .otherVersion(release: hello.release, protocolVersion: hello.protocolVersion)
            throw .malformed(.hello)
        }
        hasSaidHello = true
    }

    // MARK: End

    func channelInactive(context: ChannelHandlerContext) {
        discardWaiting()
        channel = nil
        reap(since: lfs_now())
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Waits for the process without blocking: it is ours alone, so no signal handler and no wait for "any child" is needed.
    private func reap(since start: UInt64) {
        var ended = lfs_exit()
        var result = lfs_reap(pid, false, false, &ended)
        // Usually it ends within a millisecond, and a timer would add as much again.
        while result == 0 && ended.pid == 0 && lfs_now() - start < 2_000_000 {
            lfs_wait_for_end(pid, 2)
            result = lfs_reap(pid, false, false, &ended)
        }
        if result == 0 && ended.pid == 0 {
            let waited = lfs_now() - start
            if waited > 2_000_000_000 { kill(pid, SIGKILL) }  // not reaped, so the number is still its own
            let pause = max(100_000, min(waited / 2, 10_000_000))
            loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(pause))) { self.reap(since: start) }
            return
        }
        // An application that ignores SIGCHLD or reaps all children takes the status from us: then it is unknown.
        let exit = result == 0 ? ProcessExit(ended) : nil
        let output = readNoise()
        if !isReady && failure == nil { failure = .endedEarly(exit, output: output) }
        end(with: failure)
    }

    private func readNoise() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, read(noise, buffer.baseAddress, buffer.count))
        }
    }

    private func end(with failure: SetupFailure?) {
        if noise >= 0 { closeAll(noise) }
        noise = -1
        if firstWorker >= 0 { closeAll(firstWorker) }
        firstWorker = -1
        // Not from within the caller, who may be in the middle of its own actions.
        loop.assumeIsolated().execute { self.delegate?.forkServerEnded(failure) }
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
