// The memory that host, fork server and worker share, one page a worker: which task began, and the frames that the worker's socket has not taken.
import Synchronization

/// A header of atomics, then a buffer of frames. A handle: whoever mapped the memory says how long it lives.
///
/// One process writes at any time: the worker, or its child in a fresh-process task; the host writes `control` too, to recall tasks. Stores are ordered
/// so that a SIGKILL between any two instructions leaves a state that reads as whole frames and whole answers. A worker may scribble over all of it:
/// readers believe no length.
package struct WorkerPage: @unchecked Sendable {  // the buffer is guarded by the atomics
    /// Room for frames. Smaller: more writes for chatty tasks; larger: more memory a worker, though only touched pages count.
    @inlinable package static var capacity: Int { 64 * 1024 }
    @inlinable package static var headerSize: Int { 4096 }
    @inlinable package static var size: Int { headerSize + capacity }
    /// Slots that host and fork server map at once; the file is a multiple of so many. Smaller: more mappings, each of which every fork has to pass over; larger: address
    /// space for workers that never are. Memory is taken only for what is touched.
    package static let slotsPerMapping = 64
    /// In front of the messages of an open frame: room for its heads.
    @inlinable package static var openPrefix: Int { FrameHeader.size + AnswerHead.size }

    package struct Header: ~Copyable {
        /// See ``Control``.
        package let control = Atomic<UInt64>(0)
        /// When the task that began last began; CLOCK_MONOTONIC. Stored before `control`.
        package let startedAt = Atomic<UInt64>(0)
        /// Offset in the worker's stream of the first byte of the buffer.
        package let base = Atomic<UInt64>(0)
        /// Offset in the stream up to which the socket has taken bytes.
        package let sent = Atomic<UInt64>(0)
        /// See ``Progress``.
        package let progress = Atomic<UInt64>(0)
        /// The first task of the open frame, and when it began. Stored before the frame's first answer.
        package let openStartedAt = Atomic<UInt64>(0)
        package let openFirst = Atomic<UInt32>(0)
        /// The last task of a process of its own whose answer the socket has taken.
        package let answeredPast = Atomic<UInt32>(0)
        /// Bytes of the capture files that were already handed on.
        package let standardOutputTaken = Atomic<UInt64>(0)
        package let standardErrorTaken = Atomic<UInt64>(0)
        /// The socket is being written to: if the writer ends now, `sent` may be behind what the socket took.
        package let isFlushing = Atomic<Bool>(false)
        /// A long frame is being written past the buffer: if the writer ends now, the stream is cut in the middle of it.
        package let isWritingPast = Atomic<Bool>(false)
        /// A task has run here that may have written past stdio, or have left a process that does: what stands in the capture files need not be the running task's.
        package let isWrittenPast = Atomic<Bool>(false)
        /// The process of the task that began last, where it has one of its own; for people to read.
        package let taskProcess = Atomic<Int32>(0)

        package init() {}
    }

    package let start: UnsafeMutableRawPointer

    /// `start`: ``size`` bytes, aligned to a page of memory.
    package init(start: UnsafeMutableRawPointer) {
        self.start = start
    }

    /// The fork server, before it forks the worker.
    package func initialize() {
        start.initializeMemory(as: Header.self, to: Header())
        interruptWord.initialize(to: Atomic(0))
    }

    @inlinable package var header: UnsafeMutablePointer<Header> { start.assumingMemoryBound(to: Header.self) }
    @inlinable package var data: UnsafeMutableRawPointer { start + Self.headerSize }
}

// MARK: - Which task began

extension WorkerPage {
    /// The word on which worker and host agree about what has begun: the epoch in the upper half, the last task that began in the lower.
    package struct Control: Equatable, Sendable {
        package var epoch: UInt32
        /// 0: none.
        package var started: UInt32

        package init(epoch: UInt32, started: UInt32) {
            self.epoch = epoch
            self.started = started
        }

        package init(_ word: UInt64) {
            self.init(epoch: UInt32(word >> 32), started: UInt32(truncatingIfNeeded: word))
        }

        package var word: UInt64 { UInt64(epoch) << 32 | UInt64(started) }
    }

    package var control: Control { Control(header.pointee.control.load(ordering: .acquiring)) }

    /// The worker: `sequence`, a task of a frame of this epoch, begins. False: it was recalled.
    @inlinable @inline(__always)
    package func begin(_ sequence: UInt32, epoch: UInt32) -> Bool {
        var current = header.pointee.control.load(ordering: .relaxed)
        while UInt32(current >> 32) == epoch {
            let (exchanged, original) = header.pointee.control.compareExchange(
                expected: current, desired: UInt64(epoch) << 32 | UInt64(sequence), ordering: .acquiringAndReleasing)
            if exchanged { return true }
            current = original
        }
        return false
    }

    /// The host: recalls every task that was sent in this epoch and has not begun. Returns the last one that has begun, 0 for none; the tasks after it never will,
    /// and what is sent from now on is sent with the epoch after this one. nil: the page has another epoch, which only a worker that scribbles can cause.
    ///
    /// For a worker that has said that it is ready.
    package func recall(epoch: UInt32) -> UInt32? {
        var current = header.pointee.control.load(ordering: .relaxed)
        while UInt32(current >> 32) == epoch {
            let desired = Control(epoch: epoch &+ 1, started: UInt32(truncatingIfNeeded: current)).word
            let (exchanged, original) = header.pointee.control.compareExchange(
                expected: current, desired: desired, ordering: .acquiringAndReleasing)
            if exchanged { return UInt32(truncatingIfNeeded: current) }
            current = original
        }
        return nil
    }
}

// MARK: - How far the buffer is filled

extension WorkerPage {
    /// What the buffer holds, in one word: so one store adds a frame or an answer.
    package struct Progress: Equatable, Sendable {
        /// Bytes of whole frames.
        package var end: Int
        /// An open `values` frame stands behind them: room for its heads, then the messages of `openCount` answers, `openLength` bytes.
        package var openLength: Int
        package var openCount: Int

        package init(end: Int = 0, openLength: Int = 0, openCount: Int = 0) {
            self.end = end
            self.openLength = openLength
            self.openCount = openCount
        }

        @inlinable package init(_ word: UInt64) {
            end = Int(word & 0xF_FFFF)
            openLength = Int(word >> 20 & 0xF_FFFF)
            openCount = Int(word >> 40)
        }

        package var word: UInt64 { UInt64(end) | UInt64(openLength) << 20 | UInt64(openCount) << 40 }

        /// Bytes in use.
        package var used: Int { openCount == 0 ? end : end + WorkerPage.openPrefix + openLength }
    }

    package var progress: Progress { Progress(header.pointee.progress.load(ordering: .acquiring)) }

    /// Up to where a capture file was handed on.
    package func taken(of stream: OutputStream) -> UInt64 {
        stream == .standardOutput
            ? header.pointee.standardOutputTaken.load(ordering: .relaxed)
            : header.pointee.standardErrorTaken.load(ordering: .relaxed)
    }

    package func setTaken(_ offset: UInt64, of stream: OutputStream) {
        if stream == .standardOutput {
            header.pointee.standardOutputTaken.store(offset, ordering: .releasing)
        } else {
            header.pointee.standardErrorTaken.store(offset, ordering: .releasing)
        }
    }
}
