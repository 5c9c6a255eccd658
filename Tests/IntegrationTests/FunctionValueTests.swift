// F44: functions that were made at run time cross the pipe with their variables, and run as tasks.
import LuaFleet
import Testing

@Suite
struct FunctionValueTests {
    private func function(_ source: String, _ pool: LuaPool) async throws -> LuaScript {
        let value: LuaValue = try await pool.call(.source(source))
        guard case .function(let function) = value else {
            Issue.record("no function came back but \(value)")
            throw LuaFleetError(code: .notDecodable, message: "no function")
        }
        return try .function(function)
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F44: map over a function made at run time, with its variables`(_ isolation: LuaIsolation) async throws {
        try await withPool(2, isolation: isolation) { pool in
            let add = try await function("local n, t = 10, {k = 5} return function(x) return x + n + t.k end", pool)
            let sums: [Int] = try await pool.map(add, 1...50)
            #expect(sums == (1...50).map { $0 + 15 })
        }
    }

    @Test func `F44: recursive and mutually recursive local functions, and a function of a library`() async throws {
        try await withPool(2) { pool in
            let fib = try await function(
                "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib", pool)
            let fibs: [Int] = try await pool.map(fib, [1, 2, 10, 15])
            #expect(fibs == [1, 1, 55, 610])
            let even = try await function(
                """
                local even, odd
                function even(n) if n == 0 then return true end return odd(n - 1) end
                function odd(n) if n == 0 then return false end return even(n - 1) end
                return even
                """, pool)
            let parities: [Bool] = try await pool.map(even, [0, 1, 7, 8])
            #expect(parities == [true, false, false, true])
            let format = try await function("return string.format", pool)
            let text: String = try await pool.call(format, "%d-%s", 7, "x")
            #expect(text == "7-x")
        }
    }

    @Test func `F44: a function as an argument is called where it arrives`() async throws {
        try await withPool(2) { pool in
            let value: LuaValue = try await pool.call(.source("local n = 3 return function(x) return x * n end"))
            let twelve: Int = try await pool.call(.source("local f, x = ... return f(x)"), value, 4)
            #expect(twelve == 12)
        }
    }
}
