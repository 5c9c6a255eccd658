// Queues between real workers and the host.
import Foundation
import LuaFleet
import Testing

@Suite
struct QueueTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F48: what the host puts a task gets, and the other way round`(_ isolation: LuaIsolation) async throws {
        try await withPool(1, isolation: isolation) { pool in
            let inbox = try LuaQueue()
            let outbox = try LuaQueue(capacity: 2)
            async let task: LuaResults = pool.call(
                .source("local i, o = ... for v in i:items() do o:put({v, v * 2}) end o:close() return 'done'"), inbox,
                outbox)
            for number in 1...5 { try await inbox.put(number) }
            try inbox.close()
            var pairs: [[Int]] = []
            while let pair = try await outbox.get([Int].self) { pairs.append(pair) }
            #expect(pairs == [[1, 2], [2, 4], [3, 6], [4, 8], [5, 10]])
            #expect(try await task[0] == "done")
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F48: 4 producers and 4 consumers: every item comes out once, in order for each producer`(
        _ isolation: LuaIsolation
    ) async throws {
        try await withPool(8, isolation: isolation) { pool in
            let queue = try LuaQueue(capacity: 10)
            let produce = LuaScript.source("local q, p = ... for i = 1, 100 do q:put(p * 1000 + i) end return p")
            let consume = LuaScript.source(
                "local q = ... local got = {} for v in q:items() do got[#got + 1] = v end return got")
            try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<4 { group.addTask { try await pool.call(consume, queue) } }
                try await withThrowingTaskGroup(of: Int.self) { producers in
                    for producer in 1...4 { producers.addTask { try await pool.call(produce, queue, producer) } }
                    for try await _ in producers {}
                }
                try queue.close()
                var all: [Int] = []
                for try await got in group {
                    for producer in 1...4 {
                        let own = got.filter { $0 / 1000 == producer }
                        #expect(own == own.sorted())
                    }
                    all += got
                }
                var expected: [Int] = []
                for producer in 1...4 { for item in 1...100 { expected.append(producer * 1000 + item) } }
                #expect(all.sorted() == expected)
            }
        }
    }

    @Test func `F48: timeouts, try, exact size, and errors that name the queue`() async throws {
        try await withPool(1) { pool in
            let queue = try LuaQueue(capacity: 2, name: "test jobs")
            let results: LuaResults = try await pool.call(
                .source(
                    """
                    local q = ...
                    local out = {}
                    local function note(...) out[#out + 1] = table.concat({...}, " ", 1, select("#", ...)) end
                    local function text(...) local t = table.pack(...) for i = 1, t.n do t[i] = tostring(t[i]):gsub("^%(source%):%d+: ", "") end note(table.unpack(t, 1, t.n)) end
                    text(q:try_get())
                    text(q:get(0.001))
                    text(q:put("a"))
                    text(q:put("b"))
                    text(q:try_put("c"))
                    text(q:put("c", 0.001))
                    text(#q, q:size())
                    text(pcall(function() q:put(nil) end))
                    text(pcall(q.put, q, coroutine.create(print)))
                    text(pcall(q.task_done, q))
                    text(pcall(function() q:get(-1) end))
                    text(q:get())
                    q:close()
                    text(pcall(q.put, q, "x"))
                    text(q:get())
                    text(q:get())
                    text(pcall(fleet.Queue, 0))
                    text(pcall(fleet.Lock, {name = "test jobs"}))
                    text(fleet.Queue{name = "test jobs"} == q)
                    return table.concat(out, "\\n")
                    """), queue)
            #expect(
                results[0].string == """
                    nil empty
                    nil timeout
                    true
                    true
                    false full
                    false timeout
                    2 2
                    false bad argument #1 to 'put' (a value expected, got nil (fleet.null stands for nothing))
                    false cannot send value 1: coroutine
                    false attempt to call a nil value
                    false bad argument #1 to 'get' (a number of seconds, 0 or more, expected)
                    a
                    false queue test jobs: it is closed
                    b
                    nil closed
                    false queue: a capacity has to be at least 1, not 0
                    false queue test jobs: it is a queue, not a lock
                    true
                    """)
        }
    }

    @Test func `F48: an item of a consumer that is killed before it has answered goes to the next`() async throws {
        try await withPool(2) { pool in
            let queue = try LuaQueue()
            let dropping = try LuaQueue(policy: .drop)
            for number in 1...3 {
                try await queue.put(number)
                try await dropping.put(number)
            }
            let die = LuaScript.source("local q, status = ... q:get() os.exit(status)")
            await #expect(throws: LuaFleetError.self) { try await pool.call(die, queue, 9) }
            await #expect(throws: LuaFleetError.self) { try await pool.call(die, queue, 0) }
            await #expect(throws: LuaFleetError.self) { try await pool.call(die, dropping, 9) }
            try queue.close()
            try dropping.close()
            var kept: [Int] = []
            while let item = try await queue.get(Int.self) { kept.append(item) }
            #expect(kept == [1, 2, 3])
            #expect(try await dropping.get(Int.self) == 2)
        }
    }

    @Test func `F48: exit without draining does not hang`() async throws {
        let queue = try LuaQueue()
        try await withPool(1) { pool in
            let text = String(repeating: "x", count: 300_000)
            let size: Int = try await pool.call(
                .source("local q, t = ... for i = 1, 10 do q:put(t) end return #q"), queue, text)
            #expect(size == 10)
        }
        #expect(try queue.count == 10)
    }

    @Test(arguments: LuaIsolation.allCases)
    func `a task that waits holds up none of those that were sent behind it`(_ isolation: LuaIsolation) async throws {
        try await withPool(2, isolation: isolation) { pool in
            let queue = try LuaQueue()
            let script = LuaScript.source(
                "local q, i = table.unpack(...) if i == 1 then return q:get() end if i == 40 then q:put(7) end return i"
            )
            struct Input: Encodable {
                let queue: LuaQueue
                let number: Int
                func encode(to encoder: any Encoder) throws {
                    var list = encoder.unkeyedContainer()
                    try list.encode(queue)
                    try list.encode(number)
                }
            }
            let inputs = (1...40).map { Input(queue: queue, number: $0) }
            let results: [Int] = try await pool.map(script, inputs)
            #expect(results == [7] + Array(2...40))
        }
    }

    @Test func `a queue passes as a result, as an item and as a field, and stays one queue`() async throws {
        try await withPool(2) { pool in
            let made: LuaQueue = try await pool.call(
                .source(
                    "local q = fleet.Queue(3) q:put('made in Lua') local inner = fleet.Queue() q:put({inner, {x = inner}}) inner:put(7) return q"
                ))
            #expect(try await made.get(String.self) == "made in Lua")
            let value = try #require(try await made.get(LuaValue.self))
            guard case .handle(let first) = value[1], case .handle(let second) = value[2]["x"] else {
                Issue.record("no handles: \(value)")
                return
            }
            #expect(first == second)
            #expect(try await LuaQueue(first).get(Int.self) == 7)
        }
    }
}
