// F26: a grace period: an error is raised in the task's script, clean-up runs, and what does not end in time is killed.
import Foundation
import LuaFleet
import Testing

@Suite
struct GraceTests {
    /// Long where the task ends in it: on a busy machine, too. The test is over sooner if all is well.
    private static let ample = Duration.seconds(200)
    /// Short where the task does not end in it.
    private static let brief = Duration.milliseconds(50)

    private func withPool<R: Sendable>(
        _ isolation: LuaIsolation = .shared, grace: Duration, wallTime: Duration? = nil, workers: Int = 1,
        _ change: (inout LuaPoolConfiguration) -> Void = { _ in }, _ body: (LuaPool) async throws -> R
    ) async throws -> R {
        var configuration = LuaPoolConfiguration(workers: workers)
        configuration.isolation = isolation
        configuration.gracePeriod = grace
        configuration.limits.wallTime = wallTime
        change(&configuration)
        return try await withLuaPool(configuration, body)
    }

    /// A task that says that it is there; cancelled then.
    private func cancelled(_ pool: LuaPool, _ script: LuaScript) async throws -> (
        code: LuaFleetError.Code?, said: [String]
    ) {
        let task = try await pool.submit(script)
        var said: [String] = []
        for await case .value(let value) in task.messages {
            said.append(value.string ?? value.description)
            if said.count == 1 { task.cancel() }
        }
        return (await task.result.code, said)
    }

    private static let note = """
        local function note(name)
            return setmetatable({}, {__close = function(_, e) fleet.send(name .. ': ' .. tostring(e):match('%a+$')) end})
        end

        """

