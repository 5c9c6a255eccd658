// A worker by itself: frames of many tasks, frames ahead of need, tasks that are recalled, and answers read before they are sent.
import Foundation
import LuaFleetWire
import Synchronization
import Testing

@Suite
struct BatchTests {
    @Test func `F13: a frame of 5,000 tasks is answered in order, in few frames, each task with its own value`() throws
    {
        let worker = try RawWorker()
        worker.define("return {f = function(n) return n end}")
        worker.send(RawWorker.tasks(1...5000))
        let frames = try worker.frames(answering: 1...5000)
        #expect(frames.allSatisfy { $0.header.kind == .values })
        // An integer is sent in its shortest form.
        let expected: [UInt8] = (UInt32(1)...5000).flatMap { number -> [UInt8] in
            switch number {
            case ..<24: [0x81, UInt8(number)]
            case ..<256: [0x81, 0x18, UInt8(number)]
            default: [0x81, 0x19, UInt8(number >> 8), UInt8(number & 255)]
            }
        }
        #expect(frames.flatMap(\.messages) == expected)
        #expect(worker.page.control == .init(epoch: 0, started: 5000))
    }

    @Test func `F13: frames that are sent ahead are answered in order, with a script defined between them`() throws {
        let worker = try RawWorker()
        worker.define("return {f = function(n) return fleet.task.index end}")
        var bytes: [UInt8] = []
        for first in stride(from: UInt32(1), to: 400, by: 4) { bytes += RawWorker.tasks(first...(first + 3)) }
        worker.send(bytes)
        _ = try worker.frames(answering: 1...400)
        worker.define("return {f = function() return 'other' end}", id: 2)
        worker.send(RawWorker.tasks(401...401) + RawWorker.tasks(402...402, script: 2))
        let last = try worker.frames(answering: 401...402).last
        #expect(last?.messages == [0x81, 0x45] + Array("other".utf8))
    }

    @Test func `F06, F21: output, messages and failures stand between the answers, each with its task's number`() throws
    {
        let worker = try RawWorker()
        worker.define(
            """
            return {f = function(n)
                if n == 3 then print('three') end
                if n == 5 then error('five', 0) end
                if n == 6 then io.write('six') end
                if n == 7 then fleet.send(n) end
                if n == 8 then return ('x'):rep(200000) end
                return n
            end}
            """)
        worker.send(RawWorker.tasks(1...10))
        let frames = try worker.frames(answering: 1...10)
        let others = frames.filter { $0.header.kind != .values }
        #expect(others.map(\.header.kind) == [.output, .failure, .output, .message])
        #expect(others.map(\.header.task) == [3, 5, 6, 7])
        #expect(others[0].text == "three\n" && others[2].text == "six")
        for other in others where other.header.kind != .failure {
            let place = try #require(frames.firstIndex { $0.header == other.header })
            let before = frames[..<place].compactMap(\.answered?.upperBound).max() ?? 0
            #expect(before == other.header.task - 1, "it comes after the answers before its task, and before its own")
        }
        #expect(frames.contains { $0.answered == 8...8 && $0.payload.count > 200_000 })
    }

    @Test func `F06: what programs write to fd 1 is the output of the task that ran them, also in a batch`() throws {
        let worker = try RawWorker()
        worker.define("return {f = function(n) if n % 2 == 0 then io.write('a') os.execute('echo ' .. n) end end}")
        worker.send(RawWorker.tasks(1...20))
        let outputs = try worker.frames(answering: 1...20).filter { $0.header.kind == .output }
        for number in UInt32(1)...20 {
            let text = outputs.filter { $0.header.task == number }.map(\.text).joined()
            // C's buffer has the unfinished line until the end.
            #expect(text == (number % 2 == 0 ? "\(number)\na" : ""))
        }
    }

