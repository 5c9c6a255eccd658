// W7 and W8: large strings and tables, there and back.
import LuaFleet

extension Workload {
    static let data: [Workload] = [
        Workload(name: "W7", summary: "64 x 8 MiB string there and back, both ways added, 2 workers") {
            try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
                let text = LuaValue.string(LuaString(bytes: [UInt8](repeating: 0x61, count: 8 << 20)))
                let echo = benchScript.function("echo")
                let seconds = try await timed {
                    // Each is looked at and let go, as the peers' `imap` does.
                    for try await report in pool.reports(of: (1...64).map { _ in LuaJob(echo, [text]) }, ordered: true)
                    {
                        guard try report.result.get().first == text else {
                            throw BenchFailure(message: "W7: another string came back")
                        }
                    }
                }
                return [Figure(unit: "MB/s", value: 2 * 64 * Double(8 << 20) / 1e6 / seconds)]
            }
        },
        Workload(name: "W8", summary: "2,000 x a table of 1,000 string to float, there and back, 2 workers") {
            try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
                let table = Dictionary(uniqueKeysWithValues: (1...1000).map { ("key\($0)", Double($0) + 0.5) })
                let echo = benchScript.function("echo")
                let seconds = try await timed {
                    // A dictionary is built of each answer, as in Python, and let go, as its `imap` does; as many at once as `map` has.
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<4 {
                            group.addTask {
                                for _ in 0..<500 {
                                    let back: [String: Double] = try await pool.call(echo, table)
                                    guard back.count == 1000, back["key1000"] == 1000.5 else {
                                        throw BenchFailure(message: "W8: another table came back")
                                    }
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                return [Figure(unit: "tasks/s", value: 2000 / seconds)]
            }
        },
    ]
}
