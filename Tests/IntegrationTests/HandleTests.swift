// F09, F12, F14, F17: tasks that are handed in and asked for later.
import Dispatch
import LuaFleet
import Synchronization
import Testing

@Suite
struct HandleTests {
    @Test func `F09: a submitted task has its value, all its results, or its error`() async throws {
        try await withPool(2) { pool in
            let value: LuaTask<Int> = try await pool.submit(.source("local a, b = ... return a * b"), 6, 7)
            #expect(try await value.value == 42)
            #expect(try value.resultIfCompleted?.get() == 42 && value.state == .done)
            let all = try await pool.submit(.source("return 1, nil, 3, nil"))
            #expect(Array(try await all.value) == [1, .nil, 3, .nil])
            let failing: LuaTask<Int> = try await pool.submit(.source("error('boom', 0)"))
            #expect(await failing.result.luaError?.message == "boom")
            let other: LuaTask<Int> = try await pool.submit(.source("return 'text'"))
            #expect(await other.result.code == .notDecodable)
        }
    }

    @Test
    func `F09: submit throws what it can know at once: a file that is not there, an argument that cannot be sent`()
        async throws
    {
        struct Stubborn: Encodable {
            func encode(to encoder: any Encoder) throws {
                throw EncodingError.invalidValue(self, .init(codingPath: [], debugDescription: "no"))
            }
        }
        try await withPool(1) { pool in
            let missing = await #expect(throws: LuaFleetError.self) {
                _ = try await pool.submit(.file("/nonexistent.lua"))
            }
            #expect(missing?.code == .setup && missing?.message.contains("/nonexistent.lua") == true)
            let unsent = await #expect(throws: LuaFleetError.self) {
                _ = try await pool.submit(.source("return 1"), Stubborn())
            }
            #expect(unsent?.code == .notEncodable)
        }
    }

    @Test func `F17: a handle is pending, then running, then one of five ends`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                let first = try await pool.submit(stage.source("mark('begun') await('go')"))
                #expect(await eventually { stage.isMarked("begun") })
                #expect(first.state == .running && first.resultIfCompleted == nil)
                let second = try await pool.submit(.source("return 1"))
                _ = await pool.statistics  // behind the submission, on the event loop
                #expect(second.state == .pending)
                stage.mark("go")
                _ = await second.result
                #expect(first.state == .done && second.state == .done)
                let ends: [(String, LuaTaskState)] = [
                    ("error('no')", .failed), ("return io.stdout", .failed), ("os.exit(3)", .died),
                    ("while true do end", .timedOut),
                ]
                for (source, state) in ends {
                    let task = try await pool.submit(
                        .source(source), limits: LuaLimits(wallTime: state == .timedOut ? .milliseconds(100) : nil))
                    _ = await task.result
                    #expect(task.state == state, "\(source)")
                }
                let endless = try await pool.submit(.source("while true do end"))
                endless.cancel()
                #expect(await endless.result.code == .cancelled)
                #expect(endless.state == .cancelled && endless.state.isCompleted)
            }
        }
    }

    @Test func `F12: callbacks get values and errors, each once, also when the task had ended before`() async throws {
        try await withPool(2) { pool in
            let (values, sink) = AsyncStream.makeStream(of: Int.self)
            let tasks = try await pool.tasks(.source("local n = ... if n == 3 then error('x') end return n"), 1...5)
            func add(to task: LuaTask<Int>) {
                task.onCompletion { result in
                    sink.yield(result.luaError == nil ? (try? result.get()) ?? 0 : -1)
                }
            }
            for task in tasks { add(to: task) }
            for task in tasks { _ = await task.result }
            for task in tasks { add(to: task) }
            var heard: [Int] = []
            for await value in values {
                heard.append(value)
                if heard.count == 10 { break }
            }
            #expect(heard.sorted() == [-1, -1, 1, 1, 2, 2, 4, 4, 5, 5])
        }
    }

    @Test func `F12: a callback that blocks holds up neither tasks, nor close, nor the callbacks that it delays`()
        async throws
    {
        let gate = DispatchSemaphore(value: 0)
        let (calls, sink) = AsyncStream.makeStream(of: Int.self)
        try await withPool(2) { pool in
            let tasks = try await pool.tasks(.source("return ..."), 1...100)
            tasks[0].onCompletion { _ in
                gate.wait()
                sink.yield(1)
            }
            for task in tasks.dropFirst() { task.onCompletion { sink.yield((try? $0.get()) ?? 0) } }
            var sum = 0
            for task in tasks { sum += try await task.value }
            #expect(sum == 5050)
            let more: [Int] = try await pool.map(.source("return ..."), 1...1000)
            #expect(more.count == 1000)
        }
        // The pool is closed, and the first callback has not returned.
        gate.signal()
        var heard: Set<Int> = []
        for await call in calls {
            heard.insert(call)
            if heard.count == 100 { break }
        }
        #expect(heard == Set(1...100))
    }

    @Test func `F12: a callback may submit, cancel and wait for its pool as any other code`() async throws {
        try await withPool(1) { pool in
            let (values, sink) = AsyncStream.makeStream(of: Int.self)
            let first: LuaTask<Int> = try await pool.submit(.source("return 1"))
            first.onCompletion { _ in
                Task {
                    let next: LuaTask<Int> = try await pool.submit(.source("return 2"))
                    next.onCompletion { sink.yield((try? $0.get()) ?? 0) }
                }
            }
            for await value in values {
                #expect(value == 2)
                break
            }
        }
    }
}

