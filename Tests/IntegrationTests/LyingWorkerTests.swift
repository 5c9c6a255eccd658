// Hazards 19 and 27: a worker that says what no honest one does. The chaos program plays it (Tests/chaos/Liar).
import Foundation
import LuaFleet
import Testing

@Suite
struct LyingWorkerTests {
    private func run(_ sandbox: LuaSandbox) async throws -> LuaTaskReport {
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.workerExecutable = testHost.deletingLastPathComponent().appendingPathComponent("chaos").path
        configuration.environment = ["CHAOS_LIE": "code"]
        configuration.sandbox = sandbox
        configuration.limits.wallTime = .seconds(60)
        return try await withLuaPool(configuration) { pool in
            // One in a hundred of the liars does not even begin as one should.
            var report = await pool.run(.source("return 1"), 1)
            while report.code == .setup { report = await pool.run(.source("return 1"), 1) }
            return report
        }
    }

    @Test func `F31: from a sandboxed worker no bytecode is taken, whoever wrote it`() async throws {
        #expect(try await run(.safe).code == .protocolViolation)
        // Where scripts are trusted, functions pass by value.
        let report = try await run(.none)
        guard case .function? = report.values?.first else {
            Issue.record("\(report.result)")
            return
        }
    }
}
