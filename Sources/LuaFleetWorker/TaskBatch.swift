// The tasks of one frame while they run: each is begun in the page, and its answer written.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

/// What LuaVM calls back between tasks. Nothing here is asked of the system for a task that ends well, but for a look at the clock now and then.
struct TaskBatch {
    /// Nanoseconds that an answer waits for the socket, about, while tasks go on. Smaller: more writes; larger: the host learns later that it can go on.
    static let patience: UInt64 = 200_000
    /// Tasks between two looks at the clock, at most: a look costs as much as a small task.
    private static let stride: UInt32 = 16

    private let journal: Journal
    private let runner: TaskRunner
    private let vm: OpaquePointer
    private let running: UnsafeMutablePointer<UInt32>
    private let first: UInt32
    private let count: UInt32
    private let epoch: UInt32
    private let stampsTimes: Bool
    private let hasBegun: Bool
    private var isFirstBegun = false
    /// Whether what was written to fd 1 and 2 before a task began has to be looked for.
    var dropsLeftOvers = false
    /// When the running task began, as far as is known: it, or a task before it since the clock was looked at.
    private var mark: UInt64 = 0
    /// When `look` looked at the clock last, and the task that came next; the task after whose end it looks again.
    private var lookTime: UInt64 = 0
    private var looked: UInt32 = 0
    private var nextLook: UInt32 = 0

    init(_ tasks: IncomingTasks, runner: TaskRunner, running: UnsafeMutablePointer<UInt32>, hasBegun: Bool) {
        journal = runner.journal
        self.runner = runner
        vm = runner.vm
        self.running = running
        first = tasks.sequence
        count = tasks.head.count
        epoch = tasks.head.epoch
        stampsTimes = tasks.head.stampsTimes
        self.hasBegun = hasBegun
    }

    /// Begins the first task before LuaVM does, for what has to be done for it first. False: it was recalled.
    mutating func beginAhead() -> Bool {
        guard begin(0) else { return false }
        isFirstBegun = true
        return true
    }

    /// False: the task was recalled, and those after it.
    mutating func begin(_ offset: UInt32) -> Bool {
        if offset == 0 && isFirstBegun { return true }
        let sequence = first &+ offset
        let header = journal.page.header
        if hasBegun {
            mark = header.pointee.startedAt.load(ordering: .relaxed)
        } else {
            if offset == 0 || stampsTimes {
                mark = runner.lastLook != 0 && !stampsTimes ? runner.lastLook : lfs_now()
                if offset == 0 {
                    lookTime = mark
                    if journal.isEmpty { runner.waitsSince = mark }
                }
                header.pointee.startedAt.store(mark, ordering: .releasing)
            }
            guard journal.page.begin(sequence, epoch: epoch) else { return false }
        }
        running.pointee = sequence
        if dropsLeftOvers { runner.dropLeftOvers() }
        return true
    }

    mutating func answer(_ offset: UInt32, _ status: UInt32, _ message: UnsafePointer<lfvm_message>) {
        let reach = lfvm_reach_of(vm)
        if reach != 0 || dropsLeftOvers {
            if reach & LFVM_WROTE_PAST.rawValue != 0, !dropsLeftOvers {
                dropsLeftOvers = true
                runner.assumeWrittenPast()
            }
            runner.settle(dropsLeftOvers ? reach | LFVM_WROTE_PAST.rawValue : reach)
        }
        runner.appendUsage()
        let sequence = first &+ offset
        if count == 1 || status != 0 || message.pointee.has_handles || !answerInOpenFrame(sequence, message) {
            answerAlone(sequence, status, message)
        }
        if offset >= nextLook && count > 1 { look(offset) }
    }

    /// Whether the answer stands in the journal; not if it is long.
    @inline(__always)
    private mutating func answerInOpenFrame(_ sequence: UInt32, _ message: UnsafePointer<lfvm_message>) -> Bool {
        let total = message.pointee.total
        guard total <= WorkerPage.capacity / 4 else { return false }
        var room = journal.page.roomForAnswer(total, first: sequence, startedAt: mark)
        if room == nil {
            journal.flush()
            if !stampsTimes { mark = lfs_now() }
            room = journal.page.roomForAnswer(total, first: sequence, startedAt: mark)
        }
        guard let room else { return false }  // there is always room in an empty buffer
        copy(message, to: room)
        journal.page.commitAnswer(total)
        return true
    }

    @inline(__always)
    private func copy(_ message: UnsafePointer<lfvm_message>, to target: UnsafeMutableRawPointer) {
        var target = target
        let pieces = UnsafeBufferPointer(start: message.pointee.pieces, count: message.pointee.piece_count)
        for piece in pieces where piece.count > 0 {
            target.copyMemory(from: piece.bytes!, byteCount: piece.count)  // not null where it has bytes
            target += piece.count
        }
    }

    /// Commits `values` or `failure` as a frame of its own.
    private mutating func answerAlone(_ sequence: UInt32, _ status: UInt32, _ message: UnsafePointer<lfvm_message>) {
        let total = message.pointee.total
        let prefix = FrameHeader.size + AnswerHead.size
        let header = FrameHeader(
            kind: status == 0 ? .values : .failure,
            flags: UInt8(truncatingIfNeeded: status == 0 && message.pointee.has_handles ? 1 : status),
            worker: journal.slot,
            task: sequence, length: AnswerHead.size + total)
        let now = lfs_now()
        let head = AnswerHead(nanoseconds: now - min(mark, now), pid: runner.pid)
        if !stampsTimes { mark = now }
        runner.lastLook = now
        if let target = journal.reserve(prefix + total) {
            header.store(to: target)
            head.store(to: target + FrameHeader.size)
            copy(message, to: target + prefix)
            journal.commit(prefix + total)
            return
        }
        let pieces = UnsafeBufferPointer(start: message.pointee.pieces, count: message.pointee.piece_count)
        withUnsafeTemporaryAllocation(byteCount: prefix, alignment: 8) { space in
            header.store(to: space.baseAddress!)  // never nil: it is not empty
            head.store(to: space.baseAddress! + FrameHeader.size)  // likewise
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: pieces.count + 1) { vectors in
                vectors[0] = iovec(iov_base: space.baseAddress, iov_len: prefix)
                for (index, piece) in pieces.enumerated() {
                    vectors[index + 1] = iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: piece.bytes), iov_len: piece.count)
                }
                journal.writePast(vectors, answered: sequence)
            }
        }
    }

    /// Looks at the clock: sends what has waited long enough, and decides when to look again: the sooner, the longer the last tasks took.
    private mutating func look(_ offset: UInt32) {
        let now = lfs_now()
        let each = (now - min(lookTime, now)) / UInt64(offset &+ 1 &- looked)
        lookTime = now
        looked = offset &+ 1
        if !stampsTimes { mark = now }
        runner.lastLook = now
        runner.flushIfDue(at: now)
        nextLook = offset &+ max(1, min(Self.stride, UInt32(clamping: Self.patience / 2 / max(1, each))))
    }
}
