// The host's end of a worker's socket when its worker ends: nothing that was said is lost, and nothing counts twice.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import LuaFleet

@Suite
struct WorkerConnectionTests {
    /// A connection whose worker is this test.
    private final class Stage: WorkerConnectionDelegate, @unchecked Sendable {  // the event loop's, but for `worker`
        let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let pages: WorkerPages
        let page: WorkerPage
        /// The worker's end.
        let worker: Int32
        let ended: EventLoopPromise<Void>
        var connection: WorkerConnection?
        /// The numbers of the output frames that came.
        var heard: [UInt32] = []
        var whenHeard: (UInt32) -> Void = { _ in }
        /// Messages of what was answered at a time.
        var answered: [[UInt8]] = []
        var violations: [ProtocolViolation] = []

        init() async throws {
            pages = try WorkerPages()
            page = try #require(pages.page(0))
            page.initialize()
            var ends: (Int32, Int32) = (-1, -1)
            let paired = withUnsafeMutableBytes(of: &ends) {
                lfs_socket_pair($0.bindMemory(to: Int32.self).baseAddress!)  // a tuple of two: never nil
            }
            try #require(paired == 0)
            worker = ends.1
            ended = loop.makePromise()
            let made = WorkerConnection(
                id: WorkerID(slot: 0, generation: 0), page: page, parser: FrameParser(limit: 1 << 20), delegate: self)
            connection = made
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(made) }
                }
                .withConnectedSocket(ends.0).get()
            try await loop.submit { made.attached(to: channel) }.get()
        }

        /// A frame of output with this number.
        static func frame(_ number: UInt32) -> [UInt8] {
            .frame(
                FrameHeader(kind: .output, flags: OutputStream.standardOutput.rawValue, worker: 0, task: number),
                payload: [UInt8](repeating: 0x61, count: 1000))
        }

        func says(_ numbers: ClosedRange<UInt32>) {
            let bytes = numbers.flatMap { Self.frame($0) }
            let sent = bytes.withUnsafeBytes { lfs_send(worker, $0.baseAddress!, $0.count, -1) }  // not empty
            #expect(sent == bytes.count)
        }

        /// What is written to a worker that is gone fails.
        func write() {
            connection?.write([UInt8](repeating: 0, count: 100))
            connection?.flush()
        }

        func exited(unsentOffset: Int) {
            let exit = ProcessExit(pid: 9, reason: .signal(SIGKILL))
            connection?.exited(
                WorkerExitReport(
                    exit: exit, lastStarted: 0, unsentOffset: UInt64(unsentOffset), unsent: [], standardOutput: [],
                    standardError: []), on: loop)
        }

        func worker(_ connection: WorkerConnection, sent header: FrameHeader, payload: UnsafeRawBufferPointer) {
            heard.append(header.task)
            whenHeard(header.task)
        }
        func worker(_ connection: WorkerConnection, answered first: UInt32, _ answers: WorkerAnswers) {
            answered.append(Array(answers.messages.readableBytesView))
        }
        func worker(_ connection: WorkerConnection, violated violation: ProtocolViolation) {
            violations.append(violation)
        }
        func workerHungUp(_ connection: WorkerConnection) {}
        func worker(_ connection: WorkerConnection, ended report: WorkerExitReport) { ended.succeed() }
    }

    @Test
    func `F56: what a worker had said is not lost where its reader had stopped and it was written to after its end`()
        async throws
    {
        let stage = try await Stage()
        let paused = stage.loop.makePromise(of: Void.self)
        try await stage.loop.submit {
            stage.whenHeard = { number in
                guard number == 1 else { return }
                stage.connection?.listen(false)
                paused.succeed()
            }
            stage.says(1...1)
        }.get()
        try await paused.futureResult.get()
        try await stage.loop.submit {
            stage.says(2...9)
            close(stage.worker)
            stage.write()
            stage.exited(unsentOffset: 9 * Stage.frame(1).count)
        }.get()
        try await stage.ended.futureResult.get()
        #expect(try await stage.loop.submit { stage.heard }.get() == Array(1...9))
        #expect(stage.violations.isEmpty)
    }

    @Test(arguments: [[], [0x82, 0x01], [0x81, 0x02, 0x03]])
    func `an answer that is not one whole message breaks the protocol: it is not handed the next one's`(
        _ wrong: [UInt8]
    ) async throws {
        let stage = try await Stage()
        try await stage.loop.submit {
            // Lists of one number (RFC 8949), and one of two of which one is missing.
            let messages: [[UInt8]] = [[0x81, 0x01], wrong, [0x81, 0x02]]
            var bytes: [UInt8] = []
            for (index, message) in messages.enumerated() {
                var head = [UInt8](repeating: 0, count: AnswerHead.size)
                head.withUnsafeMutableBytes {
                    AnswerHead(nanoseconds: 1, pid: 9, count: 1).store(to: $0.baseAddress!)  // not empty
                }
                bytes += .frame(FrameHeader(kind: .values, worker: 0, task: UInt32(index) + 1), payload: head + message)
            }
            #expect(lfs_send(stage.worker, bytes, bytes.count, -1) == bytes.count)
            close(stage.worker)
            stage.exited(unsentOffset: bytes.count)
        }.get()
        try await stage.ended.futureResult.get()
        try await stage.loop.submit {
            #expect(stage.answered == [[0x81, 0x01]] && stage.violations == [.malformed(.values)])
        }.get()
    }

    @Test func `what a look at a worker's page finds counts once, also if the worker ends while it is handled`()
        async throws
    {
        let stage = try await Stage()
        try await stage.loop.submit {
            stage.whenHeard = { if $0 == 1 { stage.write() } }
            let first = Stage.frame(1)
            stage.page.room(first.count)?.copyMemory(from: first, byteCount: first.count)
            stage.page.commit(first.count)
            stage.says(1...3)
            close(stage.worker)
            stage.connection?.look()
            stage.exited(unsentOffset: 3 * first.count)
        }.get()
        try await stage.ended.futureResult.get()
        #expect(try await stage.loop.submit { stage.heard }.get() == [1, 2, 3])
        #expect(stage.violations.isEmpty)
    }
}
