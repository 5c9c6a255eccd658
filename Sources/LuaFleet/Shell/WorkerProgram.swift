// What a fork server is started as: the executable, its environment, and the settings that it is told first.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire

/// Two pools with equal programs can use each other's fork server.
package struct WorkerProgram: Equatable, Sendable {
    package var executable: String
    package var settings = WorkerSettings()
    /// "NAME=value" each; nil: the host's own, as it is when the server starts.
    package var environment: [String]?

    package init(executable: String) {
        self.executable = executable
    }

    /// Spawns the fork server with these descriptors; the process ID.
    package func spawn(control: Int32, noise: Int32, pages: Int32) throws(SetupFailure) -> pid_t {
        var pid: pid_t = 0
        let strings = environment.map { Self.strings($0) }
        defer { strings.map { Self.release($0) } }
        var fds = (noise, noise, control, pages)
        let spawned = withUnsafeBytes(of: &fds) { fds in
            lfs_spawn_server(
                executable, "\(protocolVersion)", strings,
                fds.bindMemory(to: Int32.self).baseAddress!, 4, &pid)  // a tuple of four: never nil
        }
        guard spawned == 0 else { throw .notExecutable(-spawned) }
        return pid
    }

    /// Puts the settings into a control socket that nobody has read from yet. They go as a file in memory: however long they are, the socket has room.
    package func configure(_ control: Int32) throws(SetupFailure) {
        let file = lfs_capture_file("luafleet-settings")
        guard file >= 0 else { throw .hostResources(-file) }
        defer { close(file) }
        let payload = settings.payload
        var written = 0
        while written < payload.count {
            let count = payload.withUnsafeBytes {
                write(file, $0.baseAddress! + written, $0.count - written)  // not empty
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .hostResources(errno) }
            written += count
        }
        let command = [UInt8].frame(FrameHeader(kind: .configure, worker: 0))
        let sent = command.withUnsafeBytes { lfs_send(control, $0.baseAddress!, $0.count, file) }  // not empty
        guard sent == command.count else { throw .hostResources(sent < 0 ? Int32(-sent) : EAGAIN) }
    }

    /// As execve(2) takes them: C strings with a null behind the last.
    private static func strings(_ strings: [String]) -> [UnsafeMutablePointer<CChar>?] {
        strings.map { strdup($0) } + [nil]
    }

    private static func release(_ strings: [UnsafeMutablePointer<CChar>?]) {
        for string in strings { free(string) }
    }
}
