// The host's end of one worker's socket: bytes in, frames out, and what a worker has said without having sent it.
import LuaFleetCore
import LuaFleetWire
import NIOCore

/// What a connection tells its pool; called on the event loop.
protocol WorkerConnectionDelegate: AnyObject {
    func worker(_ connection: WorkerConnection, sent header: FrameHeader, payload: UnsafeRawBufferPointer)
        throws(ProtocolViolation)
    /// Tasks from `first` on returned, or one failed.
    func worker(_ connection: WorkerConnection, answered first: UInt32, _ answers: consuming WorkerAnswers)
        throws(ProtocolViolation)
    func worker(_ connection: WorkerConnection, violated violation: ProtocolViolation)
    /// Its end of the stream came a second ago, and no word of its process.
    func workerHungUp(_ connection: WorkerConnection)
    /// The worker's process is gone, and everything it had said was handled. Called once, as the last thing.
    func worker(_ connection: WorkerConnection, ended report: WorkerExitReport)
}

/// All of it belongs to the event loop.
final class WorkerConnection: ChannelInboundHandler, @unchecked Sendable {  // touched on its event loop only
    typealias InboundIn = ByteBuffer

    let id: WorkerID
    let page: WorkerPage
    /// The initializer or finalizer that runs there; 0: none.
    var preparation: UInt32 = 0
    /// The pool's initializer has run there.
    var isInitialized = false
    /// Scripts that the worker has been told. A list, for they are few, and most workers know one.
    var knownScripts: [UInt32] = []
    /// Scripts that it may forget: said in front of its next task. Not at once: a task that waits for a reply in a process of its own would take what is meant for the worker.
    var forgottenScripts: [UInt32] = []
    var pid: Int32 = 0
    /// What its tasks have to do with shared objects.
    var shared: SharedWorker?
    let vigil = LoopVigil()
    /// The host's end, which the channel owns: for frames that carry a descriptor.
    var socket: Int32 = -1
    /// A frame with a descriptor is on its way: what is written waits in `outgoing`.
    var isHeld = false
    /// Nothing is read from the socket. What is written waits then: a write that fails closes the channel, and what the worker had said before is lost with it.
    private var isPaused = false

    /// The task that wrote last to somebody who hears of it as it comes, and how much it has written.
    private var writer: (sequence: UInt32, count: Int) = (0, 0)

    private weak var delegate: (any WorkerConnectionDelegate)?
    private(set) var channel: (any Channel)?
    private let parser: FrameParser
    /// Frames that go out with the next flush.
    @exclusivity(unchecked) private var outgoing = ByteBuffer()
    @exclusivity(unchecked) private var received = ByteBuffer()
    private var long: LongAnswer?
    /// Where in the worker's stream `received` ends, or would if it were not empty: bytes that have come, by whatever way.
    @exclusivity(unchecked) private var streamOffset: UInt64 = 0
    /// Bytes that were looked at in the worker's page and will come through the socket once more.
    @exclusivity(unchecked) private var bytesToSkip: UInt64 = 0
    /// Answers of a frame that was not whole when the page was looked at: they were handled, and come once more.
    private var answersToSkip: (first: UInt32, count: UInt32)?
    /// Short answers that came together and follow each other: the pool hears of them at once.
    @exclusivity(unchecked) private var gathered: (first: UInt32, answers: WorkerAnswers)?
    /// The stream made no sense at some point: nothing after it counts.
    @exclusivity(unchecked) private var isCut = false
    private var hasEnded = false
    /// Something that came is being handled, and `received` belongs to that.
    @exclusivity(unchecked) private var isHandling = false
    private var report: WorkerExitReport?

    init(id: WorkerID, page: WorkerPage, parser: FrameParser, delegate: any WorkerConnectionDelegate) {
        self.id = id
        self.page = page
        self.parser = parser
        self.delegate = delegate
    }

    func attached(to channel: any Channel) {
        self.channel = channel
    }

