// C3, C4: workers that die at an exact byte or in an exact step, by a library that is preloaded into them.
import Foundation
import LuaFleet

extension ChaosRun {
    static let c3 = ChaosRun(
        name: "C3", what: "killed exactly after byte k, both directions", short: 60, full: 2000, needsFaults: true
    ) { arena in
        var dice = arena.dice("C3")
        guard let faults = arena.faults else { return }
        while !arena.isOver {
            var configuration = LuaPoolConfiguration(workers: dice.roll(1...4))
            configuration.isolation = dice.pick([.shared, .shared, .freshProcess, .freshState])
            let died = Died()
            configuration.environment = .preloading(faults, ["CHAOS_CUT": "\(dice.roll(0...1_000_000_000))"])
            var storm = Storm(
                configuration: configuration, callers: configuration.workers * 3, strikes: 0,
                expects: {
                    // A task's process that ends in the middle of the stream takes its worker with it.
                    $0.signal == SIGKILL || $0.code.exit == .status(77)
                })
            storm.work = 0.2
            storm.size = 20_000
            storm.tasks = arena.size < 500 ? 200 : 1000
            storm.finds = { died.count = $0.workersDied }
            try await storm.rage(arena, &dice)
            arena.did(died.count)
        }
    }

    private final class Died: @unchecked Sendable {  // written at the end of a storm, read after it
        var count = 0
    }

    // MARK: The grid

    private static let steps = ["decode", "compile", "run", "call", "encode", "reply", "idle", "gc", "recycle"]
    private static let kinds = ["error", "exit", "_exit", "segv", "kill", "hang"]

    static let c4 = ChaosRun(
        name: "C4", what: "9 steps of a task x 6 ways to end x 1 to 13 workers", short: 54, full: 216, needsFaults: true
    ) { arena in
        var dice = arena.dice("C4")
        guard let faults = arena.faults else { return }
        let before = openDescriptors()
        let counts = arena.size < 216 ? [dice.pick([1, 2, 5, 13])] : [1, 2, 5, 13]
        for workers in counts {
            for step in steps {
                for kind in kinds where arena.done < arena.size && !arena.isTimeOver {
                    arena.monitor.begins("\(kind) at \(step) with \(workers) workers")
                    try await cell(step, kind, workers, faults, arena)
                    arena.did()
                }
            }
        }
        await arena.settle(before)
    }

    private static func cell(
        _ step: String, _ kind: String, _ workers: Int, _ faults: String, _ arena: Arena
    ) async throws {
        var configuration = LuaPoolConfiguration(workers: workers)
        configuration.environment = .preloading(faults, ["CHAOS_KIND": kind])
        configuration.limits.wallTime = .seconds(kind == "hang" ? 1 : 60)
        configuration.preparationTimeout = .seconds(1)
        let now = "assert(package.loadlib('\(faults)', 'chaos_now'))()"
        if step == "recycle" {
            configuration.recycle = .afterTasks(1)
            configuration.finalizer = .source("if marked then \(now) end")
        }
        let queue = try LuaQueue()
        try await withLuaPool(configuration) { pool in
            let good = LuaScript.source("return ... * 2")
            async let before: [Int] = pool.map(good, 1...2 * workers)
            let bad: LuaTaskReport
            switch step {
            case "decode": bad = await pool.run(.source("return 1"), "chaos-decode")
            case "compile": bad = await pool.run(.source("return 1", name: "chaos-compile"))
            case "run": bad = await pool.run(.source(now))
            case "call":
                bad = await pool.run(.source("local q = ... q:put('chaos-' .. 'call') return 1"), queue.value)
            case "encode": bad = await pool.run(.source("return 'chaos-' .. 'encode'"))
            case "reply": bad = await pool.run(.source("return 'chaos-' .. 'reply'"))
            case "idle": bad = await pool.run(.source("return 'chaos-' .. 'idle'"))
            case "gc":
                bad = await pool.run(
                    .source("setmetatable({}, {__gc = function() \(now) end}) collectgarbage() return 1"))
            default: bad = await pool.run(.source("marked = true return 1"))
            }
            let after: [Int] = try await pool.map(good, 1...2 * workers)
            let twice = (1...2 * workers).map { $0 * 2 }
            let first = try await before
            arena.expect(
                first == twice && after == twice, "\(kind) at \(step), \(workers) workers: others' results are wrong")
            arena.expect(
                isRight(bad, step, kind),
                "\(kind) at \(step), \(workers) workers: \(bad.result)".prefix(300).description)
        }
    }

    private static func isRight(_ report: LuaTaskReport, _ step: String, _ kind: String) -> Bool {
        switch report.result {
        case .success:
            // It had answered, or an error there is none of the task's.
            return ["reply", "idle", "recycle"].contains(step) || step == "gc" && kind == "error"
        case .failure(let error):
            guard let error = error as? LuaFleetError else { return kind == "error" }
            switch kind {
            case "exit": return error.code.exit == .status(3)
            case "_exit": return error.code.exit == .status(4)
            case "segv": return error.signal == SIGSEGV
            case "kill": return error.signal == SIGKILL
            case "hang": return error.code == .timeout
            default: return error.code.exit != nil  // it closed its own socket
            }
        }
    }
}

extension LuaEnvironment {
    /// This process's variables and more, with a library that every program loads first.
    static func preloading(_ library: String, _ more: [String: String]) -> LuaEnvironment {
        var values = ProcessInfo.processInfo.environment
        values["LD_PRELOAD"] = library
        return .values(values.merging(more) { $1 })
    }
}
