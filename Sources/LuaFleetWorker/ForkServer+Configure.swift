// How a fork server takes its settings: what every worker shares is made here, once, and what they could not become is found out before there are any.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

extension ForkServer {
    /// Makes this process what the settings in `file` say, and answers with a `configured` frame. Ends the process where that cannot be.
    mutating func configure(file: Int32) {
        guard let settings = WorkerSettings(file: file) else { _exit(WorkerStatus.protocolViolation) }
        self.settings = settings
        var message = ConfiguredMessage()
        do throws(SetupError) {
            try settings.enterDirectory()
            if settings.isSpawned {
                settingsFile = file
                // Nothing can go wrong in a worker that has neither layers nor scripts to preload.
                if settings.sandbox != .none || !settings.preload.isEmpty { message = try spawnTrial() }
            } else {
                let (vm, reports) = try settings.makeVM()
                self.vm = vm
                close(file)
                if settings.sandbox != .none { message = try forkTrial() }
                message.preload = reports
            }
            answer(message)
        } catch {
            answer(error.message)
            _exit(0)
        }
    }

    private func answer(_ message: ConfiguredMessage) {
        send(.frame(FrameHeader(kind: .configured, worker: 0), payload: message.payload))
    }

    /// A worker that says what it could become instead of waiting for tasks.
    private func spawnTrial() throws(SetupError) -> ConfiguredMessage {
        let (mine, theirs) = try pair()
        guard let files = CaptureFiles() else { throw Self.resources(EMFILE) }
        defer { files.close() }
        let pid = SpawnedWorker.spawn(
            slot: SpawnedWorker.trial, server: self.pid, files: files, socket: theirs, settings: settingsFile)
        close(theirs)
        defer { close(mine) }
        guard pid > 0 else { throw Self.resources(-pid) }
        return try Self.verdict(of: pid, on: mine)
    }

    /// The same for a worker that is forked: the layers are put on for good, so not here.
    private func forkTrial() throws(SetupError) -> ConfiguredMessage {
        let (mine, theirs) = try pair()
        defer { close(mine) }
        let pid = lfs_fork()
        if pid == 0 {
            let hardening = Hardening(settings, server: self.pid)
            var message = ConfiguredMessage()
            message.layers = hardening.layers
            message.missing = hardening.missing
            let frame = [UInt8].frame(FrameHeader(kind: .configured, worker: 0), payload: message.payload)
            _ = frame.withUnsafeBytes { lfs_send(theirs, $0.baseAddress!, $0.count, -1) }  // not empty
            _exit(0)
        }
        close(theirs)
        guard pid > 0 else { throw Self.resources(-pid) }
        return try Self.verdict(of: pid, on: mine)
    }

    private func pair() throws(SetupError) -> (Int32, Int32) {
        var ends: (Int32, Int32) = (-1, -1)
        let paired = withUnsafeMutableBytes(of: &ends) {
            lfs_socket_pair($0.bindMemory(to: Int32.self).baseAddress!)  // a tuple of two: never nil
        }
        guard paired == 0 else { throw Self.resources(-paired) }
        return ends
    }

    /// Reads what the trial says until it ends, and reaps it.
    private static func verdict(of pid: pid_t, on socket: Int32) throws(SetupError) -> ConfiguredMessage {
        var bytes = [UInt8]()
        while true {
            let chunk = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                repeat { count = read(socket, buffer.baseAddress, 4096) } while count < 0 && errno == EINTR
                count = max(0, count)
            }
            guard !chunk.isEmpty else { break }
            bytes += chunk
        }
        var ended = lfs_exit()
        while lfs_reap(pid, true, true, &ended) == -EINTR {}
        let message = try? bytes.withUnsafeBytes { bytes throws(ProtocolViolation) -> ConfiguredMessage? in
            guard case .frame(let header, let payload, _) = try FrameParser(limit: .max).next(in: bytes),
                header.kind == .configured
            else { return nil }
            return try ConfiguredMessage(payload: payload)
        }
        guard let message = message ?? nil else {
            let how = ended.signaled ? "killed by signal \(ended.code)" : "exited with status \(ended.code)"
            throw SetupError(message: ConfiguredMessage(failure: .resources, text: "a first worker \(how)"))
        }
        if message.failure != nil { throw SetupError(message: message) }
        return message
    }

    private static func resources(_ number: Int32) -> SetupError {
        SetupError(message: ConfiguredMessage(failure: .resources, text: String(cString: strerror(number))))
    }
}
