// F13: tasks that go to a worker together remain tasks of their own.
import LuaFleet
import Testing

@Suite
struct ChunkTests {
    private static let sizes: [LuaChunkSize] = [1, 7, 1000, .auto]

    @Test(arguments: sizes, ["os.exit(6)", "error('poison', 0)", "os.execute('kill -KILL $PPID') while true do end"])
    func `F13: poison in the middle of a chunk fails only itself, and no task runs twice`(
        _ chunkSize: LuaChunkSize, _ poison: String
    ) async throws {
        try await withStage { stage in
            try await withPool(2) { pool in
                let script = stage.source(
                    "local n = ... mark('n' .. n) if n == 3 or n == 50 or n == 51 or n == 200 then \(poison) end return n"
                )
                var indices: [Int] = []
                for try await result in pool.results(
                    of: script, 1...200, ordered: false, chunkSize: chunkSize, window: 1000, returning: Int.self)
                {
                    indices.append(result.index)
                    if [3, 50, 51, 200].contains(result.index) {
                        let isRight =
                            poison.hasPrefix("error")
                            ? result.result.luaError?.message == "poison"
                            : result.result.code?.exit == (poison.hasPrefix("os.exit") ? .status(6) : .signal(9))
                        #expect(isRight, "\(result)")
                    } else {
                        #expect((try? result.value) == result.index, "\(result)")
                    }
                }
                #expect(indices.sorted() == Array(1...200))
                for number in 1...200 { #expect(stage.count("n\(number)") == 1, "task \(number)") }
                let statistics = await pool.statistics
                #expect(statistics.succeeded == 196 && statistics.died + statistics.failed == 4)
            }
        }
    }

    @Test(arguments: sizes)
    func `F13: an endless loop in the middle of a chunk runs out of its own time, and of nobody else's`(
        _ chunkSize: LuaChunkSize
    ) async throws {
        // Far more than any other task of the chunk takes, though all together may take longer.
        try await withPool(2, wallTime: .seconds(3)) { pool in
            let script = LuaScript.source(
                "local n = ... if n == 50 then while true do end end fleet.sleep(0.01) return n")
            let results: [Result<Int, any Error>] = try await pool.mapResults(script, 1...400, chunkSize: chunkSize)
            #expect(results.count == 400)
            for (index, result) in results.enumerated() {
                if index == 49 {
                    #expect(result.code == .timeout && result.fleetError?.task.index == 50)
                } else {
                    #expect((try? result.get()) == index + 1, "\(result)")
                }
            }
            #expect(await pool.statistics.timedOut == 1)
        }
    }

    @Test(arguments: sizes)
    func `F13: what the tasks of a chunk print, and their numbers, are each one's own`(_ chunkSize: LuaChunkSize)
        async throws
    {
        try await withPool(2) { pool in
            let pairs: [[Int]] = try await pool.map(
                .source("return {fleet.task.index, ..., fleet.task.attempt}"), 101...400, chunkSize: chunkSize)
            #expect(pairs == (1...300).map { [$0, $0 + 100, 1] })
        }
    }

    @Test(arguments: [0, -1])
    func `F13: a chunk of nothing is refused by each of the ways to ask for it`(_ size: Int) async throws {
        try await withPool(1) { pool in
            let script = LuaScript.source("return ...")
            let calls: [@Sendable () async throws -> Void] = [
                { _ = try await pool.map(script, 1...3, chunkSize: .fixed(size), returning: Int.self) },
                { _ = try await pool.starMap(script, [(1, 2)], chunkSize: .fixed(size), returning: Int.self) },
                { _ = try await pool.mapResults(script, 1...3, chunkSize: .fixed(size), returning: Int.self) },
                {
                    let results = pool.results(of: script, 1...3, chunkSize: .fixed(size), returning: Int.self)
                    for try await _ in results {}
                },
            ]
            for call in calls {
                let error = await #expect(throws: LuaFleetError.self) { try await call() }
                #expect(error?.code == .setup && error?.message == "a chunk has at least 1 task, not \(size)")
            }
            let next: Int = try await pool.call(script, 7)
            #expect(next == 7)
        }
    }
}
