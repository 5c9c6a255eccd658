// What is lent: the state of objects on which workers work alone, in memory that the host shares with them, as long as nobody has to wait.
//
// An object is either lent, and then all that can change without the host is in its memory and not here; or it is not, and then all of it is here. The shell takes it back
// before it hands in an event that needs it (`lentObjects`, `tookBack`); `settle` lends it again. What follows from that, and what the tests hold it to:
// nobody waits for a lent object, and one that is lent has no owner, items or messages here.
import LuaFleetWire

/// What the memory of a lent object says.
package enum LentContent: Equatable, Sendable {
    /// Who has the lock; where nobody has it, whether its last owner ended with it.
    case lock(owner: PartyID?, isAbandoned: Bool)
    /// What can be got, oldest first, what somebody has in hand, and how many there may be.
    case ring(items: [SharedItem], inHand: [LentHand], capacity: Int)
}

package struct LentHand: Equatable, Sendable {
    package var party: PartyID
    package var item: SharedItem

    package init(party: PartyID, item: SharedItem) {
        self.party = party
        self.item = item
    }
}

/// Where an object that has such memory is.
struct LentState {
    var isLent = false
    /// Requests of workers until a queue or pipe is lent again: moving it costs more than a request, so while the host uses it too it stays here.
    var patience = 0
}

extension PartyID {
    /// A process that runs tasks; they have its number in their upper half, and their own in the lower.
    package init(process: UInt32, task: UInt32 = 0) {
        self.init(UInt64(process) << 32 | UInt64(task))
    }

    /// The process of a worker's task, or itself.
    var process: PartyID { PartyID(number & ~UInt64(UInt32.max)) }
    /// Whether it is a worker's process or one of its tasks: those that can use what is lent.
    package var isOfWorker: Bool { number >> 32 != 0 && number >> 61 == 0 }
}

extension SharedCore {
    /// The longest queue or pipe that is lent. Smaller: a backlog stays longer in the host; larger: less room to go on, so that it comes back sooner.
    private static let lentItems = 64
    /// The longest item of such a one. That of the memory's cells.
    package static let lentBytes = 232
    /// Messages that the memory has room for.
    package static let lentCapacity = 128
    /// What a host's request costs a queue in requests of workers.
    private static let hostPatience = 4
    /// Tasks of one process that were met in lent memory before they asked for anything. An honest one has few: those that have something now.
    private static let strangers = 256

    // MARK: Taking back

    /// Which object of those that are lent a request is about: the lock of a condition, what an end receives, what the other end receives.
    private func lentObjects(_ object: SharedID, _ operation: SharedOperation, _ argument: Int64) -> [SharedID] {
        switch operation {
        case .send: return ends[object].map { [$0.peer] } ?? [object]
        case .close: return ends[object].map { [object, $0.peer] } ?? [object]
        case .map: return []
        default: return [conditions[object] ?? object]
        }
    }

    /// What has to be taken back before this request can be handed in.
    package func lentObjects(for request: SharedRequest) -> [SharedID] {
        guard !lent.isEmpty else { return [] }
        let all =
            request.operation == .waitForAny
            ? request.item.handles.map(\.id) : lentObjects(request.object, request.operation, request.argument)
        return all.filter { lent[$0]?.isLent == true }
    }

    /// What has to be taken back before it can be said that this party has died.
    package func lentObjects(of party: PartyID) -> [SharedID] {
        mappedObjects(of: party).filter { lent[$0]?.isLent == true }
    }

    /// Objects whose lent memory this party has, or its process.
    package func mappedObjects(of party: PartyID) -> [SharedID] {
        guard !lent.isEmpty else { return [] }
        let mapped = (parties[party]?.mapped ?? []).union(parties[party.process]?.mapped ?? [])
        return mapped.filter { lent[$0] != nil }.sorted()
    }

