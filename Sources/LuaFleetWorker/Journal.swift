// A worker's outgoing stream: frames stand in the worker's page until the socket has taken them, so that what a task had already said is not lost with
// its process, however that ends.
import CFleetSystem
import Glibc
import LuaFleetWire

/// The writer of a page's buffer, which is filled from the front, written to the socket, and begun anew when empty.
///
/// The worker, or its child in a fresh-process task, is the only writer at any time. The answers of a frame of many tasks stand in a `values` frame that stays open until
/// something else is to be said, or all is sent. Bytes that the socket took but the page does not say yet are counted by the host, which knows how much it received.
struct Journal {
    let page: WorkerPage
    let socket: Int32
    let slot: UInt32
    /// The worker's process; only it leaves frames open. Kept: asking is a system call.
    let pid = getpid()

    private var header: UnsafeMutablePointer<WorkerPage.Header> { page.header }

    /// Whether the socket has taken everything.
    var isEmpty: Bool { header.pointee.progress.load(ordering: .relaxed) == 0 }

    /// Room for a frame of `size` bytes in the buffer, after making some if need be; nil when the frame is longer than the buffer.
    /// Call `commit(size)` when the bytes are there.
    func reserve(_ size: Int) -> UnsafeMutableRawPointer? {
        closeOpenFrame()
        if let room = page.room(size) { return room }
        guard size <= WorkerPage.capacity else { return nil }
        flush()
        return page.room(size)
    }

    func commit(_ size: Int) {
        page.commit(size)
    }

    func closeOpenFrame() {
        guard page.progress.openCount > 0 else { return }
        page.closeOpenFrame(slot: slot, pid: pid, now: lfs_now())
    }

    /// Writes all that stands in the buffer. Waits while the socket is full. A host that is gone ends the process. `answered`: the last thing is the answer to this task.
    func flush(answered: UInt32? = nil) {
        guard !isEmpty else { return }
        closeOpenFrame()
        let base = header.pointee.base.load(ordering: .relaxed)
        let end = base + UInt64(page.progress.end)
        var sent = header.pointee.sent.load(ordering: .relaxed)
        header.pointee.isFlushing.store(true, ordering: .releasing)
        while sent < end {
            let written = lfs_send(socket, page.data + Int(sent - base), Int(end - sent), -1)
            guard written > 0 else { _exit(WorkerStatus.hostGone) }
            sent += UInt64(written)
            if sent < end { header.pointee.sent.store(sent, ordering: .releasing) }
        }
        if let answered { header.pointee.answeredPast.store(answered, ordering: .releasing) }
        page.empty(at: end)
        header.pointee.isFlushing.store(false, ordering: .releasing)
    }

    /// Whether another process that ended while it used this journal left the stream where only the host can say how far it came.
    var isUncertain: Bool {
        header.pointee.isFlushing.load(ordering: .acquiring) || header.pointee.isWritingPast.load(ordering: .acquiring)
    }

    /// Writes a frame that is longer than the buffer, straight from where its bytes are. `answered`: the task that it answers.
    func writePast(_ pieces: UnsafeMutableBufferPointer<iovec>, answered: UInt32? = nil) {
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
        if let answered { header.pointee.answeredPast.store(answered, ordering: .releasing) }
        page.empty(at: header.pointee.base.load(ordering: .relaxed) + total)
        header.pointee.isWritingPast.store(false, ordering: .releasing)
    }

    /// Whether a task's process, which has ended and did not leave the stream uncertain, has answered it.
    func hasAnswer(to sequence: UInt32) -> Bool {
        if header.pointee.answeredPast.load(ordering: .acquiring) == sequence { return true }
        var rest = UnsafeRawBufferPointer(start: page.data, count: min(page.progress.end, WorkerPage.capacity))
        let parser = FrameParser(limit: .max)
        while case .frame(let header, _, let size)? = try? parser.next(in: rest) {
            if header.kind == .values || header.kind == .failure, header.task == sequence { return true }
            rest = UnsafeRawBufferPointer(rebasing: rest[size...])
        }
        return false
    }
}
