// A worker's outgoing stream: frames stand in memory shared with the fork server until the socket has taken them, so that what a task had
// already said is not lost with its process, however that ends.
import CFleetSystem
import Glibc
import LuaFleetWire
import Synchronization

/// A ring-less buffer: filled from the front, written to the socket, begun anew when empty.
///
/// The worker, or its child in a fresh-process task, is the only writer at any time. The fork server reads it after the worker's end. Stores are ordered
/// (releasing) so that a SIGKILL between any two instructions leaves a state that reads as whole frames:
/// bytes first, then `end`; `sent` only after the socket took them. Bytes that the socket took but `sent` does not say yet are counted by the host, which knows how
/// much it received.
struct Journal {
    /// Room for frames. Smaller: more writes for chatty tasks; larger: more memory a worker, though only touched pages count.
    static let capacity = 64 * 1024

    struct Header: ~Copyable {
        /// Offset in the worker's stream of the first byte of the buffer.
        let base = Atomic<UInt64>(0)
        /// Offset in the stream up to which the socket has taken bytes.
        let sent = Atomic<UInt64>(0)
        /// Offset in the stream behind the last whole frame.
        let end = Atomic<UInt64>(0)
        /// Bytes of the capture files that were already handed on.
        let standardOutputTaken = Atomic<UInt64>(0)
        let standardErrorTaken = Atomic<UInt64>(0)
        /// The last task that began.
        let started = Atomic<UInt32>(0)
        /// The last task that was answered.
        let answered = Atomic<UInt32>(0)
        /// The socket is being written to: if the writer ends now, `sent` may be behind what the socket took.
        let isFlushing = Atomic<Bool>(false)
        /// A long frame is being written past the buffer: if the writer ends now, the stream is cut in the middle of it.
        let isWritingPast = Atomic<Bool>(false)
    }

    private static let headerSize = 4096
    static let mappingSize = headerSize + capacity

    private let start: UnsafeMutableRawPointer
    let socket: Int32

    /// Maps a journal, or nil when memory is out.
    init?(socket: Int32) {
        guard let start = lfs_map_shared(Self.mappingSize) else { return nil }
        self.start = start
        self.socket = socket
        start.initializeMemory(as: Header.self, to: Header())
    }

    /// One that a spawned worker can map, too; `file` stays the caller's.
    init?(newFile file: Int32, socket: Int32) {
        guard file >= 0, let start = lfs_map_file(file, Self.mappingSize) else { return nil }
        self.start = start
        self.socket = socket
        start.initializeMemory(as: Header.self, to: Header())
    }

    /// The spawned worker's side of it.
    init?(file: Int32, socket: Int32) {
        guard let start = lfs_map_file(file, Self.mappingSize) else { return nil }
        self.start = start
        self.socket = socket
    }

    /// The same journal, for a worker that has moved its socket to another descriptor.
    init(_ other: Journal, socket: Int32) {
        self.start = other.start
        self.socket = socket
    }

    var header: UnsafeMutablePointer<Header> {
        start.assumingMemoryBound(to: Header.self)
    }

    private var data: UnsafeMutableRawPointer { start + Self.headerSize }

    func keepFromChildren() {
        _ = lfs_keep_from_children(start, Self.mappingSize)
    }

    func unmap() {
        munmap(start, Self.mappingSize)
    }

    /// Up to where a capture file was handed on.
    func taken(of stream: OutputStream) -> UInt64 {
        stream == .standardOutput
            ? header.pointee.standardOutputTaken.load(ordering: .relaxed)
            : header.pointee.standardErrorTaken.load(ordering: .relaxed)
    }

    func setTaken(_ offset: UInt64, of stream: OutputStream) {
        if stream == .standardOutput {
            header.pointee.standardOutputTaken.store(offset, ordering: .releasing)
        } else {
            header.pointee.standardErrorTaken.store(offset, ordering: .releasing)
        }
    }

    // MARK: Writing

    /// Room for a frame of `size` bytes in the buffer, after making some if need be; nil when the frame is longer than the buffer.
    /// Call `commit(size)` when the bytes are there.
    func reserve(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size <= Self.capacity else { return nil }
        if used + size > Self.capacity { flush() }
        return data + used
    }

    func commit(_ size: Int) {
        header.pointee.end.store(header.pointee.end.load(ordering: .relaxed) + UInt64(size), ordering: .releasing)
    }

    private var used: Int {
        Int(header.pointee.end.load(ordering: .relaxed) - header.pointee.base.load(ordering: .relaxed))
    }

    /// Writes all that stands in the buffer. Waits while the socket is full. A host that is gone ends the process.
    func flush() {
        let base = header.pointee.base.load(ordering: .relaxed)
        let end = header.pointee.end.load(ordering: .relaxed)
        var sent = header.pointee.sent.load(ordering: .relaxed)
        guard sent < end else { return }
        header.pointee.isFlushing.store(true, ordering: .releasing)
        while sent < end {
            let written = lfs_send(socket, data + Int(sent - base), Int(end - sent), -1)
            guard written > 0 else { _exit(WorkerStatus.hostGone) }
            sent += UInt64(written)
            header.pointee.sent.store(sent, ordering: .releasing)
        }
        header.pointee.base.store(end, ordering: .releasing)
        header.pointee.isFlushing.store(false, ordering: .releasing)
    }

    /// Whether another process that ended while it used this journal left the stream where only the host can say how far it came.
    var isUncertain: Bool {
        header.pointee.isFlushing.load(ordering: .acquiring) || header.pointee.isWritingPast.load(ordering: .acquiring)
    }

    /// Writes a frame that is longer than the buffer, straight from where its bytes are.
    func writePast(_ pieces: UnsafeMutableBufferPointer<iovec>) {
        flush()
        header.pointee.isWritingPast.store(true, ordering: .releasing)
        var rest = pieces[...]
        var total: UInt64 = 0
        while !rest.isEmpty {
            var written = writev(
                socket, pieces.baseAddress! + rest.startIndex,  // never nil: it is not empty
                Int32(min(rest.count, 1024)))
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { _exit(WorkerStatus.hostGone) }
            total += UInt64(written)
            while let first = rest.first, written >= first.iov_len {
                written -= first.iov_len
                rest.removeFirst()
            }
            if written > 0 {
                rest[rest.startIndex].iov_base += written
                rest[rest.startIndex].iov_len -= written
            }
        }
        let offset = header.pointee.end.load(ordering: .relaxed) + total
        header.pointee.end.store(offset, ordering: .relaxed)
        header.pointee.sent.store(offset, ordering: .relaxed)
        header.pointee.base.store(offset, ordering: .releasing)
        header.pointee.isWritingPast.store(false, ordering: .releasing)
    }

    // MARK: Reading, after the writer's end

    /// What stands in the buffer from the first byte that the socket may not have taken, and its offset in the stream.
    var unsent: (offset: UInt64, bytes: [UInt8]) {
        let base = header.pointee.base.load(ordering: .acquiring)
        let sent = max(header.pointee.sent.load(ordering: .acquiring), base)
        let end = header.pointee.end.load(ordering: .acquiring)
        guard !header.pointee.isWritingPast.load(ordering: .acquiring), end >= sent, end - base <= UInt64(Self.capacity)
        else { return (end, []) }
        let bytes = UnsafeRawBufferPointer(start: data + Int(sent - base), count: Int(end - sent))
        return (sent, Array(bytes))
    }
}