    @Test func `F21: a file that a task leaves open has its bytes when the task is answered`() async throws {
        try await withFolder { folder in
            let worker = try RawWorker()
            worker.define(
                "return {f = function(n) _G[n] = io.open('\(folder.path)/' .. n, 'w') _G[n]:write('text', n) end}")
            worker.send(RawWorker.tasks(1...3))
            _ = try worker.frames(answering: 1...3)
            for number in 1...3 {
                #expect(
                    try String(contentsOf: folder.appendingPathComponent("\(number)"), encoding: .utf8)
                        == "text\(number)")
            }
        }
    }

    @Test func `F21: the answers before a SIGKILL in the middle of a frame are not lost, and it is known who began`()
        throws
    {
        let worker = try RawWorker()
        worker.define("return {f = function(n) if n == 40 then os.execute('kill -9 $PPID') end return n end}")
        worker.send(RawWorker.tasks(1...100))
        let (report, frames) = try worker.end()
        #expect(report.exit.reason == .signal(SIGKILL) && report.lastStarted == 40)
        var expected: UInt32 = 1
        for answered in frames.compactMap(\.answered) {
            #expect(answered.lowerBound == expected)
            expected = answered.upperBound + 1
        }
        #expect(expected == 40)
    }

    @Test func `F32: frames of tasks with a state or a process each`() throws {
        let worker = try RawWorker()
        worker.define(
            "count = (count or 0) + 1 return {f = function(n) if n == 2 then os.exit(7) end print(n) return count end}")
        worker.send(RawWorker.tasks(1...3, isolation: .freshProcess) + RawWorker.tasks(4...6, isolation: .freshState))
        let frames = try (0..<12).map { _ in try worker.next() }
        let usual: [FrameKind] = [.output, .values]
        #expect(frames.map(\.header.kind) == usual + [.exiting, .processExited] + usual + usual + usual + usual)
        #expect(frames.map(\.header.task) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])
        #expect(frames.filter { $0.header.kind == .values }.allSatisfy { $0.messages == [0x81, 1] })
        #expect(worker.page.control.started == 6)
    }

    /// A worker in the middle of a frame: task 1 is answered, task 2 runs until something is written to the pipe.
    private func withBlockedWorker(_ body: (RawWorker, _ release: () throws -> Void) async throws -> Void) async throws
    {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("gate").path
            try #require(mkfifo(path, 0o600) == 0)
            let worker = try RawWorker()
            worker.define(
                "return {f = function(n) if n == 2 then return io.open('\(path)'):read('a') end return n end}")
            worker.send(RawWorker.tasks(1...50, stampsTimes: true))
            try #require(await eventually { worker.page.control.started == 2 })
            try await body(worker) {
                let gate = open(path, O_WRONLY)
                try #require(gate >= 0 && write(gate, "go", 2) == 2)
                close(gate)
            }
        }
    }

    @Test func `F13: what is recalled never runs, and what is sent afterwards does`() async throws {
        try await withBlockedWorker { worker, release in
            worker.send(RawWorker.tasks(51...60))
            #expect(worker.page.recall(epoch: 0) == 2)
            worker.send(RawWorker.tasks(61...70))  // of the epoch before: as if it had been under way
            worker.send(RawWorker.tasks(100...110, epoch: 1))
            try release()
            let numbers = try worker.frames(answering: 1...2).compactMap(\.answered)
            #expect(numbers.last?.upperBound == 2)
            _ = try worker.frames(answering: 100...110)
            #expect(worker.page.control == .init(epoch: 1, started: 110))
        }
    }

    @Test func `F13: the host sees when a task began, and the answers before it, while the worker is busy with it`()
        async throws
    {
        try await withBlockedWorker { worker, release in
            #expect(worker.page.header.pointee.startedAt.load(ordering: .acquiring) > 0)
            // The answer of task 1 was sent already, or it stands in the page.
            let sent = try worker.arrived()
            let peek = try #require(worker.page.peek())
            #expect(peek.offset == UInt64(worker.streamOffset) && peek.frames.isEmpty)
            if sent.isEmpty {
                #expect(peek.open?.first == 1 && peek.open?.count == 1 && peek.open?.messages == [0x81, 1])
            } else {
                #expect(sent.compactMap(\.answered) == [1...1] && peek.open == nil)
            }
            try release()
            // What was peeked is the beginning of what comes.
            let rest = try worker.frames(answering: (sent.isEmpty ? 1 : 2)...50)
            if sent.isEmpty { #expect(rest.first?.messages.starts(with: [0x81, 1]) == true) }
        }
    }
}
