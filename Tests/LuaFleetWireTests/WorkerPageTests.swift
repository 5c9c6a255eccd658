// The page that host and worker share: what is read of it at every moment of a writer's life, and when somebody scribbled on it.
import Glibc
import LuaFleetWire
import Testing

/// A page in memory of its own.
private final class TestPage {
    let page: WorkerPage
    private let memory = UnsafeMutableRawPointer.allocate(byteCount: WorkerPage.size, alignment: 4096)

    init() {
        memory.initializeMemory(as: UInt8.self, repeating: 0xAA, count: WorkerPage.size)
        page = WorkerPage(start: memory)
        page.initialize()
    }

    deinit { memory.deallocate() }

    /// The same bytes, as another process would find them after a SIGKILL.
    func copy() -> TestPage {
        let copy = TestPage()
        copy.memory.copyMemory(from: memory, byteCount: WorkerPage.size)
        return copy
    }

    func fillHeader(using dice: inout FrameGenerator) {
        for i in stride(from: 0, to: 256, by: 8) {
            let small = Bool.random(using: &dice) ? 0xFFFF : UInt64.max
            memory.storeBytes(
                of: UInt64.random(in: 0...UInt64.max, using: &dice) & small, toByteOffset: i, as: UInt64.self)
        }
    }
}

/// A writer that stops before one of its stores, as if it were killed there; it also does what a worker does with its socket.
private struct Writer {
    struct Killed: Error {}

    let page: WorkerPage
    var stepsLeft: Int
    /// What the socket has taken.
    var socket: [UInt8] = []
    /// Answers that are committed, in order.
    var committed: [UInt32] = []

    private mutating func step() throws {
        guard stepsLeft > 0 else { throw Killed() }
        stepsLeft -= 1
    }

    mutating func answer(_ sequence: UInt32) throws {
        let message = Writer.message(sequence)
        try step()
        if page.roomForAnswer(message.count, first: sequence, startedAt: 5) == nil { try flush() }
        let room = try #require(page.roomForAnswer(message.count, first: sequence, startedAt: 5))
        for (i, byte) in message.enumerated() {
            try step()
            room.storeBytes(of: byte, toByteOffset: i, as: UInt8.self)
        }
        try step()
        page.commitAnswer(message.count)
        committed.append(sequence)
    }

    mutating func fail(_ sequence: UInt32) throws {
        try step()
        page.closeOpenFrame(slot: 3, pid: 9, now: 25)
        let frame = Writer.failure(sequence)
        try step()
        if page.room(frame.count) == nil { try flush() }
        let room = try #require(page.room(frame.count))
        for (i, byte) in frame.enumerated() { room.storeBytes(of: byte, toByteOffset: i, as: UInt8.self) }
        try step()
        page.commit(frame.count)
        committed.append(sequence)
    }

    mutating func flush() throws {
        try step()
        page.closeOpenFrame(slot: 3, pid: 9, now: 25)
        let header = page.header
        let base = header.pointee.base.load(ordering: .relaxed)
        let end = page.progress.end
        var taken = Int(header.pointee.sent.load(ordering: .relaxed) - base)
        while taken < end {
            try step()
            let count = min(end - taken, 100)
            socket += UnsafeRawBufferPointer(start: page.data + taken, count: count)
            taken += count
            try step()
            if taken < end { header.pointee.sent.store(base + UInt64(taken), ordering: .releasing) }
        }
        // The stores of `empty(at:)`, one by one.
        try step()
        header.pointee.sent.store(base + UInt64(end), ordering: .releasing)
        try step()
        header.pointee.progress.store(0, ordering: .releasing)
        try step()
        page.empty(at: base + UInt64(end))
    }

    static func message(_ sequence: UInt32) -> [UInt8] {
        [0x81, 0x58, UInt8(sequence % 60)]
            + [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: Int(sequence % 60))
    }

    static func failure(_ sequence: UInt32) -> [UInt8] {
        var head = [UInt8](repeating: 0, count: AnswerHead.size)
        head.withUnsafeMutableBytes { AnswerHead(nanoseconds: 1, pid: 9).store(to: $0.baseAddress!) }  // not empty
        return .frame(
            FrameHeader(kind: .failure, flags: 1, worker: 3, task: sequence), payload: head + message(sequence))
    }
}

