// F27 to F30: budgets of real workers, each with its own error.
import Foundation
import LuaFleet
import Testing

@Suite
struct BudgetTests {
    private static let cases: [(LuaSandbox, LuaIsolation)] =
        LuaIsolation.allCases.map { (.none, $0) } + [(.safe, .shared), (.safe, .freshProcess), (.locked, .shared)]

    /// Runs a script that is over its budget, then one that is not.
    private func outcome(
        _ place: (LuaSandbox, LuaIsolation), _ limits: LuaLimits, _ script: String
    ) async throws -> LuaTaskReport {
        try await withSandbox(
            place.0, workers: 1,
            {
                $0.isolation = place.1; $0.limits = limits
            }
        ) { pool in
            let report = await pool.run(.source(script))
            let seven: Int = try await pool.call(.source("print('after') return 7"))
            #expect(seven == 7)
            return report
        }
    }

    @Test(arguments: cases)
    func `F29: a task that computes too long ends by its processor time; sleeping does not count`(
        _ sandbox: LuaSandbox, _ isolation: LuaIsolation
    ) async throws {
        let limits = LuaLimits(wallTime: .seconds(100), cpuTime: .milliseconds(300))
        let report = try await outcome(
            (sandbox, isolation), limits, "while true do pcall(function() while true do end end) end")
        #expect(report.code == .cpuLimit && report.fleetError?.message == "used more than 0.3 s of processor time")
        let inC = try await outcome((sandbox, isolation), limits, "string.find(('a'):rep(5000), ('.-'):rep(60) .. 'b')")
        #expect(inC.code == .cpuLimit)
        let sleeper = try await outcome((sandbox, isolation), limits, "fleet.sleep(0.6) return 1")
        #expect(sleeper.values == [1])
    }

    @Test(arguments: cases)
    func `F27: a memory bomb is memory_limit, and the next task is right`(
        _ sandbox: LuaSandbox, _ isolation: LuaIsolation
    ) async throws {
        for script in [
            "return ('x'):rep(1e10)", "local t = {} for i = 1, 1e9 do t[i] = {i} end",
            "local s = 'x' while true do s = s .. s end",
        ] {
            let report = try await outcome((sandbox, isolation), LuaLimits(memory: 16 << 20), script)
            #expect(
                report.code == .memoryLimit && report.fleetError?.message == "not enough memory (the limit is 16 MiB)")
        }
    }

    @Test(arguments: cases)
    func `F28: a task over its instructions is instruction_limit`(_ sandbox: LuaSandbox, _ isolation: LuaIsolation)
        async throws
    {
        let report = try await outcome(
            (sandbox, isolation), LuaLimits(instructions: 1_000_000), "while true do pcall(error) end")
        #expect(report.code == .instructionLimit)
    }

    @Test(arguments: cases)
    func `F30: endless output is output_limit, with what came before it`(
        _ sandbox: LuaSandbox, _ isolation: LuaIsolation
    ) async throws {
        let report = try await outcome(
            (sandbox, isolation), LuaLimits(output: 10_000), "while true do print('0123456789') end")
        #expect(report.code == .outputLimit && report.fleetError?.message == "wrote more than its limit of 10000 bytes")
        #expect(report.standardOutput.count <= 10_000 && report.standardOutput.count > 9_000)
    }

    @Test(arguments: cases)
    func `F30: where output is cut instead, a mark stands at its end and the task goes on`(
        _ sandbox: LuaSandbox, _ isolation: LuaIsolation
    ) async throws {
        let limits = LuaLimits(output: 1000, overOutput: .cut)
        let report = try await outcome(
            (sandbox, isolation), limits, "for i = 1, 1e4 do print('0123456789') end return 5")
        #expect(report.values == [5])
        #expect(
            report.output == String(repeating: "0123456789\n", count: 91).prefix(1000)
                + "\n[output cut at 1000 bytes]\n")
    }

    @Test(arguments: cases)
    func `F30: a result over its limit is result_limit`(_ sandbox: LuaSandbox, _ isolation: LuaIsolation) async throws {
        let report = try await outcome((sandbox, isolation), LuaLimits(result: 1000), "return ('x'):rep(2000)")
        #expect(report.code == .resultLimit)
    }

    @Test func `what child processes write counts as output`() async throws {
        let report = try await outcome((.none, .shared), LuaLimits(output: 10_000), "os.execute('yes | head -c 50000')")
        #expect(report.code == .outputLimit)
    }
}
