// C8, C10, C11: limits that come and go, pools that end at any moment, workers that live for one task among bystanders.
import CChaos
import CFleetSystem
import Foundation
import LuaFleet
import Synchronization

extension ChaosRun {
    static let c8 = ChaosRun(
        name: "C8", what: "limits of host and fork server lowered, full disks", short: 54, full: 1000
    ) { arena in
        var dice = arena.dice("C8")
        // What the host itself may not write is an error of the call, as in any program that wants to hear of it.
        signal(SIGXFSZ, SIG_IGN)
        var disks = 0
        while !arena.isOver {
            for _ in 0..<Disks.round where !arena.isOver {
                Disks.strike(arena, disks, &dice)
                disks += 1
            }
            var storm = Storm(
                configuration: LuaPoolConfiguration(workers: dice.roll(2...5)), callers: 8,
                strikes: min(arena.size - arena.done, 40),
                // Without memory a worker may die of anything; a host that can start none says so.
                expects: { [.setup, .memoryLimit].contains($0.code) || $0.code.exit != nil })
            storm.configuration.isolation = dice.pick([.shared, .freshProcess])
            storm.strike = { pool, dice in
                let isServer = dice.once(in: 2)
                guard let server = forkServer() else { return false }
                let resource =
                    isServer
                    ? dice.pick([CHAOS_DESCRIPTORS, CHAOS_PROCESSES, CHAOS_ADDRESS_SPACE, CHAOS_FILE_SIZE])
                    : dice.pick([CHAOS_DESCRIPTORS, CHAOS_FILE_SIZE])
                let low: UInt64 =
                    switch resource {
                    case CHAOS_ADDRESS_SPACE: UInt64(dice.roll(1...400)) << 20
                    case CHAOS_FILE_SIZE: UInt64(dice.roll(0...100)) << 10
                    default: UInt64((isServer ? 6 : openDescriptors()) + dice.roll(0...8))
                    }
                var former: UInt64 = 0
                let target = isServer ? server : getpid()
                guard chaos_limit(target, resource, low, &former) == 0 else { return false }
                for pid in await pool.workerPids where dice.once(in: 2) { kill(pid, SIGKILL) }
                if dice.once(in: 3) { pool.resize(to: dice.roll(1...5)) }
                try? await Task.sleep(for: dice.time(upTo: 25))
                chaos_limit(target, resource, former, &former)
                if dice.once(in: 4) {
                    let full = await pool.run(
                        .source("local f = io.open('/dev/full', 'w') f:setvbuf('no') return f:write('x')"))
                    if case .success(let values) = full.result, values.first != nil, values.first != .nil {
                        arena.problem("/dev/full took a byte")
                    }
                }
                return true
            }
            try await storm.rage(arena, &dice)
        }
    }