/// The tasks that whole frames answer, in order; fails the test where the bytes are not frames, or an answer is not the task's.
private func answers(in bytes: [UInt8]) throws -> [UInt32] {
    var answered: [UInt32] = []
    try bytes.withUnsafeBytes { buffer in
        var rest = buffer
        let parser = FrameParser(limit: 1 << 20)
        while !rest.isEmpty {
            guard case .frame(let header, let payload, let size) = try parser.next(in: rest) else {
                Issue.record("\(rest.count) bytes that are no whole frame")
                return
            }
            var reader = FieldReader(payload)
            let head = try #require(AnswerHead(from: &reader))
            #expect(header.worker == 3 && head.pid == 9 && (header.kind == .values || head.count == 1))
            for offset in 0..<head.count {
                let message = Writer.message(header.task + offset)
                #expect(reader.bytes(message.count).map(Array.init) == message)
                answered.append(header.task + offset)
            }
            #expect(reader.rest.isEmpty)
            rest = UnsafeRawBufferPointer(rebasing: rest[size...])
        }
    }
    return answered
}

/// What the host has in the end: what came by the socket, and of the rest what it does not know yet.
private func stream(_ socket: [UInt8], _ unsent: (offset: UInt64, bytes: [UInt8])) -> [UInt8] {
    guard unsent.offset <= UInt64(socket.count) else { return socket }
    let known = socket.count - Int(unsent.offset)
    return known <= unsent.bytes.count ? socket + unsent.bytes[known...] : socket
}

@Suite
struct WorkerPageTests {
    @Test func `control and progress come back from their words`() {
        var dice = FrameGenerator(test: "words")
        for _ in 0..<10_000 {
            let word = UInt64.random(in: 0...UInt64.max, using: &dice)
            #expect(WorkerPage.Control(word).word == word && WorkerPage.Progress(word).word == word)
        }
        let control = WorkerPage.Control(epoch: 2, started: 9)
        #expect(control.word == 2 << 32 | 9 && WorkerPage.Control(control.word) == control)
        let progress = WorkerPage.Progress(end: 65_536, openLength: 60_000, openCount: 9_999)
        #expect(WorkerPage.Progress(progress.word) == progress && progress.used == 65_536 + 32 + 60_000)
        #expect(MemoryLayout<WorkerPage.Header>.size <= WorkerPage.headerSize)
    }

    @Test func `a task begins only in the epoch of its frame, and a recall says which was the last`() {
        let test = TestPage()
        let page = test.page
        #expect(page.control == .init(epoch: 0, started: 0))
        #expect(page.begin(1, epoch: 0) && page.begin(2, epoch: 0))
        #expect(page.recall(epoch: 0) == 2)
        #expect(!page.begin(3, epoch: 0))
        #expect(page.control == .init(epoch: 1, started: 2))
        #expect(page.recall(epoch: 0) == nil)
        #expect(page.begin(7, epoch: 1) && page.control == .init(epoch: 1, started: 7))
        #expect(page.recall(epoch: 1) == 7 && page.recall(epoch: 2) == 7)
    }