    /// The shell has taken it back, and found this. `wasRefused`: it could not be lent, for now.
    package mutating func tookBack(_ object: SharedID, _ content: LentContent, wasRefused: Bool = false) {
        guard lent[object]?.isLent == true else { return }
        lent[object]?.isLent = false
        if !wasRefused { touched.append(object) }
        switch content {
        case .lock(let owner, let isAbandoned):
            if let owner, meets(owner, object) {
                own(object, owner, depth: 1)
            } else {
                locks[object]?.isAbandoned = isAbandoned || owner != nil
            }
        case .ring(let items, let inHand, _):
            for hand in inHand where queues[object] != nil {
                if meets(hand.party, object) {
                    queues[object]?.inHand[hand.party, default: []].append(hand.item)
                    parties[hand.party]?.inHand.insert(object)
                } else if queues[object]?.policy == .requeue {
                    queues[object]?.items.append(hand.item)
                }
            }
            for item in items {
                if queues[object] != nil {
                    queues[object]?.items.append(item)
                } else {
                    ends[object]?.inbox.append(item)
                    ends[object]?.inboxBytes += item.bytes.count
                }
            }
        }
    }

    /// Who owns this lock, as far as is known here, if it is this party, or a task of it.
    package func owner(of object: SharedID, within party: PartyID) -> PartyID? {
        guard let owner = locks[object]?.owner, owner == party || owner.process == party else { return nil }
        return owner
    }

    /// The memory says that this owner has let the lock go. It ended before it could tell: nothing was left undone.
    package mutating func letGo(_ object: SharedID, by owner: PartyID, at now: Moment) {
        self.now = now
        guard locks[object]?.owner == owner else { return }
        handOver(object, ownerDied: false)
    }

    /// The task ends: what it could not give back in the memory, because that was not lent at that moment, and may be again by now.
    mutating func leave(_ object: SharedID, _ party: PartyID) {
        if queues[object] != nil { answered(object, party) } else { abandonLock(conditions[object] ?? object, party) }
    }

    /// Whether somebody named in lent memory is a party that may have the object. A task that has not asked for anything before is one from now on.
    private mutating func meets(_ party: PartyID, _ object: SharedID) -> Bool {
        guard party.isOfWorker, party != party.process else { return false }
        if parties[party] == nil {
            guard let process = parties[party.process], process.strangers.count < Self.strangers else { return false }
            parties[party] = Party(holder: party.process, name: "a task of \(process.name)")
            parties[party.process]?.strangers.insert(party)
        }
        return has(party, object) || lockConditions[object]?.contains { has(party, $0) } ?? false
    }

    // MARK: Mapping

    /// The answer to `map`: memory that the worker maps, and what it has to know.
    mutating func map(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        var object = conditions[request.object] ?? request.object
        if let end = ends[object] {
            if head.isClosed { return fail(request, id, "it is closed") }
            guard request.argument == 1 ? end.canSend : end.canReceive else {
                return fail(request, id, request.argument == 1 ? "this end only receives" : "this end only sends")
            }
            if let holder = parties[party]?.holder { ends[object]?.users.insert(holder) }
            if request.argument == 1 { object = end.peer }
        }
        let layout = layouts[object]
        let isRing = ends[object] != nil || queues[object].map { !$0.isJoinable } ?? false
        guard layout != nil || isRing || locks[object] != nil, party.isOfWorker, let holder = parties[party]?.holder
        else { return refuse(request, head, id) }
        if lent[object] == nil {
            lent[object] = LentState()
            if layout == nil { actions.append(.makeLent(object, isRing: isRing)) }
        }
        parties[holder]?.mapped.insert(object)
        touched.append(object)
        let description = describe(request.object)
        let isRecursive = locks[object]?.isRecursive ?? false
        let lockPlace = layout?.lockOffset ?? 0
        let message = SharedItem.values(6) {
            $0.integer(Int64(layout?.element.rawValue ?? 0))
            $0.integer(Int64(layout?.count ?? 0))
            $0.string(description)
            $0.integer(Int64(party.number >> 32))
            $0.integer(Int64(lockPlace))
            $0.boolean(isRecursive)
        }
        reply(id, SharedAnswer(.done, message, memory: object))
    }

