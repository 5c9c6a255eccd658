// Random requests, deaths and timeouts: the core answers what the naive model answers.
import LuaFleetWire
import Testing

@testable import LuaFleetCore

@Suite
struct SharedCoreModelTests {
    /// The same objects in the core and in the model, and parties that ask one thing at a time.
    private struct World {
        var core = SharedCore()
        let model = SharedModel()
        var dice: Dice
        var now: UInt64 = 1_000_000
        var lastRequest: SharedRequestID = 0
        var lastItem = 0
        var answers: [SharedRequestID: SharedAnswer] = [:]
        var pending: Set<SharedRequestID> = []
        var parties: [Int] = []
        var lastParty = 10
        /// Objects by their number in the model, which is that in the core.
        var objects: [Int] = []

        init(seed: UInt64) {
            dice = Dice(seed: seed)
            core.partyBegan(.host, name: "the host")
        }

        mutating func create(_ kind: SharedKind, _ parts: [Int64?] = [], words: [String?] = []) -> Int {
            let item = SharedItem.values(1 + max(parts.count, words.count)) { writer in
                writer.null()
                for position in 0..<max(parts.count, words.count) {
                    if position < parts.count, let number = parts[position] {
                        writer.integer(number)
                    } else if position < words.count, let word = words[position] {
                        writer.string(word)
                    } else {
                        writer.null()
                    }
                }
            }
            lastRequest += 1
            core.requested(
                SharedRequest(.create, argument: Int64(kind.rawValue), item: item), lastRequest, by: .host, at: moment)
            collect()
            let handles = answers[lastRequest]!.item.handles
            objects.append(contentsOf: handles.map { Int($0.id) })
            return Int(handles[0].id)
        }

        var moment: Moment { Moment(nanoseconds: now) }

        mutating func collect() {
            var actions: [SharedAction] = []
            core.takeActions(into: &actions)
            for case .reply(let id, let answer) in actions {
                #expect(answers[id] == nil, "request \(id) was answered twice")
                answers[id] = answer
                pending.remove(id)
            }
        }

        mutating func begin() {
            lastParty += 1
            let party = PartyID(UInt64(lastParty))
            core.partyBegan(party, name: "task \(lastParty)")
            for object in objects { core.retain(SharedID(object), for: party) }
            parties.append(lastParty)
        }

        mutating func end(_ party: Int, died: Bool) {
            parties.removeAll { $0 == party }
            core.partyEnded(PartyID(UInt64(party)), died: died, at: moment)
            model.partyEnded(party, died: died)
            // A dead party's requests are never answered.
            collect()
        }

        mutating func ask(_ party: Int, _ operation: SharedOperation, _ object: Int, item: Int = 0, timeout: UInt64?) {
            lastRequest += 1
            var request = SharedRequest(operation, SharedID(object), timeout: timeout.map { .nanoseconds(Int64($0)) })
            if operation == .put || operation == .send { request.item = .values { $0.integer(Int64(item)) } }
            if operation == .notify { request.argument = Int64(item) }
            let waits: Set<SharedOperation> = [
                .put, .get, .join, .send, .receive, .poll, .acquire, .wait, .waitForNotice, .arrive,
            ]
            var wish = SharedModel.Waiting(
                request: lastRequest, party: party, object: object, operation: operation, item: item)
            if waits.contains(operation), let timeout { wish.due = timeout == 0 ? 0 : now + timeout }
            pending.insert(lastRequest)
            core.requested(request, lastRequest, by: PartyID(UInt64(party)), at: moment)
            collect()
            // A ring is for the core alone to see; the model would wait.
            if let answer = answers[lastRequest], answer.status == .failed, "\(read(answer))".contains("deadlock") {
                model.replies[lastRequest] = .failed
                return
            }
            model.requested(wish)
        }

        func read(_ answer: SharedAnswer) -> String {
            (answer.item.bytes.count > 3 ? String(decoding: answer.item.bytes.dropFirst(3), as: UTF8.self) : "")
        }

        /// The core's answers since the last time are the model's.
        mutating func compare(_ what: String) -> Bool {
            var right = true
            for (id, expected) in model.replies {
                let found = answers[id].map(reply)
                if found != expected {
                    Issue.record("\(what): request \(id): \(found.map { "\($0)" } ?? "no answer"), not \(expected)")
                    right = false
                }
                answers[id] = nil
            }
            let own = answers.filter { $0.key > firstRequest }
            if !own.isEmpty {
                Issue.record("\(what): answered too soon: \(own.map { "\($0.key): \(reply($0.value))" })")
                right = false
            }
            model.replies = [:]
            answers = [:]
            if core.waitCount != model.waiting.count {
                Issue.record("\(what): \(core.waitCount) wait, not \(model.waiting.count)")
                right = false
            }
            return right
        }

        var firstRequest: SharedRequestID = 0

        func reply(_ answer: SharedAnswer) -> SharedModel.Reply {
            if answer.status == .failed { return .failed }
            var value: SharedModel.Reply?
            answer.item.bytes.withUnsafeBytes { bytes in
                guard var reader = try? ValueReader(bytes), case .array(1)? = try? reader.next(),
                    let item = try? reader.next()
                else { return }
                switch item {
                case .integer(let number): value = .number(Int(number))
                case .boolean(let flag): value = .flag(flag)
                default: break
                }
            }
            return value ?? .status(answer.status)
        }
    }