/// How a pool comes to its end.
enum PoolEnding: String, CaseIterable, Sendable {
    case close, drain, cancelQueued, kill, terminate, drop
}

@Suite
struct NoHandlePendingTests {
    @Test(arguments: PoolEnding.allCases)
    func `F14: no handle is left pending: running, queued, and submitted in that moment`(_ ending: PoolEnding)
        async throws
    {
        try await withStage { stage in
            var pool: LuaPool? = try await LuaPool(LuaPoolConfiguration(workers: 2))
            // One that runs, and only ends by itself where that is waited for.
            let running = try await pool!.submit(stage.source("mark('begun') await('go') return 1"))  // set above
            #expect(await eventually { stage.isMarked("begun") })
            let endless =
                [.close, .drain, .cancelQueued].contains(ending)
                ? [] : [try await pool!.submit(.source("while true do end"))]  // set above
            let queued = try await pool!.tasks(stage.source("await('go') return ..."), 1...50)  // set above
            if ending != .drop {
                let flood = Task { [pool] in
                    var tasks: [LuaTask<Int>] = []
                    for _ in 0..<2000 { tasks.append(try await pool!.submit(.source("return 5"))) }  // not nil: no drop
                    return tasks
                }
                let end = Task { [pool] in await pool!.end(ending) }  // not nil: no drop
                if [.close, .drain, .cancelQueued].contains(ending) { stage.mark("go") }
                await end.value
                for task in try await flood.value {
                    let result = await task.result
                    #expect(result.code == .poolClosed || result.code == .cancelled || (try? result.get()) == 5)
                }
                let late: LuaTask<Int> = try await pool!.submit(.source("return 1"))  // not nil: no drop
                #expect(await late.result.code == .poolClosed)
            }
            pool = nil
            for task in endless { #expect(await task.result.code == .poolClosed) }
            for task in queued {
                let result = await task.result
                switch ending {
                case .close, .drain: #expect(result.code == nil)
                case .cancelQueued: #expect(result.code == nil || result.code == .cancelled)
                case .kill, .terminate, .drop: #expect(result.code == .poolClosed)
                }
            }
            switch ending {
            case .close, .drain, .cancelQueued: #expect(Array(try await running.value) == [1])
            case .kill, .terminate, .drop: #expect(await running.result.code == .poolClosed)
            }
        }
    }

    @Test func `F14: callbacks, messages and waits of tasks end with a pool that is dropped`() async throws {
        var pool: LuaPool? = try await LuaPool(LuaPoolConfiguration(workers: 1))
        let task = try await pool!.submit(.source("fleet.send('up') while true do end"))  // set above
        var messages = task.messages.makeAsyncIterator()
        #expect(await messages.next() == .value("up"))
        let (calls, sink) = AsyncStream.makeStream(of: LuaFleetError.Code?.self)
        task.onCompletion { sink.yield($0.code) }
        let waiting = Task { await LuaTask.wait([task]) }
        pool = nil
        #expect(await messages.next() == nil)
        #expect(await waiting.value.done.count == 1)
        for await code in calls {
            #expect(code == .poolClosed)
            break
        }
        task.cancel()
        #expect(task.state == .cancelled)
    }

    @Test func `F14: a pool is closed and terminated from many sides at once, while it starts`() async throws {
        for round in 0..<6 {
            let pool = try await LuaPool(LuaPoolConfiguration(workers: 3))
            let tasks = try await pool.tasks(.source("return ..."), 1...20)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        if (number + round) % 3 == 0 { await pool.terminate() } else { await pool.close() }
                    }
                }
            }
            for task in tasks {
                let code = await task.result.code
                #expect(code == nil || code == .poolClosed)
            }
        }
    }
}

extension LuaPool {
    /// A task for each input.
    func tasks(_ script: LuaScript, _ inputs: some Sequence<Int>) async throws -> [LuaTask<Int>] {
        var tasks: [LuaTask<Int>] = []
        for input in inputs { tasks.append(try await submit(script, input)) }
        return tasks
    }

    func end(_ ending: PoolEnding) async {
        switch ending {
        case .close: await close()
        case .drain: await shutdown(.drain)
        case .cancelQueued: await shutdown(.cancelQueued)
        case .kill: await shutdown(.kill)
        case .terminate: await terminate()
        case .drop: break
        }
    }
}
