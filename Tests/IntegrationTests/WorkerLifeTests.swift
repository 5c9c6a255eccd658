// F37, F38, F39: how long workers live, how many there are, and what they remember.
import Foundation
import LuaFleet
import Testing

@Suite
struct WorkerLifeTests {
    @Test func `F37: a worker knows its slot, its process and its state, which ends with it`() async throws {
        try await withPool(3) { pool in
            let counting = LuaScript.source(
                "fleet.state.n = (fleet.state.n or 0) + 1 return fleet.worker.id, fleet.worker.pid, fleet.state.n")
            var counts: [Int32: Int] = [:]
            for try await report in pool.reports(of: (1...200).map { _ in LuaJob(counting) }) {
                let values = try #require(report.values)
                #expect(values[0].int == report.worker && (1...3).contains(report.worker))
                #expect(values[1].int == Int(report.pid))
                counts[report.pid, default: 0] = max(counts[report.pid] ?? 0, values[2].int ?? 0)
            }
            #expect(counts.values.reduce(0, +) == 200 && counts.count <= 3)
            for pid in await pool.workerPids { kill(pid, SIGKILL) }
            let gone = counts.keys.map { $0 }
            #expect(await eventually { !gone.contains(where: isRunning) })
            let fresh = try await pool.call(counting)
            #expect(fresh[2] == 1, "a new worker, a new state")
        }
    }

    @Test(arguments: [LuaChunkSize.auto, 1, 2, 3, 4, 7, 1000], [LuaIsolation.shared, .freshProcess])
    func `F38: 10 tasks on one worker that lives for 3: exactly 3, 3, 3, 1`(
        _ chunkSize: LuaChunkSize, _ isolation: LuaIsolation
    ) async throws {
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.recycle = .afterTasks(3)
        configuration.isolation = isolation
        let pool = try await LuaPool(configuration)
        let events = pool.events
        let pids: [Int] = try await pool.map(.source("return fleet.worker.pid"), 1...10, chunkSize: chunkSize)
        await pool.close()
        var runs: [(pid: Int, count: Int)] = []
        for pid in pids {
            if runs.last?.pid == pid { runs[runs.count - 1].count += 1 } else { runs.append((pid, 1)) }
        }
        if isolation == .shared {
            #expect(runs.map(\.count) == [3, 3, 3, 1])
            #expect(Set(runs.map(\.pid)).count == 4)
        }
        var ends: [LuaWorkerEnd] = []
        for await case .workerEnded(_, _, let end) in events { ends.append(end) }
        #expect(ends == [.recycledAfterTasks(3), .recycledAfterTasks(3), .recycledAfterTasks(3), .closed])
        #expect(await pool.statistics.workersRecycled == 3)
    }

    @Test func `F38: failing tasks count like others, and several workers recycle on their own`() async throws {
        var configuration = LuaPoolConfiguration(workers: 3)
        configuration.recycle = .afterTasks(4)
        try await withLuaPool(configuration) { pool in
            let script = LuaScript.source(
                """
                fleet.state.n = (fleet.state.n or 0) + 1
                if fleet.state.n > 4 then return 'too many' end
                if ... % 5 == 0 then error('five') end
                return 'ok'
                """)
            let results: [Result<String, any Error>] = try await pool.mapResults(script, 1...200)
            #expect(results.filter { $0.luaError != nil }.count == 40)
            #expect(results.filter { (try? $0.get()) == "ok" }.count == 160)
        }
    }

    @Test func `F38: a worker that holds more memory than it may is replaced, one that does not stays`() async throws {
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.recycle = .rssAbove(100 << 20)
        let pool = try await LuaPool(configuration)
        let events = pool.events
        var light: Set<Int> = []
        for _ in 1...5 { light.insert(try await pool.call(.source("return fleet.worker.pid"))) }
        #expect(light.count == 1)
        let greedy = LuaScript.source("kept = ('x'):rep(128 << 20) return fleet.worker.pid")
        var heavy: [Int] = []
        for _ in 1...3 { heavy.append(try await pool.call(greedy)) }
        #expect(Set(heavy).count == 3 && heavy.first == light.first)
        let isReplaced = await eventually {
            let now = await pool.statistics
            return now.workersRecycled == 3 && now.idleWorkers == 1
        }
        #expect(isReplaced)
        await pool.close()
        var ends: [LuaWorkerEnd] = []
        for await case .workerEnded(_, _, let end) in events { ends.append(end) }
        #expect(ends.count == 4)
        for end in ends.prefix(3) {
            guard case .recycledAboveBytes(let bytes) = end else {
                Issue.record("\(end)")
                continue
            }
            #expect(bytes > 100 << 20)
        }
        #expect(ends.last == .closed)
    }

