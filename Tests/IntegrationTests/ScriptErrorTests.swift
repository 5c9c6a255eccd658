// F25: errors of a script, of every kind of value, with what is needed to find them.
import LuaFleet
import Testing

@Suite
struct ScriptErrorTests {
    private func error(of source: String, _ isolation: LuaIsolation = .shared) async throws -> LuaError {
        try await withPool(1, isolation: isolation) { pool in
            let report = await pool.run(.source(source, name: "chunk"), "an argument")
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7, "the worker lives")
            return try #require(report.luaError, "\(report.result)")
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F25: a raised string comes with its position, a traceback and the task`(_ isolation: LuaIsolation)
        async throws
    {
        let error = try await error(of: "local function f() error('x') end\nf()", isolation)
        #expect(error.kind == .raised && error.message == "chunk:1: x" && error.value == nil)
        #expect(error.traceback?.contains("chunk:2:") == true && error.traceback?.hasPrefix("stack traceback:") == true)
        #expect(
            error.task.script == "chunk" && error.task.worker == 1 && error.task.pid > 0 && error.task.attempts == 1)
        #expect(error.task.arguments.contains("an argument"))
    }

    @Test func `F25: a raised table is there as a value`() async throws {
        let error = try await error(of: "error({code = 5})")
        #expect(error.value?["code"] == .integer(5) && error.message.contains("table"))
    }

    @Test func `F25: nil, a file, a function and an object whose __tostring raises are errors and hang nothing`()
        async throws
    {
        #expect(try await error(of: "error(nil)").message.contains("nil"))
        let file = try await error(of: "error(io.stdout)")
        #expect(file.message.hasPrefix("file (") && file.value == nil)
        #expect(try await error(of: "error(print)").message.contains("function"))
        let bad = try await error(of: "error(setmetatable({}, {__tostring = function() error('again') end}))")
        #expect(bad.kind == .raised && !bad.message.isEmpty)
        #expect(
            try await error(of: "error(setmetatable({}, {__tostring = function() return 'nice' end}))").message
                == "nice")
    }

    @Test
    func `F25: an error of the runtime names its line; of the compiler, the script; a missing function, its name`()
        async throws
    {
        #expect(
            try await error(of: "\n\nlocal a = nil + 1").message.hasPrefix(
                "chunk:3: attempt to perform arithmetic on a nil value"))
        let syntax = try await error(of: "return return")
        #expect(syntax.kind == .syntax && syntax.message.hasPrefix("chunk:1:"))
        try await withPool(1) { pool in
            let report = await pool.run(.source("return {}", name: "lib").function("gone"))
            #expect(report.luaError?.kind == .noFunction && report.luaError?.message.contains("gone") == true)
        }
    }

    @Test(arguments: ["return io.stderr", "return {a = {b = io.stdout}}", "return coroutine.create(print)"])
    func `F25: a result that cannot be sent is an error, and the worker lives`(_ source: String) async throws {
        try await withPool(1) { pool in
            let report = await pool.run(.source(source))
            #expect(report.code == .notEncodable, "\(report.result)")
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }

    @Test func `F15: map throws the first failure in time, though an earlier input's task still runs`() async throws {
        try await withPool(2) { pool in
            do {
                _ =
                    try await pool.map(
                        .source("local n = ... if n == 1 then while true do end end error('no ' .. n, 0)"), 1...50)
                    as [Int]
                Issue.record("it did not throw")
            } catch let error as LuaError {
                #expect(error.message == "no \(error.task.index)" && error.task.index > 1)
            }
            // The endless one was killed.
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }
}
