// The core under a hundred thousand random events, checked after each one.
import LuaFleetCore
import LuaFleetWire
import Testing

@Suite
struct PoolCoreModelTests {
    /// One pool's life.
    struct Episode {
        var fleet: FakeFleet
        var dice: Dice
        var events = 0
        /// What happened, for whoever has to find out why.
        var history: [String] = []

        init(seed: UInt64) {
            dice = Dice(seed: seed)
            var configuration = PoolCoreConfiguration(workers: dice.roll(1..<6))
            configuration.startLimit = .milliseconds(dice.roll(1..<40))
            configuration.killLimit = .milliseconds(dice.roll(1..<40))
            configuration.startAttempts = dice.roll(1..<30)
            configuration.firstPause = .milliseconds(dice.roll(0..<5))
            fleet = FakeFleet(configuration)
            if dice.once(in: 2) {
                // Half of the callers ask for the next task when one ends, in the middle of the shell's work.
                var dice = Dice(seed: seed &+ 1)
                fleet.onFinish = { fleet, _ in
                    if fleet.tasks.count < 150, dice.once(in: 2) { _ = fleet.submitOnly() }
                }
            }
        }

        mutating func run() throws {
            try fleet.open()
            for _ in 0..<300 { try step() }
            try end()
        }

        private mutating func step() throws {
            events += 1
            try event(dice.roll(0..<100))
            try fleet.check()
        }

        private mutating func note(_ event: String) {
            history.append(event)
        }

        private mutating func event(_ kind: Int) throws {
            let someone = fleet.sortedWorkers.randomElement(using: &dice)
            switch kind {
            case 0..<22:
                let limit: Duration? = dice.once(in: 3) ? .milliseconds(dice.roll(1..<20)) : nil
                note("submit \(limit as Any)")
                try fleet.submit(wallTime: limit)
            case 22..<28:
                if fleet.server == .launching {
                    note("server ready")
                    try fleet.serverReady()
                }
            case 28..<40:
                guard
                    let id = fleet.sortedWorkers.filter({ fleet.workers[$0]?.life == .starting }).randomElement(
                        using: &dice)
                else { break }
                note("ready \(id)")
                try fleet.workerReady(id)
            case 40..<46:
                if let someone { fleet.begin(someone) }
            case 46..<64:
                // Also one that was killed a moment ago.
                guard
                    let id = fleet.sortedWorkers.filter({ fleet.workers[$0]?.task != nil }).randomElement(using: &dice)
                else { break }
                note("answer \(id)")
                if dice.once(in: 5) {
                    let exit = ProcessExit(pid: 4, reason: .signal(11))
                    try fleet.taskProcessEnds(id, dice.once(in: 2) ? .workerDied(exit) : .notForked(11))
                } else {
                    try fleet.answer(id)
                }
            case 64..<70:
                guard let someone else { break }
                note("exit \(someone)")
                try fleet.workerExits(someone)
            case 70..<78:
                guard
                    let id = fleet.sortedWorkers.filter({ fleet.workers[$0]?.killedAt != nil }).randomElement(
                        using: &dice)
                else { break }
                note("exit of killed \(id)")
                try fleet.workerExits(id)
            case 78..<80:
                guard let id = fleet.workers(.starting).randomElement(using: &dice) else { break }
                note("refused \(id)")
                try fleet.workerRefused(id)
            case 80..<84:
                guard let task = fleet.unended.min(by: { ($0.index, $0.generation) < ($1.index, $1.generation) }) else {
                    break
                }
                note("cancel \(task)")
                try fleet.cancel(task)
            case 84..<93:
                let duration = Duration.microseconds(dice.roll(0..<6000))
                note("advance \(duration)")
                try fleet.advance(duration)
            case 93..<95:
                guard let someone else { break }
                note("violation \(someone)")
                try wrongWords(of: someone)
            case 95:
                guard fleet.server != .absent, dice.once(in: 2) else { break }
                let failure: SetupFailure? = dice.once(in: 2) ? nil : .hostResources(24)
                note("server ends \(failure as Any)")
                if fleet.server == .launching, failure == nil, !dice.once(in: 8) { break }  // that is for ever
                try fleet.serverEnds(failure)
            case 96..<98:
                try ghosts()
            case 98:
                if dice.once(in: 8) {
                    note("close")
                    try fleet.close()
                }
            default:
                if dice.once(in: 12) {
                    note("terminate")
                    try fleet.terminate()
                }
            }
        }