    @Test func `while tasks begin and are recalled at the same time, each task either began or was recalled`() async {
        let test = TestPage()
        let page = test.page
        for round in UInt32(0)..<200 {
            let first = round * 1000 + 1
            let worker = Task.detached { () -> UInt32 in
                var last: UInt32 = 0
                for sequence in first..<(first + 1000) {
                    guard page.begin(sequence, epoch: round) else { break }
                    last = sequence
                }
                return last
            }
            await Task.yield()
            let recalled = page.recall(epoch: round)
            let began = await worker.value
            // None of this round: the last of the one before.
            #expect(recalled == (began == 0 ? recalled : began))
            if began == 0 { #expect(recalled.map { $0 < first } == true) }
        }
    }

    @Test func `wherever a worker is killed, every committed answer is read once, whole, and nothing else`() throws {
        var steps = 0
        while true {
            let test = TestPage()
            var writer = Writer(page: test.page, stepsLeft: steps)
            var wasKilled = false
            do {
                for sequence in UInt32(1)...5 { try writer.answer(sequence) }
                try writer.fail(6)
                for sequence in UInt32(7)...9 { try writer.answer(sequence) }
                try writer.flush()
                for sequence in UInt32(10)...12 { try writer.answer(sequence) }
                try writer.fail(13)
                try writer.flush()
                try writer.answer(14)
                try writer.flush()
                try writer.answer(15)
            } catch is Writer.Killed { wasKilled = true }
            let dead = test.copy()
            let bytes = stream(writer.socket, dead.page.unsent(slot: 3, pid: 9, now: 25))
            #expect(try answers(in: bytes) == writer.committed, "killed at step \(steps)")
            guard wasKilled else { break }
            steps += 1
        }
        #expect(steps > 150)
    }

    @Test func `what the host peeks at any moment is what the worker sends later`() throws {
        var steps = 0
        while true {
            let test = TestPage()
            var writer = Writer(page: test.page, stepsLeft: steps)
            let work: (inout Writer) throws -> Void = { writer in
                for sequence in UInt32(1)...3 { try writer.answer(sequence) }
                try writer.fail(4)
                for sequence in UInt32(5)...7 { try writer.answer(sequence) }
                try writer.flush()
                for sequence in UInt32(8)...9 { try writer.answer(sequence) }
            }
            var wasKilled = false
            do { try work(&writer) } catch is Writer.Killed { wasKilled = true }
            let peek = try #require(test.page.peek())
            #expect(peek.offset <= UInt64(writer.socket.count))
            var seen = stream(writer.socket, (peek.offset, peek.frames))
            if let open = peek.open {
                // As the host reads it: the answers of a frame that it has not got.
                var head = [UInt8](repeating: 0, count: AnswerHead.size)
                head.withUnsafeMutableBytes {
                    AnswerHead(nanoseconds: 1, pid: 9, count: open.count).store(to: $0.baseAddress!)  // not empty
                }
                seen += .frame(FrameHeader(kind: .values, worker: 3, task: open.first), payload: head + open.messages)
            }
            #expect(try answers(in: seen) == writer.committed, "step \(steps)")
            guard wasKilled else { break }
            steps += 1
        }
        #expect(steps > 60)
    }

    @Test func `a host that peeks while the worker works never sees a torn or a foreign answer`() async throws {
        let test = TestPage()
        let page = test.page
        let worker = Task.detached {
            var writer = Writer(page: page, stepsLeft: .max)
            for sequence in UInt32(1)...60_000 {
                if sequence % 97 == 0 { try writer.fail(sequence) } else { try writer.answer(sequence) }
                if sequence % 301 == 0 {
                    try writer.flush()
                    writer.socket = []
                }
            }
        }
        var last: UInt32 = 0
        var peeks = 0
        while last < 59_000 {  // the last answers stay in the buffer: 60,000 is no multiple of 301
            guard let peek = page.peek() else { continue }
            peeks += 1
            var seen = try answers(in: peek.frames)
            if let open = peek.open {
                let expected = (open.first..<(open.first + open.count)).flatMap(Writer.message)
                #expect(open.messages == expected)
                if let before = seen.last { #expect(open.first == before + 1) }
                seen += open.first..<(open.first + open.count)
            }
            if let first = seen.first, let end = seen.last {
                #expect(seen == Array(first...end) && end >= last)
                last = end
            }
            await Task.yield()
        }
        try await worker.value
        #expect(peeks > 0)
    }

    @Test func `a page full of anything is read or refused, never a trap`() {
        var dice = FrameGenerator(test: "hostile pages")
        let test = TestPage()
        for _ in 0..<20_000 {
            test.fillHeader(using: &dice)
            let unsent = test.page.unsent(slot: 0, pid: 1, now: 2)
            #expect(unsent.bytes.count <= WorkerPage.capacity)
            if let peek = test.page.peek() {
                #expect(peek.frames.count + (peek.open?.messages.count ?? 0) <= WorkerPage.capacity)
            }
            _ = test.page.recall(epoch: test.page.control.epoch)
        }
    }

    @Test func `a buffer that is full says so, and an empty one takes an answer of its size`() {
        let test = TestPage()
        #expect(test.page.roomForAnswer(WorkerPage.capacity - WorkerPage.openPrefix, first: 1, startedAt: 0) != nil)
        #expect(test.page.roomForAnswer(WorkerPage.capacity - WorkerPage.openPrefix + 1, first: 1, startedAt: 0) == nil)
        #expect(test.page.room(WorkerPage.capacity) != nil && test.page.room(WorkerPage.capacity + 1) == nil)
        test.page.commit(WorkerPage.capacity)
        #expect(test.page.room(1) == nil && test.page.roomForAnswer(1, first: 1, startedAt: 0) == nil)
    }
}
