// F20, F14: the three ways to end a pool, and what becomes of its tasks.
import LuaFleet
import Testing

@Suite
struct ShutdownTests {
    /// A pool of one worker with a task that runs and ten that wait.
    private func withBusyPool(
        _ body: (Stage, LuaPool, _ running: LuaTask<Int>, _ queued: [LuaTask<Int>]) async throws -> Void
    ) async throws {
        try await withStage { stage in
            let pool = try await LuaPool(LuaPoolConfiguration(workers: 1))
            let running: LuaTask<Int> = try await pool.submit(stage.source("mark('begun') await('go') return 100"))
            #expect(await eventually { stage.isMarked("begun") })
            let queued = try await pool.tasks(stage.source("mark('ran') return ..."), 1...10)
            try await body(stage, pool, running, queued)
            // Also where the body threw: the pool is dropped then.
            #expect(await eventually { await pool.workerPids.isEmpty })
            let late: LuaTask<Int> = try await pool.submit(.source("return 1"))
            #expect(await late.result.code == .poolClosed)
            await #expect(throws: LuaFleetError.self) { _ = try await pool.map(.source("return 1"), 1...3) as [Int] }
            #expect(await pool.run(.source("return 1")).code == .poolClosed)
        }
    }

    @Test func `F20: drain runs everything that was submitted`() async throws {
        try await withBusyPool { stage, pool, running, queued in
            async let end: Void = pool.shutdown()
            // Tasks after the end are refused while those before it run.
            #expect(
                try await eventually {
                    let late = try await pool.submit(.source("return 1"))
                    _ = await pool.statistics  // behind the submission, on the event loop
                    return late.resultIfCompleted?.code == .poolClosed
                })
            #expect(running.state == .running)
            stage.mark("go")
            await end
            #expect(running.state == .done && queued.allSatisfy { $0.state == .done })
            for (index, task) in queued.enumerated() {
                let value = try await task.value
                #expect(value == index + 1)
            }
        }
    }

    @Test func `F20: cancelQueued lets what runs end, and cancels what waits`() async throws {
        try await withBusyPool { stage, pool, running, queued in
            async let end: Void = pool.shutdown(.cancelQueued)
            // At once, while the running one runs.
            for task in queued { #expect(await task.result.code == .cancelled) }
            #expect(running.state == .running)
            stage.mark("go")
            await end
            let value = try await running.value
            #expect(value == 100 && !stage.isMarked("ran"))
        }
    }

    @Test(arguments: [true, false])
    func `F20: kill ends everything at once`(_ byShutdown: Bool) async throws {
        try await withBusyPool { stage, pool, running, queued in
            if byShutdown { await pool.shutdown(.kill) } else { await pool.terminate() }
            for task in [running] + queued {
                #expect(await task.result.code == .poolClosed)
                #expect(task.state == .cancelled)
            }
            #expect(!stage.isMarked("ran"))
        }
    }

    @Test func `F20: a kill ends a drain that would take for ever`() async throws {
        try await withBusyPool { _, pool, running, queued in
            async let drained: Void = pool.close()
            async let cancelled: Void = pool.shutdown(.cancelQueued)
            for task in queued { #expect(await task.result.code == .cancelled) }
            await pool.terminate()
            await drained
            await cancelled
            #expect(await running.result.code == .poolClosed)
        }
    }

    @Test func `F20: cancelQueued takes back what was sent to a worker ahead of need`() async throws {
        try await withStage { stage in
            let pool = try await LuaPool(LuaPoolConfiguration(workers: 1))
            // Short tasks teach the pool to send many at a time.
            let _: [Int] = try await pool.map(.source("return ..."), 1...5000)
            let script = stage.source(
                "local n = ... if n == 1 then mark('begun') await('go') else mark('ran') end return n")
            let all = Task { try await pool.mapResults(script, 1...1000, returning: Int.self) }
            #expect(await eventually { stage.isMarked("begun") })
            #expect(await eventually { await pool.statistics.submitted == 6000 })
            async let end: Void = pool.shutdown(.cancelQueued)
            #expect(await eventually { await pool.statistics.cancelled == 999 })
            stage.mark("go")
            await end
            let results = try await all.value
            #expect((try? results[0].get()) == 1 && results.dropFirst().allSatisfy { $0.code == .cancelled })
            #expect(!stage.isMarked("ran"))
        }
    }

    @Test func `F14: a scope waits for tasks that nobody waits for`() async throws {
        try await withStage { stage in
            try await withPool(2) { pool in
                _ = try await pool.tasks(stage.source("fleet.sleep(0.01) mark('ran') return ..."), 1...20)
            }
            #expect(stage.count("ran") == 20)
        }
    }
}