    @Test func `F39: a pool that is resized from 1 to 8 to 2 under load loses nothing`() async throws {
        try await withPool(1) { pool in
            let script = LuaScript.source("fleet.sleep(math.random() * 0.002) return ...")
            async let values: [Int] = pool.map(script, 1...3000, chunkSize: 3)
            let tasks = try await pool.tasks(script, 1...300)
            for size in [8, 2, 5, 1, 8, 2] {
                let before = await pool.statistics.succeeded
                pool.resize(to: size)
                // Each size does some work.
                #expect(await eventually { await pool.statistics.succeeded >= min(before + 100, 3300) })
            }
            #expect(try await values == Array(1...3000))
            for (index, task) in tasks.enumerated() { #expect(try await task.value == index + 1) }
            #expect(await eventually { await pool.workerPids.count == 2 })
            let statistics = await pool.statistics
            #expect(statistics.succeeded == 3300 && statistics.submitted == 3300 && statistics.workers == 2)
            #expect(statistics.died == 0 && statistics.workersKilled == 0)
        }
    }

    /// Tasks that end when `count` of them run at the same time; the others of the fleet give up after a while.
    private func together(_ count: Int, on stage: Stage) -> LuaScript {
        stage.source(
            """
            local n = ...
            mark('here' .. n)
            for _ = 1, 10000 do
                local all = true
                for k = 1, \(count) do all = all and marked('here' .. k) end
                if all then return n end
                fleet.sleep(0.003)
            end
            error('alone')
            """)
    }

    @Test func `F39: a stream of results uses the workers that a pool has got since it was made`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                pool.resize(to: 6)
                var sum = 0
                for try await result in pool.results(of: together(6, on: stage), 1...6, returning: Int.self) {
                    sum += try result.value
                }
                #expect(sum == 21)
            }
        }
        try await withStage { stage in
            try await withPool(1) { pool in
                pool.resize(to: 6)
                let jobs = (1...6).map { LuaJob(together(6, on: stage), [.integer(Int64($0))]) }
                for try await report in pool.reports(of: jobs) { #expect(report.luaError == nil) }
            }
        }
    }

    @Test func `F39: a pool grows to its maximum with its work, and shrinks to its minimum without`() async throws {
        try await withStage { stage in
            var configuration = LuaPoolConfiguration(workers: 4)
            configuration.minimumWorkers = 1
            configuration.idleTimeout = .milliseconds(50)
            configuration.finalizer = .source("return 'bye'")
            let pool = try await LuaPool(configuration)
            let events = pool.events
            #expect(await eventually { await pool.workerPids.count == 1 })
            let values: [Int] = try await pool.map(together(4, on: stage), 1...4, chunkSize: 1)
            #expect(values == [1, 2, 3, 4])
            #expect(await eventually { await pool.workerPids.count == 1 })
            let more: [Int] = try await pool.map(.source("return ..."), 1...1000)
            #expect(more.count == 1000)
            #expect(await eventually { await pool.workerPids.count == 1 })
            await pool.close()
            var ends: [LuaWorkerEnd] = []
            for await case .workerEnded(_, _, let end) in events { ends.append(end) }
            #expect(ends.filter { $0 == .idle }.count >= 3 && ends.last == .closed)
            #expect(ends.allSatisfy { $0 == .idle || $0 == .closed }, "\(ends)")
            #expect(pool.finalizerResults.count == ends.count)
        }
    }

    @Test func `F39: a pool of less than one worker is one of one`() async throws {
        try await withPool(3) { pool in
            pool.resize(to: 0)
            #expect(await eventually { await pool.workerPids.count == 1 })
            pool.resize(to: -5)
            let next: Int = try await pool.call(.source("return 7"))
            #expect(next == 7)
        }
    }

    @Test func `F39: settings that make no sense are refused, each by its name`() async throws {
        func expect(_ words: String, _ change: (inout LuaPoolConfiguration) -> Void) async {
            var configuration = LuaPoolConfiguration(workers: 2)
            change(&configuration)
            let error = await #expect(throws: LuaFleetError.self) { try await LuaPool(configuration).terminate() }
            #expect(error?.code == .setup && error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
        await expect("at least 1 worker") { $0.workers = 0 }
        await expect("at least 1 worker, not -3") { $0.workers = -3 }
        await expect("minimumWorkers") { $0.minimumWorkers = 3 }
        await expect("minimumWorkers") { $0.minimumWorkers = 0 }
        await expect("at least 1 task") { $0.recycle = .afterTasks(0) }
        await expect("rssAbove") { $0.recycle = .rssAbove(0) }
        await expect("retried") { $0.retry.max = -1 }
    }
}
