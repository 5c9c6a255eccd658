// C1, C2: signals to workers at random moments.
import Foundation
import LuaFleet

extension ChaosRun {
    static let c1 = ChaosRun(
        name: "C1", what: "SIGKILL to a worker 0 to 2 ms after dispatch", short: 150, full: 10_000
    ) { arena in
        var dice = arena.dice("C1")
        while !arena.isOver {
            var storm = Storm(
                configuration: .chaos(&dice), callers: 0, strikes: min(arena.size - arena.done, dice.roll(100...400)),
                expects: { $0.signal == SIGKILL })
            let canHitTask = storm.configuration.isolation == .freshProcess
            storm.callers = storm.configuration.workers * dice.roll(1...4)
            storm.idle = dice.once(in: 3) ? 4 : 0
            storm.size = dice.pick([0, 4096, 200_000])
            if dice.once(in: 3) {
                // Of deaths that follow each other at random a task may meet several.
                storm.retries = 2
                storm.configuration.retry = LuaRetry(max: 2, on: [.workerDied], maxKills: 0)
            }
            storm.strike = { pool, dice in
                guard var pid = await pool.workerPids.randomElement(using: &dice) else { return false }
                if canHitTask, dice.once(in: 3),
                    let child = ProcessEntry.all().children(of: pid).first(where: { !$0.isZombie })?.pid
                {
                    pid = child
                }
                return kill(pid, SIGKILL) == 0
            }
            try await storm.rage(arena, &dice)
        }
    }

    static let c2 = ChaosRun(
        name: "C2", what: "SEGV, ABRT, BUS, TERM, PIPE, STOP, STOP and CONT", short: 70, full: 7000
    ) { arena in
        var dice = arena.dice("C2")
        let signals = [SIGSEGV, SIGABRT, SIGBUS, SIGTERM, SIGPIPE, SIGSTOP, SIGCONT]
        var round = 0
        while !arena.isOver {
            let signal = signals[round % signals.count]
            round += 1
            var storm = Storm(
                configuration: .chaos(&dice), callers: 0,
                strikes: min(arena.size - arena.done, arena.size < 1000 ? 10 : 100),
                expects: { $0.signal == signal })
            storm.callers = storm.configuration.workers * 3
            switch signal {
            case SIGSTOP:
                storm.configuration.limits.wallTime = .milliseconds(200)
                storm.expects = { $0.code == .timeout }
                storm.work = 20  // rather a busy one than an idle one, which is noticed later
                storm.pause = 50
            case SIGCONT:
                storm.expects = { _ in false }
            default: break
            }
            let stops = signal == SIGSTOP || signal == SIGCONT
            storm.strike = { pool, dice in
                guard let pid = await pool.workerPids.randomElement(using: &dice) else { return false }
                guard kill(pid, stops ? SIGSTOP : signal) == 0 else { return false }
                if signal == SIGCONT {
                    try? await Task.sleep(for: dice.time(upTo: 5))
                    kill(pid, SIGCONT)
                }
                return true
            }
            try await storm.rage(arena, &dice)
        }
    }
}

extension LuaPoolConfiguration {
    /// Workers of any kind.
    static func chaos(_ dice: inout Dice) -> LuaPoolConfiguration {
        var configuration = LuaPoolConfiguration(workers: dice.roll(1...5))
        configuration.isolation = dice.pick([.shared, .shared, .freshProcess, .freshState])
        if dice.once(in: 6) { configuration.startMethod = .spawn }
        return configuration
    }
}
