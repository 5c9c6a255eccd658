// A fork server and one worker without a pool: frames as bytes, and the page that a host shares with the worker.
import CFleetSystem
import Foundation
import LuaFleet
import LuaFleetWire
import Testing

final class RawWorker {
    /// A frame from the worker, its payload copied.
    struct Frame {
        var header: FrameHeader
        var payload: [UInt8]

        /// The numbers of the tasks that it answers; none, if it is no answer.
        var answered: ClosedRange<UInt32>? {
            guard header.kind == .values || header.kind == .failure else { return nil }
            return payload.withUnsafeBytes { bytes in
                var reader = FieldReader(bytes)
                return AnswerHead(from: &reader).map { header.task...(header.task + $0.count - 1) }
            }
        }

        /// What follows the head of an answer.
        var messages: [UInt8] { Array(payload.dropFirst(AnswerHead.size)) }
        var text: String { String(decoding: payload, as: UTF8.self) }
    }

    let page: WorkerPage
    private let control: Int32
    private let noise: Int32
    private let socket: Int32
    private let server: pid_t
    private let memory: UnsafeMutableRawPointer
    private var fromControl: [UInt8] = []
    private var fromWorker: [UInt8] = []
    /// Bytes of the worker's stream that have been read.
    private(set) var streamOffset = 0

    /// Returns when the worker is ready.
    init() throws {
        let executable = testHost.deletingLastPathComponent().appendingPathComponent("luafleet-worker").path
        let pages = lfs_shared_file("test-pages")
        try #require(pages >= 0 && ftruncate(pages, off_t(WorkerPage.slotsPerMapping * WorkerPage.size)) == 0)
        memory = try #require(lfs_map_file(pages, 0, WorkerPage.size))
        page = WorkerPage(start: memory)
        var ends: [Int32] = [-1, -1]
        try #require(lfs_socket_pair(&ends) == 0)
        var worker: [Int32] = [-1, -1]
        try #require(lfs_socket_pair(&worker) == 0)
        var pipe: [Int32] = [-1, -1]
        try #require(lfs_capture_pipe(&pipe) == 0)
        let program = WorkerProgram(executable: executable)
        try program.configure(ends[0])
        let pid = try program.spawn(control: ends[1], noise: pipe[1], pages: pages)
        control = ends[0]
        noise = pipe[0]
        socket = worker[0]
        server = pid
        let start = [UInt8].frame(FrameHeader(kind: .startWorker, worker: 0))
        let sent = start.withUnsafeBytes { lfs_send(control, $0.baseAddress!, $0.count, worker[1]) }  // not empty
        #expect(sent == start.count)
        for fd in [ends[1], pipe[1], worker[1], pages] { close(fd) }
        try #require(next().header.kind == .ready)
    }

    deinit {
        for fd in [control, noise, socket] { close(fd) }
        var ended = lfs_exit()
        while lfs_reap(server, true, false, &ended) == -EINTR {}
        munmap(memory, WorkerPage.size)
    }

    // MARK: To the worker

    func send(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { #expect(lfs_send(socket, $0.baseAddress!, $0.count, -1) == $0.count) }  // not empty
    }

    func define(_ source: String, id: UInt32 = 1) {
        let script = ScriptDefinition(id: id, form: .text, chunkName: Array("@t.lua".utf8), source: Array(source.utf8))
        send(.frame(FrameHeader(kind: .define, worker: 0), payload: script.payload))
    }

    /// A frame of tasks of the function `f`, each with its own number as its argument.
    static func tasks(
        _ numbers: ClosedRange<UInt32>, epoch: UInt32 = 0, isolation: WireIsolation = .shared,
        stampsTimes: Bool = false,
        script: UInt32 = 1
    ) -> [UInt8] {
        let head = TaskHead(
            script: script, isolation: isolation, setsArg: false, stampsTimes: stampsTimes, functionLength: 1,
            attempt: 1,
            count: UInt32(numbers.count), index: UInt64(numbers.lowerBound), epoch: epoch)
        var payload = [UInt8](repeating: 0, count: TaskHead.size)
        payload.withUnsafeMutableBytes { head.store(to: $0.baseAddress!) }  // not empty
        payload += Array("f".utf8) + numbers.flatMap(message)
        return .frame(FrameHeader(kind: .task, worker: 0, task: numbers.lowerBound), payload: payload)
    }

    /// One number, as a message.
    static func message(_ number: UInt32) -> [UInt8] {
        [0x81, 0x1a] + (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }

    // MARK: From the worker

    /// Waits for the next frame.
    func next() throws -> Frame {
        while true {
            if let frame = try Self.take(from: &fromWorker) { return frame }
            try #require(receive(wait: true) > 0, "the worker has ended")
        }
    }

    /// The frames that have come, without waiting.
    func arrived() throws -> [Frame] {
        while receive(wait: false) > 0 {}
        var frames: [Frame] = []
        while let frame = try Self.take(from: &fromWorker) { frames.append(frame) }
        return frames
    }

    /// Waits until the tasks have been answered, each once and in order; returns all frames until then.
    func frames(answering numbers: ClosedRange<UInt32>) throws -> [Frame] {
        var frames: [Frame] = []
        var expected = numbers.lowerBound
        while expected <= numbers.upperBound {
            frames.append(try next())
            guard let answered = frames.last?.answered else { continue }
            #expect(answered.lowerBound == expected)
            expected = answered.upperBound + 1
        }
        return frames
    }

    private func receive(wait: Bool) -> Int {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = recv(socket, &bytes, bytes.count, wait ? 0 : Int32(MSG_DONTWAIT))
        if count > 0 {
            fromWorker += bytes[..<count]
            streamOffset += count
        }
        return count
    }

    static func take(from bytes: inout [UInt8]) throws -> Frame? {
        let found = try bytes.withUnsafeBytes { buffer -> (Frame, Int)? in
            guard case .frame(let header, let payload, let size) = try FrameParser(limit: 1 << 28).next(in: buffer)
            else {
                return nil
            }
            return (Frame(header: header, payload: Array(payload)), size)
        }
        guard let (frame, size) = found else { return nil }
        bytes.removeFirst(size)
        return frame
    }

    /// Waits for the fork server's report of the worker's end; returns it with the frames that only it has.
    func end() throws -> (report: WorkerExitReport, frames: [Frame]) {
        while true {
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = recv(control, &bytes, bytes.count, 0)
            try #require(count > 0)
            fromControl += bytes[..<count]
            if fromControl.starts(with: Preface.bytes) { fromControl.removeFirst(Preface.bytes.count) }
            while let frame = try Self.take(from: &fromControl) {
                guard frame.header.kind == .workerExited else { continue }
                let report = try frame.payload.withUnsafeBytes { try WorkerExitReport(payload: $0) }
                var frames = try arrived()
                fromWorker += report.unsent.dropFirst(streamOffset - Int(report.unsentOffset))
                while let frame = try Self.take(from: &fromWorker) { frames.append(frame) }
                #expect(fromWorker.isEmpty)
                return (report, frames)
            }
        }
    }
}
