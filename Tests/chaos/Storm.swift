// The shape of most runs: callers keep a pool busy while somebody strikes at its processes; then the books are checked.
import Foundation
import LuaFleet
import Synchronization

/// The memory of this process once it has had a first pool.
let residentBefore = Atomic<Int>(0)

/// A number that several threads add to.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .sequentiallyConsistent) }

    func add() {
        count.add(1, ordering: .sequentiallyConsistent)
    }
}

struct Storm {
    var configuration: LuaPoolConfiguration
    var callers: Int
    var strikes: Int
    /// How long a task works at most, in milliseconds.
    var work = 1.0
    /// Bytes of a task's result, at most.
    var size = 4096
    /// Pauses of callers and of the striker, in milliseconds, at most.
    var idle = 0.0
    var pause = 2.0
    /// Tasks after which the storm ends where nobody strikes.
    var tasks = Int.max
    var retries = 0
    /// Failures that are right in this storm.
    var expects: @Sendable (LuaFleetError) -> Bool
    /// Strikes once; false: there was nobody to strike.
    var strike: @Sendable (LuaPool, inout Dice) async -> Bool = { _, _ in true }

    /// Told what the pool counted, at the end.
    var finds: @Sendable (LuaPoolStatistics) -> Void = { _ in }

    /// Returns how many strikes hit.
    @discardableResult
    func rage(_ arena: Arena, _ dice: inout Dice) async throws -> Int {
        let before = openDescriptors()
        let ledger = Ledger()
        let hits = try await rage(ledger, arena, &dice)  // the pool is gone when it returns
        if residentBefore.load(ordering: .relaxed) == 0 { residentBefore.store(residentBytes(), ordering: .relaxed) }
        await arena.settle(before)
        arena.add(ledger.balance(arena.problem))
        return hits
    }

    private func rage(_ ledger: Ledger, _ arena: Arena, _ dice: inout Dice) async throws -> Int {
        let pool = try await LuaPool(configuration)
        let script = LuaScript.source(
            ledger.lua
                + """
                local id, work, size = ...
                local t = os.clock() + work
                while os.clock() < t do end
                return id, ('x'):rep(size)
                """, name: "storm")
        let isOver = Counter()
        let finished = Counter()
        var hits = 0
        try await withThrowingTaskGroup { group in
            for _ in 0..<callers {
                let own = dice.child()
                group.addTask {
                    var dice = own
                    while isOver.value == 0, finished.value < tasks {
                        await call(pool, script, ledger, arena, &dice)
                        finished.add()
                        if idle > 0, dice.once(in: 2) { try? await Task.sleep(for: dice.time(upTo: idle)) }
                    }
                }
            }
            while hits < strikes, !arena.isTimeOver {
                try? await Task.sleep(for: dice.time(upTo: pause))
                if await strike(pool, &dice) {
                    hits += 1
                    arena.did()
                }
            }
            if tasks < .max {
                while finished.value < tasks, !arena.isTimeOver {
                    try? await Task.sleep(for: .milliseconds(5))
                }
            }
            isOver.add()
            try await group.waitForAll()
        }
        // The pool still works, or works again.
        let works = await eventually {
            let sum: [Int]? = try? await pool.map(.source("return ... + 1"), 1...configuration.workers)
            return sum == Array(2...configuration.workers + 1)
        }
        arena.expect(works, "after the storm the pool does not work any more")
        finds(await pool.statistics)
        await pool.close()
        return hits
    }

    private func call(
        _ pool: LuaPool, _ script: LuaScript, _ ledger: Ledger, _ arena: Arena, _ dice: inout Dice
    ) async {
        let id = ledger.submit(retries: retries)
        let size = dice.once(in: 4) ? dice.roll(0...self.size) : dice.roll(0...64)
        let arguments: [LuaValue] = [
            .integer(Int64(id)), .number(Double.random(in: 0...work, using: &dice) / 1000), .integer(Int64(size)),
        ]
        let report = await pool.run(script, arguments[0], arguments[1], arguments[2])
        arena.monitor.advanced()
        switch report.result {
        case .success(let values):
            let isRight = values.first?.int == id && values.count == 2 && values[1].string?.utf8.count == size
            arena.expect(isRight, "task \(id) returned something else: \(values.first as Any)")
            ledger.completed(id, isRight: isRight)
        case .failure(let error):
            let isExpected = (error as? LuaFleetError).map(expects) ?? false
            arena.expect(isExpected, "task \(id): \(error)")
            ledger.completed(id, isRight: false)
        }
    }
}

/// The fork server of a pool; where there are several pools, any.
func forkServer() -> pid_t? {
    ProcessEntry.all().children(of: getpid()).first { !$0.isZombie }?.pid
}

extension LuaFleetError {
    /// The signal that ended the worker.
    var signal: Int32? {
        if case .signal(let number)? = code.exit { number } else { nil }
    }
}
