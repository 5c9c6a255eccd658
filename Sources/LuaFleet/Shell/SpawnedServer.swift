// The start of a fork server's process: descriptors, spawn, and spawning ahead of need.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire
import Synchronization

/// A fork server's process with the host's ends of its control socket and of what it writes to its standard streams. Whoever takes it owns them.
package struct SpawnedServer: Sendable {
    let pid: pid_t
    let control: Int32
    let noise: Int32
    /// The host's end of the socket of worker 0, which was asked for in the same breath: it is ready when the server is. -1: it was not.
    let firstWorker: Int32
    /// The memory that the host shares with the server's workers; unmapped when nobody holds it any more.
    let pages: WorkerPages

    /// A start that goes on while its caller does other things.
    private final class Ahead: @unchecked Sendable {  // written by its thread, then read by whoever has joined it
        var program: WorkerProgram?
        var server: SpawnedServer?
    }

    private struct Start: Sendable {
        var ahead: Ahead
        /// Nil when it has been joined.
        var thread: pthread_t?

        mutating func join() -> Ahead {
            if let thread { pthread_join(thread, nil) }
            thread = nil
            return ahead
        }
    }

    private static let started = Mutex<Start?>(nil)

    /// Spawns a fork server with the default settings, which the next pool that has these takes, so that it starts up while the caller does other things. A failure
    /// shows in that pool. If no pool comes, the server ends with this process.
    package static func spawnAhead() {
        let ahead = Ahead()
        var thread = pthread_t()
        // A thread of its own: whoever spawns waits until the kernel has loaded the program.
        let failure = pthread_create(
            &thread, nil,
            { context in
                let ahead = Unmanaged<Ahead>.fromOpaque(context!).takeRetainedValue()  // passed below, never null
                guard let executable = try? LuaPool.findWorker() else { return nil }
                let program = WorkerProgram(executable: executable)
                ahead.program = program
                // After a failure the pool tries again and says what is wrong.
                ahead.server = try? SpawnedServer.spawn(program, asksForWorker: true)
                return nil
            }, Unmanaged.passRetained(ahead).toOpaque())
        guard failure == 0 else { return Unmanaged.passUnretained(ahead).release() }
        started.withLock { $0 = Start(ahead: ahead, thread: thread) }
    }

    /// The one that was spawned ahead, or a new one.
    static func take(_ program: WorkerProgram, asksForWorker: Bool) throws(SetupFailure) -> SpawnedServer {
        let waiting = started.withLock { started in
            guard asksForWorker, let ahead = started?.join(), ahead.program == program else {
                return nil as SpawnedServer?
            }
            started = nil
            return ahead.server
        }
        if let waiting { return waiting }
        return try spawn(program, asksForWorker: asksForWorker)
    }

    private static func spawn(_ program: WorkerProgram, asksForWorker: Bool) throws(SetupFailure) -> SpawnedServer {
        let pages = try WorkerPages()
        var control: (Int32, Int32) = (-1, -1)
        var noise: (Int32, Int32) = (-1, -1)
        let paired = withUnsafeMutableBytes(of: &control) {
            lfs_socket_pair($0.bindMemory(to: Int32.self).baseAddress!)  // a tuple of two: never nil
        }
        guard paired == 0 else { throw .hostResources(-paired) }
        let piped = withUnsafeMutableBytes(of: &noise) {
            lfs_capture_pipe($0.bindMemory(to: Int32.self).baseAddress!)  // likewise
        }
        guard piped == 0 else {
            closeAll(control.0, control.1)
            throw .hostResources(-piped)
        }
        var firstWorker: Int32 = -1
        let pid: pid_t
        do throws(SetupFailure) {
            // Both stand in the socket when the server begins to read.
            try program.configure(control.0)
            if asksForWorker && pages.page(0) != nil { firstWorker = Self.askForWorker(on: control.0) }
            pid = try program.spawn(control: control.1, noise: noise.1, pages: pages.fd)
        } catch {
            closeAll(control.0, control.1, noise.0, noise.1)
            if firstWorker >= 0 { closeAll(firstWorker) }
            throw error
        }
        closeAll(control.1, noise.1)
        return SpawnedServer(pid: pid, control: control.0, noise: noise.0, firstWorker: firstWorker, pages: pages)
    }

    /// Puts the command for worker 0 into the control socket, where the server finds it as soon as it runs.
    private static func askForWorker(on control: Int32) -> Int32 {
        var ends: (Int32, Int32) = (-1, -1)
        let paired = withUnsafeMutableBytes(of: &ends) {
            lfs_socket_pair($0.bindMemory(to: Int32.self).baseAddress!)  // a tuple of two: never nil
        }
        guard paired == 0 else { return -1 }
        let command = [UInt8].frame(FrameHeader(kind: .startWorker, worker: 0))
        let sent = command.withUnsafeBytes { lfs_send(control, $0.baseAddress!, $0.count, ends.1) }  // not empty
        closeAll(ends.1)
        guard sent == command.count else {
            closeAll(ends.0)
            return -1
        }
        return ends.0
    }
}

/// Closes descriptors that are known to be open and nobody else's.
func closeAll(_ descriptors: Int32...) {
    for fd in descriptors { close(fd) }
}
