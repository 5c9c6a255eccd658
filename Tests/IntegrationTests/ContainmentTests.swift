// F03, F21: what one task does to its worker costs no other task anything.
import CChaos
import Foundation
import LuaFleet
import Testing

@Suite
struct ContainmentTests {
    @Test(arguments: [LuaIsolation.shared, .freshProcess])
    func `F03: of 100 tasks 4 segfault, abort, exit and loop; 96 are right and 4 fail, each in its own way`(
        _ isolation: LuaIsolation
    ) async throws {
        let script = LuaScript.source(
            """
            return {f = function(n)
                if n == 11 then os.execute("kill -SEGV $PPID") end
                if n == 37 then os.execute("kill -ABRT $PPID") end
                if n == 58 then os.exit(3) end
                if n == 90 then while true do end end
                return n * 2
            end}
            """
        ).function("f")
        try await withPool(4, isolation: isolation, wallTime: .seconds(15)) { pool in
            var reports: [LuaTaskReport] = []
            for try await report in pool.reports(
                of: (1...100).map { LuaJob(script, [.integer(Int64($0))]) }, ordered: true)
            {
                reports.append(report)
            }
            #expect(reports.map(\.index) == Array(1...100))
            let bad: [Int: LuaFleetError.Code] = [
                11: .workerDied(.signal(SIGSEGV)), 37: .workerDied(.signal(SIGABRT)), 58: .workerDied(.status(3)),
                90: .timeout,
            ]
            for report in reports {
                if let code = bad[report.index] {
                    #expect(report.code == code, "task \(report.index)")
                } else {
                    #expect(
                        report.values == [.integer(Int64(report.index * 2))], "task \(report.index): \(report.result)")
                }
            }
            #expect(await eventually { await pool.workerPids.count == 4 })
        }
    }

    @Test func `F21: a worker that is cut off from the host and lives is killed, and only its task fails`() async throws
    {
        try await withPool(1) { pool in
            let task = Task { await pool.run(.source("while true do end")) }
            #expect(await eventually { await pool.statistics.running == 1 })
            let socket = chaos_take_descriptor(try #require(await pool.workerPids.first), 3)
            try #require(socket >= 0)
            shutdown(socket, Int32(SHUT_RDWR))
            close(socket)
            #expect(await task.value.code == .workerDied(.signal(SIGKILL)))
            #expect(try await pool.call(.source("return 7")) == 7)
        }
    }

    @Test func `F21: a worker that is killed while idle loses no task and is replaced`() async throws {
        try await withPool(2) { pool in
            #expect(await eventually { await pool.workerPids.count == 2 })
            for round in 1...20 {
                for pid in await pool.workerPids { kill(pid, SIGKILL) }
                // Some of these are sent to a worker that is dead already.
                let values: [Int] = try await pool.map(.source("return ... + 1"), [round, round + 1, round + 2])
                #expect(values == [round + 1, round + 2, round + 3])
            }
            #expect(await eventually { await pool.workerPids.count == 2 })
        }
    }

    @Test(arguments: [LuaIsolation.shared, .freshProcess])
    func `F21: a worker that is killed while it runs fails its task with the signal, and no other`(
        _ isolation: LuaIsolation
    )
        async throws
    {
        try await withFolder { folder in
            let mark = folder.appendingPathComponent("pid").path
            try await withPool(2, isolation: isolation) { pool in
                let script = LuaScript.source(
                    "local p = ... local f = io.open(p, 'w') f:write(fleet.worker.pid) f:close() while true do end")
                async let victim = pool.run(script, .init(stringLiteral: mark))
                async let others: [Int] = pool.map(.source("return ... * 2"), 1...50)
                var pid: Int32?
                #expect(
                    await eventually {
                        pid = (try? String(contentsOfFile: mark, encoding: .utf8)).flatMap { Int32($0) }
                        return pid != nil
                    })
                kill(try #require(pid), SIGKILL)
                let report = await victim
                #expect(report.code == .workerDied(.signal(SIGKILL)) && report.pid == pid)
                #expect(report.fleetError?.task.worker == report.worker && report.worker > 0)
                #expect(try await others == (1...50).map { $0 * 2 })
                #expect(await eventually { await pool.workerPids.count == 2 })
            }
        }
    }

    @Test(arguments: [LuaIsolation.shared, .freshProcess])
    func `F21: a worker that dies in the middle of a long answer fails that task and the next one is right`(
        _ isolation: LuaIsolation
    ) async throws {
        try await withPool(1, isolation: isolation) { pool in
            for delay in [0.0, 0.001, 0.003, 0.01, 0.02] {
                // The child shoots while 48 MB are on their way; it may also miss.
                let script = LuaScript.source(
                    "os.execute('(sleep \(delay); kill -KILL '.. fleet.worker.pid ..') &') return ('x'):rep(48 * 1024 * 1024)"
                )
                let report = await pool.run(script)
                if let code = report.code {
                    guard case .some = code.exit else {
                        Issue.record("\(report.result)")
                        continue
                    }
                } else {
                    #expect(report.values?.first?.string?.utf8.count == 48 << 20)
                }
                let next: Int = try await pool.call(.source("return 7"))
                #expect(next == 7)
            }
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F21: os.exit fails exactly its task with its status, also status 0, and its output is kept`(
        _ isolation: LuaIsolation
    )
        async throws
    {
        try await withPool(1, isolation: isolation) { pool in
            for status: Int32 in [0, 1, 77, 255] {
                let report = await pool.run(
                    .source("print('before') io.stderr:write('why') os.exit(...)"), .integer(Int64(status)))
                #expect(report.code == .workerDied(.status(status)))
                #expect(report.output == "before\n" && report.fleetError?.task.standardErrorTail == "why")
                let next: Int = try await pool.call(.source("return 7"))
                #expect(next == 7)
            }
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `a task that crashes keeps what it and its children wrote before`(_ isolation: LuaIsolation) async throws {
        try await withPool(1, isolation: isolation) { pool in
            let report = await pool.run(
                .source(
                    "print('one') os.execute('echo two; echo three >&2') io.write('four\\n') os.execute('kill -SEGV $PPID')"
                ))
            #expect(report.code == .workerDied(.signal(SIGSEGV)))
            #expect(report.output == "one\ntwo\nfour\n" && report.errors == "three\n")
        }
    }
}
