// F31: the corpus of hostile scripts: each comes to its end at each level, in the way that was said, and costs no other task anything.
import Foundation
import LuaFleet
import Testing

@Suite
struct CorpusTests {
    private func word(_ report: LuaTaskReport) -> String {
        switch report.result {
        case .success(let values): values.first?.bool == true ? "ok" : "false"
        case .failure(is LuaError): "script"
        case .failure(let error as LuaFleetError): error.code.kind
        case .failure(let error): "\(error)"
        }
    }

    private func configuration(_ sandbox: LuaSandbox, cpuTime: Duration) -> LuaPoolConfiguration {
        var configuration = LuaPoolConfiguration(workers: 4)
        configuration.sandbox = sandbox
        // The deadline is for a machine that is very busy: no script here waits for it.
        configuration.limits = LuaLimits(
            wallTime: .seconds(600), cpuTime: cpuTime, memory: 32 << 20, output: 64 << 10, result: 2 << 20)
        return configuration
    }

    private func check(
        _ scripts: [HostileScript], _ level: Int, _ sandbox: LuaSandbox, cpuTime: Duration
    ) async throws {
        var configuration = configuration(sandbox, cpuTime: cpuTime)
        if sandbox == .none { configuration.isolation = .freshProcess }
        try await withLuaPool(configuration) { pool in
            var count = 0
            for try await report in pool.reports(of: scripts.map { LuaJob(.source($0.source)) }, ordered: true) {
                let script = scripts[report.index - 1]
                let allowed = script.expected[level].split(separator: "|").map(String.init)
                let word = word(report)
                #expect(allowed.contains(word), "\(script.group) at \(sandbox): \(script.source)\n-> \(report.result)")
                count += 1
            }
            #expect(count == scripts.count)
            #expect(await eventually { await pool.workerPids.count == 4 })
        }
    }

    @Test(arguments: Array(LuaSandbox.allCases.enumerated()))
    func `F31: hostile scripts and honest ones come to what was said, at each level`(
        _ level: Int, _ sandbox: LuaSandbox
    ) async throws {
        #expect(HostileScript.all.count + HostileScript.cpu.count + HostileScript.leaks.count >= 100)
        try await check(HostileScript.cpu, level, sandbox, cpuTime: .milliseconds(300))
        try await check(HostileScript.all, level, sandbox, cpuTime: .seconds(60))
    }

    @Test(arguments: Array(LuaSandbox.allCases.enumerated()))
    func `hazard 25: what a task leaves is not found by the next one, but at none`(
        _ level: Int, _ sandbox: LuaSandbox
    ) async throws {
        for script in HostileScript.leaks {
            var configuration = configuration(sandbox, cpuTime: .seconds(60))
            configuration.workers = 1
            try await withLuaPool(configuration) { pool in
                _ = await pool.run(.source(try #require(script.before)))
                let word = word(await pool.run(.source(script.source)))
                #expect(
                    word == script.expected[level] || level == 0 && script.before!.contains("coroutine"),
                    "\(script.before ?? "") at \(sandbox): \(word)")
            }
        }
    }
}
