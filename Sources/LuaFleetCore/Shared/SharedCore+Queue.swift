// Queues: bounded or not, joinable, with an end, and without loss when a consumer dies.
import LuaFleetWire

struct QueueState {
    /// What becomes of an item whose consumer died before it had answered.
    enum Policy {
        /// It goes back to the front.
        case requeue
        /// It is gone, and counts as done.
        case drop

        init?(_ word: String?) {
            switch word {
            case nil, "requeue": self = .requeue
            case "drop": self = .drop
            default: return nil
            }
        }
    }

    /// 0: no limit.
    let capacity: Int
    let isJoinable: Bool
    let policy: Policy
    var items = Fifo<SharedItem>()
    /// Items that a party has got and not answered for: it does so by getting the next one, by `taskDone`, or by its end.
    var inHand: [PartyID: [SharedItem]] = [:]
    /// Items put and not done; of joinable queues.
    var unfinished = 0

    init(capacity: Int, isJoinable: Bool, policy: Policy) {
        self.capacity = capacity
        self.isJoinable = isJoinable
        self.policy = policy
    }

    var hasRoom: Bool { capacity == 0 || items.count < capacity }
}

extension SharedCore {
    mutating func queueRequest(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        let object = request.object
        // Never the whole state in a variable: a second reference makes the next change copy all items.
        guard let isJoinable = queues[object]?.isJoinable else { return refuse(request, head, id) }
        switch request.operation {
        case .put:
            if head.isClosed { return fail(request, id, "it is closed") }
            if let bad = invalidHandle(in: request.item, from: party) {
                return fail(request, id, "the item holds a shared object that is not there (#\(bad.id))")
            }
            guard queues[object]?.hasRoom == true, waits.first(object, .room) == nil else {
                retain(request.item)
                let before = waits.count
                wait(request, id, party, .put, .room)
                if waits.count == before { release(request.item) }
                return
            }
            retain(request.item)
            add(request.item, to: object)
            reply(id, .done)
        case .get:
            if !isJoinable { answered(object, party) }
            if let item = take(from: object) {
                hand(item, of: object, to: party, id)
            } else if isAtEnd(object) {
                reply(id, .closed)
            } else {
                wait(request, id, party, .get)
            }
        case .size: reply(id, .integer(Int64(queues[object]?.items.count ?? 0)))
        case .taskDone:
            guard isJoinable else { return refuse(request, head, id) }
            guard queues[object]?.unfinished != 0 else {
                return fail(request, id, "task_done was called more often than there were items")
            }
            if var held = queues[object]?.inHand[party], !held.isEmpty {
                release(held.removeFirst())
                setInHand(object, party, held)
            }
            finished(object, 1)
            reply(id, .done)
        case .join:
            guard isJoinable else { return refuse(request, head, id) }
            if queues[object]?.unfinished == 0 { return reply(id, .done) }
            wait(request, id, party, .join, .join)
        default: break  // no other comes here
        }
    }

    /// An item whose handles are kept already.
    private mutating func add(_ item: SharedItem, to object: SharedID) {
        queues[object]?.unfinished += 1
        if let getter = waits.first(object) {
            let wait = finishWait(getter)
            hand(item, of: object, to: wait.party, wait.request)
        } else {
            queues[object]?.items.append(item)
            becameReady(object)
        }
    }

    private mutating func take(from object: SharedID) -> SharedItem? {
        guard let item = queues[object]?.items.popFirst() else { return nil }
        while queues[object]?.hasRoom == true, let putter = waits.first(object, .room) {
            let wait = finishWait(putter)
            queues[object]?.unfinished += 1
            queues[object]?.items.append(wait.item)
            reply(wait.request, .done)
        }
        return item
    }

    /// The party has it in hand from now on.
    private mutating func hand(_ item: SharedItem, of object: SharedID, to party: PartyID, _ id: SharedRequestID) {
        reply(id, SharedAnswer(.done, item), to: party)
        if isHost(party) && queues[object]?.isJoinable != true {
            release(item)  // the host does not die before its queues
        } else {
            queues[object]?.inHand[party, default: []].append(item)
            parties[party]?.inHand.insert(object)
        }
    }

    /// Whether it is a task of the host.
    func isHost(_ party: PartyID) -> Bool { parties[party]?.holder == PartyID.host }

    private mutating func setInHand(_ object: SharedID, _ party: PartyID, _ items: [SharedItem]) {
        queues[object]?.inHand[party] = items.isEmpty ? nil : items
        if items.isEmpty { parties[party]?.inHand.remove(object) }
    }

    /// What the party had in hand is done with.
    mutating func answered(_ object: SharedID, _ party: PartyID) {
        guard let held = queues[object]?.inHand[party] else { return }
        setInHand(object, party, [])
        for item in held { release(item) }
        tellEnd(object)
    }

    private mutating func finished(_ object: SharedID, _ count: Int) {
        queues[object]?.unfinished -= count
        guard queues[object]?.unfinished == 0 else { return }
        while let joiner = waits.first(object, .join) { reply(finishWait(joiner).request, .done) }
    }

    /// The party has ended with items in hand.
    mutating func takeBack(_ object: SharedID, _ party: PartyID, died: Bool) {
        guard let policy = queues[object]?.policy, let held = queues[object]?.inHand[party] else { return }
        setInHand(object, party, [])
        if died, policy == .requeue {
            // The oldest comes out first again.
            for item in held.reversed() {
                queues[object]?.items.prepend(item)
            }
            while let getter = waits.first(object), let item = queues[object]?.items.popFirst() {
                let wait = finishWait(getter)
                hand(item, of: object, to: wait.party, wait.request)
            }
            if queues[object]?.items.isEmpty == false { becameReady(object) }
        } else {
            for item in held { release(item) }
            if died { finished(object, held.count) }
        }
        tellEnd(object)
    }

    /// Closed, empty, and nothing can come back.
    func isAtEnd(_ object: SharedID) -> Bool {
        guard let queue = queues[object], heads[object]?.isClosed == true, queue.items.isEmpty else { return false }
        return queue.policy == .drop || queue.inHand.isEmpty || queue.isJoinable && queue.unfinished == 0
    }

    func isReady(queue object: SharedID) -> Bool {
        queues[object]?.items.isEmpty == false || isAtEnd(object)
    }

    private mutating func tellEnd(_ object: SharedID) {
        guard isAtEnd(object) else { return }
        while let getter = waits.first(object) { reply(finishWait(getter).request, .closed) }
        becameReady(object)
    }

    /// No more items come in; those there are still go out. Who waits to put one in is told.
    mutating func closeQueue(_ object: SharedID) {
        guard heads[object]?.isClosed == false else { return }
        heads[object]?.isClosed = true
        while let putter = waits.first(object, .room) {
            reply(abandonWait(putter).request, .failed("\(describe(object)): it was closed"))
        }
        tellEnd(object)
    }
}

extension PartyID {
    /// Keeps the host's own handles.
    package static let host = PartyID(1)
}