    // MARK: Lending

    /// A request is about an object that could be lent: it is looked at when this event is over.
    mutating func touch(_ request: SharedRequest, by party: PartyID) {
        guard !lent.isEmpty else { return }
        for object in lentObjects(request.object, request.operation, request.argument) where lent[object] != nil {
            let patience = lent[object]?.patience ?? 0
            lent[object]?.patience = party.isOfWorker ? max(0, patience - 1) : Self.hostPatience
            touched.append(object)
        }
    }

    /// Somebody has left the lines of an object.
    mutating func touch(_ object: SharedID) {
        guard !lent.isEmpty else { return }
        let object = conditions[object] ?? object
        if lent[object] != nil { touched.append(object) }
    }

    /// At the end of an event: lends what nobody waits for; of a lock that it does not lend it says who has it.
    mutating func settle() {
        while let object = touched.popLast() {
            guard lent[object]?.isLent == false else { continue }
            if let lock = locks[object] {
                if let content = lend(lock: object, lock) {
                    lent[object]?.isLent = true
                    actions.append(.lend(object, content))
                } else {
                    actions.append(.publish(object, lock.owner))
                }
            } else if let content = lendRing(object) {
                lent[object]?.isLent = true
                actions.append(.lend(object, content))
            }
        }
    }

    private mutating func lend(lock object: SharedID, _ lock: LockState) -> LentContent? {
        guard waits.first(object) == nil, lock.owner?.isOfWorker ?? true, lock.depth <= 1,
            lockConditions[object]?.allSatisfy({ waits.first($0) == nil }) ?? true
        else { return nil }
        if let owner = lock.owner { disown(object, owner) }
        locks[object]?.owner = nil
        locks[object]?.depth = 0
        locks[object]?.isAbandoned = false
        return .lock(owner: lock.owner, isAbandoned: lock.isAbandoned)
    }

    private mutating func lendRing(_ object: SharedID) -> LentContent? {
        guard lent[object]?.patience == 0, heads[object]?.isClosed == false,
            [LineKey.Place.main, .room, .join, .any].allSatisfy({ waits.first(object, $0) == nil })
        else { return nil }
        func fits(_ item: SharedItem) -> Bool { item.handles.isEmpty && item.bytes.count <= Self.lentBytes }
        if let peer = ends[object]?.peer {
            guard ends[object]?.peerIsClosed == false, let inbox = ends[object]?.inbox, inbox.count <= Self.lentItems,
                waits.first(peer, .room) == nil, inbox.elements.allSatisfy(fits)
            else { return nil }
            ends[object]?.inbox = Fifo()
            ends[object]?.inboxBytes = 0
            return .ring(items: inbox.elements, inHand: [], capacity: Self.lentCapacity)
        }
        guard let queue = queues[object], queue.items.count + queue.inHand.count <= Self.lentItems else { return nil }
        let hands = queue.inHand.sorted { $0.key.number < $1.key.number }
        guard queue.items.elements.allSatisfy(fits),
            hands.allSatisfy({ $0.key.isOfWorker && $0.value.count == 1 && $0.value.allSatisfy(fits) })
        else { return nil }
        for (party, _) in hands { parties[party]?.inHand.remove(object) }
        queues[object]?.items = Fifo()
        queues[object]?.inHand = [:]
        return .ring(
            items: queue.items.elements, inHand: hands.map { LentHand(party: $0.key, item: $0.value[0]) },
            capacity: queue.capacity == 0 ? Self.lentCapacity : min(queue.capacity, Self.lentCapacity))
    }
}

extension MappedLayout {
    /// Where the lock of mapped memory lies: behind it, in a line of the cache of its own.
    package var lockOffset: Int { (count * element.size + 63) / 64 * 64 }
}
