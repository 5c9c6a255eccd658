// The readers' side of a page: the fork server after the worker's end, the host while the worker lives. Nothing in it is believed.
import Synchronization

extension WorkerPage {
    /// After the writer's end: what the socket may not have taken, as whole frames, and the offset of its first byte in the stream. The open frame is closed
    /// in the copy, at `now`.
    package func unsent(slot: UInt32, pid: Int32, now: UInt64) -> (offset: UInt64, bytes: [UInt8]) {
        let base = header.pointee.base.load(ordering: .acquiring)
        let sent = max(header.pointee.sent.load(ordering: .acquiring), base)
        let progress = Progress(header.pointee.progress.load(ordering: .acquiring))
        // A frame longer than the buffer was cut: nothing can follow it.
        guard !header.pointee.isWritingPast.load(ordering: .acquiring), progress.used <= Self.capacity,
            sent - base <= UInt64(progress.end)
        else { return (sent, []) }
        let skipped = Int(sent - base)
        let bytes = [UInt8](unsafeUninitializedCapacity: progress.used - skipped) { copy, count in
            count = progress.used - skipped
            guard count > 0 else { return }
            UnsafeMutableRawBufferPointer(copy).copyMemory(
                from: UnsafeRawBufferPointer(start: data + skipped, count: count))
            guard progress.openCount > 0 else { return }
            let heads = UnsafeMutableRawPointer(copy.baseAddress!) + (progress.end - skipped)  // not empty
            storeHeads(of: progress, slot: slot, pid: pid, now: now, to: heads)
        }
        return (sent, bytes)
    }

    /// What a worker has said and not sent, as it was at one moment.
    package struct Peek: Equatable, Sendable {
        /// Answers of a frame that is not whole: the first task, how many follow each other, and their messages back to back.
        package struct Open: Equatable, Sendable {
            package var first: UInt32
            package var count: UInt32
            package var messages: [UInt8]
        }

        /// Where `frames` begin in the worker's stream: the start of a frame, which the host may have received, wholly or in part, with some of those after it.
        package var offset: UInt64
        /// Whole frames, among them such as were sent already.
        package var frames: [UInt8]
        /// Comes after `frames`. The worker goes on with it: the frame that it becomes begins with these answers.
        package var open: Open?
    }

    /// While the writer lives. nil: it was writing to its socket meanwhile, and what was read is on its way there.
    package func peek() -> Peek? {
        let base = header.pointee.base.load(ordering: .acquiring)
        for _ in 0..<4 {
            let progress = Progress(header.pointee.progress.load(ordering: .acquiring))
            guard progress.used <= Self.capacity else { return nil }
            let first = header.pointee.openFirst.load(ordering: .acquiring)
            let buffer = UnsafeRawBufferPointer(start: data, count: Self.capacity)
            var peek = Peek(offset: base, frames: Array(buffer[..<progress.end]), open: nil)
            if progress.openCount > 0 {
                let messages = (progress.end + Self.openPrefix)..<progress.used
                peek.open = Peek.Open(
                    first: first, count: UInt32(progress.openCount), messages: Array(buffer[messages]))
            }
            atomicMemoryFence(ordering: .acquiring)
            guard header.pointee.base.load(ordering: .relaxed) == base else { return nil }
            // Where `end` has not moved, `first` is the first task of this open frame and not of the next one.
            if Progress(header.pointee.progress.load(ordering: .relaxed)).end == progress.end { return peek }
        }
        return nil
    }
}
