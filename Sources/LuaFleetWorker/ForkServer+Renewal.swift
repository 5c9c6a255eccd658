// How a fork server gets new addresses: its process executes its program again, and goes on where it was.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

extension ForkServer {
    /// `luafleet-worker --fork-server VERSION --resume FILE`: FILE is a descriptor with the settings and the table of workers.
    static let resumeOption = "--resume"

    /// The same process: its workers stay its children, its descriptors stay open, and the host notices nothing. At `none`
    /// scripts have the app's rights, and nothing is to be guessed; spawned workers have addresses of their own.
    mutating func renewIfDue() {
        guard settings.sandbox == .safe, vm != nil, wear.isEnough else { return }
        // Not in the middle of a command.
        guard input.bytes.isEmpty, sockets.isEmpty else { return }
        let file = lfs_capture_file("luafleet-resume")
        guard file >= 0 else { return }
        guard write(state, to: file) else { return keepOn(file) }
        for child in children {
            for fd in [child.files.standardOutput, child.files.standardError] { _ = fcntl(fd, F_SETFD, 0) }
        }
        _ = fcntl(file, F_SETFD, 0)
        let words = ["luafleet-worker", "--fork-server", "\(protocolVersion)", Self.resumeOption, "\(file)"]
        let arguments = words.map { strdup($0) } + [nil]
        // The file that this process was made of, also when another one has its name by now.
        execv("/proc/self/exe", arguments)
        for word in arguments { free(word) }
        for child in children { child.files.closeOnExec() }
        keepOn(file)
    }

    /// It could not be done: as good as before, until it is due again.
    private mutating func keepOn(_ file: Int32) {
        close(file)
        wear = ServerWear()
    }

    private var state: [UInt8] {
        var bytes = [UInt8]()
        bytes.append(counted: settings.payload)
        bytes.append(integer: UInt32(children.count))
        for child in children {
            bytes.append(integer: child.pid)
            bytes.append(integer: child.slot)
            bytes.append(integer: child.generation)
            bytes.append(integer: child.files.standardOutput)
            bytes.append(integer: child.files.standardError)
        }
        return bytes
    }

    private func write(_ bytes: [UInt8], to file: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)  // not empty
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                written += count
            }
            return true
        }
    }

    /// Goes on with what `file` says. What makes no sense ends the process, and the host starts another one.
    mutating func resume(from file: Int32) -> Never {
        prepareProcess()
        guard let bytes = WorkerSettings.bytes(of: file), restore(bytes) else { leave() }
        close(file)
        guard let vm = try? settings.makeVM().vm else { leave() }
        self.vm = vm
        isConfigured = true
        serve()
    }

    private mutating func restore(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var reader = FieldReader(bytes)
            guard let payload = reader.counted(), let settings = WorkerSettings(payload: payload),
                let count = reader.integer(UInt32.self)
            else { return false }
            self.settings = settings
            for _ in 0..<count {
                guard let pid = reader.integer(Int32.self), let slot = reader.integer(UInt32.self),
                    let generation = reader.integer(UInt32.self), let output = reader.integer(Int32.self),
                    let error = reader.integer(Int32.self),
                    let page = pages.page(slot)
                else { return false }
                let files = CaptureFiles(standardOutput: output, standardError: error)
                files.closeOnExec()
                children.append(Child(pid: pid, slot: slot, generation: generation, page: page, files: files))
                pids.append(pid)
            }
            return true
        }
    }
}
