// `bench containment`: what isolation costs, and how soon a bad task is over. HAZARDS has the goals.
import LuaFleet

extension Workload {
    static let containment = Workload(
        name: "containment",
        summary:
            "hardening a process, us; a worker replaced, ms; deadline overshoot, ms; each the median, of overshoots also p99"
    ) {
        var figures: [Figure] = []
        for (suffix, method) in [("replace-fork", LuaStartMethod.forkServer), ("replace-spawn", .spawn)] {
            figures.append(Figure(suffix: suffix, unit: "ms", value: try await replacement(method).median * 1e3))
        }
        for (suffix, sandbox, method) in [
            ("harden-safe", LuaSandbox.safe, LuaStartMethod.forkServer), ("harden-locked", .locked, .spawn),
        ] {
            figures.append(Figure(suffix: suffix, unit: "us", value: try await hardening(sandbox, method) * 1e6))
        }
        let late = try await overshoots().sorted()
        figures.append(Figure(suffix: "overshoot-p50", unit: "ms", value: late.median * 1e3))
        figures.append(
            Figure(suffix: "overshoot-p99", unit: "ms", value: late[late.count * 99 / 100] * 1e3))
        return figures
    }

    /// From the moment when a task is cancelled that never ends, to the next answer: its worker is killed, reaped and followed by another.
    private static func replacement(_ method: LuaStartMethod) async throws -> [Double] {
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.startMethod = method
        return try await withLuaPool(configuration) { pool in
            var times: [Double] = []
            for _ in 0..<100 {
                let task = try await pool.submit(.source("fleet.send(1) while true do end"), returning: Int.self)
                for await _ in task.messages { break }
                times.append(
                    try await timed {
                        task.cancel()
                        let _: Int = try await pool.call(.source("return 1"))
                    })
            }
            return times
        }
    }

    /// What a worker's start takes longer with the sandbox than without: of tasks one after the other, each on a worker of its own. Both by turns, for machines have moods.
    private static func hardening(_ sandbox: LuaSandbox, _ method: LuaStartMethod) async throws -> Double {
        try await withLuaPool(oneTaskAWorker(.none, method)) { plain in
            try await withLuaPool(oneTaskAWorker(sandbox, method)) { hardened in
                var (without, with): ([Double], [Double]) = ([], [])
                for _ in 0..<20 {
                    without += try await starts(in: plain)
                    with += try await starts(in: hardened)
                }
                return with.median - without.median
            }
        }
    }

    private static func oneTaskAWorker(_ sandbox: LuaSandbox, _ method: LuaStartMethod) -> LuaPoolConfiguration {
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.sandbox = sandbox
        configuration.startMethod = method
        configuration.recycle = .afterTasks(1)
        return configuration
    }

    /// Each waits for its worker's start, but for the first, whose worker is there already.
    private static func starts(in pool: LuaPool) async throws -> [Double] {
        let _: Int = try await pool.call(.source("return 1"))
        var times: [Double] = []
        for _ in 0..<20 {
            times.append(try await timed { let _: Int = try await pool.call(.source("return 1")) })
        }
        return times
    }

    /// How long after their deadline tasks ended.
    private static func overshoots() async throws -> [Double] {
        let limit = Duration.milliseconds(20)
        var configuration = LuaPoolConfiguration(workers: 1)
        configuration.limits.wallTime = limit
        return try await withLuaPool(configuration) { pool in
            var times: [Double] = []
            for _ in 0..<200 {
                let report = await pool.run(.source("while true do end"))
                guard (report.result.failure as? LuaFleetError)?.code == .timeout else {
                    throw BenchFailure(message: "containment: a task without end ended as \(report.result)")
                }
                times.append((report.duration - limit).inSeconds)
            }
            return times
        }
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}

extension [Double] {
    fileprivate var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}
