// Pipes: two ends, each with the messages that have come to it.
import LuaFleetWire

/// One end.
struct EndState {
    let peer: SharedID
    let canSend: Bool
    let canReceive: Bool
    var inbox = Fifo<SharedItem>()
    var inboxBytes = 0
    /// The other end is closed or gone: what is in the inbox still comes out.
    var peerIsClosed = false
    /// The processes that have used it.
    var users: Set<PartyID> = []
}

extension SharedCore {
    /// The end `object` and a new one. One-way: `object` receives, the new one sends.
    mutating func makePipe(_ object: SharedID, isDuplex: Bool) {
        lastID += 1
        heads[lastID] = Head(kind: .connection)
        ends[object] = EndState(peer: lastID, canSend: isDuplex, canReceive: true)
        ends[lastID] = EndState(peer: object, canSend: true, canReceive: isDuplex)
    }

    mutating func pipeRequest(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        let object = request.object
        // Never a whole end in a variable: a second reference makes the next change copy its inbox.
        guard let peer = ends[object]?.peer, let holder = parties[party]?.holder else {
            return refuse(request, head, id)
        }
        if head.isClosed { return fail(request, id, "it is closed") }
        ends[object]?.users.insert(holder)
        switch request.operation {
        case .send:
            guard ends[object]?.canSend == true else { return fail(request, id, "this end only receives") }
            guard ends[object]?.peerIsClosed == false else { return fail(request, id, "the other end is closed") }
            if let bad = invalidHandle(in: request.item, from: party) {
                return fail(request, id, "the message holds a shared object that is not there (#\(bad.id))")
            }
            retain(request.item)
            guard let bytes = ends[peer]?.inboxBytes, bytes < pipeRoom, waits.first(object, .room) == nil else {
                let before = waits.count
                wait(request, id, party, .send, .room)
                if waits.count == before { release(request.item) }
                return
            }
            deliver(request.item, to: peer)
            reply(id, .done)
        case .receive:
            guard ends[object]?.canReceive == true else { return fail(request, id, "this end only sends") }
            if let item = takeMessage(object) {
                reply(id, SharedAnswer(.done, item), to: party)
                release(item)
            } else if ends[object]?.peerIsClosed == true {
                reply(id, .closed)
            } else {
                wait(request, id, party, .receive)
            }
        default:
            guard ends[object]?.canReceive == true else { return fail(request, id, "this end only sends") }
            if isReady(end: object) { return reply(id, .boolean(true)) }
            if let timeout = request.timeout, timeout <= .zero { return reply(id, .boolean(false)) }
            // Whoever polls takes nothing: it stands in a line of its own.
            wait(request, id, party, .poll, .join)
        }
    }

    func isReady(end object: SharedID) -> Bool {
        guard let end = ends[object] else { return false }
        return !end.inbox.isEmpty || end.peerIsClosed
    }

    private mutating func deliver(_ item: SharedItem, to object: SharedID) {
        if let receiver = waits.first(object) {
            let wait = finishWait(receiver)
            reply(wait.request, SharedAnswer(.done, item), to: wait.party)
            release(item)
        } else {
            ends[object]?.inbox.append(item)
            ends[object]?.inboxBytes += item.bytes.count
            endBecameReady(object)
        }
    }

    private mutating func endBecameReady(_ object: SharedID) {
        while let poller = waits.first(object, .join) { reply(finishWait(poller).request, .boolean(true)) }
        becameReady(object)
    }

    private mutating func takeMessage(_ object: SharedID) -> SharedItem? {
        guard let item = ends[object]?.inbox.popFirst() else { return nil }
        ends[object]?.inboxBytes -= item.bytes.count
        guard let peer = ends[object]?.peer else { return item }
        while let bytes = ends[object]?.inboxBytes, bytes < pipeRoom, let sender = waits.first(peer, .room) {
            let wait = finishWait(sender)
            ends[object]?.inbox.append(wait.item)
            ends[object]?.inboxBytes += wait.item.bytes.count
            reply(wait.request, .done)
        }
        return item
    }

    mutating func closeEnd(_ object: SharedID) {
        guard heads[object]?.isClosed == false, let peer = ends[object]?.peer else { return }
        heads[object]?.isClosed = true
        for place in [LineKey.Place.main, .room, .join] {
            while let index = waits.first(object, place) {
                reply(abandonWait(index).request, .failed("\(describe(object)): it was closed"))
            }
        }
        becameReady(object)
        peerClosed(peer)
    }

    /// The other end of `object` is closed, or nobody has it any more.
    mutating func peerClosed(_ object: SharedID) {
        guard ends[object]?.peerIsClosed == false else { return }
        ends[object]?.peerIsClosed = true
        while let receiver = waits.first(object) { reply(finishWait(receiver).request, .closed) }
        while let sender = waits.first(object, .room) {
            reply(abandonWait(sender).request, .failed("\(describe(object)): the other end was closed"))
        }
        endBecameReady(object)
    }
}
