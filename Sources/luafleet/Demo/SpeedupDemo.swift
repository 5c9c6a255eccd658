// `luafleet demo speedup`: the same work by one worker and by all, and how much sooner it is done.
import CFleetSystem
import LuaFleet

struct SpeedupDemo {
    /// A value: what a person sees of two runs.
    struct Result: Equatable {
        var workers: Int
        var alone: Double
        var together: Double

        /// A bar of each, as long as it took, then the ratio. `width` columns at most.
        func lines(width: Int) -> [String] {
            let cells = max(10, min(50, width - 26))
            func row(_ count: Int, _ seconds: Double) -> String {
                let label = count == 1 ? "1 worker" : "\(count) workers"
                let filled =
                    alone > 0 ? min(cells, max(1, Int((seconds / max(alone, together) * Double(cells)).rounded()))) : 1
                return label + String(repeating: " ", count: max(1, 13 - label.count))
                    + String(repeating: "#", count: filled)
                    + String(repeating: ".", count: cells - filled) + "  " + decimals(seconds) + " s"
            }
            let ratio = together > 0 ? alone / together : 0
            let verdict =
                workers == 1
                ? "This machine gives us one processor: there is nothing to be gained."
                : "\(RunProgress.shown(rate: ratio)) times as fast."
            return [row(1, alone), row(workers, together), "", verdict]
        }
    }

    /// So many pieces of work: enough for every worker to have several.
    static func pieces(workers: Int) -> Int { max(24, 4 * workers) }

    /// Counts primes by trial division: nothing but Lua, a tenth of a second or less.
    static let script = """
        function primes(from)
            local count = 0
            for n = from, from + 99999 do
                local prime = n > 1
                for d = 2, prime and math.floor(n ^ 0.5) or 0 do
                    if n % d == 0 then prime = false break end
                end
                if prime then count = count + 1 end
            end
            return count
        end
        """

    /// 0 if both runs gave the same answer, else 1.
    func perform() async throws(UsageError) -> Int32 {
        let workers = LuaPool.defaultWorkerCount
        let pieces = Self.pieces(workers: workers)
        StandardStream.output.writeLine(
            "\(pieces) pieces of work (the primes below \(pieces * 100_000)), by 1 worker and by \(workers):\n")
        let alone = try await run(pieces, workers: 1)
        let together = try await run(pieces, workers: workers)
        let width = Int(lfs_terminal_width(1))
        let result = Result(workers: workers, alone: alone.seconds, together: together.seconds)
        for line in result.lines(width: width > 0 ? width : 80) { StandardStream.output.writeLine(line) }
        guard alone.primes == together.primes else {
            StandardStream.error.writeLine("luafleet: demo speedup: \(alone.primes) primes, then \(together.primes)")
            return 1
        }
        return ExitStatus.success
    }

    private func run(_ pieces: Int, workers: Int) async throws(UsageError) -> (seconds: Double, primes: Int) {
        let script = LuaScript.source(Self.script, name: "speedup.lua").function("primes")
        do {
            return try await withLuaPool(LuaPoolConfiguration(workers: workers)) { pool in
                // Workers that have started: their start is not what is shown.
                _ = try await pool.map(script, (0..<workers).map { _ in -200_000 }) as [Int]
                let clock = ContinuousClock()
                let start = clock.now
                let counts: [Int] = try await pool.map(script, (0..<pieces).map { $0 * 100_000 })
                return ((clock.now - start).inSeconds, counts.reduce(0, +))
            }
        } catch {
            throw UsageError("demo speedup: \(error)")
        }
    }
}
