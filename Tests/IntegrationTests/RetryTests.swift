// F23: tasks that are tried again, only where that was asked for.
import LuaFleet
import Testing

@Suite
struct RetryTests {
    private func withPool<R: Sendable>(
        _ retry: LuaRetry, workers: Int = 1, _ body: (LuaPool) async throws -> R
    ) async throws -> R {
        var configuration = LuaPoolConfiguration(workers: workers)
        configuration.retry = retry
        return try await withLuaPool(configuration, body)
    }

    @Test func `F23: a flaky task succeeds on its third attempt, and fails where only two are allowed`() async throws {
        let flaky = LuaScript.source(
            "print('attempt', fleet.task.attempt) if fleet.task.attempt < 3 then error('flaky') end return fleet.task.attempt"
        )
        try await withPool(LuaRetry(max: 2, on: [.scriptError])) { pool in
            let report = await pool.run(flaky)
            #expect(report.values == [3] && report.attempts == 3)
            // What the attempts before it said does not count.
            #expect(report.output == "attempt\t3\n")
            #expect(await pool.statistics.retried == 2)
        }
        try await withPool(LuaRetry(max: 1, on: [.scriptError])) { pool in
            let report = await pool.run(flaky)
            #expect(report.luaError?.message.contains("flaky") == true && report.attempts == 2)
            #expect(report.luaError?.task.attempts == 2)
        }
    }

    @Test func `F23: by default nothing is started again, and other kinds than those that were named are not either`()
        async throws
    {
        try await withStage { stage in
            let failing = stage.source("mark('starts') error('no')")
            let dying = stage.source("mark('deaths') os.exit(1)")
            try await withPool(LuaRetry()) { pool in
                #expect(await pool.run(failing).luaError != nil && stage.count("starts") == 1)
                #expect(await pool.run(dying).code == .workerDied(.status(1)) && stage.count("deaths") == 1)
            }
            try await withPool(LuaRetry(max: 5, on: [.timeout, .scriptError])) { pool in
                #expect(await pool.run(dying).code == .workerDied(.status(1)) && stage.count("deaths") == 2)
            }
            try await withPool(LuaRetry(max: 5, on: [.workerDied])) { pool in
                #expect(await pool.run(failing).luaError != nil && stage.count("starts") == 2)
            }
        }
    }

    @Test func `F23: a task under which k workers died is set aside, though more attempts were allowed`() async throws {
        try await withStage { stage in
            try await withPool(LuaRetry(max: 100, on: [.workerDied], maxKills: 3), workers: 2) { pool in
                let script = stage.source("local n = ... if n == 5 then mark('starts') os.exit(9) end return n")
                let results: [Result<Int, any Error>] = try await pool.mapResults(script, 1...50)
                for (index, result) in results.enumerated() where index != 4 {
                    #expect((try? result.get()) == index + 1)
                }
                let error = try #require(results[4].fleetError)
                #expect(error.code == .workerDied(.status(9)) && error.task.attempts == 3)
                #expect(error.message.contains("set aside after 3 workers"), "\(error.message)")
                #expect(stage.count("starts") == 3)
                #expect(await pool.statistics.died == 1)
            }
        }
    }

    @Test(arguments: [LuaChunkSize.auto, 1, 7, 1000])
    func `F23: in a chunk only the tasks that failed are tried again`(_ chunkSize: LuaChunkSize) async throws {
        try await withStage { stage in
            try await withPool(LuaRetry(max: 1, on: [.scriptError, .workerDied]), workers: 2) { pool in
                let script = stage.source(
                    """
                    local n = ...
                    mark('starts' .. n)
                    if fleet.task.attempt == 1 and n % 10 == 0 then error('later') end
                    if fleet.task.attempt == 1 and n % 25 == 1 then os.exit(2) end
                    return n
                    """)
                let values: [Int] = try await pool.map(script, 1...100, chunkSize: chunkSize)
                #expect(values == Array(1...100))
                for number in 1...100 {
                    let isTwice = number % 10 == 0 || number % 25 == 1
                    #expect(stage.count("starts\(number)") == (isTwice ? 2 : 1), "task \(number)")
                }
                #expect(await pool.statistics.retried == 14)
            }
        }
    }

    @Test func `F23: a task that ran out of time is tried again with all its time`() async throws {
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.retry = LuaRetry(max: 1, on: [.timeout])
        configuration.limits.wallTime = .seconds(3)
        try await withLuaPool(configuration) { pool in
            let report = await pool.run(
                .source("if fleet.task.attempt == 1 then while true do end end fleet.sleep(1) return 5"))
            #expect(report.values == [5] && report.attempts == 2, "\(report.result)")
        }
    }

    @Test func `F23: a task that waits for its next attempt is pending, and can be cancelled`() async throws {
        try await withPool(LuaRetry(max: 1000, on: [.scriptError], backoff: .seconds(60))) { pool in
            let task = try await pool.submit(.source("error('again')"))
            #expect(await eventually { await pool.statistics.retried >= 1 })
            #expect(task.state == .pending)
            // The worker is free meanwhile.
            #expect(try await pool.call(.source("return 7")) == 7)
            task.cancel()
            #expect(await task.result.code == .cancelled)
        }
    }

    @Test func `F20: close waits for attempts to come, shutdown of the queue and kill do not`() async throws {
        for ending in [PoolEnding.close, .cancelQueued, .terminate] {
            let isWaited = ending == .close
            let flaky = LuaScript.source(
                isWaited ? "if fleet.task.attempt == 1 then error('once') end return 5" : "error('again')")
            var configuration = LuaPoolConfiguration(workers: 1)
            configuration.retry = LuaRetry(
                max: isWaited ? 1 : 1000, on: [.scriptError], backoff: isWaited ? .milliseconds(50) : .seconds(60))
            let pool = try await LuaPool(configuration)
            let task: LuaTask<Int> = try await pool.submit(flaky)
            #expect(await eventually { await pool.statistics.retried >= 1 })
            await pool.end(ending)
            let result = await task.result
            switch ending {
            case .close: #expect(try result.get() == 5)
            case .cancelQueued: #expect(result.code == .cancelled)
            default: #expect(result.code == .poolClosed)
            }
        }
    }
}
