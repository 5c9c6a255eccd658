// C7: frames that are wrong in every way, into the parsers of the host and, from a lying worker, into a pool that lives.
import Foundation
import LuaFleet
import LuaFleetWire
import Synchronization

private let slowest = Mutex(Duration.zero)

extension ChaosRun {
    /// The size counts live sessions; for each of them there are a hundred mutated frames.
    static let c7 = ChaosRun(
        name: "C7", what: "mutated frames, and sessions with lying workers", short: 150, full: 10_000
    ) { arena in
        var dice = arena.dice("C7")
        arena.monitor.begins("mutated frames")
        mutate(arena, &dice, count: arena.size * 100)
        var (right, wrong) = (0, 0)
        // Most of a session is waiting for somebody who says nothing: many at a time.
        let before = openDescriptors()
        let width = arena.size < 1000 ? 3 : 24
        while !arena.isOver {
            arena.monitor.begins("lying servers")
            try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for _ in 0..<width {
                    let own = dice.child()
                    group.addTask {
                        var dice = own
                        return try await session(arena, &dice)
                    }
                }
                for try await (a, b) in group {
                    right += a
                    wrong += b
                }
            }
        }
        await arena.settle(before)
        arena.note("the slowest task \(slowest.withLock { $0.components.seconds }) s")
        arena.note("\(arena.size * 100) frames, \(right) honest answers, \(wrong) failures")
    }

    private static func session(_ arena: Arena, _ dice: inout Dice) async throws -> (Int, Int) {
        let ledger = Ledger()
        let counts = try await session(ledger, arena, &dice)
        arena.add(ledger.balance(arena.problem))
        return counts
    }

    private static func session(_ ledger: Ledger, _ arena: Arena, _ dice: inout Dice) async throws -> (Int, Int) {
        var configuration = LuaPoolConfiguration(workers: dice.roll(1...6))
        configuration.workerExecutable = executablePath
        configuration.environment = ["CHAOS_SEED": "\(dice.roll(0...Int(Int32.max)))"]
        configuration.sandbox = dice.pick(LuaSandbox.allCases)
        configuration.limits.wallTime = .milliseconds(300)
        configuration.limits.memory = 64 << 20
        // At `locked` the environment is empty, and the liar's seed always the same.
        let pool = try await LuaPool(configuration)
        let wanted = min(60, arena.size - arena.done)
        var answers: [Answer] = []
        await withTaskGroup { group in
            for _ in 0..<configuration.workers * 2 {
                group.addTask {
                    var answers: [Answer] = []
                    while await pool.statistics.workersStarted < wanted, !arena.isTimeOver, answers.count < 100 {
                        let id = ledger.submit()
                        let start = ContinuousClock.now
                        let report = await pool.run(.source("return ..."), .integer(Int64(id)))
                        let time = ContinuousClock.now - start
                        slowest.withLock { $0 = max($0, time) }
                        arena.monitor.advanced()
                        answers.append(Answer(task: id, worker: report.worker, try? report.result.get()))
                        ledger.completed(id, isRight: false)
                    }
                    return answers
                }
            }
            for await some in group { answers += some }
        }
        arena.did(max(1, await pool.statistics.workersStarted))
        await pool.terminate()
        check(answers, arena)
        let right = answers.count { $0.hasReturned }
        return (right, answers.count - right)
    }

    /// What a task was answered, and by which worker.
    private struct Answer {
        let task: Int
        let worker: Int
        let hasReturned: Bool
        /// nil: nobody's answer, but a lie that was made of one.
        let value: Int?

        init(task: Int, worker: Int, _ values: LuaResults?) {
            self.task = task
            self.worker = worker
            hasReturned = values != nil
            let (number, seal) = (values?.first?.int, values?.dropFirst().first?.int)
            value = number.flatMap { Int64($0) }.flatMap { seal == Int(Liar.seal($0)) ? Int($0) : nil }
        }
    }

    /// A liar may say anything of the tasks that it was given, the answer of one for another's. What was another worker's task is not its to answer, and what it says of no task
    /// at all (-7) is nobody's answer.
    private static func check(_ answers: [Answer], _ arena: Arena) {
        let workers = Dictionary(answers.map { ($0.task, $0.worker) }, uniquingKeysWith: { first, _ in first })
        for answer in answers {
            guard let value = answer.value, value != 2 * answer.task + 1 else { continue }
            arena.expect(
                value >= 0 && workers[value / 2] == answer.worker,
                "task \(answer.task) of worker \(answer.worker) was answered \(value)")
        }
    }

    // MARK: In process

    /// Every parser that sees a worker's bytes gets frames that were good once.
    private static func mutate(_ arena: Arena, _ dice: inout Dice, count: Int) {
        let good: [[UInt8]] = [
            .frame(FrameHeader(kind: .hello, worker: 0), payload: Hello(pid: 7).payload),
            .frame(
                FrameHeader(kind: .workerExited, worker: 1, task: 2),
                payload: WorkerExitReport(
                    exit: ProcessExit(pid: 9, reason: .signal(11)), lastStarted: 3, unsentOffset: 40,
                    unsent: [UInt8](repeating: 5, count: 30), standardOutput: [1, 2], standardError: [3]
                ).payload),
            .frame(
                FrameHeader(kind: .configured, worker: 0),
                payload: ConfiguredMessage(failure: .preload, name: "x", text: "y").payload),
            Liar.answer(1, 5, 99), Liar.answer(1, 5, Liar.message(4) + Liar.message(5), count: 2),
            .frame(FrameHeader(kind: .usage, worker: 1, task: 5), payload: TaskUsage(memoryPeak: 5).payload),
        ]
        for number in 0..<count {
            var bytes = dice.pick(good)
            for _ in 0..<dice.roll(1...4) { change(&bytes, good, &dice) }
            var rest = bytes[...]
            while !rest.isEmpty {
                let size = rest.withUnsafeBytes { swallow($0) }
                guard let size else { break }
                rest = rest.dropFirst(size)
            }
            if number % 10_000 == 0 { arena.monitor.advanced() }
        }
    }

    private static func change(_ bytes: inout [UInt8], _ good: [[UInt8]], _ dice: inout Dice) {
        guard !bytes.isEmpty else { return bytes = dice.pick(good) }
        let place = dice.roll(0...bytes.count - 1)
        switch dice.roll(1...6) {
        case 1, 2: bytes[place] ^= 1 << UInt8(dice.roll(0...7))
        case 3: bytes.removeLast(dice.roll(0...bytes.count))
        case 4: bytes.insert(contentsOf: dice.pick(good).prefix(dice.roll(1...30)), at: place)
        case 5: bytes[place] = dice.pick([0, 0x7F, 0x80, 0xFF])
        default: bytes += dice.pick(good)
        }
    }

    /// What the host does with a frame's bytes before it believes any of them; the frame's size, nil where there is no frame.
    private static func swallow(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard case .frame(let header, let payload, let size)? = try? FrameParser(limit: 1 << 20).next(in: bytes) else {
            return nil
        }
        var reader = FieldReader(payload)
        switch header.kind {
        case .hello: _ = try? Hello(payload: payload)
        case .configured: _ = try? ConfiguredMessage(payload: payload)
        case .workerExited: _ = try? WorkerExitReport(payload: payload)
        case .usage: _ = TaskUsage(payload: payload)
        case .processExited: _ = ProcessExit(from: &reader)
        case .values, .failure:
            guard let head = AnswerHead(from: &reader), head.count < 100,
                var values = try? ValueReader(reader.rest, limits: .standard)
            else { break }
            for _ in 0..<head.count where (try? values.skip()) == nil { break }
        default: break
        }
        return size
    }
}
