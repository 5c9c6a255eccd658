// F07, F46: many items and large ones.
import LuaFleet
import Testing

@Suite
struct TrafficTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F07: 1000 items of random durations come back in the order of the inputs`(_ isolation: LuaIsolation)
        async throws
    {
        try await withPool(4, isolation: isolation) { pool in
            let script = LuaScript.source(
                "local n = ... local t = os.clock() + math.random() * 0.001 if n % 3 == 0 then fleet.sleep(math.random() * 0.004) else while os.clock() < t do end end return n * n"
            )
            let squares: [Int] = try await pool.map(script, 1...1000)
            #expect(squares == (1...1000).map { $0 * $0 })
        }
    }

    @Test func `F11: an endless input is read no faster than its results are used`() async throws {
        try await withPool(2) { pool in
            let counter = Counter()
            let jobs = AsyncStream<LuaJob> { LuaJob(.source("return ..."), [.integer(Int64(counter.next()))]) }
            var taken = 0
            for try await report in pool.reports(of: jobs, ordered: true, window: 4) {
                taken += 1
                #expect(report.values == [.integer(Int64(taken))] && counter.value <= taken + 2 * 2 + 1)
                if taken == 500 { break }
            }
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }

    @Test(arguments: [0, 1, 4095, 65_535, 65_536, 65_537, 212_992, 16 << 20], LuaIsolation.allCases)
    func `F46: a string of any size goes both ways at once on four workers`(_ size: Int, _ isolation: LuaIsolation)
        async throws
    {
        try await withPool(4, isolation: isolation) { pool in
            let text = String(repeating: "ab", count: size / 2) + (size % 2 == 1 ? "c" : "")
            let script = LuaScript.source("return {f = function(s) return s end}").function("f")
            let echoes: [String] = try await pool.map(script, Array(repeating: text, count: 6))
            #expect(echoes.count == 6 && echoes.allSatisfy { $0 == text })
        }
    }

    @Test func `F46: 64 MiB in both directions at once`() async throws {
        try await withPool(2) { pool in
            let text = LuaValue.string(LuaString(bytes: [UInt8](repeating: 0x61, count: 64 << 20)))
            let jobs = (1...3).map { _ in LuaJob(.source("return ..."), [text]) }
            for try await report in pool.reports(of: jobs) { #expect(report.values == [text]) }
        }
    }

    @Test func `F46: a value over the cap is an error that costs nobody anything`() async throws {
        try await withPool(1) { pool in
            let report = await pool.run(.source("return ('x'):rep(80 * 1024 * 1024)"))
            #expect(report.code == .resultLimit, "\(report.code as Any)")
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }

    @Test func `scripts by the hundred are each what they are, also those that were forgotten`() async throws {
        try await withPool(2) { pool in
            let scripts = (0..<300).map { LuaScript.source("return \($0)") }
            for round in 0..<2 {
                var index = 0
                for try await report in pool.reports(of: scripts.map { LuaJob($0) }, ordered: true) {
                    #expect(report.values == [.integer(Int64(index))], "round \(round)")
                    index += 1
                }
            }
        }
    }
}

private final class Counter: @unchecked Sendable {  // counted by one producer; a reader may see the number before
    var value = 0
    func next() -> Int {
        value += 1
        return value
    }
}
