// C9, C13: sizes at every edge, and callers that never read what they asked for.
import Foundation
import LuaFleet
import Synchronization

extension ChaosRun {
    private static let sizes = [0, 1, 4095, 4096, 65_535, 65_536, 212_992, 1 << 20, 64_000_000]

    static let c9 = ChaosRun(name: "C9", what: "0 bytes to 64 MB, task x result", short: 81, full: 81) { arena in
        arena.monitor.ignoresMemory()
        var dice = arena.dice("C9")
        let before = openDescriptors()
        var cells = sizes.flatMap { task in sizes.map { (task, $0) } }
        cells.shuffle(using: &dice)
        // The largest only once each way where there is little time.
        if arena.size < 81 { cells = Array(cells.prefix(arena.size)) }
        let bytes = [UInt8](repeating: 0x61, count: sizes.last ?? 0)
        for isolation in LuaIsolation.allCases where !arena.isTimeOver {
            let part = cells.enumerated().filter { $0.offset % 3 == LuaIsolation.allCases.firstIndex(of: isolation) }
            var configuration = LuaPoolConfiguration(workers: 2)
            configuration.isolation = isolation
            try await withLuaPool(configuration) { pool in
                for (_, (task, result)) in part where !arena.isTimeOver {
                    arena.monitor.begins("\(task) bytes there, \(result) back, \(isolation)")
                    let report = await pool.run(
                        .source("local s, n = ... return #s, ('y'):rep(n)"),
                        .string(LuaString(bytes: Array(bytes[..<task]))),
                        .integer(Int64(result)))
                    let values = (try? report.result.get()).map(Array.init) ?? []
                    arena.expect(
                        values.first?.int == task && values.last?.string?.utf8.count == result,
                        "\(task) bytes there, \(result) back, \(isolation): \(report.result)".prefix(300).description)
                    arena.did()
                }
            }
        }
        await arena.settle(before)
    }

    static let c13 = ChaosRun(
        name: "C13", what: "callers that never read results, events, messages", short: 3, full: 12
    ) { arena in
        var dice = arena.dice("C13")
        let before = openDescriptors()
        let _: Int = try await withLuaPool(LuaPoolConfiguration(workers: 2)) { try await $0.call(.source("return 1")) }
        residentBefore.store(residentBytes(), ordering: .relaxed)
        while !arena.isOver {
            var configuration = LuaPoolConfiguration(workers: 2)
            configuration.isolation = dice.pick(LuaIsolation.allCases)
            try await withLuaPool(configuration) { pool in
                let events = pool.events  // never read
                let made = Counter()
                let endless = AsyncStream<LuaJob> {
                    made.add()
                    return LuaJob(.source("return ('x'):rep(10000)"))
                }
                var reports = pool.reports(of: endless).makeAsyncIterator()
                for _ in 0..<10 { _ = try await reports.next() }
                // A task that talks to nobody, and as many others as there is time for.
                let chatty = try await pool.submit(
                    .source("for i = 1, 20000 do fleet.send(('m'):rep(1000)) end return 7"), returning: Int.self)
                let seven = try await chatty.value
                arena.expect(seven == 7, "the chatty task returned \(seven)")
                arena.monitor.advanced()
                let sum: [Int] = try await pool.map(.source("fleet.log('info', 'x') return ..."), 1...2000)
                arena.expect(sum.count == 2000, "\(sum.count) of 2000")
                let count = made.value
                arena.expect(count < 20_000, "the input was read \(count) times ahead of 10 results")
                withExtendedLifetime(events) {}
                withExtendedLifetime(chatty) {}
                withExtendedLifetime(reports) {}
            }
            arena.did()
        }
        await arena.settle(before)
    }
}
