// The writer's side of a page: frames and answers are added, each by one store.
import Synchronization

extension WorkerPage {
    /// Room for a frame of `size` bytes behind what stands there; nil when there is none. An open frame must have been closed. Call `commit(size)` when the bytes are there.
    package func room(_ size: Int) -> UnsafeMutableRawPointer? {
        let progress = Progress(header.pointee.progress.load(ordering: .relaxed))
        return size <= Self.capacity - progress.end ? data + progress.end : nil
    }

    package func commit(_ size: Int) {
        var progress = Progress(header.pointee.progress.load(ordering: .relaxed))
        progress.end += size
        header.pointee.progress.store(progress.word, ordering: .releasing)
    }

    /// Room for the message of an answer of the open frame, which begins with task `first` if there is none. nil: there is no room.
    @inlinable @inline(__always)
    package func roomForAnswer(_ size: Int, first: UInt32, startedAt: UInt64) -> UnsafeMutableRawPointer? {
        let progress = Progress(header.pointee.progress.load(ordering: .relaxed))
        let used = progress.end + Self.openPrefix + progress.openLength
        guard size <= Self.capacity - used else { return nil }
        if progress.openCount == 0 {
            // Releasing: who reads these and then finds `progress` as it was before knows that they belong to it.
            header.pointee.openStartedAt.store(startedAt, ordering: .releasing)
            header.pointee.openFirst.store(first, ordering: .releasing)
        }
        return data + used
    }

    @inlinable @inline(__always)
    package func commitAnswer(_ size: Int) {
        let word = header.pointee.progress.load(ordering: .relaxed)
        header.pointee.progress.store(word &+ (UInt64(size) << 20 | 1 << 40), ordering: .releasing)
    }

    /// Makes a whole frame of the open one. `now` ends its time.
    package func closeOpenFrame(slot: UInt32, pid: Int32, now: UInt64) {
        let progress = Progress(header.pointee.progress.load(ordering: .relaxed))
        guard progress.openCount > 0 else { return }
        storeHeads(of: progress, slot: slot, pid: pid, now: now, to: data + progress.end)
        header.pointee.progress.store(Progress(end: progress.used).word, ordering: .releasing)
    }

    func storeHeads(of progress: Progress, slot: UInt32, pid: Int32, now: UInt64, to target: UnsafeMutableRawPointer) {
        let startedAt = header.pointee.openStartedAt.load(ordering: .relaxed)
        FrameHeader(
            kind: .values, worker: slot, task: header.pointee.openFirst.load(ordering: .relaxed),
            length: AnswerHead.size + progress.openLength
        ).store(to: target)
        AnswerHead(
            nanoseconds: now > startedAt ? now - startedAt : 0, pid: pid, count: UInt32(clamping: progress.openCount)
        ).store(to: target + FrameHeader.size)
    }

    /// The socket has taken everything up to `offset`, which is all there is; the buffer is empty.
    ///
    /// In this order: who finds the buffer empty and the old base sees nothing unsent. What is written into the buffer afterwards is written after `base`.
    package func empty(at offset: UInt64) {
        header.pointee.sent.store(offset, ordering: .releasing)
        header.pointee.progress.store(0, ordering: .releasing)
        header.pointee.base.store(offset, ordering: .releasing)
        atomicMemoryFence(ordering: .releasing)
    }
}
