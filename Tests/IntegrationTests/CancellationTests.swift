// F17, F19: what nobody wants any more ends, whatever it is doing, and costs no other task anything.
import Foundation
import LuaFleet
import Testing

@Suite
struct CancellationTests {
    @Test(
        arguments: [
            "while true do end", "while true do pcall(function() while true do end end) end",
            "string.find(('a'):rep(5000), ('.-'):rep(60) .. 'b')", "os.execute('sleep 1000')", "fleet.sleep(1e9)",
        ], LuaIsolation.allCases)
    func `F17: cancel ends a task that runs, whatever it is doing`(_ body: String, _ isolation: LuaIsolation)
        async throws
    {
        try await withStage { stage in
            try await withPool(1, isolation: isolation) { pool in
                let task = try await pool.submit(stage.source("fleet.send(fleet.worker.pid) mark('begun') \(body)"))
                let queued: LuaTask<Int> = try await pool.submit(.source("return 7"))
                #expect(await eventually { stage.isMarked("begun") })
                #expect(task.state == .running)
                task.cancel()
                #expect(await task.result.code == .cancelled)
                #expect(task.state == .cancelled)
                #expect(try await queued.value == 7)
                var pid: Int32?
                for await case .value(let value) in task.messages { pid = value.int.map(Int32.init) }
                let victim = try #require(pid)
                #expect(await eventually { !isRunning(victim) })
                #expect(await eventually { await pool.workerPids.count == 1 })
            }
        }
    }

