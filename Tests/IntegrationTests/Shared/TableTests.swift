// Shared tables between real workers and the host.
import Foundation
import LuaFleet
import Testing

@Suite
struct TableTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F53: 4 tasks update 1000 times each, and nested tables are the same everywhere`(_ isolation: LuaIsolation)
        async throws
    {
        try await withPool(4, isolation: isolation) { pool in
            let times = isolation == .shared ? 1000 : 100
            let table = try SharedTable(initial: ["count": 0, "nested": ["list": [1, 2]]])
            let script = LuaScript.source(
                """
                local d, n, times = ...
                for i = 1, times do d:update("count", function(c) return c + 1 end) end
                d.nested.list[#d.nested.list + 1] = n
                d.nested["task" .. n] = {n}
                return d.nested.list[1]
                """)
            try await withThrowingTaskGroup(of: LuaResults.self) { group in
                for number in 10...13 { group.addTask { try await pool.call(script, table, number, times) } }
                for try await result in group { #expect(result[0] == 1) }
            }
            #expect(try table.get("count", as: Int.self) == 4 * times)
            let nested = try #require(try table.get("nested", as: SharedTable.self))
            #expect(try nested.entries.count == 5)
            let task = try #require(try nested.get("task12", as: SharedTable.self))
            #expect(try task.get(1, as: Int.self) == 12)
        }
    }

    @Test func `F53: Lua's own table syntax, and errors that name the table`() async throws {
        let lines = try await transcript(
            """
            local d = fleet.Dictionary{a = 1, [2.0] = "two", [true] = "yes", f = string.format}
            text(d.a, d[2], d[true], d.missing, d.f("%03d", 7))
            d.b = {x = {y = 1}} d.b.x.y = d.b.x.y + 1 text(d.b.x.y, d.b == d.b)
            d.a = nil text(d.a)
            local keys = {} for k, v in pairs(d) do keys[#keys + 1] = tostring(k) end table.sort(keys) text(table.concat(keys, ","))
            text(pcall(function() d.update = 1 end)) d:set("update", 5) text(d:get("update"))
            text(pcall(function() d[{}] = 1 end)) text(pcall(function() d.x = coroutine.create(print) end))
            text(pcall(function() d:update("b2", function() error("boom") end) end)) d.b2 = 1 text(d.b2)
            text(d:update("n", function(v) return (v or 0) + 1 end), d.n)
            text(pcall(function() d:update("n", function(v) d.z = 1 return 1 end) end))
            local l = fleet.List{1, 2, 3}
            l[#l + 1] = 4 l:insert(5) l:insert(1, 0) text(#l, l[1], l[6], l:remove(1), l:remove(), #l)
            text(pcall(function() l[9] = 1 end)) text(pcall(function() l.x = 1 end)) text(pcall(function() l:insert(9, 1) end))
            local sum = 0 for i, v in ipairs(l) do sum = sum + v end text(sum, table.concat(l:copy(), ","))
            text(fleet.List():remove())
            local n = fleet.Namespace{name = "settings of test"} n.x = 1 text(fleet.Namespace{name = "settings of test"}.x, #n)
            text(pcall(function() n[1] = 1 end))
            local cyclic = {} cyclic.self = cyclic d.c = cyclic text(d.c.self == d.c, d.c.self.self.self == d.c)
            d:clear() text(next(d:copy()))
            """)
        #expect(lines == Self.expected, "\(lines)")
    }

    private static let expected = """
        1 two yes nil 007
        2 true
        nil
        2,b,f,true
        false 'update' is the name of a method; use :set("update", value) and :get("update")
        5
        false dictionary #N: a key of a shared table is a string, a number or a boolean
        false cannot send value 2: coroutine
        false boom
        1
        1 1
        false dictionary #N: the function of an update cannot change the table that it updates
        6 0 5 0 5 4
        false list #N: index 9 is outside of 1…5
        false list #N: an index of a list is an integer
        false list #N: index 9 is outside of 1…5
        10 1,2,3,4
        nil
        1 1
        false namespace settings of test: a name in a namespace is a string
        true true
        nil
        """

    @Test func `F53: an update past its budget does not count and stops nobody`() async throws {
        try await withPool(2) { pool in
            let table = try SharedTable(initial: ["x": 1])
            let began = try LuaEvent()
            async let slow: LuaResults = pool.call(
                .source(
                    "local d, e, go = ... return pcall(d.update, d, 'x', function(v) e:set() go:wait() return 100 end, 0.05)"
                ),
                table, began, try LuaEvent(name: "go of test"))
            try await began.wait()
            try await table.set("x", 2)  // waits until the budget is over
            try LuaEvent(name: "go of test").set()
            let told = try await slow
            #expect(told[0] == false && told[1].string?.contains("took longer than its budget") == true)
            #expect(try table.get("x", as: Int.self) == 2)
        }
    }

    @Test func `F53: a task that is killed in an update leaves the old value and lets the next go on`() async throws {
        try await withPool(2) { pool in
            let table = try SharedTable(initial: ["x": 1])
            await #expect(throws: LuaFleetError.self) {
                try await pool.call(.source("local d = ... d:update('x', function() os.exit(1) end)"), table)
            }
            let now = try await table.update("x") { .integer(($0.int64 ?? 0) + 1) }
            #expect(now == 2)
            struct Refusal: Error {}
            await #expect(throws: Refusal.self) { try await table.update("x") { _ in throw Refusal() } }
            try await table.set("x", 3)
            #expect(try table.get("x", as: Int.self) == 3)
        }
    }
}
