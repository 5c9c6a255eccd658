// The files behind a worker's fd 1 and 2: what C code and child processes write, which no hook sees.
import CFleetSystem
import Glibc
import LuaFleetWire

/// Two files in memory. The fork server makes them before it forks, so that what a crashed worker wrote is still there.
///
/// Files, not pipes: their size says exactly what the task that just ended has written, they never fill up, and a grandchild
/// that keeps them open delays nobody.
struct CaptureFiles {
    var standardOutput: Int32
    var standardError: Int32

    init?() {
        standardOutput = lfs_capture_file("luafleet-stdout")
        standardError = lfs_capture_file("luafleet-stderr")
        guard standardOutput >= 0, standardError >= 0 else {
            close()
            return nil
        }
    }

    /// Those of the running worker.
    init(standardOutput: Int32, standardError: Int32) {
        self.standardOutput = standardOutput
        self.standardError = standardError
    }

    func close() {
        if standardOutput >= 0 { _ = Glibc.close(standardOutput) }
        if standardError >= 0 { _ = Glibc.close(standardError) }
    }

    /// As they were made.
    func closeOnExec() {
        for fd in [standardOutput, standardError] { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
    }

    func file(of stream: OutputStream) -> Int32 {
        stream == .standardOutput ? standardOutput : standardError
    }

    func size(of stream: OutputStream) -> UInt64 {
        var status = stat()
        return fstat(file(of: stream), &status) == 0 && (status.st_mode & S_IFMT) == S_IFREG
            ? UInt64(max(0, status.st_size)) : 0
    }

    /// Up to `limit` bytes from `offset` on.
    func read(_ stream: OutputStream, from offset: UInt64, limit: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            initialized = max(0, pread(file(of: stream), buffer.baseAddress, limit, off_t(offset)))
        }
    }

    /// What was not handed on yet, the last `limit` bytes of it.
    func tail(of stream: OutputStream, from taken: UInt64, limit: Int) -> [UInt8] {
        let size = size(of: stream)
        var offset = size < taken ? 0 : taken
        if size - offset > UInt64(limit) { offset = size - UInt64(limit) }
        return size > offset ? read(stream, from: offset, limit: Int(size - offset)) : []
    }

    /// Gives the memory of a long file back. Its size stays, so that writers that do not append keep their place.
    func release(_ stream: OutputStream, upTo offset: UInt64) {
        guard offset >= 1 << 20 else { return }
        _ = lfs_release_front(file(of: stream), offset)
    }
}