    static let c10 = ChaosRun(
        name: "C10", what: "close, drop, cancel, resize at random times", short: 120, full: 10_000
    ) { arena in
        var dice = arena.dice("C10")
        let before = openDescriptors()
        while !arena.isOver {
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    let own = dice.child()
                    group.addTask {
                        var dice = own
                        await life(arena, &dice)
                        arena.did()
                        arena.monitor.advanced()
                    }
                }
                try await group.waitForAll()
            }
            if residentBefore.load(ordering: .relaxed) == 0, arena.done > 40 {
                residentBefore.store(residentBytes(), ordering: .relaxed)
            }
        }
        await arena.settle(before)
    }

    /// A pool that is asked for many things at once and ends in one of many ways, sometimes before it began.
    private static func life(_ arena: Arena, _ dice: inout Dice) async {
        var configuration = LuaPoolConfiguration(workers: dice.roll(1...3))
        configuration.isolation = dice.pick(LuaIsolation.allCases)
        if dice.once(in: 4) { configuration.recycle = .afterTasks(2) }
        if dice.once(in: 4) { configuration.initializer = .source("x = 1") }
        if dice.once(in: 4) { configuration.finalizer = .source("return 1") }
        if dice.once(in: 3) {
            configuration.minimumWorkers = 1
            configuration.idleTimeout = .milliseconds(1)
        }
        if dice.once(in: 3) { configuration.limits.wallTime = .milliseconds(30) }
        let settings = configuration
        var pool: LuaPool?
        if dice.once(in: 8) {
            let making = Task { try await LuaPool(settings) }
            try? await Task.sleep(for: dice.time(upTo: 8))
            making.cancel()
            pool = try? await making.value
        } else {
            pool = try? await LuaPool(settings)
        }
        guard let made = pool else { return arena.problem("no pool") }
        let completed = Counter()
        var submitted = 0
        var tasks: [LuaTask<Int>] = []
        for _ in 0..<dice.roll(0...20) {
            let source = dice.pick(["return 1", "fleet.sleep(0.002) return 1", "error('x')", "while true do end"])
            guard let task = try? await made.submit(.source(source), returning: Int.self) else { continue }
            submitted += 1
            task.onCompletion { _ in completed.add() }
            tasks.append(task)
        }
        let (all, count) = (tasks, submitted)
        await withTaskGroup { group in
            for _ in 0..<dice.roll(0...5) {
                let own = dice.child()
                group.addTask {
                    var dice = own
                    try? await Task.sleep(for: dice.time(upTo: 5))
                    switch dice.roll(1...6) {
                    case 1: made.resize(to: dice.roll(1...4))
                    case 2: made.resize(to: 1...dice.roll(1...4))
                    case 3: all.randomElement(using: &dice)?.cancel()
                    case 4: _ = await made.statistics
                    case 5:
                        let map = Task { try await made.map(.source("return ..."), 1...50, returning: [Int].self) }
                        try? await Task.sleep(for: dice.time(upTo: 3))
                        map.cancel()
                        _ = await map.result
                    default: for pid in await made.workerPids.prefix(1) { kill(pid, SIGKILL) }
                    }
                }
            }
            let end = dice.roll(1...6)
            let pause = dice.time(upTo: 6)
            group.addTask {
                try? await Task.sleep(for: pause)
                // One that runs for ever has to be ended by somebody.
                if end != 3 && end != 4 { for task in all { task.cancel() } }
                switch end {
                case 1: await made.close()
                case 2:
                    async let one: Void = made.close()
                    async let other: Void = made.close()
                    _ = await (one, other)
                case 3: await made.terminate()
                case 4:
                    async let one: Void = made.close()
                    async let other: Void = made.terminate()
                    _ = await (one, other)
                case 5: await made.shutdown(.cancelQueued)
                default: break
                }
            }
        }
        pool = nil
        tasks = []
        await ends(of: all, arena)
        let isComplete = await eventually { completed.value >= count }
        try? await Task.sleep(for: .milliseconds(1))
        let calls = completed.value
        arena.expect(isComplete && calls == count, "\(calls) completions of \(count) tasks")
    }

    private static func ends(of tasks: [LuaTask<Int>], _ arena: Arena) async {
        for task in tasks {
            let result = await task.result
            if case .success(let value) = result { arena.expect(value == 1, "a task returned \(value)") }
        }
    }

    static let c11 = ChaosRun(
        name: "C11", what: "workers of one task each among 200 bystanders", short: 1500, full: 100_000
    ) { arena in
        var dice = arena.dice("C11")
        let before = openDescriptors()
        var bystanders: [pid_t] = []
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("chaos"), strdup("--canary"), nil]
        for _ in 0..<200 {
            var pid: pid_t = 0
            if lfs_spawn(executablePath, arguments, nil, [2, 2], 2, &pid) == 0 { bystanders.append(pid) }
        }
        for word in arguments { free(word) }
        arena.expect(bystanders.count == 200, "only \(bystanders.count) bystanders")
        var seen: Set<Int32> = []
        while !arena.isOver {
            var configuration = LuaPoolConfiguration(workers: 4)
            configuration.recycle = .afterTasks(1)
            if dice.once(in: 4) { configuration.startMethod = .spawn }
            let count = min(arena.size - arena.done, configuration.startMethod == .spawn ? 500 : 5000)
            try await withLuaPool(configuration) { pool in
                var right = 0
                for try await result in pool.results(
                    of: .source("return fleet.worker.pid"), 1...count, returning: Int32.self)
                {
                    seen.insert(try result.value)
                    right += 1
                    // Also by the way on which a pool kills.
                    if right % 50 == 0 {
                        let task = try await pool.submit(.source("while true do end"), returning: Int.self)
                        task.cancel()
                    }
                    arena.monitor.advanced()
                }
                arena.did(right)
                arena.expect(right == count, "\(right) of \(count) results")
            }
            if residentBefore.load(ordering: .relaxed) == 0 {
                residentBefore.store(residentBytes(), ordering: .relaxed)
            }
        }
        let hurt = bystanders.filter { pid in ProcessEntry(pid).map(\.isZombie) ?? true }
        arena.expect(hurt.isEmpty, "\(hurt.count) bystanders were hurt")
        for pid in bystanders {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        arena.note("\(seen.count) process IDs")
        await arena.settle(before)
    }
}
