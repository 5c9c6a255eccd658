// `luafleet demo containment`: bad scripts beside good ones; each bad one ends by itself, and the good ones are right.
import LuaFleet

struct ContainmentDemo {
    private struct Act {
        var title: String
        var script: String
        /// Whether the outcome is the one that the demo promises.
        var isRight: (Result<LuaResults, any Error>) -> Bool

        /// A script that has to end with one of these kinds of error.
        init(_ title: String, _ script: String, ends kinds: Set<String>) {
            self.title = title
            self.script = script
            isRight = { result in
                guard case .failure(let error) = result else { return false }
                return kinds.contains((error as? LuaFleetError)?.code.kind ?? "script")
            }
        }

        /// A script that has to return this number.
        init(_ number: Int64) {
            title = "right answer \(number)"
            script = "local sum = 0 for i = 1, \(number) do sum = sum + 1 end return sum"
            isRight = { (try? $0.get().first) == .integer(number) }
        }
    }

    /// 0 if everything was contained, else 1.
    func perform() async throws(UsageError) -> Int32 {
        StandardStream.output.writeLine(
            "Bad scripts and good ones in one pool, each in a process of its own, with half a second of processor time and 64 MiB:\n"
        )
        var isContained = try await play(
            .none,
            [
                Act(1000), Act("segfaults", "os.execute('kill -SEGV $PPID')", ends: ["worker_died"]), Act(2000),
                Act("loops in C", "string.find(('a'):rep(5000), ('.-'):rep(60) .. 'b')", ends: ["cpu_limit"]),
                Act(3000),
                Act(
                    "eats memory", "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 16) .. #t end",
                    ends: ["memory_limit"]),
                Act(4000),
            ])
        StandardStream.output.writeLine("\nThe same in the sandbox `locked`, for scripts that nobody knows:\n")
        let isLocked = try await play(
            .locked,
            [
                Act(1000), Act("reads a secret file", "return io.open('/etc/shadow'):read('a')", ends: ["script"]),
                Act(2000),
                Act("fork-bombs", "while true do os.execute('true &') end", ends: ["script"]), Act(3000),
                Act("loops for ever", "while true do pcall(error) end", ends: ["cpu_limit"]), Act(4000),
            ])
        isContained = isContained && isLocked
        StandardStream.output.writeLine(
            "\n"
                + (isContained
                    ? "Every bad script failed alone, and every good one was right."
                    : "Not contained: an outcome is not what it should be."))
        return isContained ? ExitStatus.success : 1
    }

    private func play(_ sandbox: LuaSandbox, _ acts: [Act]) async throws(UsageError) -> Bool {
        var configuration = LuaPoolConfiguration(workers: 4)
        configuration.isolation = .freshProcess
        configuration.sandbox = sandbox
        configuration.limits = LuaLimits(wallTime: .seconds(30), cpuTime: .milliseconds(500), memory: 64 << 20)
        do {
            return try await withLuaPool(configuration) { pool in
                if sandbox != .none {
                    let layers = await pool.sandbox.present.map(\.rawValue).joined(separator: ", ")
                    StandardStream.output.writeLine("  layers: \(layers)")
                }
                var isRight = true
                let jobs = acts.map { LuaJob(.source($0.script, name: $0.title)) }
                for try await report in pool.reports(of: jobs, ordered: true) {
                    let act = acts[report.index - 1]
                    let isExpected = act.isRight(report.result)
                    isRight = isRight && isExpected
                    Self.show(act.title, report, isExpected)
                }
                return isRight
            }
        } catch {
            throw UsageError("demo containment: \(error)")
        }
    }

    private static func show(_ title: String, _ report: LuaTaskReport, _ isExpected: Bool) {
        let outcome: String
        switch report.result {
        case .success(let values):
            outcome = values.first.map { "returned \(LuaText.printed($0))" } ?? "returned nothing"
        case .failure(let error as LuaFleetError): outcome = "contained: \(error.message)"
        case .failure(let error as LuaError): outcome = "denied: \(error.message)"
        case .failure(let error): outcome = "\(error)"
        }
        let name = title + String(repeating: " ", count: max(0, 20 - title.count))
        StandardStream.output.writeLine("  \(isExpected ? "ok" : "!!") \(name)  process \(report.pid)  \(outcome)")
    }
}
