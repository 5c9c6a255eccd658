// A worker that was executed, not forked: how the fork server starts one, and how one starts.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

/// `luafleet-worker --worker SLOT SERVER`: fd 1 and 2 are the capture files, 3 the socket to the host, 4 the file of the workers' pages, 5 the settings.
enum SpawnedWorker {
    static let option = "--worker"
    /// In the place of the slot: only says whether it could start, on fd 3, with a `configured` frame.
    static let trial = "trial"

    private static let socket: Int32 = 3
    private static let pages = ForkServer.pagesFile
    private static let settings: Int32 = 5

    /// Starts one; a negative errno value where that fails.
    static func spawn(slot: String, server: pid_t, files: CaptureFiles, socket: Int32, settings: Int32) -> pid_t {
        var pid: pid_t = 0
        let words = ["luafleet-worker", option, slot, "\(server)"]
        let arguments = words.map { strdup($0) } + [nil]
        defer { for word in arguments { free(word) } }
        let fds = [files.standardOutput, files.standardError, socket, pages, settings]
        // The file that this process was made of, also when another one has its name by now.
        let failure = lfs_spawn("/proc/self/exe", arguments, nil, fds, fds.count, &pid)
        return failure == 0 ? pid : failure
    }

    /// The life of one.
    static func run(arguments: ArraySlice<String>) -> Never {
        guard arguments.count == 2, let server = arguments.last.flatMap({ pid_t($0) }),
            let first = arguments.first, first == trial || UInt32(first) != nil
        else { exit(WorkerStatus.usage) }
        // Swift's runtime may have put its backtracer behind the signals of a crash: a worker ends at once, by the signal.
        for number in 1...31 { signal(Int32(number), SIG_DFL) }
        _ = lfs_die_with_parent()
        if getppid() != server { _exit(WorkerStatus.hostGone) }
        guard let values = WorkerSettings(file: settings) else { _exit(WorkerStatus.protocolViolation) }
        tzset()  // reads a file, which it cannot later
        do throws(SetupError) {
            let (vm, reports) = try values.makeVM()
            // Its own page and no other; the descriptor is gone before a script runs.
            let memory = UInt32(first).flatMap {
                lfs_map_file(pages, UInt64($0) * UInt64(WorkerPage.size), WorkerPage.size)
            }
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
            lfs_close_from(pages)
            if let memory, values.isInterruptible {
                _ = lfvm_catch_interrupts(WorkerPage(start: memory).interruptWord)  // it could not later
            }
            let hardening = Hardening(values, server: server)
            if let layer = hardening.refusal(values) {
                if first == trial {
                    throw SetupError(
                        message: ConfiguredMessage(
                            failure: .layer, name: layer.name, text: String(cString: strerror(hardening.reason))))
                }
                _exit(layer.exitStatus)
            }
            guard let slot = UInt32(first) else {
                var message = ConfiguredMessage()
                message.layers = hardening.layers
                message.missing = hardening.missing
                message.preload = reports
                say(message)
            }
            guard let memory else { _exit(WorkerStatus.noResources) }
            var worker = Worker(slot: slot, vm: vm, page: WorkerPage(start: memory), settings: values)
            worker.run()
        } catch {
            if first == trial { say(error.message) }
            _exit(WorkerStatus.noResources)
        }
    }

    private static func say(_ message: ConfiguredMessage) -> Never {
        let frame = [UInt8].frame(FrameHeader(kind: .configured, worker: 0), payload: message.payload)
        frame.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest)
                let sent = lfs_send(socket, piece.baseAddress!, piece.count, -1)  // not empty
                guard sent > 0 else { break }
                rest = rest.dropFirst(sent)
            }
        }
        _exit(0)
    }
}
