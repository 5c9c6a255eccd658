// F22: what counts as a task's own time, and what as waiting.
import LuaFleet
import Testing

@Suite
struct QueueTimeTests {
    @Test func `F22: 1 worker, 3 queued tasks of 0.4 s with a limit of 0.5 s all succeed`() async throws {
        try await withPool(1, wallTime: .milliseconds(500)) { pool in
            var reports: [LuaTaskReport] = []
            // A machine that is so busy that a sleep of 0.4 s takes 0.5 gets another round; then the limit was right, and the report says so.
            let isDone = try await eventually {
                reports = []
                for try await report in pool.reports(
                    of: (1...3).map { LuaJob(.source("fleet.sleep(0.4) return ..."), [.integer($0)]) }, ordered: true)
                {
                    reports.append(report)
                    if report.code == .timeout { #expect(report.duration >= .milliseconds(500)) }
                }
                return reports.allSatisfy { $0.code == nil }
            }
            #expect(isDone && reports.map(\.values) == [[1], [2], [3]])
            #expect(await eventually { await pool.workerPids.count == 1 })
        }
    }

    @Test func `F22: a task that waits too long for a worker never runs, and the pool is whole afterwards`()
        async throws
    {
        try await withStage { stage in
            try await withPool(1) { pool in
                let held: LuaTask<Int> = try await pool.submit(stage.source("mark('begun') await('go') return 1"))
                #expect(await eventually { stage.isMarked("begun") })
                let late: LuaTask<Int> = try await pool.submit(
                    stage.source("mark('ran') return 2"), limits: LuaLimits(queueTime: .milliseconds(50)))
                let patient: LuaTask<Int> = try await pool.submit(.source("return 3"))
                // It ends while the worker is still busy.
                let error = await late.result.fleetError
                #expect(error?.code == .timeout && error?.message == "timed out after 0.05 s in the queue")
                #expect(late.state == .timedOut && held.state == .running && patient.state == .pending)
                stage.mark("go")
                #expect(try await held.value == 1)
                #expect(try await patient.value == 3)
                #expect(!stage.isMarked("ran") && error?.task.attempts == 0)
                let statistics = await pool.statistics
                #expect(statistics.timedOut == 1 && statistics.workersKilled == 0)
            }
        }
    }

    @Test func `F22: a task that has started in time has all its time, whatever its limit in the queue`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                let task: LuaTask<Int> = try await pool.submit(
                    stage.source("mark('begun') await('go') return 1"), limits: LuaLimits(queueTime: .seconds(20)))
                #expect(await eventually { stage.isMarked("begun") })
                let sleep: LuaTask<Int> = try await pool.submit(
                    .source("return 2"), limits: LuaLimits(queueTime: .milliseconds(20)))
                #expect(await sleep.result.code == .timeout)
                #expect(task.state == .running)
                stage.mark("go")
                #expect(try await task.value == 1)
            }
        }
    }

    @Test func `F22: limits of a call stand in for those of the pool`() async throws {
        try await withPool(1, wallTime: .milliseconds(100)) { pool in
            let long: LuaTask<Int> = try await pool.submit(
                .source("fleet.sleep(0.3) return 1"), limits: LuaLimits(wallTime: .seconds(60)))
            #expect(try await long.value == 1)
            let short: LuaTask<Int> = try await pool.submit(.source("while true do end"))
            #expect(await short.result.code == .timeout)
        }
    }
}
