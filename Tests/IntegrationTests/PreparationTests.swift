// F24, F36: what runs in a worker before its first task and after its last one.
import Foundation
import LuaFleet
import Testing

@Suite
struct PreparationTests {
    private func configuration(
        _ workers: Int = 1, initializer: LuaPreparation? = nil, finalizer: LuaPreparation? = nil
    ) -> LuaPoolConfiguration {
        var configuration = LuaPoolConfiguration(workers: workers)
        configuration.initializer = initializer
        configuration.finalizer = finalizer
        return configuration
    }

    /// The error with which no pool starts.
    private func failure(_ configuration: LuaPoolConfiguration) async throws -> LuaFleetError {
        do {
            let pool = try await LuaPool(configuration)
            await pool.terminate()
        } catch {
            #expect(error.code == .setup && !error.message.contains("\n"), "\(error)")
            return error
        }
        throw LuaFleetError(code: .setup, message: "the pool started")
    }

    @Test func `F36: the initializer runs once in each worker before its first task, with its arguments`() async throws
    {
        try await withStage { stage in
            let script = stage.source(
                "local a, b = ... mark('runs') fleet.state.base = a * b print('not a task\\'s output')")
            try await withLuaPool(configuration(3, initializer: LuaPreparation(script, [6, 7]))) { pool in
                let values: [Int] = try await pool.map(.source("return fleet.state.base + ..."), 1...500)
                #expect(values == (1...500).map { 42 + $0 })
                #expect(await eventually { await pool.statistics.idleWorkers == 3 })
                #expect(stage.count("runs") == 3)
                #expect(await pool.run(.source("print('mine')")).output == "mine\n")
            }
            #expect(stage.count("runs") == 3)
        }
    }

    @Test(arguments: [1, 4])
    func `F24: an initializer that raises fails the pool with its message, after one worker`(_ workers: Int)
        async throws
    {
        try await withStage { stage in
            let error = try await failure(
                configuration(workers, initializer: LuaPreparation(stage.source("mark('runs') error('no database')"))))
            #expect(error.message.contains("initializer failed") && error.message.contains("no database"))
            #expect(stage.count("runs") == 1)
        }
    }

