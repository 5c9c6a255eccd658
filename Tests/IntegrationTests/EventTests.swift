// What a pool tells of itself: events, numbers, messages of tasks, the log.
import Logging
import LuaFleet
import Synchronization
import Testing

@Suite
struct EventTests {
    @Test func `F57: messages of a task come in the order in which it sent them, and end with it`() async throws {
        try await withPool(1) { pool in
            let task = try await pool.submit(
                .source(
                    """
                    for i = 1, 100 do
                        fleet.progress(i, 100)
                        fleet.send({i, 'x'})
                        fleet.log('info', 'step ' .. i, {step = i})
                    end
                    fleet.progress(0.5)
                    """))
            var heard: [LuaTaskMessage] = []
            for await message in task.messages { heard.append(message) }
            var expected: [LuaTaskMessage] = []
            for number in 1...100 {
                expected.append(.progress(done: Double(number), total: 100))
                expected.append(.value([.integer(Int64(number)), "x"]))
                expected.append(.log(level: "info", text: "step \(number)", fields: ["step": .integer(Int64(number))]))
            }
            #expect(heard == expected + [.progress(done: 0.5, total: nil)])
        }
    }

    @Test func `F57: messages arrive while the task runs`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                let task = try await pool.submit(
                    stage.source("fleet.progress(1, 2) await('heard') fleet.progress(2, 2)"))
                var messages = task.messages.makeAsyncIterator()
                #expect(await messages.next() == .progress(done: 1, total: 2))
                #expect(task.state == .running)
                stage.mark("heard")
                #expect(await messages.next() == .progress(done: 2, total: 2))
                #expect(await messages.next() == nil)
            }
        }
    }

    /// All events of a pool from its beginning to its end.
    private func events(
        of configuration: LuaPoolConfiguration, _ body: (LuaPool) async throws -> Void
    ) async throws -> [LuaPoolEvent] {
        let pool = try await LuaPool(configuration)
        let stream = pool.events
        try await body(pool)
        await pool.close()
        var events: [LuaPoolEvent] = []
        for await event in stream { events.append(event) }
        // The pool has closed: there is nothing more to hear.
        for await _ in pool.events { Issue.record("an event of a closed pool") }
        return events
    }

    @Test func `F57: events of each task come in order: queued, started, what it says, ended`() async throws {
        var configuration = LuaPoolConfiguration(workers: 2)
        configuration.retry = LuaRetry(max: 1, on: [.workerDied])
        let events = try await events(of: configuration) { pool in
            let _: [Result<Int, any Error>] = try await pool.mapResults(
                .source(
                    """
                    local n = ...
                    fleet.send(n)
                    if n == 5 then error('five') elseif n == 8 and fleet.task.attempt == 1 then os.exit(1) end
                    fleet.send(-n)
                    return n
                    """, name: "events"), 1...50)
        }
        var steps: [Int: [String]] = [:]
        for event in events {
            switch event {
            case .tasksQueued(let numbers, let script):
                #expect(script == "events")
                for number in numbers { steps[number, default: []].append("queued") }
            case .taskStarted(let number, let worker, let attempt):
                #expect((1...2).contains(worker))
                // One that was sent ahead may come back and be sent again.
                if steps[number]?.last != "started \(attempt)" {
                    steps[number, default: []].append("started \(attempt)")
                }
            case .taskSaid(let number, .value(let value)): steps[number, default: []].append("said \(value)")
            case .taskEnded(let number, let failure): steps[number, default: []].append("ended \(failure ?? "well")")
            default: break
            }
        }
        #expect(steps.count == 50)
        for (number, heard) in steps {
            switch number {
            case 5: #expect(heard == ["queued", "started 1", "said 5", "ended script"])
            case 8: #expect(heard == ["queued", "started 1", "said 8", "started 2", "said 8", "said -8", "ended well"])
            default: #expect(heard == ["queued", "started 1", "said \(number)", "said -\(number)", "ended well"])
            }
        }
    }

    @Test func `F38: each worker that started ended, with its reason, and no task started on one that was not there`()
        async throws
    {
        var configuration = LuaPoolConfiguration(workers: 3)
        configuration.recycle = .afterTasks(20)
        let events = try await events(of: configuration) { pool in
            let _: [Result<Int, any Error>] = try await pool.mapResults(
                .source("local n = ... if n % 50 == 0 then os.exit(7) end return n"), 1...200)
            let endless = try await pool.submit(.source("while true do end"))
            endless.cancel()
            _ = await endless.result
            #expect(await eventually { await pool.statistics.idleWorkers == 3 })
            pool.resize(to: 1)
            #expect(await eventually { await pool.statistics.workers == 1 })
        }
        var alive: [Int: Int32] = [:]
        var reasons: [LuaWorkerEnd: Int] = [:]
        for event in events {
            switch event {
            case .workerStarted(let worker, let pid):
                #expect(alive[worker] == nil && pid > 0)
                alive[worker] = pid
            case .workerEnded(let worker, let pid, let end):
                // Those that were ready before anybody listened have no start here.
                #expect(alive[worker] == nil || alive[worker] == pid)
                alive[worker] = nil
                reasons[end, default: 0] += 1
            default: break
            }
        }
        #expect(alive.isEmpty)
        #expect(reasons[.exited(.status(7))] == 4, "\(reasons)")
        #expect((reasons[.recycledAfterTasks(20)] ?? 0) >= 5 && reasons[.resized] == 2 && reasons[.closed] == 1)
        #expect((reasons[.killed(reason: "cancelled")] ?? 0) <= 1)
    }

    @Test func `F58: the numbers add up`() async throws {
        try await withStage { stage in
            try await withPool(2) { pool in
                let _: [Result<Int, any Error>] = try await pool.mapResults(
                    .source(
                        """
                        local n = ...
                        if n % 10 == 3 then error('three') elseif n == 44 then os.exit(1)
                        end
                        return n
                        """), 1...99)
                let endless = try await pool.submit(
                    .source("while true do end"), limits: LuaLimits(wallTime: .milliseconds(100)))
                _ = await endless.result
                let held: [LuaTask<Int>] = try await pool.tasks(
                    stage.source("mark('begun' .. ...) await('go') return 1"), 1...2)
                #expect(await eventually { stage.isMarked("begun1") && stage.isMarked("begun2") })
                let queued = try await pool.tasks(.source("return ..."), 1...5)
                queued[0].cancel()
                _ = await queued[0].result
                var now = await pool.statistics
                #expect(
                    now.submitted == 107 && now.running == 2 && now.queued == 4 && now.idleWorkers == 0)
                #expect(
                    now.failed == 10 && now.died == 1 && now.timedOut == 1 && now.cancelled == 1 && now.succeeded == 88)
                stage.mark("go")
                for task in held + queued.dropFirst() { _ = await task.result }
                now = await pool.statistics
                #expect(now.running == 0 && now.queued == 0 && now.succeeded == 94)
                #expect(now.submitted == now.succeeded + now.failed + now.died + now.timedOut + now.cancelled)
                #expect(now.workersKilled == 1 && now.workersDied == 1 && now.retried == 0)
                let times = [0, 0.5, 0.9, 0.99, 1].map { now.runTimes.percentile($0) }
                #expect(times == times.sorted() && times[4] <= now.runTimes.maximum)
                #expect(now.runTimes.maximum >= now.runTimes.mean && now.waitTimes.maximum > .zero)
            }
        }
    }

    @Test func `F58: running counts what has begun; what was sent ahead of need is queued`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                // From here on the worker is sent many at a time.
                let _: [Int] = try await pool.map(.source("return ..."), 1...3000)
                let tasks: [LuaTask<Int>] = try await pool.tasks(
                    stage.source("if ... == 1 then mark('begun') await('go') end return ..."), 1...50)
                #expect(await eventually { stage.isMarked("begun") })
                var now = await pool.statistics
                #expect(now.running == 1 && now.queued == 49, "\(now)")
                stage.mark("go")
                for (number, task) in tasks.enumerated() { #expect(try await task.value == number + 1) }
                now = await pool.statistics
                #expect(now.running == 0 && now.queued == 0)
            }
        }
    }

    @Test func `F57: fleet.log reaches the pool's logger, with level, fields and worker`() async throws {
        let log = LogCollector()
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.logger = Logger(label: "test") { _ in log }
        try await withLuaPool(configuration) { pool in
            try await pool.call(
                .source(
                    "fleet.log('warn', 'low on fuel', {litres = 3}) fleet.log('odd', 'what', nil) fleet.log('error', 'x')"
                ))
            _ = await pool.statistics
        }
        #expect(log.lines.prefix(3) == ["warning low on fuel 1", "info what 1", "error x 1"])
    }
}

private final class LogCollector: LogHandler, Sendable {
    private let entries = Mutex<[String]>([])
    var lines: [String] { entries.withLock { $0 } }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let worker = event.metadata?["worker"].map { "\($0)" } ?? ""
        entries.withLock { $0.append("\(event.level) \(event.message) \(worker)") }
    }
}