    @Test func `100,000 random requests, deaths and timeouts are answered as the model answers them`() {
        let seed = Dice.seed(of: "SharedCoreModelTests")
        var world = World(seed: seed)
        let bounded = world.create(.queue, [3, nil], words: [nil, "requeue"])
        let dropping = world.create(.queue, [nil, nil], words: [nil, "drop"])
        let joinable = world.create(.joinableQueue, [4, nil])
        let lock = world.create(.lock)
        let recursive = world.create(.recursiveLock)
        let semaphore = world.create(.semaphore, [2])
        let boundedSemaphore = world.create(.boundedSemaphore, [2])
        let event = world.create(.event)
        let condition = world.create(.condition)
        let conditionLock = condition + 1
        let barrier = world.create(.barrier, [3])
        var pipe = world.create(.connection, [1])
        let model = world.model
        model.queues = [
            bounded: .init(capacity: 3, isJoinable: false, requeues: true),
            dropping: .init(capacity: 0, isJoinable: false, requeues: false),
            joinable: .init(capacity: 4, isJoinable: true, requeues: true),
        ]
        model.locks = [
            lock: .init(isRecursive: false), recursive: .init(isRecursive: true),
            conditionLock: .init(isRecursive: true),
        ]
        model.semaphores = [semaphore: .init(value: 2), boundedSemaphore: .init(value: 2, bound: 2)]
        model.events = [event: false]
        model.conditions = [condition: conditionLock]
        model.barriers = [barrier: .init(parties: 3)]
        model.ends = [pipe: .init(peer: pipe + 1), pipe + 1: .init(peer: pipe)]
        world.answers = [:]
        world.firstRequest = world.lastRequest
        for step in 1...100_000 {
            var what = "step \(step), seed \(seed)"
            if model.ends[pipe]!.isClosed && model.ends[pipe + 1]!.isClosed {
                pipe = world.create(.connection, [1])
                model.ends = [pipe: .init(peer: pipe + 1), pipe + 1: .init(peer: pipe)]
                world.answers = [:]
                world.firstRequest = world.lastRequest
                for party in world.parties {
                    for end in [pipe, pipe + 1] { world.core.retain(SharedID(end), for: PartyID(UInt64(party))) }
                }
            }
            while world.parties.count < 8 { world.begin() }
            let party = world.parties.randomElement(using: &world.dice)!  // eight of them
            let isBusy = model.isWaiting(party)
            let die = world.dice.roll(0..<100)
            world.now += 10
            let timeout: UInt64? = [nil, 0, 50, 500][world.dice.roll(0..<4)]
            if die < 4 {
                world.end(party, died: die < 2)
                what += ": party \(party) \(die < 2 ? "died" : "ended")"
            } else if die < 14 || isBusy {
                world.now += UInt64(world.dice.roll(0..<400))
                world.core.timePassed(at: world.moment)
                model.timePassed(to: world.now)
                world.collect()
                what += ": time passed"
            } else {
                let queue = [bounded, dropping, joinable].randomElement(using: &world.dice)!  // three
                let permit = [semaphore, boundedSemaphore].randomElement(using: &world.dice)!  // two
                let mutex = [lock, recursive, condition].randomElement(using: &world.dice)!  // three
                let end = pipe + world.dice.roll(0..<2)
                world.lastItem += 1
                let choice: (SharedOperation, Int)
                switch world.dice.roll(0..<32) {
                case 0...4: choice = (.put, queue)
                case 5...9: choice = (.get, queue)
                case 10: choice = (.size, queue)
                case 11, 12: choice = (.taskDone, joinable)
                case 13: choice = (.join, joinable)
                case 14...16: choice = (.acquire, mutex)
                case 17...20: choice = (.release, mutex)
                case 21: choice = (.acquire, permit)
                case 22: choice = (.release, permit)
                case 23: choice = ([.set, .clear, .wait, .wait][world.dice.roll(0..<4)], event)
                case 24, 25: choice = (.waitForNotice, condition)
                case 26: choice = (.notify, condition)
                case 27, 28: choice = (world.dice.once(in: 6) ? .reset : .arrive, barrier)
                case 29: choice = (.send, end)
                case 30: choice = (world.dice.once(in: 3) ? .poll : .receive, end)
                default: choice = world.dice.once(in: 2000) ? (.close, queue) : (.size, queue)
                }
                let item = choice.0 == .notify ? world.dice.roll(0..<3) : world.lastItem
                // A condition's wait without time lets the lock go for a moment, which the model cannot.
                let time = choice.0 == .waitForNotice && timeout == 0 ? 50 : timeout
                world.ask(party, choice.0, choice.1, item: item, timeout: time)
                what += ": party \(party) \(choice.0) \(choice.1) timeout \(time.map { "\($0)" } ?? "none")"
            }
            guard world.compare(what) else { return }
        }
        for party in world.parties { world.end(party, died: true) }
        #expect(world.core.waitCount == 0)
    }
}