    @Test(
        arguments: [
            "fleet.send('begun') while true do end",
            "fleet.send('begun') for i = 1, math.huge do local t = {i} end",
            "fleet.send('begun') while true do fleet.send('.') end",
            "fleet.send('begun') fleet.sleep(1e9)",
            "fleet.send('begun') while true do fleet.sleep(0.001) end",
            "coroutine.wrap(function() local y <close> = note('inner') fleet.send('begun') while true do end end)()",
            """
            local co = coroutine.create(function() fleet.send('begun') while true do coroutine.yield() end end)
            while true do coroutine.resume(co) end
            """,
            "table.sort({3, 1, 2}, function() fleet.send('begun') while true do end end)",
            "setmetatable({}, {__gc = function() fleet.send('begun') end}) collectgarbage() while true do end",
        ], LuaIsolation.allCases)
    func `F26: a task that is cancelled ends by an error, its clean-up runs, and its worker lives on`(
        _ body: String, _ isolation: LuaIsolation
    ) async throws {
        try await withPool(isolation, grace: Self.ample) { pool in
            let before: Int = try await pool.call(.source("return fleet.worker.pid"))
            let pids = await pool.workerPids
            let (code, said) = try await cancelled(pool, .source(Self.note + "local x <close> = note('outer') " + body))
            #expect(code == .cancelled)
            #expect(said.last == "outer: cancelled")
            #expect(said.contains("inner: cancelled") == body.contains("inner"))
            let after: Int = try await pool.call(.source("return fleet.worker.pid"))
            #expect(await pool.workerPids == pids)
            if isolation != .freshProcess { #expect(before == after) }
            #expect(await pool.statistics.workersKilled == 0)
            #expect(await pool.statistics.cancelled == 1)
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F26: a task that is over its wall time reads so in the error, and ends as timed out`(
        _ isolation: LuaIsolation
    ) async throws {
        try await withStage { stage in
            try await withPool(isolation, grace: Self.ample, wallTime: .milliseconds(200)) { pool in
                let script = stage.source(
                    """
                    local x <close> = setmetatable({}, {__close = function(_, e) mark(e:match('%a+$')) end})
                    mark('begun')
                    while true do end
                    """)
                // A very busy machine may not come so far in that time.
                var runs = 0
                repeat {
                    #expect(await pool.run(script).code == .timeout)
                    runs += 1
                } while !stage.isMarked("begun")
                #expect(stage.count("deadline") >= 1)
                let now = await pool.statistics
                #expect(now.workersKilled == 0 && now.timedOut == runs)
            }
        }
    }

    @Test(
        arguments: [
            // Again and again: the error may come right after the message.
            "while true do pcall(function() fleet.send('begun') while true do end end) end",
            "while true do pcall(function() fleet.send('begun') string.find(('a'):rep(5000), ('.-'):rep(60) .. 'b') end) end",
            "while true do pcall(function() fleet.send('begun') os.execute('sleep 1000') end) end",
            "setmetatable({}, {__gc = function() fleet.send('begun') while true do end end}) collectgarbage()",
            "local x <close> = setmetatable({}, {__close = function() while true do end end}) fleet.send('begun') while true do end",
            "xpcall(function() fleet.send('begun') while true do end end, function() while true do end end)",
        ], LuaIsolation.allCases)
    func `F26: what catches the error and goes on, or cannot hear of it, is killed at the end of its grace`(
        _ body: String, _ isolation: LuaIsolation
    ) async throws {
        try await withPool(isolation, grace: Self.brief) { pool in
            let (code, _) = try await cancelled(pool, .source(body))
            #expect(code == .cancelled)
            #expect(await pool.statistics.workersKilled == 1)
            #expect(try await pool.call(.source("return 7")) == 7)
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F26: a task that catches the error and returns has returned`(_ isolation: LuaIsolation) async throws {
        try await withPool(isolation, grace: Self.ample) { pool in
            let task: LuaTask<String> = try await pool.submit(
                .source("return select(2, pcall(function() fleet.send('begun') while true do end end)):match('%a+$')"))
            for await _ in task.messages { task.cancel() }
            #expect(try await task.value == "cancelled" && task.state == .done)
        }
    }

    @Test(arguments: [LuaSandbox.safe, .locked], [nil, 1 << 40] as [UInt64?])
    func `F26: sandboxed tasks have their grace, also with a budget of instructions`(
        _ sandbox: LuaSandbox, _ instructions: UInt64?
    ) async throws {
        for body in [
            "fleet.send('begun') while true do end", "fleet.send('begun') fleet.sleep(1e9)",
            "coroutine.wrap(function() fleet.send('begun') while true do end end)()",
        ] {
            try await withPool(
                grace: Self.ample, wallTime: Self.ample,
                {
                    $0.sandbox = sandbox
                    $0.waive = Set(LuaSandboxLayer.allCases)
                    $0.limits.instructions = instructions
                }
            ) { pool in
                let (code, said) = try await cancelled(
                    pool, .source(Self.note + "local x <close> = note('outer') " + body))
                #expect(code == .cancelled)
                #expect(said == ["begun", "outer: cancelled"])
                #expect(await pool.statistics.workersKilled == 0)
                #expect(try await pool.call(.source("return 7")) == 7)
            }
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F26: a wait for a shared object ends, and what others wait for is not taken`(_ isolation: LuaIsolation)
        async throws
    {
        let waits = [
            "q:get()", "event:wait()", "lock:acquire()", "lock:with(function() fleet.send('entered') end)",
            "fleet.wait({q, event})", "semaphore:acquire()", "error(select(2, pcall(q.get, q)), 0)",
        ]
        try await withPool(isolation, grace: Self.ample) { pool in
            let (queue, event, lock, semaphore) = (
                try LuaQueue(), try LuaEvent(), try LuaLock(), try LuaSemaphore(0)
            )
            try await lock.acquire()
            for wait in waits {
                let task: LuaTask<LuaResults> = try await pool.submit(
                    .source(
                        "local q, event, lock, semaphore = ... \(Self.note) local x <close> = note('x') fleet.send('begun') \(wait)"
                    ),
                    queue.value, event.value, lock.value, semaphore.value)
                var said: [String] = []
                for await case .value(let value) in task.messages {
                    said.append(value.string ?? "")
                    if said == ["begun"] { task.cancel() }
                }
                #expect(await task.result.code == .cancelled)
                #expect(said == ["begun", "x: cancelled"], "\(wait)")
            }
            #expect(await pool.statistics.workersKilled == 0)
            try lock.release()
            try await queue.put(1)
            let got: Int = try await pool.call(
                .source("local q, lock = ... lock:acquire() local v = q:get() lock:release() return v"), queue.value,
                lock.value)
            #expect(got == 1)
        }
    }

    @Test func `F26: a read that waits ends`() async throws {
        try await withStage { stage in
            let pipe = stage.folder.appendingPathComponent("pipe").path
            #expect(mkfifo(pipe, 0o600) == 0)
            try await withPool(grace: Self.ample) { pool in
                let (code, said) = try await cancelled(
                    pool,
                    .source(
                        """
                        \(Self.note) local x <close> = note('x')
                        local f <close> = io.open('\(pipe)', 'r+')
                        local read = coroutine.wrap(function() while true do f:read(1) end end)
                        fleet.send('begun')
                        read()
                        """))
                #expect(code == .cancelled && said == ["begun", "x: cancelled"])
            }
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F26: many short tasks are cancelled at random: each ends once, and none but those that were meant`(
        _ isolation: LuaIsolation
    ) async throws {
        let seed = UInt64.random(in: 1 ... .max)
        print("seed of the cancellations: \(seed)")
        var dice = SeededDice(state: seed)
        try await withPool(isolation, grace: Self.ample, workers: 3) { pool in
            var tasks: [LuaTask<Int>] = []
            var ends: [Tally] = []
            var meant: Set<Int> = []
            for number in 0..<scaled(isolation == .freshProcess ? 300 : 1500) {
                let script: LuaScript =
                    switch dice.next(below: 4) {
                    case 0: .source("return ...")
                    case 1: .source("fleet.sleep(0.0005) return ...")
                    case 2: .source("for i = 1, 20000 do end return ...")
                    default: .source("return coroutine.wrap(function(...) for i = 1, 5000 do end return ... end)(...)")
                    }
                let task: LuaTask<Int> = try await pool.submit(script, number)
                let tally = Tally()
                task.onCompletion { _ in tally.next() }
                tasks.append(task)
                ends.append(tally)
                if dice.next(below: 2) == 0 {
                    let victim = number - min(number, Int(dice.next(below: 8)))
                    meant.insert(victim)
                    tasks[victim].cancel()
                }
            }
            var cancelledCount = 0
            for (number, task) in tasks.enumerated() {
                switch await task.result {
                case .success(let value): #expect(value == number)
                case .failure(let error):
                    #expect((error as? LuaFleetError)?.code == .cancelled && meant.contains(number), "\(error)")
                    cancelledCount += 1
                }
            }
            #expect(cancelledCount > 0)
            #expect(await eventually { ends.allSatisfy { $0.value == 1 } })
            #expect(await pool.statistics.workersKilled == 0)
        }
    }

    private struct SeededDice {
        var state: UInt64

        mutating func next(below bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
    }

    @Test func `F26: a task that is cancelled as soon as it is sent ends, begun or not`() async throws {
        for isolation in LuaIsolation.allCases {
            for sandbox in isolation == .shared ? [LuaSandbox.none, .safe, .locked] : [.none] {
                try await withPool(
                    isolation, grace: Self.ample, wallTime: Self.ample,
                    {
                        $0.sandbox = sandbox
                        $0.waive = Set(LuaSandboxLayer.allCases)
                    }
                ) { pool in
                    for _ in 0..<(sandbox == .locked ? 30 : scaled(100)) {
                        let task = try await pool.submit(.source("while true do end"))
                        while task.state == .pending { await Task.yield() }
                        task.cancel()
                        #expect(await task.result.code == .cancelled)
                    }
                    #expect(try await pool.call(.source("return 7")) == 7)
                }
            }
        }
    }

    @Test func `F26: a pool that is terminated gives no grace, and one of nonsense is refused`() async throws {
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.gracePeriod = Self.ample
        let pool = try await LuaPool(configuration)
        let task = try await pool.submit(.source("pcall(function() while true do end end) while true do end"))
        #expect(await eventually { task.state == .running })
        await pool.terminate()
        #expect(await task.result.code == .poolClosed)
        for grace in [Duration.seconds(-1), .microseconds(10)] {
            configuration.gracePeriod = grace
            await #expect(throws: LuaFleetError.self) { _ = try await LuaPool(configuration) }
        }
    }
}
