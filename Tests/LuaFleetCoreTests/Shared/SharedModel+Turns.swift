// Who of those that wait in a SharedModel can go on, and what it gets.
import LuaFleetCore
import LuaFleetWire

extension SharedModel {
    func fail(_ object: Int, _ operations: Set<SharedOperation>) {
        for wait in waiting where wait.object == object && operations.contains(wait.operation) {
            reply(wait.request, .failed)
        }
        waiting.removeAll { $0.object == object && operations.contains($0.operation) }
    }

    func breakBarrier(_ object: Int) {
        barriers[object]!.isBroken = true
        for wait in waiting where wait.object == object && wait.operation == .arrive {
            reply(wait.request, .status(.broken))
        }
        waiting.removeAll { $0.object == object && $0.operation == .arrive }
    }

    /// From a condition's line to the end of its lock's.
    func relock(_ place: Int, _ result: Reply) {
        var wait = waiting.remove(at: place)
        wait.object = conditions[wait.object]!
        wait.operation = .acquire
        wait.due = nil
        wait.result = result
        waiting.append(wait)
    }

    func settle() {
        while let place = waiting.indices.first(where: { canGoOn($0) }) { goOn(place) }
    }

    private func line(_ wait: Waiting) -> Int {
        wait.operation == .acquire ? conditions[wait.object] ?? wait.object : wait.object
    }

    private func isFirst(_ place: Int) -> Bool {
        let wait = waiting[place]
        return !waiting[..<place].contains { line($0) == line(wait) && $0.operation == wait.operation }
    }

    private func canGoOn(_ place: Int) -> Bool {
        let wait = waiting[place]
        switch wait.operation {
        case .put:
            let queue = queues[wait.object]!
            return isFirst(place) && (queue.capacity == 0 || queue.items.count < queue.capacity)
        case .get: return isFirst(place) && (!queues[wait.object]!.items.isEmpty || queues[wait.object]!.isAtEnd)
        case .join: return queues[wait.object]!.unfinished == 0
        case .receive, .poll:
            let end = ends[wait.object]!
            // Who only looks sees what nobody waits to take.
            let isNext =
                wait.operation == .receive
                ? isFirst(place) : !waiting.contains { $0.object == wait.object && $0.operation == .receive }
            return isNext && !end.inbox.isEmpty || end.peerIsClosed && end.inbox.isEmpty
        case .acquire:
            if let semaphore = semaphores[wait.object] { return isFirst(place) && semaphore.value > 0 }
            return isFirst(place) && locks[line(wait)]!.owner == nil
        case .wait: return events[wait.object]!
        case .arrive:
            return waiting.filter { $0.object == wait.object && $0.operation == .arrive }.count
                >= barriers[wait.object]!.parties
        default: return false
        }
    }

    private func goOn(_ place: Int) {
        let wait = waiting.remove(at: place)
        let (object, party) = (wait.object, wait.party)
        switch wait.operation {
        case .put:
            queues[object]!.items.append(wait.item)
            queues[object]!.unfinished += 1
            reply(wait.request, .status(.done))
        case .get:
            if queues[object]!.items.isEmpty { return reply(wait.request, .status(.closed)) }
            let item = queues[object]!.items.removeFirst()
            queues[object]!.inHand[party, default: []].append(item)
            reply(wait.request, .number(item))
        case .receive:
            if ends[object]!.inbox.isEmpty { return reply(wait.request, .status(.closed)) }
            reply(wait.request, .number(ends[object]!.inbox.removeFirst()))
        case .poll: reply(wait.request, .flag(true))
        case .acquire:
            if let semaphore = semaphores[object] {
                semaphores[object]!.value -= 1
                semaphores[object]!.held[party, default: 0] += 1
                semaphores[object]!.abandoned = max(0, semaphore.abandoned - 1)
                return reply(wait.request, .status(semaphore.abandoned > 0 ? .ownerDied : .done))
            }
            let lock = line(wait)
            let isAbandoned = locks[lock]!.isAbandoned
            locks[lock]!.owner = party
            locks[lock]!.depth = wait.depth
            locks[lock]!.isAbandoned = false
            if wait.result == .status(.timedOut) { return reply(wait.request, .status(.timedOut)) }
            reply(wait.request, .status(isAbandoned ? .ownerDied : .done))
        case .arrive:
            var number = 0
            for other in ([wait] + waiting.filter { $0.object == object && $0.operation == .arrive })
                .sorted(by: { $0.request < $1.request })
            {
                number += 1
                reply(other.request, .number(number))
            }
            waiting.removeAll { $0.object == object && $0.operation == .arrive }
        default: reply(wait.request, .status(.done))
        }
    }
}
