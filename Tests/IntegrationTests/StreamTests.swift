// F10, F11, F15: results as they come, from inputs as they come.
import Foundation
import LuaFleet
import Testing

@Suite
struct StreamTests {
    @Test(arguments: [LuaChunkSize.auto, 1, 5])
    func `F10: with a slow first item, unordered results yield the others first`(_ chunkSize: LuaChunkSize) async throws
    {
        try await withStage { stage in
            try await withPool(2) { pool in
                let script = stage.source("local n = ... if n == 1 then await('go') end return n * n")
                var order: [Int] = []
                for try await result in pool.results(
                    of: script, 1...50, ordered: false, chunkSize: chunkSize, returning: Int.self)
                {
                    #expect(try result.value == result.index * result.index)
                    order.append(result.index)
                    if order.count == 49 { stage.mark("go") }
                }
                #expect(order.last == 1 && order.sorted() == Array(1...50))
            }
        }
    }

    @Test(arguments: [LuaChunkSize.auto, 1, 5])
    func `F10: ordered results wait for the first, and come in the order of the inputs`(_ chunkSize: LuaChunkSize)
        async throws
    {
        try await withStage { stage in
            try await withPool(2) { pool in
                // The second task lets the first one go.
                let script = stage.source(
                    "local n = ... if n == 1 then await('go') elseif n == 2 then mark('go') end return n")
                var order: [Int] = []
                for try await result in pool.results(of: script, 1...50, chunkSize: chunkSize, returning: Int.self) {
                    order.append(try result.value)
                }
                #expect(order == Array(1...50))
            }
        }
    }

    @Test(arguments: [(1, nil, 4), (5, nil, 20), (1, 3, 3), (5, 2, 2), (1, 1, 1)] as [(Int, Int?, Int)])
    func `F11: no more inputs are taken than workers, chunks and window allow`(
        _ chunk: Int, _ window: Int?, _ most: Int
    ) async throws {
        for ordered in [true, false] {
            try await withPool(2) { pool in
                let inputs = Tally()
                var taken = 0
                for try await result in pool.results(
                    of: .source("return ..."), sequence(state: inputs) { $0.next() as Int? }, ordered: ordered,
                    chunkSize: .fixed(chunk), window: window, returning: Int.self)
                {
                    taken += 1
                    #expect(try result.value == result.index)
                    #expect(inputs.value <= taken + most, "\(taken) were taken")
                    if taken == 300 { break }
                }
            }
        }
    }

    @Test(arguments: [0, -7]) func `F11: a window of nothing lets one task through at a time`(_ window: Int)
        async throws
    {
        try await withPool(2) { pool in
            var sum = 0
            for try await result in pool.results(of: .source("return ..."), 1...20, window: window, returning: Int.self)
            {
                sum += try result.value
            }
            #expect(sum == 210)
            var reports = 0
            for try await _ in pool.reports(of: (1...5).map { _ in LuaJob(.source("")) }, window: window) {
                reports += 1
            }
            #expect(reports == 5)
        }
    }

    @Test func `F11: inputs that come in their own time are each run as they come`() async throws {
        try await withPool(2) { pool in
            let (inputs, sink) = AsyncStream.makeStream(of: Int.self)
            var results = pool.results(of: .source("return ... * 2"), inputs, returning: Int.self).makeAsyncIterator()
            // The next input is only there when the result of the one before is.
            for number in 1...50 {
                sink.yield(number)
                let result = try #require(try await results.next())
                #expect(try result.value == number * 2)
            }
            sink.finish()
            #expect(try await results.next() == nil)
            #expect(try await results.next() == nil, "also when asked again")
        }
    }

