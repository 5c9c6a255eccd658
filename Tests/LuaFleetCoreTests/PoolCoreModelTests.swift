// The core under a hundred thousand random events, checked after each one.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct PoolCoreModelTests {
    private static let episodes: UInt64 = 400

    @Test func `in 100,000 random events every task is in one place and ends once, in order and in time`() {
        let first = Dice.seed(of: "PoolCoreModel")
        var (events, tasks, broken) = (0, 0, 0)
        var sights: [String: Int] = [:]
        for seed in first..<(first + Self.episodes) {
            var episode = ModelEpisode(seed: seed)
            do {
                try episode.run(steps: 300)
            } catch {
                Issue.record(
                    "LUAFLEET_TEST_SEED=\(seed): \(error)\nlast events: \(episode.history.suffix(30).joined(separator: "\n  "))\nactions: \(episode.fleet.log.suffix(40))"
                )
                return
            }
            events += episode.events
            tasks += episode.fleet.submittedCount
            broken += episode.fleet.core.broken == nil ? 0 : 1
            sights.merge(episode.fleet.sights, uniquingKeysWith: +)
        }
        print("PoolCoreModel: \(events) events, \(tasks) tasks, \(broken) pools broke")
        for (what, count) in sights.sorted(by: { $0.key < $1.key }) { print("  \(what): \(count)") }
        #expect(events >= 100_000)
        let wanted = [
            "answered several", "cancelQueue", "close", "drop closed", "drop exited", "drop failedToStart", "drop idle",
            "drop killed", "drop notStarted", "drop recycledAboveBytes", "drop recycledAfterTasks", "drop resized",
            "drop serverEnded", "end answered", "end cancelled", "end failed", "end forkServerDied", "end notForked",
            "end poolTerminated", "end protocolViolation", "end quarantined", "end queueTimedOut", "end setupFailed",
            "end timedOut", "end workerDied", "finalizing", "initializing", "inspections", "interrupted in time",
            "interrupts", "kills", "prefetched", "recalls", "repeated after failed", "repeated after forkServerDied",
            "repeated after timedOut", "repeated after workerDied", "resize", "sent several", "taken back", "terminate",
            "violation", "whole chunks",
        ]
        for what in wanted { #expect(sights[what, default: 0] > 0, "the dice do not reach: \(what)") }
        #expect(
            tasks > 100_000 && broken > 5 && broken < Int(Self.episodes) / 2, "the dice do not reach what they have to")
    }
}
