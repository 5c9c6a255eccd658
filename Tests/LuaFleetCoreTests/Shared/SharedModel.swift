// A naive model of shared objects: everybody who waits stands in one list, and after each event the list is gone through until nobody can go on.
import LuaFleetCore
import LuaFleetWire

final class SharedModel {
    enum Reply: Hashable, CustomStringConvertible {
        case status(SharedStatus)
        case number(Int)
        case flag(Bool)
        case failed

        var description: String {
            switch self {
            case .status(let status): "\(status)"
            case .number(let number): "\(number)"
            case .flag(let flag): "\(flag)"
            case .failed: "failed"
            }
        }
    }

    struct Queue {
        var capacity: Int
        var isJoinable: Bool
        var requeues: Bool
        var items: [Int] = []
        var inHand: [Int: [Int]] = [:]
        var unfinished = 0
        var isClosed = false

        var isAtEnd: Bool {
            isClosed && items.isEmpty && (!requeues || inHand.isEmpty || isJoinable && unfinished == 0)
        }
    }

    struct Lock {
        var isRecursive: Bool
        var owner: Int?
        var depth = 0
        var isAbandoned = false
    }

    struct Semaphore {
        var value: Int
        var bound: Int?
        var abandoned = 0
        var held: [Int: Int] = [:]
    }

    struct Barrier {
        var parties: Int
        var isBroken = false
        var members: Set<Int> = []
    }

    struct End {
        var peer: Int
        var inbox: [Int] = []
        var users: Set<Int> = []
        var isClosed = false
        var peerIsClosed = false
    }

    struct Waiting {
        var request: SharedRequestID
        var party: Int
        var object: Int
        var operation: SharedOperation
        var item = 0
        var depth = 1
        var due: UInt64?
        /// After a condition's wait: what it is told when it has the lock again.
        var result: Reply?
    }

    var queues: [Int: Queue] = [:]
    var locks: [Int: Lock] = [:]
    var semaphores: [Int: Semaphore] = [:]
    var events: [Int: Bool] = [:]
    var conditions: [Int: Int] = [:]
    var barriers: [Int: Barrier] = [:]
    var ends: [Int: End] = [:]
    var waiting: [Waiting] = []
    var replies: [SharedRequestID: Reply] = [:]

    func isWaiting(_ party: Int) -> Bool { waiting.contains { $0.party == party } }

    func reply(_ request: SharedRequestID, _ reply: Reply) {
        replies[request] = reply
    }

    // MARK: Events

