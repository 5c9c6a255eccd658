// `bench shared`: what the operations of shared objects cost, from Lua in workers. Scripts/bench-peers/python_shared.py measures the same in Python.
import CFleetSystem
import Glibc
import LuaFleet

extension Workload {
    static let shared = Workload(
        name: "shared",
        summary: "ns an operation of queues, locks, values, arrays, dictionaries, pipes; 256 MiB for 4 workers"
    ) {
        try await withLuaPool(LuaPoolConfiguration(workers: 4)) { pool in
            var figures: [Figure] = []
            figures += try await queueAndPipe(pool)
            figures += try await locks(pool)
            figures += try await numbers(pool)
            figures += try await tables(pool)
            figures += try await memory(pool)
            return figures
        }
    }

    /// The functions that run in workers; each does its operation so many times.
    private static let script = LuaScript.source(
        """
        return {
            produce = function(q, n) for i = 1, n do q:put(i) end end,
            consume = function(q, n) for i = 1, n do q:get() end end,
            ping = function(c, n) for i = 1, n do c:send(i) c:recv() end end,
            pong = function(c, n) for i = 1, n do c:send(c:recv()) end end,
            lock = function(l, n) for i = 1, n do l:acquire() l:release() end end,
            add = function(v, n) for i = 1, n do v:add(1) end end,
            call = function(v, n) local s = "" for i = 1, n do s:len() end end,
            element = function(a, n) for i = 1, n do a[7] = a[7] + 1 end end,
            set = function(d, n) for i = 1, n do d.key = i end end,
            get = function(d, n) local x for i = 1, n do x = d.key end return x end,
            touch = function(m, go, n)
                local sum = 0
                for i = 1, #m, 4096 do sum = sum + #m:read(i, 1) end
                n:add(1)
                go:wait()
                return fleet.worker.pid
            end,
        }
        """, name: "bench shared")

    /// Nanoseconds an operation where each of these calls runs in a worker of its own; every one of them does `count`.
    private static func measure(
        _ pool: LuaPool, _ name: String, count: Int, operations: Int? = nil,
        _ calls: [(function: String, object: any LuaSharedObject)]
    ) async throws -> Figure {
        let seconds = try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (function, object) in calls {
                    let value = object.value
                    group.addTask { let _: LuaResults = try await pool.call(script.function(function), value, count) }
                }
                try await group.waitForAll()
            }
        }
        return Figure(suffix: name, unit: "ns", value: seconds * 1e9 / Double(operations ?? count))
    }

    private static func queueAndPipe(_ pool: LuaPool) async throws -> [Figure] {
        let queue = try LuaQueue(capacity: 100)
        let pipe = try LuaPipe()
        return [
            try await measure(pool, "queue", count: 100_000, [("produce", queue), ("consume", queue)]),
            try await measure(pool, "pipe", count: 50_000, [("ping", pipe.first), ("pong", pipe.second)]),
        ]
    }

    private static func locks(_ pool: LuaPool) async throws -> [Figure] {
        let lock = try LuaLock()
        return [
            try await measure(pool, "lock.free", count: 1_000_000, [("lock", lock)]),
            try await measure(
                pool, "lock.contended", count: 500_000, operations: 1_000_000, [("lock", lock), ("lock", lock)]),
        ]
    }

    private static func numbers(_ pool: LuaPool) async throws -> [Figure] {
        let value = try SharedValue<Int64>(0)
        let array = try SharedArray<Double>(count: 16)
        let memory = try SharedMemory(size: 8)
        let count = 2_000_000
        // The same operation as C makes it, by one thread and by two.
        @Sendable func addInC() throws {
            try memory.withBytes { bytes in
                var sum: Int64 = 0
                for _ in 0..<count { _ = lfs_element_add(bytes.baseAddress!, LFS_I64, 1, &sum) }  // eight bytes
            }
        }
        let atomic = try await timed { try addInC() }
        let contended = try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 { group.addTask { try addInC() } }
                try await group.waitForAll()
            }
        }
        return [
            Figure(suffix: "atomic", unit: "ns", value: atomic * 1e9 / Double(count)),
            Figure(suffix: "atomic.contended", unit: "ns", value: contended * 1e9 / Double(2 * count)),
            // What Lua takes for calling any C function as a method: part of every line below.
            try await measure(pool, "call", count: count, [("call", value)]),
            try await measure(pool, "value.add", count: count, [("add", value)]),
            try await measure(
                pool, "value.add.contended", count: count, operations: 2 * count, [("add", value), ("add", value)]),
            try await measure(pool, "array.element", count: count, [("element", array)]),
        ]
    }

    private static func tables(_ pool: LuaPool) async throws -> [Figure] {
        let table = try SharedTable(initial: ["key": 1])
        return [
            try await measure(pool, "dictionary.set", count: 10_000, [("set", table)]),
            try await measure(pool, "dictionary.get", count: 10_000, [("get", table)]),
        ]
    }

    /// 256 MiB that four workers read whole: what all of them and the host hold of it, by halves and quarters counted (PSS).
    private static func memory(_ pool: LuaPool) async throws -> [Figure] {
        let size = 256 << 20
        let pids = await pool.workerPids + [Int32(getpid())]
        func pss() -> Double { pids.map { proportionalSetSize(of: $0) }.reduce(0, +) }
        let before = pss()
        let memory = try SharedMemory(size: size)
        try memory.withBytes { bytes in
            for offset in stride(from: 0, to: size, by: 4096) { bytes[offset] = 1 }
        }
        let go = try LuaEvent()
        let ready = try SharedValue<Int64>(0)
        var after = 0.0
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { let _: LuaResults = try await pool.call(script.function("touch"), memory, go, ready) }
            }
            while try ready.get() < 4 { await Task.yield() }
            after = pss()
            try go.set()
            try await group.waitForAll()
        }
        return [Figure(suffix: "memory.256MiB", unit: "MiB", value: after - before)]
    }
}