        /// An answer that no task of the worker waits for is refused, then the worker is killed.
        private mutating func wrongWords(of id: WorkerID) throws {
            guard let worker = fleet.workers[id] else { return }
            var violation = ProtocolViolation.reservedBytes
            if dice.once(in: 2) {
                let wrong = worker.task == nil && dice.once(in: 2) ? worker.sequence : worker.sequence &+ 1
                var refusal: ProtocolViolation?
                do throws(ProtocolViolation) {
                    try fleet.core.taskAnswered(by: id, sequence: wrong, at: fleet.now)
                } catch {
                    refusal = error
                }
                guard let refusal else {
                    throw IllegalAction(description: "an answer to task \(wrong) of \(worker) was taken")
                }
                violation = refusal
            }
            try fleet.workerMisbehaves(id, violation)
        }

        /// Words of workers and about tasks that are no more change nothing.
        private mutating func ghosts() throws {
            let counts = (fleet.core.queuedCount, fleet.core.runningCount, fleet.core.liveCount)
            if let ghost = fleet.former.randomElement(using: &dice) {
                try fleet.core.workerReady(ghost, at: fleet.now)
                try fleet.core.taskAnswered(by: ghost, sequence: 1, at: fleet.now)
                try fleet.core.taskProcessEnded(on: ghost, sequence: 1, .answered, at: fleet.now)
                fleet.core.workerNotStarted(ghost, errno: 11, at: fleet.now)
                fleet.core.workerMisbehaved(ghost, .reservedBytes, at: fleet.now)
                fleet.core.workerExited(ghost, ProcessExit(pid: 1, reason: .status(0)), lastStarted: 1, at: fleet.now)
            }
            if let task = fleet.tasks.first(where: { if case .ended = $0.value.place { true } else { false } }) {
                fleet.core.taskCancelled(task.key, at: fleet.now)
            }
            fleet.core.taskCancelled(TaskID(index: 1_000_000, generation: 0), at: fleet.now)
            let actions = try fleet.perform()
            let after = (fleet.core.queuedCount, fleet.core.runningCount, fleet.core.liveCount)
            if !actions.isEmpty || counts != after {
                throw IllegalAction(description: "a ghost made the core do \(actions)")
            }
        }

        /// Closes the pool among workers that behave; then nothing may be left.
        private mutating func end() throws {
            note("close at the end")
            try fleet.close()
            for _ in 0..<5000 where !fleet.isClosed {
                events += 1
                switch fleet.server {
                case .launching: try fleet.serverReady()
                case .stopping: try fleet.serverEnds()
                case .absent, .ready: break
                }
                for id in fleet.sortedWorkers {
                    guard let worker = fleet.workers[id] else { continue }
                    if worker.killedAt != nil {
                        try fleet.workerExits(id)
                    } else if worker.life == .starting {
                        try fleet.workerReady(id)
                    } else if worker.task != nil {
                        try fleet.answer(id)
                    }
                    try fleet.check()
                }
                try fleet.advance(.milliseconds(3))
                try fleet.check()
            }
            if !fleet.isClosed || !fleet.unended.isEmpty {
                throw IllegalAction(description: "the pool does not close: \(fleet.unended.count) tasks left")
            }
            let late = try fleet.submit()
            let expected = fleet.core.broken.map { TaskEnd.setupFailed($0) } ?? .poolTerminated
            if fleet.end(of: late) != expected { throw IllegalAction(description: "a closed pool took a task") }
            try ghosts()
        }
    }

    @Test func `in 100,000 random events every task is in one place and ends once, in order and in time`() {
        let first = Dice.seed(of: "PoolCoreModel")
        var (events, tasks, broken, launches) = (0, 0, 0, 0)
        for seed in first..<(first + 340) {
            var episode = Episode(seed: seed)
            do {
                try episode.run()
            } catch {
                Issue.record(
                    "LUAFLEET_TEST_SEED=\(seed): \(error)\nlast events: \(episode.history.suffix(25).joined(separator: "\n  "))\nactions: \(episode.fleet.log)"
                )
                return
            }
            events += episode.events
            tasks += episode.fleet.tasks.count
            broken += episode.fleet.core.broken == nil ? 0 : 1
            launches += episode.fleet.launches
        }
        print("PoolCoreModel: \(events) events, \(tasks) tasks, \(launches) servers, \(broken) pools broke")
        #expect(events >= 100_000)
        #expect(tasks > 10_000 && broken > 5 && broken < 340 / 2, "the dice do not reach what they have to")
    }
}
