// What a task writes, by whatever way: all of it, in order, and nobody else's.
import Foundation
import LuaFleet
import Testing

@Suite
struct OutputTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F56: print, io.write, io.stdout, io.stderr and children are captured in order and by stream`(
        _ isolation: LuaIsolation
    )
        async throws
    {
        try await withPool(1, isolation: isolation) { pool in
            let script = LuaScript.source(
                """
                print("a", 1, nil, true) os.execute("echo b") io.write("c", 2, "\\n") os.execute("echo d >&2; echo e")
                io.stdout:write("f\\n") io.stderr:write("g\\n") os.execute("echo h >&2") print("i\\0j")
                local p = io.popen("cat >&2", "w") p:write("k\\n") p:close() print("l")
                """)
            for _ in 1...2 {
                let report = await pool.run(script)
                #expect(report.output == "a\t1\tnil\ttrue\nb\nc2\ne\nf\ni\0j\nl\n", "\(report.result)")
                #expect(report.errors == "d\ng\nh\nk\n")
            }
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F56: 10 MB of print and 10 MB of a child come whole`(_ isolation: LuaIsolation) async throws {
        try await withPool(1, isolation: isolation) { pool in
            let printed = await pool.run(.source("local s = ('p'):rep(99) for i = 1, 100000 do print(s) end"))
            #expect(printed.standardOutput.count == 10_000_000)
            let child = await pool.run(.source("os.execute('yes 123456789 | head -n 1000000') print('end')"))
            #expect(child.standardOutput.count == 10_000_004 && child.output.hasSuffix("123456789\nend\n"))
            let next = await pool.run(.source("print('small') os.execute('echo child')"))
            #expect(next.output == "small\nchild\n")
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F56: tasks that write at the same time never get each other's output`(_ isolation: LuaIsolation) async throws
    {
        try await withPool(4, isolation: isolation) { pool in
            let script = LuaScript.source(
                "for i = 1, 50 do print(...) end os.execute('echo ' .. ...) io.stderr:write(...)")
            for try await report in pool.reports(of: (1...60).map { LuaJob(script, [.integer(Int64($0))]) }) {
                #expect(
                    report.output == String(repeating: "\(report.index)\n", count: 51)
                        && report.errors == "\(report.index)")
            }
        }
    }

    @Test(arguments: LuaIsolation.allCases, ["", "os.execute('kill -SEGV $PPID')"])
    func `F56: what a task's background process writes later is no other task's, also where the task died`(
        _ isolation: LuaIsolation, _ end: String
    ) async throws {
        try await withStage { stage in
            try await withPool(1, isolation: isolation) { pool in
                let first = await pool.run(
                    stage.source(
                        """
                        os.execute("(until [ -e " .. path('gate') .. " ]; do sleep 0.01; done; echo late; echo late >&2; : > " .. path('late') .. ") &")
                        \(end)
                        """))
                #expect(first.output == "")
                #expect(await pool.run(.source("print('second')")).output == "second\n")
                stage.mark("gate")
                // The death of a shared worker takes the background process with it.
                if end.isEmpty || isolation == .freshProcess {
                    #expect(await eventually { stage.isMarked("late") })
                }
                let third = await pool.run(.source("os.execute('echo third')"))
                #expect(third.output == "third\n" && third.errors == "")
            }
        }
    }

    @Test
    func
        `F32: a global counts on in shared, begins anew in fresh-state, and in fresh-process each task has its own pid`()
        async throws
    {
        let script = LuaScript.source("n = (n or 0) + 1 return n, fleet.worker.pid")
        for isolation in LuaIsolation.allCases {
            try await withPool(1, isolation: isolation) { pool in
                var (counts, pids, values) = ([Int32](), [Int32](), [LuaValue?]())
                for _ in 1...3 {
                    let report = await pool.run(script)
                    values.append(report.values?.first)
                    pids.append(report.pid)
                    counts.append(Int32(report.worker))
                }
                #expect(
                    values
                        == (isolation == .shared
                            ? [.integer(1), .integer(2), .integer(3)] : [.integer(1), .integer(1), .integer(1)]))
                #expect(Set(pids).count == (isolation == .freshProcess ? 3 : 1) && counts == [1, 1, 1])
                let workers = await pool.workerPids
                #expect(pids.allSatisfy { workers.contains($0) == (isolation != .freshProcess) })
            }
        }
    }

    @Test(arguments: [LuaIsolation.shared, .freshProcess])
    func `F56: a reader of output that stops holds its own tasks, and no deadline and nobody else`(
        _ isolation: LuaIsolation
    ) async throws {
        let (gate, heard) = (DispatchSemaphore(value: 0), Heard())
        var configuration = LuaPoolConfiguration(workers: 2)
        configuration.isolation = isolation
        try await withLuaPool(configuration) { pool in
            let flood = "for i = 1, 200 do print(('x'):rep(100000)) end"  // 20 MB, far more than is kept
            let jobs = ["print('first') print('second')", flood, "print('last')"].map { LuaJob(.source($0)) }
            let reading = Task {
                var reports: [LuaTaskReport] = []
                for try await report in pool.reports(
                    of: jobs, ordered: true, window: 2,
                    onOutput: { output in
                        if heard.add(output) { gate.wait() }
                    })
                {
                    #expect(report.standardOutput.isEmpty)
                    reports.append(report)
                }
                return reports.map(\.code)
            }
            #expect(await eventually { heard.isWaiting })
            // The other worker works, deadlines pass.
            let values: [Int] = try await pool.map(.source("return ..."), 1...100)
            #expect(values == Array(1...100))
            let endless = try await pool.submit(
                .source("while true do end"), limits: LuaLimits(wallTime: .milliseconds(100)), returning: Int.self)
            #expect(await endless.result.code == .timeout)
            #expect(heard.count < 3, "the reader is still there where it stopped")
            gate.signal()
            #expect(try await reading.value == [nil, nil, nil])
        }
        // Whole, and in order within each task.
        #expect(heard.text(1) == "first\nsecond\n" && heard.text(3) == "last\n")
        #expect(heard.text(2).utf8.count == 200 * 100_001)
    }

    @Test(arguments: [LuaIsolation.shared, .freshProcess])
    func `F56: a task that writes a line where a reader has stopped ends, and its worker works for others`(
        _ isolation: LuaIsolation
    ) async throws {
        let (gate, heard) = (DispatchSemaphore(value: 0), Heard())
        let (written, start) = (try SharedValue<Int>(0), try LuaQueue())
        var configuration = LuaPoolConfiguration(workers: 2)
        configuration.isolation = isolation
        try await withLuaPool(configuration) { pool in
            let jobs = [
                LuaJob(
                    .source("local n = ... for i = 1, 100 do print(('x'):rep(99999)) n:set(i) end"), [written.value]),
                LuaJob(
                    .source(
                        """
                        local start = ...
                        start:get()
                        print('line')
                        local t = os.clock() + 0.05 while os.clock() < t do end  -- the line comes by itself
                        """), [start.value]),
            ]
            let reading = Task {
                var codes: [LuaFleetError.Code?] = []
                for try await report in pool.reports(
                    of: jobs, ordered: true, window: 2, onOutput: { if heard.add($0) { gate.wait() } })
                {
                    codes.append(report.code)
                }
                return codes
            }
            // Until the worker of the first waits for the reader.
            var (last, looks) = (0, 0)
            #expect(
                await eventually {
                    let now = (try? written.get()) ?? 0
                    (last, looks) = (now, now == last ? looks + 1 : 0)
                    return now > 40 && looks > 30
                })
            try await start.put(1)
            let values: [Int] = try await pool.map(.source("return ..."), 1...100)
            #expect(values == Array(1...100) && heard.count == 1)
            gate.signal()
            #expect(try await reading.value == [nil, nil])
        }
        #expect(heard.text(1).utf8.count == 100 * 100_000 && heard.text(2) == "line\n")
    }

    @Test func `F56: a task that writes to a reader who has stopped ends at its deadline`() async throws {
        let (gate, heard) = (DispatchSemaphore(value: 0), Heard())
        try await withPool(1, wallTime: .seconds(2)) { pool in
            let events = pool.events
            let endless = [LuaJob(.source("while true do print(('x'):rep(10000)) end"))]
            let reading = Task {
                var codes: [LuaFleetError.Code?] = []
                for try await report in pool.reports(of: endless, onOutput: { if heard.add($0) { gate.wait() } }) {
                    codes.append(report.code)
                }
                return codes
            }
            for await case .taskEnded(_, let failure) in events {
                #expect(failure == "timeout")
                break
            }
            let seven: Int = try await pool.call(.source("return 7"))
            #expect(seven == 7 && heard.isWaiting)
            gate.signal()
            #expect(try await reading.value == [.timeout])
        }
        #expect(heard.text(1).utf8.count < 64 << 20, "what was kept has a bound")
    }
}

/// What a reader got. The first call of ``add(_:)`` says that it shall wait.
private final class Heard: @unchecked Sendable {  // under its lock
    private let lock = NSLock()
    private var bytes: [Int: [UInt8]] = [:]
    private var calls = 0

    var isWaiting: Bool { count > 0 }
    var count: Int { lock.withLock { calls } }

    func add(_ output: LuaTaskOutput) -> Bool {
        lock.withLock {
            calls += 1
            bytes[output.index, default: []] += output.bytes
            return calls == 1
        }
    }

    func text(_ index: Int) -> String { lock.withLock { String(decoding: bytes[index] ?? [], as: UTF8.self) } }
}