    func requested(_ wish: Waiting) {
        let (object, party) = (wish.object, wish.party)
        switch wish.operation {
        case .put:
            if queues[object]!.isClosed { return reply(wish.request, .failed) }
        case .get:
            if !queues[object]!.isJoinable { queues[object]!.inHand[party] = nil }
        case .size: return reply(wish.request, .number(queues[object]!.items.count))
        case .taskDone:
            guard queues[object]!.unfinished > 0 else { return reply(wish.request, .failed) }
            if var held = queues[object]!.inHand[party] {
                held.removeFirst()
                queues[object]!.inHand[party] = held.isEmpty ? nil : held
            }
            queues[object]!.unfinished -= 1
            reply(wish.request, .status(.done))
            return settle()
        case .close:
            if queues[object] != nil {
                queues[object]!.isClosed = true
                fail(object, [.put])
            }
            reply(wish.request, .status(.done))
            return settle()
        case .send:
            if !ends[object]!.isClosed { ends[object]!.users.insert(party) }
            let end = ends[object]!
            guard !end.isClosed, !end.peerIsClosed else { return reply(wish.request, .failed) }
            ends[end.peer]!.inbox.append(wish.item)
            reply(wish.request, .status(.done))
            return settle()
        case .receive, .poll:
            if ends[object]!.isClosed { return reply(wish.request, .failed) }
            ends[object]!.users.insert(party)
        case .acquire:
            let lock = conditions[object] ?? object
            if locks[lock]?.owner == party, locks[lock]!.isRecursive {
                locks[lock]!.depth += 1
                return reply(wish.request, .status(.done))
            }
        case .release:
            if semaphores[object] != nil {
                let semaphore = semaphores[object]!
                if let bound = semaphore.bound, semaphore.value >= bound { return reply(wish.request, .failed) }
                if let held = semaphore.held[party], held > 0 { semaphores[object]!.held[party] = held - 1 }
                semaphores[object]!.value += 1
            } else {
                let lock = conditions[object] ?? object
                guard locks[lock]!.owner == party else { return reply(wish.request, .failed) }
                locks[lock]!.depth -= 1
                if locks[lock]!.depth == 0 { locks[lock]!.owner = nil }
            }
            reply(wish.request, .status(.done))
            return settle()
        case .set, .clear:
            events[object] = wish.operation == .set
            reply(wish.request, .status(.done))
            return settle()
        case .waitForNotice:
            let lock = conditions[object]!
            guard locks[lock]!.owner == party else { return reply(wish.request, .failed) }
            var wish = wish
            wish.depth = locks[lock]!.depth
            locks[lock]!.owner = nil
            locks[lock]!.depth = 0
            waiting.append(wish)
            return settle()
        case .notify:
            let lock = conditions[object]!
            guard locks[lock]!.owner == party else { return reply(wish.request, .failed) }
            for _ in 0..<wish.item {
                guard let place = waiting.firstIndex(where: { $0.object == object && $0.operation == .waitForNotice })
                else { break }
                relock(place, .status(.done))
            }
            reply(wish.request, .status(.done))
            return settle()
        case .arrive:
            if barriers[object]!.isBroken { return reply(wish.request, .status(.broken)) }
            barriers[object]!.members.insert(party)
        case .abort, .reset:
            breakBarrier(object)
            if wish.operation == .reset { barriers[object] = Barrier(parties: barriers[object]!.parties) }
            return reply(wish.request, .status(.done))
        default: break
        }
        waiting.append(wish)
        settle()
        // Whoever did not get it at once and has no time is told so.
        if wish.due == 0 { timePassed(to: 0) }
    }

    func timePassed(to now: UInt64) {
        while let (place, wait) = waiting.enumerated().filter({ ($0.element.due ?? .max) <= now })
            .min(by: { ($0.element.due!, $0.element.request) < ($1.element.due!, $1.element.request) })
        {
            switch wait.operation {
            case .waitForNotice: relock(place, .status(.timedOut))
            case .arrive:
                waiting.remove(at: place)
                reply(wait.request, .status(.timedOut))
                breakBarrier(wait.object)
            case .poll:
                waiting.remove(at: place)
                reply(wait.request, .flag(false))
            default:
                waiting.remove(at: place)
                reply(wait.request, .status(.timedOut))
            }
            settle()
        }
    }

    func partyEnded(_ party: Int, died: Bool) {
        let own = waiting.filter { $0.party == party }
        waiting.removeAll { $0.party == party }
        for wait in own where wait.operation == .arrive { breakBarrier(wait.object) }
        for (id, lock) in locks where lock.owner == party {
            locks[id]!.owner = nil
            locks[id]!.depth = 0
            locks[id]!.isAbandoned = true
        }
        for (id, semaphore) in semaphores {
            for _ in 0..<(died ? semaphore.held[party] ?? 0 : 0)
            where semaphores[id]!.value < semaphore.bound ?? .max {
                semaphores[id]!.value += 1
                semaphores[id]!.abandoned += 1
                settle()
            }
            semaphores[id]!.held[party] = nil
        }
        for (id, queue) in queues {
            guard let held = queue.inHand[party] else { continue }
            queues[id]!.inHand[party] = nil
            if died, queue.requeues {
                queues[id]!.items.insert(contentsOf: held, at: 0)
            } else if died {
                queues[id]!.unfinished -= held.count
            }
        }
        for id in barriers.keys {
            guard barriers[id]!.members.remove(party) != nil else { continue }
            if died { breakBarrier(id) }
        }
        for id in ends.keys.sorted() {
            if ends[id]!.users == [party] || died && ends[id]!.users.isEmpty { close(end: id) }
            ends[id]!.users.remove(party)
        }
        settle()
    }

    private func close(end object: Int) {
        guard !ends[object]!.isClosed else { return }
        ends[object]!.isClosed = true
        fail(object, [.send, .receive, .poll])
        ends[ends[object]!.peer]!.peerIsClosed = true
    }
}
