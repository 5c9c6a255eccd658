// One task on real workers: what comes back, and which error.
import LuaFleet
import Testing

@Suite
struct CallTests {
    @Test func `F09: a call returns what the script returns`() async throws {
        try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
            let six: Int = try await pool.call(.source("return 2 * 3"))
            #expect(six == 6)
            let text: String = try await pool.call(.source("local a, b = ... return a .. b"), "x", 5)
            #expect(text == "x5")
        }
    }

    @Test func `F07: map returns the results in the order of the inputs`() async throws {
        let script = LuaScript.source("return {square = function(x) return x * x end}").function("square")
        let squares: [Int] = try await withLuaPool(LuaPoolConfiguration(workers: 3)) { pool in
            try await pool.map(script, 1...1000)
        }
        #expect(squares == (1...1000).map { $0 * $0 })
    }
}
