// A worker that asks for anything whatever: it gets errors, and nothing that it was not given.
import LuaFleetCore
import LuaFleetWire
import NIOConcurrencyHelpers
import Testing

@testable import LuaFleet

@Suite struct LyingWorkerTests {
    private struct Line {
        let hub = SharedHub()
        let keeper = SharedKeeper()
        let worker: SharedWorker
        let replies = NIOLockedValueBox<[SharedReply]>([])

        init() { worker = SharedWorker(slot: 0, keeper: keeper, hub: hub) }

        /// Whether it is well-formed; the answers, if they came at once, are in `replies`.
        @discardableResult
        func send(_ payload: [UInt8], from sequence: UInt32 = 1, ownsProcess: Bool = false) -> Bool {
            do {
                try payload.withUnsafeBytes { bytes in
                    let replies = replies
                    try worker.received(bytes, from: sequence, ownsProcess: ownsProcess, name: { "a liar" }) { reply in
                        replies.withLockedValue { $0.append(reply) }
                    }
                }
                return true
            } catch {
                return false
            }
        }

        func send(_ head: SharedRequestHead, _ item: [UInt8] = [0x80], from sequence: UInt32 = 1) -> SharedReply? {
            replies.withLockedValue { $0 = [] }
            #expect(send(Self.payload(head, item), from: sequence))
            return replies.withLockedValue { $0.first }
        }

        static func payload(_ head: SharedRequestHead, _ item: [UInt8] = [0x80]) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: SharedRequestHead.size)
            bytes.withUnsafeMutableBytes { head.store(to: $0.baseAddress!) }  // not empty
            return bytes + item
        }
    }

    private func create(_ kind: SharedKind, in hub: SharedHub) -> SharedID {
        let item: SharedItem =
            kind.isMapped
            ? .values(3) { writer in
                writer.null()
                if kind == .value || kind == .array { writer.string("i64") } else { writer.integer(64) }
                writer.integer(4)
            }
            : .values(2) {
                $0.null()
                if kind == .barrier || kind.isSemaphore { $0.integer(2) } else { $0.null() }
            }
        let answer = hub.now(SharedRequest(.create, argument: Int64(kind.rawValue), item: item), by: .host)
        #expect(answer.status == .done, "\(kind)")
        for other in answer.item.handles.dropFirst() { hub.release(other.id) }  // a pipe's other end
        return answer.item.handles.first?.id ?? 0
    }

    @Test func `an object that it was never given is not there for it, whatever it asks`() {
        let line = Line()
        for kind in SharedKind.allCases {
            let object = create(kind, in: line.hub)
            for operation in SharedOperation.allCases
            where ![.create, .forget, .leave, .withdraw, .waitForAny].contains(operation) {
                let reply = line.send(SharedRequestHead(number: 3, operation: operation, object: object, timeout: 0))
                #expect(reply?.answer.status == .failed && reply?.number == 3, "\(kind) \(operation)")
                #expect(reply?.mapping == nil)
            }
            // Nor as a part of something that is its own.
            let handle = SharedItem.handles([SharedHandle(kind: kind.rawValue, id: object)]).bytes
            let own = line.send(
                SharedRequestHead(number: 4, operation: .create, argument: Int64(SharedKind.queue.rawValue)),
                [0x80 + 1, 0xf6])
            let queue = own?.answer.item.handles.first?.id ?? 0
            for operation in [SharedOperation.put, .waitForAny] {
                var head = SharedRequestHead(
                    number: 5, operation: operation, hasHandles: true, object: queue, timeout: 0)
                if operation == .waitForAny { head.object = 0 }
                #expect(line.send(head, handle)?.answer.status == .failed, "\(kind) \(operation)")
            }
        }
    }

    @Test func `30,000 requests of garbage, replayed numbers and tasks that are over leave the host as it was`() {
        var dice = SeededDice(seed: .random(in: 0...999_999))
        print("LyingWorkerTests: \(dice)")
        let line = Line()
        let others = SharedKind.allCases.map { create($0, in: line.hub) }
        let before = line.hub.objectCount
        // Some are its own.
        let given = SharedKind.allCases.map { create($0, in: line.hub) }
        line.worker.sends(
            zip(SharedKind.allCases, given).map { SharedHandle(kind: $0.rawValue, id: $1) }, to: 1, ownsProcess: false
        ) { "a liar" }
        for object in given { line.hub.release(object) }
        for round in 0..<30_000 {
            let sequence = UInt32.random(in: 0..<5, using: &dice)
            if dice.next() % 4 == 0 {
                line.send(
                    (0..<Int.random(in: 0..<80, using: &dice)).map { _ in .random(in: 0...255, using: &dice) },
                    from: sequence)
                continue
            }
            var item = SharedItem.values(Int.random(in: 0..<4, using: &dice)) { $0.integer(Int64(round)) }.bytes
            if dice.next() % 3 == 0, let place = item.indices.randomElement(using: &dice) {
                item[place] = .random(in: 0...255, using: &dice)
            }
            let head = SharedRequestHead(
                number: .random(in: 0..<3, using: &dice),
                operation: SharedOperation.allCases.randomElement(using: &dice)!,
                hasHandles: dice.next() % 2 == 0, object: .random(in: 0..<60, using: &dice),
                timeout: dice.next() % 5 == 0 ? -1 : 0,
                argument: [0, 1, -1, .max, .min, Int64.random(in: 0..<30, using: &dice)].randomElement(using: &dice)!)
            line.send(Line.payload(head, item), from: sequence, ownsProcess: dice.next() % 10 == 0)
            if dice.next() % 50 == 0 { line.worker.taskEnded(sequence, died: dice.next() % 2 == 0) }
        }
        line.worker.ended(died: true)
        #expect(line.hub.objectCount == before)
        for object in others { line.hub.release(object) }
        #expect(line.hub.objectCount == 0)
    }
}
