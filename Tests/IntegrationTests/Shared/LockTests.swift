// Locks, semaphores, events, conditions and barriers between real workers and the host.
import Foundation
import LuaFleet
import Testing

@Suite
struct LockTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F54: a lock makes one of reading and writing`(_ isolation: LuaIsolation) async throws {
        try await withPool(4, isolation: isolation) { pool in
            let lock = try LuaLock()
            let value = try SharedValue<Int64>(0)
            let script = LuaScript.source(
                "local l, v = ... for i = 1, 100 do l:with(function() local x = v:get() v:set(x + 1) end) end return 'ok'"
            )
            try await withThrowingTaskGroup(of: LuaResults.self) { group in
                for _ in 0..<4 { group.addTask { try await pool.call(script, lock, value) } }
                for try await _ in group {}
            }
            #expect(try value.get() == 400)
            #expect(try !lock.isLocked)
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F54: the next in line gets the lock of a killed owner and is told`(_ isolation: LuaIsolation) async throws {
        try await withPool(2, isolation: isolation) { pool in
            let lock = try LuaLock()
            let pids = try LuaQueue()
            let owner = Task { () -> LuaResults in
                try await pool.call(
                    .source("local l, q = ... l:acquire() q:put(fleet.worker.pid) while true do end"), lock, pids)
            }
            let pid = try #require(try await pids.get(Int32.self))
            async let next: LuaResults = pool.call(.source("local l = ... return l:acquire()"), lock)
            #expect(try lock.tryAcquire() == nil)
            kill(pid, SIGKILL)
            await #expect(throws: LuaFleetError.self) { try await owner.value }
            let told = try await next
            #expect(Array(told) == [true, "owner died"])
            // It ended with it too.
            #expect(try await lock.acquire() == .ownerDied)
            try lock.release()
            #expect(try await lock.acquire() == .acquired)
        }
    }

    @Test func `F54: a ring of waiters is told who holds what, instead of waiting for ever`() async throws {
        try await withPool(2) { pool in
            let first = try LuaLock(name: "first")
            let second = try LuaLock(name: "second")
            let barrier = try LuaBarrier(parties: 2)
            let script = LuaScript.source(
                "local a, b, both = ... a:acquire() both:wait() local ok, why = pcall(b.acquire, b) return ok, why")
            async let left: LuaResults = pool.call(script, first, second, barrier)
            async let right: LuaResults = pool.call(script, second, first, barrier)
            let results = try await [left, right]
            let told = results.filter { $0[0] == false }.compactMap { $0[1].string }
            #expect(told.count == 1)
            #expect(told.first?.contains("a deadlock: ") == true && told.first?.contains("lock first") == true)
            #expect(told.first?.contains("lock second") == true && told.first?.contains("waits for") == true)
        }
    }

    @Test func `F54: timeouts, wrong owners, recursion, semaphores, events and barriers in one task`() async throws {
        let lines = try await transcript(
            """
            local l = fleet.Lock()
            text(pcall(function() l:release() end))
            text(l:acquire(0.5), l:is_locked())
            text(l:acquire(0.001))
            text(l:try_acquire())
            text(pcall(function() l:acquire() end))
            l:release()
            text(type(select(2, pcall(l.with, l, function(...) text(l:is_locked(), ...) error({1}) end, 1, nil))))
            text(l:is_locked(), l:with(function() return 1, nil, 3 end))
            local r = fleet.RecursiveLock{name = "r of test"}
            text(r:acquire(), r:acquire()) r:release() text(r:is_locked()) r:release() text(r:is_locked())
            local s = fleet.BoundedSemaphore(2)
            text(s:acquire(), s:acquire(), s:acquire(0.001), s:value()) s:release() s:release()
            text(pcall(function() s:release() end))
            local e = fleet.Event()
            text(e:is_set(), e:wait(0.001)) e:set() text(e:is_set(), e:wait()) e:clear() text(e:is_set())
            local c = fleet.Condition()
            text(pcall(function() c:wait(0.001) end))
            text(c:with(function() return c:wait(0.001) end))
            text(pcall(function() c:notify() end))
            local b = fleet.Barrier(2)
            text(b:wait(0.001)) text(b:wait()) b:reset() text(b:status())
            text(fleet.Barrier(1):wait())
            text(pcall(fleet.Barrier, 0))
            text(pcall(fleet.Semaphore, -1))
            text(fleet.wait({e, fleet.Queue()}, 0.001)[1])
            e:set()
            text(fleet.wait({fleet.Queue(), e})[1] == e)
            text(pcall(fleet.wait, {l}))
            text(pcall(function() fleet.wait({}) end))
            text(pcall(function() return l + 1 end))
            text(l)
            """)
        #expect(
            lines == """
                false lock #N: it is not held by this task
                true true
                false timeout
                false timeout
                false lock #N: a deadlock: task 1 ((source), worker 1) waits for lock #N, which task 1 ((source), worker 1) holds
                true 1 nil
                table
                false 1 nil 3
                true true
                true
                false
                true true false 0
                false bounded semaphore #N: it was released more often than acquired (its bound is 2)
                false false timeout
                true true
                false
                false condition #N: its lock is not held by this task
                false timeout
                false condition #N: its lock is not held by this task
                false timeout
                false broken
                0 2 false
                1
                false barrier: it needs a number of parties of at least 1
                false semaphore: a value has to be at least 0, not -1
                nil
                true
                false lock #N: only queues, connections and events can be waited for
                false bad argument #N to 'wait' (a list of queues, connections and events expected)
                false attempt to perform arithmetic on a lock value (upvalue 'l')
                lock: #N
                """, "\(lines)")
    }

    @Test func `F54: a condition wakes those who wait, and a barrier everybody at once`() async throws {
        try await withPool(3) { pool in
            let condition = try LuaCondition()
            let waiting = try SharedValue<Int64>(0)
            let script = LuaScript.source(
                "local c, n = ... return c:with(function() n:add(1) return c:wait() end)")
            try await withThrowingTaskGroup(of: LuaResults.self) { group in
                for _ in 0..<3 { group.addTask { try await pool.call(script, condition, waiting) } }
                #expect(try await eventually { try waiting.get() == 3 })
                try await condition.withLock { try condition.notify(2) }
                for _ in 0..<2 { #expect(try await group.next()?[0] == true) }
                try await condition.withLock { try condition.notifyAll() }
                #expect(try await group.next()?[0] == true)
            }
            let barrier = try LuaBarrier(parties: 4)
            let arrive = LuaScript.source(
                "local b = ... local sum = 0 for i = 1, 50 do sum = sum + b:wait() end return sum")
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 { group.addTask { try await pool.call(arrive, barrier) } }
                var own = 0
                for _ in 1...50 { own += try await barrier.wait() }
                for try await sum in group { own += sum }
                #expect(own == 50 * (1 + 2 + 3 + 4))
            }
        }
    }

    @Test func `F54: a barrier breaks when one of its parties dies`() async throws {
        try await withPool(2) { pool in
            let barrier = try LuaBarrier(parties: 3)
            async let patient: LuaResults = pool.call(.source("local b = ... return b:wait()"), barrier)
            #expect(try await eventually { try barrier.waiting == 1 })
            let script = LuaScript.source("local b = ... b:wait() ")
            let doomed = Task { () -> LuaResults in try await pool.call(script, barrier) }
            #expect(try await eventually { try barrier.waiting == 2 })
            doomed.cancel()
            let told = try await patient
            #expect(Array(told) == [false, "broken"])
            #expect(try barrier.isBroken)
            _ = await doomed.result
            await #expect(throws: LuaFleetError.self) { try await barrier.wait() }
        }
    }

    @Test func `a wait in Swift ends with its task, and a timeout is an error that names the object`() async throws {
        let queue = try LuaQueue(name: "never filled")
        let waiting = Task { try await queue.get(Int.self) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let error = await #expect(throws: LuaFleetError.self) {
            try await queue.get(Int.self, timeout: .milliseconds(1))
        }
        #expect(error?.code == .timeout && error?.message.contains("queue never filled") == true)
        let lock = try LuaLock()
        #expect(throws: LuaFleetError.self) { try lock.release() }
        await #expect(throws: LuaFleetError.self) {
            try await lock.acquire()
            try await lock.acquire()
        }
    }
}
