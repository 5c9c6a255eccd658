// What is lent, with real workers that die at any moment; and what is left of objects that were dropped.
import CFleetSystem
import Foundation
import LuaFleet
import Testing

@Suite
struct LentTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F48, F54: workers that die in the middle of locks and queues lose nothing and hold up nobody`(
        _ isolation: LuaIsolation
    ) async throws {
        try await withPool(3, isolation: isolation) { pool in
            let queue = try LuaQueue(capacity: 20)
            let lock = try LuaLock()
            let taken = try SharedArray<Int64>(count: 400)
            let inside = try SharedValue<Int64>(0)
            // An item is answered for when the next one is got: only then it counts. Whoever finds somebody else inside of the lock says so.
            let consume = LuaScript.source(
                """
                local q, l, taken, inside, fate = ...
                local last
                for i = 1, fate do
                    local item = q:get()
                    if last then taken:add(last) end
                    last = item
                    if not item then return "end" end
                    l:acquire()
                    local others = inside:add(1) - 1
                    if i == fate and fate % 2 == 0 then inside:add(-1) os.exit(fate % 3) end
                    inside:add(-1)
                    l:release()
                    if others ~= 0 then error("two inside") end
                end
                os.exit(1)
                """)
            let produce = Task {
                for number in 1...400 { try await queue.put(number) }
                try queue.close()
            }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for start in 0..<3 {
                    group.addTask {
                        var fate = start + 3
                        while true {
                            fate = fate % 17 + 2
                            do {
                                let told: String = try await pool.call(consume, queue, lock, taken, inside, fate)
                                return told == "end"
                            } catch let error as LuaFleetError {
                                guard error.code.kind == "worker_died" else { throw error }
                            }
                        }
                    }
                }
                for try await isEnd in group { #expect(isEnd) }
            }
            try await produce.value
            let counts = try taken.elements
            #expect(counts.allSatisfy { $0 == 1 }, "\(counts.enumerated().filter { $0.element != 1 })")
        }
    }

    @Test func `F48, F54: a lock and a queue are used without the host, and it still sees what is in them`()
        async throws
    {
        try await withPool(1) { pool in
            let queue = try LuaQueue()
            let lock = try LuaLock()
            let results: LuaResults = try await pool.call(
                .source(
                    """
                    local q, l = ...
                    for i = 1, 300 do q:put(i) end
                    local sum = 0
                    for i = 1, 100 do sum = sum + q:get() end
                    l:acquire()
                    return sum, q:size(), #q, l:is_locked(), l:try_acquire()
                    """), queue, lock)
            #expect(Array(results.prefix(4)) == [5050, 200, 200, true])
            #expect(results[4] == false)
            #expect(try queue.count == 200)
            var next = 101
            while let item = try queue.tryGet(Int.self) {
                #expect(item == next)
                next += 1
            }
            #expect(next == 301)
            #expect(try lock.tryAcquire() == .ownerDied)
        }
    }

    @Test func `1,000 times made and dropped: host and worker keep neither objects nor descriptors nor memory`()
        async throws
    {
        try await withPool(1) { pool in
            let script = LuaScript.source(
                """
                local function cycle()
                    local q, l, p, s = fleet.Queue(3), fleet.Lock(), fleet.Pipe(), fleet.SharedMemory(1 << 16)
                    q:put(l) q:put({p}) q:get() q:put(1)
                    l:acquire() l:release() l:acquire()
                    local v, a, d = fleet.Value("i64", 0), fleet.Array("u8", 100), fleet.Dictionary{x = {y = q}}
                    v:add(1) v:acquire() a[1] = 3 d.q = q s:write(1, "x") s:slice(1, 10)
                    fleet.Condition(l):notify() fleet.Semaphore():acquire() fleet.ShareableList{1, "x"}[1] = 2
                end
                for i = 1, ... do cycle() if i % 50 == 0 then collectgarbage() end end
                collectgarbage() collectgarbage()
                return fleet.worker.pid, collectgarbage("count")
                """)
            func state(_ pid: Int) throws -> (descriptors: Int, mappings: Int) {
                let maps = try String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8)
                return (
                    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count,
                    maps.split(separator: "\n").filter { $0.contains("luafleet-shared") }.count
                )
            }
            let first: LuaResults = try await pool.call(script, 20)
            let pid = try #require(first[0].int)
            let before = try state(pid)
            let hostBefore = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
            let second: LuaResults = try await pool.call(script, 1000)
            #expect(second[0].int == pid)
            let after = try state(pid)
            #expect(after.descriptors <= before.descriptors && after.mappings <= before.mappings)
            #expect(second[1].double ?? 0 < (first[1].double ?? 0) + 100)
            // Others run beside this test, but none of them has thousands.
            #expect(
                await eventually {
                    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 < hostBefore
                        + 1000
                })
        }
    }

    @Test func `F51: slices and single bytes of shared memory, without a copy`() async throws {
        try await withPool(1) { pool in
            let memory = try SharedMemory(size: 64)
            try memory.write(Array("0123456789".utf8))
            let results: LuaResults = try await pool.call(
                .source(
                    """
                    local m = ...
                    local function fails(f, ...) return (select(2, pcall(f, ...)):gsub("#%d+", "#N"):gsub("^.-:%d+: ", "")) end
                    local s = m:slice(3, 4)
                    local t = s:slice(2, 2)
                    local out = {s:read(), #s, t:read(), #m, m[1], s[1]}
                    t:write(1, "AB") s[4] = 67
                    m:slice(9, 16):set_numbers("i64", 1, {-1, 7})
                    out[#out + 1] = m:read(1, 7)
                    out[#out + 1] = m:numbers("i64", 3, 1)[1]
                    out[#out + 1] = fails(s.read, s, 1, 5)
                    out[#out + 1] = fails(m.slice, m, 64, 2)
                    out[#out + 1] = fails(function() return s[5] end)
                    out[#out + 1] = fails(function() s[1] = 256 end)
                    out[#out + 1] = fails(s.numbers, s, "f64", 1, 0)
                    out[#out + 1] = fails(s.numbers, s, "f65", 1, 0)
                    m = nil collectgarbage() collectgarbage()
                    out[#out + 1] = s:read(1, 1)
                    return table.unpack(out)
                    """),
                memory)
            #expect(
                Array(results) == [
                    "2345", 4, "34", 64, 48, 50, "012ABC6", 7,
                    "shared memory #N: 5 elements from 1 on are outside of 1…4",
                    "shared memory #N: 2 elements from 64 on are outside of 1…64",
                    "shared memory #N: index 5 is outside of 1…4",
                    "shared memory #N: a byte is an integer from 0 to 255",
                    "shared memory #N: a slice that begins at byte 3 holds no f64: those begin at every 8th byte",
                    "shared memory #N: no type \"f65\"", "2",
                ], "\(Array(results))")
            #expect(try memory.read(0..<8) == Array("012ABC67".utf8))
        }
    }

    @Test func `F49: tasks are waited for beside queues and connections, in Swift and in Lua`() async throws {
        try await withPool(2) { pool in
            let (queue, go) = (try LuaQueue(), try LuaEvent())
            let task = try await pool.submit(.source("local go = ... go:wait() return 7"), go)
            let completion = try task.completion()
            #expect(try await waitForAny([queue, completion], timeout: .zero) == [])
            async let inLua: LuaResults = pool.call(
                .source("local q, done = ... return fleet.wait({q, done})[1] == done"), queue, completion)
            try go.set()
            #expect(try await waitForAny([queue, completion]) == [1])
            #expect(try await inLua[0] == true)
            _ = try await task.value
            // One that has ended.
            #expect(try await waitForAny([queue, task.completion()]) == [1])
        }
    }
}
