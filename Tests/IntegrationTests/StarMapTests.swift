// F08, F16: functions of several arguments and several results, from every kind of source.
import Foundation
import LuaFleet
import Testing

@Suite
struct StarMapTests {
    @Test(arguments: [LuaChunkSize.auto, 1, 3])
    func `F08: starMap unpacks tuples and lists of arguments`(_ chunkSize: LuaChunkSize) async throws {
        try await withPool(2) { pool in
            let power = LuaScript.source("local a, b = ... return math.tointeger(a ^ b)")
            let powers: [Int] = try await pool.starMap(power, (1...100).map { ($0, 2) }, chunkSize: chunkSize)
            #expect(powers == (1...100).map { $0 * $0 })
            let describe = LuaScript.source("return select('#', ...) .. table.concat({...}, ',')")
            let lists: [[any Encodable & Sendable]] = [[], ["a"], ["a", 2], ["a", 2, 3.5, "b"]]
            let texts: [String] = try await pool.starMap(describe, lists, chunkSize: chunkSize)
            #expect(texts == ["0", "1a", "2a,2", "4a,2,3.5,b"])
        }
    }

    @Test func `F08: several results are kept, with nil in the middle, at the end, and their count`() async throws {
        try await withPool(1) { pool in
            let script = LuaScript.source("return 1, nil, 3, nil")
            let results = try await pool.call(script)
            #expect(results.count == 4 && Array(results) == [1, .nil, 3, .nil])
            let mapped: [LuaResults] = try await pool.map(script, 1...3)
            #expect(mapped.map { Array($0) } == Array(repeating: [1, .nil, 3, .nil], count: 3))
            let pairs: [LuaResults] = try await pool.starMap(.source("local a, b = ... return b, nil, a"), [(1, "x")])
            #expect(pairs.map { Array($0) } == [["x", .nil, 1]])
            #expect(try await pool.call(.source("return")).count == 0)
        }
    }

    @Test func `F08: Lua takes any number of arguments: those that are missing are nil, those too many are dropped`()
        async throws
    {
        try await withPool(1) { pool in
            let script = LuaScript.source("return {f = function(a, b) return a, b end}").function("f")
            let (none, one, three) = (
                try await pool.call(script), try await pool.call(script, 1), try await pool.call(script, 1, 2, 3)
            )
            #expect(Array(none) == [.nil, .nil])
            #expect(Array(one) == [1, .nil])
            #expect(Array(three) == [1, 2])
            // What a function makes of too few is its own error.
            let report = await pool.run(.source("local a, b = ... return a + b"), 1)
            #expect(report.luaError?.message.contains("arithmetic on a nil value") == true)
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F16: a file, a source, a module, a global function and a function value do the same`(
        _ isolation: LuaIsolation
    )
        async throws
    {
        try await withFolder { folder in
            let body = "local m = {} function m.square(x) return x * x end"
            for (name, text) in [
                ("tasks.lua", body + " return m"), ("globals.lua", "function square(x) return x * x end"),
                ("whole.lua", "local x = ... return x * x"),
            ] {
                try Data(text.utf8).write(to: folder.appendingPathComponent(name))
            }
            let file = folder.appendingPathComponent("tasks.lua").path
            try await withPool(2, isolation: isolation) { pool in
                let value: LuaValue = try await pool.call(.source("return function(x) return x * x end"))
                guard case .function(let function) = value else {
                    Issue.record("\(value)")
                    return
                }
                let nested = LuaScript.source("return {math = {square = function(x) return x * x end}}")
                // A module is looked for as `require` does it, by package.path; here by its preload table.
                let module = LuaScript.source(
                    "package.path = '\(folder.path)/?.lua;' .. package.path return require('tasks')")
                let sources: [(String, LuaScript)] = [
                    ("a function of a file", .file(file).function("square")),
                    ("a global of a file", .file(folder.appendingPathComponent("globals.lua").path).function("square")),
                    ("a whole file", .file(folder.appendingPathComponent("whole.lua").path)),
                    ("a source", .source("local x = ... return x * x")),
                    ("a function of a source", .source(body + " return m").function("square")),
                    ("a path", nested.function("math.square")),
                    ("a module", module.function("square")),
                    ("a function value", try .function(function)),
                ]
                for (name, script) in sources {
                    let squares: [Int] = try await pool.map(script, 1...20)
                    #expect(squares == (1...20).map { $0 * $0 }, "\(name)")
                    #expect(try await pool.call(script, 12) == 144, "\(name)")
                    let task: LuaTask<Int> = try await pool.submit(script, 5)
                    #expect(try await task.value == 25, "\(name)")
                }
            }
        }
    }

    @Test func `F16: a module is found as require finds it, and one that is not there is the script's error`()
        async throws
    {
        try await withFolder { folder in
            try Data("return {square = function(x) return x * x end}".utf8)
                .write(to: folder.appendingPathComponent("shapes.lua"))
            var configuration = LuaPoolConfiguration(workers: 2)
            configuration.initializer = .source("package.path = '\(folder.path)/?.lua;' .. package.path")
            try await withLuaPool(configuration) { pool in
                let squares: [Int] = try await pool.map(LuaScript.module("shapes").function("square"), 1...50)
                #expect(squares == (1...50).map { $0 * $0 })
                let report = await pool.run(LuaScript.module("no.such.module").function("f"))
                #expect(report.luaError?.message.contains("module 'no.such.module' not found") == true)
            }
        }
    }

    @Test(arguments: ["return {f = 5}", "f = 'text' return nil", "return {}", "return 7", "return {f = {}}"])
    func `F16: what is no function is an error of the script that names it, in a call, a map and a handle`(
        _ source: String
    ) async throws {
        try await withPool(1) { pool in
            let script = LuaScript.source(source, name: "lib").function("f")
            func expect(_ error: LuaError?) {
                #expect(error?.kind == .noFunction && error?.message.contains("f") == true, "\(error as Any)")
            }
            expect(await #expect(throws: LuaError.self) { try await pool.call(script) })
            expect(await #expect(throws: LuaError.self) { _ = try await pool.map(script, 1...3, returning: Int.self) })
            let task: LuaTask<Int> = try await pool.submit(script)
            expect(await task.result.luaError)
            #expect(try await pool.call(.source("return 7")) == 7)
        }
    }
}