    /// Closes without waiting for anything; nobody hears of it any more.
    func drop() {
        delegate = nil
        channel?.close(promise: nil)
        channel = nil
    }

    // MARK: Frames out

    /// A failure shows as the worker's end.
    func write(_ bytes: [UInt8]) {
        outgoing.writeBytes(bytes)
    }

    /// A frame that is long goes by itself, without a copy.
    func write(_ frame: ByteBuffer) {
        if isHeld || isPaused || frame.readableBytes < 4096 {
            outgoing.writeImmutableBuffer(frame)
        } else {
            passOn()
            channel?.write(frame, promise: nil)
        }
    }

    /// Writes `count` bytes in place.
    func write(count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        outgoing.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
            body(UnsafeMutableRawBufferPointer(rebasing: space[..<count]))
            return count
        }
        if outgoing.readableBytes > 256 * 1024 { passOn() }
    }

    func flush() {
        passOn()
        channel?.flush()
    }

    func passOn() {
        guard !isHeld, !isPaused, outgoing.readableBytes > 0 else { return }
        channel?.write(outgoing, promise: nil)
        outgoing = ByteBuffer()
    }

    /// Whether bytes are taken from the socket. If not, the worker waits in its write, and can still be killed. One that has ended is always listened to.
    func listen(_ listens: Bool) {
        guard listens == isPaused, listens || report == nil else { return }
        isPaused = !listens
        _ = channel?.setOption(.autoRead, value: listens)
        if listens { flush() }
    }

    /// A task wrote so many more bytes; all that it has written.
    func wrote(_ count: Int, sequence: UInt32) -> Int {
        writer = (sequence, (writer.sequence == sequence ? writer.count : 0) + count)
        return writer.count
    }

    // MARK: Bytes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        // What is read may make the pool write, and a write to a worker that has just ended reads what it left: that waits until this is handled.
        guard !isHandling else { return context.eventLoop.assumeIsolated().execute { self.arrived(bytes) } }
        arrived(bytes)
    }

    private func arrived(_ arrived: ByteBuffer) {
        var bytes = arrived
        isHandling = true
        defer { isHandling = false }
        if bytesToSkip > 0 {
            let skipped = min(bytesToSkip, UInt64(bytes.readableBytes))
            bytes.moveReaderIndex(forwardBy: Int(skipped))
            bytesToSkip -= skipped
            guard bytes.readableBytes > 0 else { return }
        }
        streamOffset += UInt64(bytes.readableBytes)
        if long != nil {
            let isWhole = long!.take(from: &bytes)  // looked at one line above
            guard isWhole else { return }
            // Where it is seen: the pool may look at the worker's page because of this answer, and what stands there comes after these.
            received = bytes
            deliverLong()
        } else if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
        process()
    }

    private func process() {
        guard !isCut else { return }
        do throws(ProtocolViolation) {
            while received.readableBytes >= FrameHeader.size {
                let step = try received.withUnsafeReadableBytes { bytes throws(ProtocolViolation) in
                    switch try parser.next(in: bytes) {
                    case .needs(let count): return (header: nil as FrameHeader?, count: count)
                    case .frame(let header, _, let size): return (header: header, count: size)
                    }
                }
                guard let header = step.header else {
                    try deliverGathered()
                    return try collectLong(step.count)
                }
                guard header.worker == id.slot else { throw .wrongWorker(header.worker) }
                try handle(header, size: step.count)
                // Less is there if the stream was cut meanwhile.
                received.moveReaderIndex(forwardBy: min(step.count, received.readableBytes))
            }
            try deliverGathered()
            if received.readableBytes == 0 { received = ByteBuffer() }
        } catch {
            cut(error)
        }
    }

    private func handle(_ header: FrameHeader, size: Int) throws(ProtocolViolation) {
        guard header.kind == .values || header.kind == .failure else {
            try deliverGathered()
            try received.withUnsafeReadableBytes { bytes throws(ProtocolViolation) in
                try delegate?.worker(
                    self, sent: header, payload: UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size..<size]))
            }
            return
        }
        let head = received.withUnsafeReadableBytes { bytes in
            var reader = FieldReader(UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size..<size]))
            return AnswerHead(from: &reader)
        }
        guard let head else { throw .malformed(header.kind) }
        let prefix = FrameHeader.size + AnswerHead.size
        let messages = received.getSlice(at: received.readerIndex + prefix, length: size - prefix) ?? ByteBuffer()
        try deliver(header, head, messages: messages, message: nil)
    }

    /// Answers as long as this are worth a copy, to be handed on together with those that came with them.
    private static let shortAnswer = 1024

    /// Adds an answer to those that are gathered; false: it does not belong to them, or is not short.
    private func gather(_ first: UInt32, _ answers: inout WorkerAnswers) -> Bool {
        guard answers.failure == nil, answers.message == nil, answers.messages.readableBytes <= Self.shortAnswer else {
            return false
        }
        if gathered == nil {
            gathered = (first, answers)
            return true
        }
        // `gathered` was looked at above.
        guard gathered!.first &+ gathered!.answers.count == first, gathered!.answers.pid == answers.pid
        else {
            return false
        }
        gathered!.answers.messages.writeBuffer(&answers.messages)  // looked at above
        gathered!.answers.count += answers.count
        gathered!.answers.nanoseconds += answers.nanoseconds
        return true
    }

    private func deliverGathered() throws(ProtocolViolation) {
        guard let (first, answers) = gathered.take() else { return }
        try delegate?.worker(self, answered: first, answers)
    }

    private func deliver(
        _ header: FrameHeader, _ head: AnswerHead, messages: ByteBuffer, message: [UInt8]?
    ) throws(ProtocolViolation) {
        var failure: WireFailure?
        if header.kind == .failure {
            failure = WireFailure(rawValue: header.flags)
            guard failure != nil, head.count == 1 else { throw .malformed(.failure) }
        }
        var answers = WorkerAnswers(
            failure: failure, count: head.count, nanoseconds: head.nanoseconds, pid: head.pid, messages: messages,
            message: message)
        if header.kind == .values, header.flags == 1 {
            answers.references = SharedReference.all(in: message ?? Array(messages.readableBytesView))
        }
        if head.count == 1, failure == nil, message == nil, messages.readableBytes <= Self.shortAnswer {
            // One that is short of its message would be handed that of the next one.
            guard messages.lengthOfMessages(1) == messages.readableBytes else { throw .malformed(.values) }
        }
        var first = header.task
        if let known = answersToSkip {
            answersToSkip = nil
            // The frame whose beginning was looked at.
            guard known.first == first, known.count <= answers.count, failure == nil,
                answers.messages.readMessages(Int(known.count)) != nil
            else { throw .wrongTask(first) }
            first = first &+ known.count
            answers.nanoseconds -= answers.nanoseconds / UInt64(answers.count) * UInt64(known.count)
            answers.count -= known.count
        }
        guard answers.count > 0, !gather(first, &answers) else { return }
        try deliverGathered()
        if !gather(first, &answers) { try delegate?.worker(self, answered: first, answers) }
    }

    /// The rest of a long answer goes from the socket's buffers straight to where it will stay.
    private func collectLong(_ missing: Int) throws(ProtocolViolation) {
        guard missing > LongAnswer.threshold, let answer = try LongAnswer(front: &received) else {
            received.discardReadBytes()
            return
        }
        received = ByteBuffer()
        long = answer
    }

    private func deliverLong() {
        guard let answer = long else { return }
        long = nil
        do throws(ProtocolViolation) {
            guard answer.header.worker == id.slot else { throw .wrongWorker(answer.header.worker) }
            try deliver(answer.header, answer.head, messages: ByteBuffer(), message: answer.message)
            try deliverGathered()
        } catch {
            cut(error)
        }
    }

    private func cut(_ violation: ProtocolViolation) {
        isCut = true
        received = ByteBuffer()
        // What came before the nonsense counts.
        do throws(ProtocolViolation) { try deliverGathered() } catch {}
        delegate?.worker(self, violated: violation)
    }

    // MARK: Looking

    /// Handles what the worker has said and not sent yet: it may be a long time until it sends it, behind a task that takes long.
    func look() {
        guard !isCut, long == nil, received.readableBytes == 0, let peek = page.peek() else { return }
        // As while something is handled that came by the socket; it may be that this is.
        let wasHandling = isHandling
        isHandling = true
        defer { isHandling = wasHandling }
        // What lies between has been sent, and comes by the socket in a moment.
        guard peek.offset <= streamOffset else { return }
        let known = streamOffset - peek.offset
        guard known <= UInt64(peek.frames.count) else { return }
        let fresh = peek.frames[Int(known)...]
        if !fresh.isEmpty {
            received.writeBytes(fresh)
            streamOffset += UInt64(fresh.count)
            bytesToSkip += UInt64(fresh.count)
            process()
        }
        guard !isCut, received.readableBytes == 0, let open = peek.open, open.count > 0 else { return }
        let taken = answersToSkip.map { $0.first == open.first ? $0.count : 0 } ?? 0
        guard open.count > taken else { return }
        var messages = ByteBuffer(bytes: open.messages)
        guard taken == 0 || messages.readMessages(Int(taken)) != nil else { return }
        answersToSkip = (open.first, open.count)
        do throws(ProtocolViolation) {
            let answers = WorkerAnswers(
                failure: nil, count: open.count - taken, nanoseconds: 0, pid: pid, messages: messages)
            try delegate?.worker(self, answered: open.first &+ taken, answers)
        } catch {
            cut(error)
        }
    }

    // MARK: End

    /// The fork server reports that the process is gone.
    func exited(_ report: WorkerExitReport, on loop: any EventLoop) {
        self.report = report
        listen(true)
        guard !hasEnded else { return finish() }
        finishSoon(on: loop, looks: 20)
    }

    /// All that a dead process wrote is in the socket already; the end of the stream follows, unless a process that it left behind holds the
    /// socket open. Such a one is not waited for, but what is known to have been sent is, as long as some of it comes.
    private func finishSoon(on loop: any EventLoop, looks: Int) {
        let seen = streamOffset
        loop.assumeIsolated().scheduleTask(in: .milliseconds(50)) {
            if looks > 0, !self.hasEnded, let report = self.report, seen < self.streamOffset,
                self.streamOffset < report.unsentOffset
            {
                return self.finishSoon(on: loop, looks: looks - 1)
            }
            self.finish()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let loop = context.eventLoop
        guard !isHandling else { return loop.assumeIsolated().execute { self.ended(on: loop) } }
        ended(on: loop)
    }

    private func ended(on loop: any EventLoop) {
        hasEnded = true
        channel = nil
        guard report == nil else { return finish() }
        // As a rule it has died, and the fork server says so next. It may also have closed its socket and live; or the fork server may talk nonsense.
        guard delegate != nil else { return }
        loop.assumeIsolated().scheduleTask(in: .seconds(1)) { [weak self] in
            guard let self, report == nil else { return }
            delegate?.workerHungUp(self)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func finish() {
        guard let report, let delegate else { return }
        isHandling = true
        defer { isHandling = false }
        if report.unsentOffset <= streamOffset {
            let known = streamOffset - report.unsentOffset
            // A long answer is never in the journal: if one is cut, it stays cut.
            if known <= report.unsent.count, long == nil {
                received.writeBytes(report.unsent[Int(known)...])
                process()
            }
        }
        self.delegate = nil
        delegate.worker(self, ended: report)
        channel?.close(promise: nil)
        channel = nil
    }
}
