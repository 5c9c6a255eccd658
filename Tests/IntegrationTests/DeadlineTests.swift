// F22: deadlines, and cancelling: whatever a task is doing, it ends.
import Foundation
import LuaFleet
import Testing

@Suite
struct DeadlineTests {
    @Test func `F22: the deadline counts from the start: tasks that wait for the only worker lose none of it`()
        async throws
    {
        // Six times half of the limit, one after the other.
        try await withPool(1, wallTime: .seconds(4)) { pool in
            let values: [Int] = try await pool.map(.source("fleet.sleep(2) return ..."), 1...4)
            #expect(values == [1, 2, 3, 4])
        }
    }

    @Test(
        arguments: [
            "while true do end", "string.find(('a'):rep(5000), ('.-'):rep(60) .. 'b')", "os.execute('sleep 100')",
            "setmetatable({}, {__gc = function() while true do end end}) collectgarbage()",
            "while true do pcall(error) end", "coroutine.wrap(function() while true do end end)()",
        ], LuaIsolation.allCases)
    func `F22: a deadline ends every kind of loop`(_ script: String, _ isolation: LuaIsolation) async throws {
        try await withPool(1, isolation: isolation, wallTime: .milliseconds(300)) { pool in
            let report = await pool.run(.source(script))
            #expect(report.code == .timeout && report.fleetError?.message.contains("0.3 s") == true, "\(report.result)")
            #expect(report.duration >= .milliseconds(250))
            #expect(await eventually { await pool.workerPids.count == 1 })
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F22: compiling a script is part of its first task: the deadline ends it, and the worker after that is fine`(
        _ isolation: LuaIsolation
    ) async throws {
        // Some 20 MB: a second or so.
        let long = LuaScript.source(String(repeating: "x = 1\n", count: 3_400_000))
        try await withPool(1, isolation: isolation, wallTime: .milliseconds(50)) { pool in
            #expect(await pool.run(long).code == .timeout)
        }
        try await withPool(1, isolation: isolation) { pool in
            #expect(await pool.run(.source("return = 1")).luaError != nil)
            let seven: Int = try await pool.call(.source("return 7"))
            #expect(seven == 7)
        }
    }

    @Test func `F19: cancelling the surrounding Swift task ends an endless task, a queued one, and a map`() async throws
    {
        try await withPool(1) { pool in
            let endless = Task { try await pool.call(.source("while true do end")) as LuaResults }
            #expect(await eventually { await pool.statistics.running == 1 })
            let queued = Task { try await pool.call(.source("return 1")) as LuaResults }
            let map = Task { try await pool.map(.source("while true do end"), 1...10) as [Int] }
            endless.cancel()
            queued.cancel()
            map.cancel()
            for result in [
                await endless.result.map { _ in 0 }, await queued.result.map { _ in 0 },
                await map.result.map { _ in 0 },
            ] {
                guard case .failure(let error as LuaFleetError) = result else {
                    Issue.record("\(result)")
                    continue
                }
                #expect(error.code == .cancelled)
            }
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }

    @Test func `F19: a map, a call and reports in a task that is cancelled already end and do not wait for ever`()
        async throws
    {
        try await withPool(1) { pool in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                await #expect(throws: LuaFleetError.self) { _ = try await pool.call(.source("return 1")) as LuaResults }
                await #expect(throws: LuaFleetError.self) {
                    _ = try await pool.map(.source("return ..."), 1...10) as [Int]
                }
                for try await report in pool.reports(of: [LuaJob(.source("while true do end"))]) {
                    #expect(report.code == .cancelled)
                }
            }
            try await task.value
        }
    }

    @Test func `F14: a scope that throws terminates its tasks, and each of them ends with an error`() async throws {
        struct Oops: Error {}
        let ended = Task { () -> LuaTaskReport? in
            let holder = Holder()
            do {
                try await withPool(1) { pool in
                    holder.task = Task { await pool.run(.source("while true do end")) }
                    #expect(await eventually { await pool.workerPids.count == 1 })
                    throw Oops()
                }
            } catch is Oops {}
            return await holder.task?.value
        }
        #expect(try await ended.value?.code == .poolClosed)
    }

    @Test func `F14: a pool that is dropped without closing ends its processes`() async throws {
        var pool: LuaPool? = try await LuaPool(LuaPoolConfiguration(workers: 3))
        #expect(await eventually { await pool?.workerPids.count == 3 })
        let pids = await pool?.workerPids ?? []
        #expect(pids.count == 3 && pids.allSatisfy(isRunning))
        pool = nil
        #expect(await eventually { !pids.contains(where: isRunning) })
    }

    @Test func `F14: a closed pool refuses tasks with one error, and closing it again is fine`() async throws {
        let pool = try await LuaPool(LuaPoolConfiguration(workers: 1))
        await pool.close()
        await pool.close()
        await pool.terminate()
        #expect(await pool.run(.source("return 1")).code == .poolClosed)
    }
}

private final class Holder: @unchecked Sendable {  // one task at a time
    var task: Task<LuaTaskReport, Never>?
}