    @Test func `F17: a queued task that is cancelled ends at once and never runs`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                let running: LuaTask<Int> = try await pool.submit(stage.source("mark('begun') await('go') return 1"))
                #expect(await eventually { stage.isMarked("begun") })
                let tasks = try await pool.tasks(stage.source("mark('n' .. ...) return ..."), 1...10)
                for number in [2, 5, 10] {
                    tasks[number - 1].cancel()
                    // The only worker is still busy.
                    #expect(await tasks[number - 1].result.code == .cancelled)
                }
                #expect(running.state == .running)
                stage.mark("go")
                #expect(try await running.value == 1)
                for number in 1...10 where ![2, 5, 10].contains(number) {
                    #expect(try await tasks[number - 1].value == number)
                }
                #expect((1...10).filter { stage.isMarked("n\($0)") } == [1, 3, 4, 6, 7, 8, 9])
                // Nobody was killed for it.
                #expect(await pool.statistics.workersKilled == 0)
            }
        }
    }

    @Test func `F17: cancelling again, after the end, or before the task has reached the pool`() async throws {
        try await withPool(2) { pool in
            let done: LuaTask<Int> = try await pool.submit(.source("return 1"))
            _ = await done.result
            done.cancel()
            done.cancel()
            #expect(try await done.value == 1 && done.state == .done)
            for _ in 0..<200 {
                let task: LuaTask<Int> = try await pool.submit(.source("while true do end"))
                task.cancel()
                task.cancel()
                #expect(await task.result.code == .cancelled)
            }
            #expect(try await pool.call(.source("return 7")) == 7)
        }
    }

    /// Nothing runs and nothing waits; the workers are there.
    private func expectIdle(_ pool: LuaPool, workers: Int, _ location: SourceLocation = #_sourceLocation) async {
        let isIdle = await eventually {
            let now = await pool.statistics
            return now.running == 0 && now.queued == 0 && now.idleWorkers == workers
        }
        let now = await pool.statistics
        #expect(isIdle, "\(now)", sourceLocation: location)
        // Also as the system sees it: they sleep, in a read.
        let areAsleep = await eventually {
            await pool.workerPids.allSatisfy { pid in
                (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") S ") == true
            }
        }
        #expect(areAsleep, sourceLocation: location)
    }

    @Test(arguments: [true, false])
    func `F19: leaving the results of an endless input early ends everything`(_ ordered: Bool) async throws {
        try await withPool(2) { pool in
            let inputs = Tally()
            let endless = sequence(state: inputs) { $0.next() as Int? }
            var taken = 0
            for try await result in pool.results(
                of: .source("return ..."), endless, ordered: ordered, returning: Int.self)
            {
                #expect(try result.value == result.index)
                taken += 1
                if taken == 100 { break }
            }
            await expectIdle(pool, workers: 2)
            let count = inputs.value
            let more: [Int] = try await pool.map(.source("return ..."), 1...2000)
            #expect(more.count == 2000 && inputs.value == count, "nobody reads on")
        }
    }

    @Test(arguments: [LuaChunkSize.auto, 1, 10])
    func `F19: leaving the results early kills what runs`(_ chunkSize: LuaChunkSize) async throws {
        try await withPool(2) { pool in
            for try await result in pool.results(
                of: .source("local n = ... if n > 3 then while true do end end return n"),
                sequence(first: 1) { $0 + 1 },
                chunkSize: chunkSize, returning: Int.self)
            {
                if result.index == 3 { break }
            }
            await expectIdle(pool, workers: 2)
        }
    }

    @Test func `F19: a map and results of a cancelled Swift task throw cancelled, and nothing runs afterwards`()
        async throws
    {
        try await withPool(2) { pool in
            let endless = LuaScript.source("while true do end")
            let tasks: [Task<Void, any Error>] = [
                Task { _ = try await pool.map(endless, 1...100, returning: Int.self) },
                Task { _ = try await pool.starMap(endless, [(1, 2), (3, 4)], returning: Int.self) },
                Task { _ = try await pool.mapResults(endless, 1...100, returning: Int.self) },
                Task { for try await _ in pool.results(of: endless, 1...2, returning: Int.self) {} },
                Task {
                    for try await _ in pool.results(of: endless, sequence(first: 1) { $0 }, returning: Int.self) {}
                },
                Task { _ = try await pool.call(endless) },
            ]
            #expect(await eventually { await pool.statistics.running >= 2 })
            for task in tasks { task.cancel() }
            for (number, task) in tasks.enumerated() {
                #expect(await task.result.code == .cancelled, "number \(number)")
            }
            await expectIdle(pool, workers: 2)
        }
    }

    @Test func `F19: results of inputs that never come end when their task is cancelled, and nobody waits for inputs`()
        async throws
    {
        try await withPool(1) { pool in
            for isReport in [false, true] {
                let (inputs, sink) = AsyncStream.makeStream(of: Int.self)
                let (ends, endSink) = AsyncStream.makeStream(of: Void.self)
                sink.onTermination = { _ in endSink.finish() }
                let (firsts, firstSink) = AsyncStream.makeStream(of: Void.self)
                sink.yield(1)
                let task = Task {
                    if isReport {
                        let jobs = inputs.map { LuaJob(.source("return ..."), [.integer(Int64($0))]) }
                        for try await _ in pool.reports(of: jobs) { firstSink.finish() }
                    } else {
                        for try await _ in pool.results(of: .source("return ..."), inputs, returning: Int.self) {
                            firstSink.finish()
                        }
                    }
                }
                for await _ in firsts {}
                task.cancel()
                let result = await task.result
                if !isReport { #expect(result.code == .cancelled) }
                for await _ in ends {}
                withExtendedLifetime(sink) {}
            }
        }
    }

    @Test func `F19: leaving results early lets go of inputs that never come`() async throws {
        try await withPool(1) { pool in
            let (inputs, sink) = AsyncStream.makeStream(of: Int.self)
            let (ends, endSink) = AsyncStream.makeStream(of: Void.self)
            sink.onTermination = { _ in endSink.finish() }
            sink.yield(1)
            for try await result in pool.results(of: .source("return ..."), inputs, returning: Int.self) {
                #expect(try result.value == 1)
                break
            }
            for await _ in ends {}
            withExtendedLifetime(sink) {}
        }
    }
}
