// The host's end of one worker's socket: bytes in, frames out, and what a dead worker left unsaid.
import LuaFleetCore
import LuaFleetWire
import NIOCore

/// What a connection tells its pool; called on the event loop.
protocol WorkerConnectionDelegate: AnyObject {
    func worker(_ connection: WorkerConnection, sent header: FrameHeader, payload: UnsafeRawBufferPointer)
        throws(ProtocolViolation)
    /// An answer whose message was long enough to be collected by itself.
    func worker(
        _ connection: WorkerConnection, answered header: FrameHeader, _ head: AnswerHead, _ message: [UInt8])
        throws(ProtocolViolation)
    func worker(_ connection: WorkerConnection, violated violation: ProtocolViolation)
    /// The worker's process is gone, and everything it had said was handled. Called once, as the last thing.
    func worker(_ connection: WorkerConnection, ended report: WorkerExitReport)
}

/// All of it belongs to the event loop.
final class WorkerConnection: ChannelInboundHandler, @unchecked Sendable {  // touched on its event loop only
    typealias InboundIn = ByteBuffer

    let id: WorkerID
    /// The task that was sent last.
    var task: TaskID?
    /// Scripts that the worker has been told.
    var knownScripts: Set<UInt32> = []
    var pid: Int32 = 0
    /// What its tasks have to do with shared objects.
    var shared: SharedWorker?
    /// The host's end, which the channel owns: for frames that carry a descriptor.
    var socket: Int32 = -1
    /// Frames that wait until a frame with a descriptor is on its way; nil: none is.
    var held: [ByteBuffer]?

    private weak var delegate: (any WorkerConnectionDelegate)?
    private(set) var channel: (any Channel)?
    private let parser: FrameParser
    private var received = ByteBuffer()
    private var long: LongAnswer?
    /// Bytes of the worker's stream that have come, by whatever way.
    private var streamOffset: UInt64 = 0
    private var isCut = false  // the stream made no sense at some point: nothing after it counts
    private var hasEnded = false
    private var report: WorkerExitReport?

    init(id: WorkerID, parser: FrameParser, delegate: any WorkerConnectionDelegate) {
        self.id = id
        self.parser = parser
        self.delegate = delegate
    }

    func attached(to channel: any Channel) {
        self.channel = channel
    }

    /// A failure shows as the worker's end.
    func write(_ bytes: ByteBuffer) {
        if held != nil { held?.append(bytes) } else { channel?.write(bytes, promise: nil) }
    }

    func writeAndFlush(_ bytes: ByteBuffer) {
        if held != nil { held?.append(bytes) } else { channel?.writeAndFlush(bytes, promise: nil) }
    }

    /// Closes without waiting for anything; nobody hears of it any more.
    func drop() {
        delegate = nil
        channel?.close(promise: nil)
        channel = nil
    }

    // MARK: Bytes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        streamOffset += UInt64(bytes.readableBytes)
        if long != nil {
            let isWhole = long!.take(from: &bytes)  // looked at one line above
            guard isWhole else { return }
            deliverLong()
            guard bytes.readableBytes > 0 else { return }
        }
        if received.readableBytes == 0 {
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
                var missing = 0
                let size = try received.withUnsafeReadableBytes { bytes throws(ProtocolViolation) -> Int in
                    switch try parser.next(in: bytes) {
                    case .needs(let count):
                        missing = count
                        return 0
                    case .frame(let header, let payload, let size):
                        guard header.worker == id.slot else { throw .wrongWorker(header.worker) }
                        try delegate?.worker(self, sent: header, payload: payload)
                        return size
                    }
                }
                if size == 0 {
                    try collectLong(missing)
                    return
                }
                received.moveReaderIndex(forwardBy: size)
            }
            if received.readableBytes == 0 { received = ByteBuffer() }
        } catch {
            isCut = true
            received = ByteBuffer()
            delegate?.worker(self, violated: error)
        }
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
            try delegate?.worker(self, answered: answer.header, answer.head, answer.message)
        } catch {
            isCut = true
            delegate?.worker(self, violated: error)
        }
    }

    // MARK: End

    /// The fork server reports that the process is gone.
    func exited(_ report: WorkerExitReport, on loop: any EventLoop) {
        self.report = report
        guard !hasEnded else { return finish() }
        // All that a dead process wrote is in the socket already; the end of the stream follows, unless a process that it left behind holds the
        // socket open. Such a one is not waited for.
        loop.assumeIsolated().scheduleTask(in: .milliseconds(50)) { self.finish() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        hasEnded = true
        channel = nil
        if report != nil { finish() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func finish() {
        guard let report, let delegate else { return }
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
