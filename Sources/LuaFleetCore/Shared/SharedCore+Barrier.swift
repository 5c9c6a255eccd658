// Barriers: everybody waits for everybody, and nobody waits for the dead.
import LuaFleetWire

struct BarrierState {
    let parties: Int
    var isBroken = false
    /// Who has been here since the last reset. When one of them dies the others would wait in vain.
    var members: Set<PartyID> = []

    init(parties: Int) {
        self.parties = parties
    }
}

extension SharedCore {
    mutating func barrierRequest(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        let object = request.object
        guard let barrier = barriers[object] else { return refuse(request, head, id) }
        switch request.operation {
        case .arrive:
            if barrier.isBroken { return reply(id, SharedAnswer(.broken)) }
            let waiting = waits.all(object)
            if waiting.contains(where: { waits[$0].party == party }) {
                return fail(request, id, "this task waits there already; it cannot be two of its parties")
            }
            barriers[object]?.members.insert(party)
            parties[party]?.barriers.insert(object)
            guard waiting.count + 1 >= barrier.parties else {
                if let timeout = request.timeout, timeout <= .zero {
                    reply(id, .timedOut)
                    return breakBarrier(object)
                }
                return wait(request, id, party, .barrier)
            }
            for (position, index) in waiting.enumerated() {
                reply(finishWait(index).request, .integer(Int64(position + 1)))
            }
            reply(id, .integer(Int64(waiting.count + 1)))
        case .abort:
            breakBarrier(object)
            reply(id, .done)
        case .reset:
            breakBarrier(object)
            for member in barriers[object]?.members ?? [] { parties[member]?.barriers.remove(object) }
            barriers[object] = BarrierState(parties: barrier.parties)
            reply(id, .done)
        default:
            let counts = SharedItem.values(3) {
                $0.integer(Int64(waits.count(object)))
                $0.integer(Int64(barrier.parties))
                $0.boolean(barrier.isBroken)
            }
            reply(id, SharedAnswer(.done, counts))
        }
    }

    mutating func breakBarrier(_ object: SharedID) {
        guard barriers[object] != nil else { return }
        barriers[object]?.isBroken = true
        while let index = waits.first(object) { reply(finishWait(index).request, SharedAnswer(.broken)) }
    }
}