    @Test func `F24: an initializer that cannot be read, compiled or found fails the pool, and is named`() async throws
    {
        let missing = try await failure(configuration(initializer: .file("/nonexistent/init.lua")))
        #expect(missing.message.contains("/nonexistent/init.lua"))
        #expect(try await failure(configuration(initializer: .source("return return"))).message.contains("(source):1:"))
        let unknown = LuaPreparation(.source("return {}").function("prepare"))
        #expect(try await failure(configuration(initializer: unknown)).message.contains("prepare"))
        #expect(
            try await failure(configuration(finalizer: .file("/nonexistent/exit.lua"))).message.contains("exit.lua"))
    }

    @Test(arguments: ["while true do end", "fleet.sleep(1e9)", "while true do pcall(error) end"])
    func `F24: an initializer that hangs fails the pool when its time is over`(_ source: String) async throws {
        var configuration = configuration(2, initializer: .source(source))
        configuration.preparationTimeout = .milliseconds(200)
        let message = try await failure(configuration).message
        #expect(message.contains("initializer failed") && message.contains("did not end"), "\(message)")
    }

    @Test func `F24: an initializer that ends its process is tried a few times, and then the pool gives up`()
        async throws
    {
        try await withStage { stage in
            let error = try await failure(
                configuration(4, initializer: LuaPreparation(stage.source("mark('runs') os.exit(5)"))))
            // On a machine so busy that a worker does not start in 10 s, that is said instead.
            let isRight = error.message.contains("exited with status 5") || error.message.contains("said nothing")
            #expect(isRight, "\(error.message)")
            #expect((1...8).contains(stage.count("runs")), "\(stage.count("runs")) processes")
        }
    }

    @Test
    func `F24: an initializer that fails in later workers only ends the tasks that wait, and the processes stay few`()
        async throws
    {
        try await withStage { stage in
            var configuration = configuration(
                initializer: LuaPreparation(stage.source("mark('runs') if marked('broken') then error('gone') end")))
            configuration.recycle = .afterTasks(2)
            try await withLuaPool(configuration) { pool in
                let first: Int = try await pool.call(.source("return 1"))
                #expect(first == 1)
                stage.mark("broken")
                let results: [Result<Int, any Error>] = try await pool.mapResults(.source("return ..."), 1...20)
                #expect((try? results[0].get()) == 1, "the worker that was there had one more task to do")
                #expect(results.dropFirst().allSatisfy { $0.code == .setup })
                #expect(results[1].fleetError?.message.contains("gone") == true)
                #expect(stage.count("runs") <= 8, "\(stage.count("runs")) processes")
                // It may pass: then the pool works again.
                try FileManager.default.removeItem(at: stage.folder.appendingPathComponent("broken"))
                let isBack = await eventually { (try? await pool.call(.source("return 2")) as Int) == 2 }
                #expect(isBack)
            }
        }
    }

    @Test func `F21: a worker that is killed while it initializes is replaced`() async throws {
        try await withStage { stage in
            let script = stage.source(
                """
                if marked('pid') then return end
                local f = io.open(path('new'), 'w') f:write(fleet.worker.pid) f:close()
                os.rename(path('new'), path('pid'))
                await('never')
                """)
            // One worker: two could both be first.
            let opening = Task { [configuration = configuration(1, initializer: LuaPreparation(script))] in
                try await LuaPool(configuration)
            }
            #expect(await eventually { stage.isMarked("pid") })
            let text = try String(contentsOf: stage.folder.appendingPathComponent("pid"), encoding: .utf8)
            kill(try #require(pid_t(text)), SIGKILL)
            let pool = try await opening.value
            let values: [Int] = try await pool.map(.source("return ..."), 1...10)
            #expect(values == Array(1...10))
            await pool.close()
        }
    }

    @Test func `F36: one result of the finalizer for each worker that lived, also after recycling`() async throws {
        var configuration = configuration(
            initializer: .source("fleet.state.done = 0"),
            finalizer: LuaPreparation(.source("local word = ... return word, fleet.state.done, nil"), ["bye"]))
        configuration.recycle = .afterTasks(2)
        let pool = try await LuaPool(configuration)
        for _ in 1...5 {
            try await pool.call(.source("fleet.state.done = fleet.state.done + 1"))
        }
        await pool.close()
        #expect(pool.finalizerResults.map { Array($0.results) } == [2, 2, 1].map { ["bye", $0, .nil] })
        #expect(pool.finalizerResults.allSatisfy { $0.worker == 1 })
    }

    @Test func `F36: every worker of a pool is finalized at close, none at terminate`() async throws {
        for isClosed in [true, false] {
            let pool = try await LuaPool(
                configuration(4, finalizer: .source("return fleet.worker.id, fleet.worker.pid")))
            #expect(await eventually { await pool.statistics.idleWorkers == 4 })
            let pids = await pool.workerPids.map { LuaValue.integer(Int64($0)) }
            if isClosed { await pool.close() } else { await pool.terminate() }
            let results = pool.finalizerResults
            #expect(Set(results.map(\.worker)) == (isClosed ? [1, 2, 3, 4] : []))
            #expect(Set(results.map { $0.results[1] }) == (isClosed ? Set(pids) : []))
            for result in results { #expect(result.results[0].int == result.worker) }
        }
    }

    @Test(arguments: ["error('no')", "os.exit(4)", "while true do end", "return io.stdout"])
    func `F36: a finalizer that fails, dies or hangs holds up no close`(_ source: String) async throws {
        var configuration = configuration(2, finalizer: .source(source))
        configuration.preparationTimeout = .milliseconds(200)
        let pool = try await LuaPool(configuration)
        let values: [Int] = try await pool.map(.source("return ..."), 1...20)
        #expect(values.count == 20)
        await pool.close()
        #expect(pool.finalizerResults.isEmpty)
    }
}
