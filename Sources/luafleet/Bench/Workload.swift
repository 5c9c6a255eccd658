// What a workload of PERFORMANCE.md is to the bench: a name, a unit, and a run that measures itself.
import LuaFleet

/// A figure that a run produced; the suffix (`p50`) follows the workload's name after a dot.
struct Figure {
    var suffix: String = ""
    var unit: String
    var value: Double
}

struct Workload: Sendable {
    var name: String
    var summary: String
    var run: @Sendable () async throws -> [Figure]

    static let all: [Workload] = {
        var all = throughput + latency
        all += [w4, w5, w6]
        all += data
        all += [w9, w10, w11, codec, shared, containment]
        return all
    }()

    static func named(_ name: String) -> [Workload] {
        let wanted = name.lowercased()
        return all.filter {
            $0.name.lowercased() == wanted || $0.name.lowercased().dropLast() == wanted && $0.name.last!.isLetter
        }  // names are not empty
    }
}

/// Seconds that `body` took.
func timed(_ body: () async throws -> Void) async rethrows -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try await body()
    return (clock.now - start).inSeconds
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

/// The functions that the workloads call.
let benchScript = LuaScript.source(
    """
    local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    return {
        square = function(x) return x * x end,
        pid = function() return fleet.worker.pid end,
        fib = fib,
        echo = function(...) return ... end,
    }
    """, name: "bench")
