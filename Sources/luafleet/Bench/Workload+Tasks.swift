// W1 to W3: many small tasks.
import LuaFleet

extension Workload {
    static let throughput: [Workload] = [
        Workload(name: "W1a", summary: "100,000 x square(i) through map, chunk 1, 2 workers") {
            try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
                let seconds = try await timed {
                    let squares: [Int] = try await pool.map(
                        benchScript.function("square"), 1...100_000, chunkSize: 1)
                    precondition(squares.last == 10_000_000_000)
                }
                return [Figure(unit: "tasks/s", value: 100_000 / seconds)]
            }
        },
        Workload(name: "W1b", summary: "100,000 x square(i), one awaited call each, 64 callers, 2 workers") {
            try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
                let seconds = try await timed {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for caller in 0..<64 {
                            group.addTask {
                                var i = caller
                                while i < 100_000 {
                                    let square: Int = try await pool.call(benchScript.function("square"), i)
                                    precondition(square == i * i)
                                    i += 64
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                return [Figure(unit: "tasks/s", value: 100_000 / seconds)]
            }
        },
        Workload(name: "W2", summary: "1,000,000 x square(i) through map, best chunking, 2 workers") {
            try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
                let seconds = try await timed {
                    let squares: [Int] = try await pool.map(benchScript.function("square"), 1...1_000_000)
                    precondition(squares.count == 1_000_000)
                }
                return [Figure(unit: "items/s", value: 1_000_000 / seconds)]
            }
        },
    ]

    static let latency: [Workload] = [
        Workload(name: "W3", summary: "one awaited call at a time") {
            try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
                let clock = ContinuousClock()
                let square = benchScript.function("square")
                for i in 0..<1_000 { let _: Int = try await pool.call(square, i) }
                var times = [Double]()
                times.reserveCapacity(20_000)
                for i in 0..<20_000 {
                    let start = clock.now
                    let _: Int = try await pool.call(square, i)
                    times.append((clock.now - start).inSeconds * 1e6)
                }
                times.sort()
                return [
                    Figure(suffix: "p50", unit: "us", value: times[times.count / 2]),
                    Figure(suffix: "p99", unit: "us", value: times[times.count * 99 / 100]),
                ]
            }
        }
    ]
}
