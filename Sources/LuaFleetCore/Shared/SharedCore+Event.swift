// Events, conditions, and waiting for several objects at once.
import LuaFleetWire

extension SharedCore {
    mutating func eventRequest(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        let object = request.object
        guard let isSet = events[object] else { return refuse(request, head, id) }
        switch request.operation {
        case .set:
            events[object] = true
            while let index = waits.first(object) { reply(finishWait(index).request, .done) }
            becameReady(object)
            reply(id, .done)
        case .clear:
            events[object] = false
            reply(id, .done)
        case .wait:
            if isSet { reply(id, .done) } else { wait(request, id, party, .event) }
        default: reply(id, .boolean(isSet))
        }
    }

    // MARK: Conditions

    mutating func conditionRequest(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        let object = request.object
        guard let lockID = conditions[object], let lock = locks[lockID] else { return refuse(request, head, id) }
        guard lock.owner == party else { return fail(request, id, "its lock is not held by this task") }
        if request.operation == .notify {
            var left = request.argument < 0 ? Int64.max : request.argument
            while left > 0, let index = waits.first(object), case .notice(let depth) = waits[index].purpose {
                waits.stopTimer(index)
                waits.leaveLine(index)
                enterLock(index, depth: depth, noticeCame: true)
                left -= 1
            }
            reply(id, .done)
        } else {
            // With no time at all it still lets the lock go for once, so that others get their turn.
            if let timeout = request.timeout, timeout <= .zero {
                guard waits.first(lockID) != nil else { return reply(id, .timedOut) }
                let wait = Wait(
                    request: id, party: party, object: lockID,
                    purpose: .lock(depth: lock.depth, afterNotice: true, noticeCame: false))
                let index = waits.add(wait, to: LineKey(object: lockID, place: .main))
                parties[party]?.waits.insert(index)
            } else {
                wait(request, id, party, .notice(depth: lock.depth))
            }
            handOver(lockID, ownerDied: false)
        }
    }

    // MARK: Several at once

    /// Whether a wait for any of several objects is over because of this one; nil: nobody can wait for it so.
    private func isReady(_ object: SharedID) -> Bool? {
        switch heads[object]?.kind {
        case .queue, .joinableQueue, .simpleQueue: isReady(queue: object)
        case .connection: isReady(end: object) || heads[object]?.isClosed == true
        case .event: events[object]
        default: nil
        }
    }

    mutating func waitForAny(_ request: SharedRequest, _ id: SharedRequestID, _ party: PartyID) {
        let objects = request.item.handles.map(\.id)
        guard !objects.isEmpty else {
            return reply(id, .failed("wait: a list of queues, connections and events expected"))
        }
        for object in objects {
            guard heads[object] != nil, has(party, object) else {
                return reply(id, .failed("wait: there is no such shared object (#\(object))"))
            }
            guard isReady(object) != nil else {
                return reply(id, .failed("\(describe(object)): only queues, connections and events can be waited for"))
            }
        }
        let ready = readyAmong(objects)
        if !ready.bytes.isEmpty { return reply(id, SharedAnswer(.done, ready)) }
        if let timeout = request.timeout, timeout <= .zero { return reply(id, .done) }
        var wait = Wait(request: id, party: party, object: 0, purpose: .any)
        wait.objects = objects
        let root = waits.add(wait, due: request.timeout.map { now + $0 })
        parties[party]?.waits.insert(root)
        for object in objects {
            let watch = Wait(request: 0, party: party, object: object, purpose: .watch(root))
            waits[root].watches.append(waits.add(watch, to: LineKey(object: object, place: .any)))
        }
    }

    /// A message of the positions of those that are ready, or one without bytes.
    private func readyAmong(_ objects: [SharedID]) -> SharedItem {
        let ready = objects.indices.filter { isReady(objects[$0]) == true }
        guard !ready.isEmpty else { return SharedItem(bytes: []) }
        return .values(ready.count) { writer in
            for position in ready { writer.integer(Int64(position + 1)) }
        }
    }

    /// Tells those who wait for several objects. All of them: whoever comes first may take what is there, as with poll(2).
    mutating func becameReady(_ object: SharedID) {
        while let watch = waits.first(object, .any), case .watch(let root) = waits[watch].purpose {
            let wait = finishWait(root)
            let ready = readyAmong(wait.objects)
            reply(wait.request, ready.bytes.isEmpty ? .done : SharedAnswer(.done, ready))
        }
    }
}