    @Test func `F11: the memory of the host stays flat while results stream through it`() async throws {
        // In a process of its own: other tests hold what they like.
        let host = Process()
        let pipe = Pipe()
        host.executableURL = testHost
        host.arguments = ["stream", "\(scaled(100_000))"]
        host.standardOutput = pipe
        // Without blocking a thread that other tests need.
        try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
            host.terminationHandler = { _ in ended.resume() }
            do { try host.run() } catch { ended.resume(throwing: error) }
        }
        let output = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
        #expect(host.terminationStatus == 0, "\(output)")
    }

    @Test(arguments: [LuaChunkSize.auto, 1, 40])
    func `F15: where failures are collected each is one element, and all others are right`(_ chunkSize: LuaChunkSize)
        async throws
    {
        try await withPool(2) { pool in
            let script = LuaScript.source(
                """
                local n = ...
                if n == 10 then error('ten', 0) elseif n == 20 then os.exit(4) elseif n == 30 then return io.stdout
                elseif n == 40 then return 'text' end
                return n
                """)
            let results: [Result<Int, any Error>] = try await pool.mapResults(script, 1...100, chunkSize: chunkSize)
            #expect(results.count == 100)
            for (index, result) in results.enumerated() {
                switch index + 1 {
                case 10: #expect(result.luaError?.message == "ten" && result.luaError?.task.index == 10)
                case 20: #expect(result.code == .workerDied(.status(4)) && result.fleetError?.task.index == 20)
                case 30: #expect(result.code == .notEncodable && result.fleetError?.task.index == 30)
                case 40: #expect(result.code == .notDecodable && result.fleetError?.task.index == 40)
                case let number: #expect((try? result.get()) == number)
                }
            }
        }
    }

    @Test func `F15: the first error surfaces though a task before it never ends`() async throws {
        try await withStage { stage in
            try await withPool(2) { pool in
                let script = stage.source("local n = ... if n == 1 then await('never') end error('at once', 0)")
                let error = await #expect(throws: LuaError.self) {
                    _ = try await pool.starMap(script, [(1, "a"), (2, "b")], chunkSize: 1, returning: Int.self)
                }
                #expect(error?.message == "at once" && error?.task.index == 2)
                #expect(await eventually { await pool.statistics.idleWorkers == 2 })
            }
        }
    }

    struct Broken: Error, Equatable {}

    @Test func `F11: a sequence that throws half way yields the results of what came before, then its error`()
        async throws
    {
        try await withPool(2) { pool in
            let inputs = AsyncThrowingStream<Int, any Error> { stream in
                for number in 1...20 { stream.yield(number) }
                stream.finish(throwing: Broken())
            }
            var taken: [Int] = []
            await #expect(throws: Broken()) {
                for try await result in pool.results(of: .source("return ..."), inputs, returning: Int.self) {
                    taken.append(try result.value)
                }
            }
            #expect(taken == Array(1...20))
            let jobs = AsyncThrowingStream<LuaJob, any Error> { stream in
                for number in 1...20 { stream.yield(LuaJob(.source("return ..."), [.integer(Int64(number))])) }
                stream.finish(throwing: Broken())
            }
            var reports = 0
            await #expect(throws: Broken()) {
                for try await _ in pool.reports(of: jobs) { reports += 1 }
            }
            #expect(reports == 20)
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }

    /// An input of which some cannot be sent.
    struct Picky: Encodable, Sendable {
        var number: Int
        func encode(to encoder: any Encoder) throws {
            guard number != 15 else {
                throw EncodingError.invalidValue(number, .init(codingPath: [], debugDescription: "15 is not sent"))
            }
            var container = encoder.singleValueContainer()
            try container.encode(number)
        }
    }

    @Test func `F15: an input that cannot be sent fails the whole, with its reason, and no pool`() async throws {
        try await withPool(2) { pool in
            let inputs = (1...30).map(Picky.init)
            var taken: [Int] = []
            let error = await #expect(throws: LuaFleetError.self) {
                for try await result in pool.results(of: .source("return ..."), inputs, returning: Int.self) {
                    taken.append(try result.value)
                }
            }
            #expect(error?.code == .notEncodable && error?.message.contains("15 is not sent") == true)
            #expect(taken == Array(1...14))
            let mapped = await #expect(throws: LuaFleetError.self) {
                _ = try await pool.map(.source("return ..."), inputs, returning: Int.self)
            }
            #expect(mapped?.code == .notEncodable)
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }

    @Test func `F10: nothing comes of nothing, and results may be gone through twice`() async throws {
        try await withPool(1) { pool in
            let script = LuaScript.source("return ...")
            let none: [Int] = try await pool.map(script, [Int]())
            #expect(none.isEmpty)
            let noneStarred: [Int] = try await pool.starMap(script, [(Int, Int)]())
            #expect(noneStarred.isEmpty)
            #expect(try await pool.mapResults(script, [Int](), returning: Int.self).isEmpty)
            for try await _ in pool.results(of: script, [Int](), returning: Int.self) { Issue.record("of nothing") }
            for try await _ in pool.results(of: script, AsyncStream<Int> { $0.finish() }, returning: Int.self) {
                Issue.record("of nothing")
            }
            let results = pool.results(of: script, 1...10, returning: Int.self)
            for _ in 0..<2 {
                var sum = 0
                for try await result in results { sum += try result.value }
                #expect(sum == 55)
            }
        }
    }
}
