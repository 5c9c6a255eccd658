// Tasks that use a lent lock and a lent queue as LuaVM does, each step by itself, beside a model of what may come of it. One thread: every interleaving is one of the dice.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire
import Testing

@testable import LuaFleet

final class LentWorld {
    /// A task in a process of its own.
    final class Tasker {
        let process: PartyID
        var party: PartyID
        var sequence: UInt32 = 1
        var lock: UnsafeMutablePointer<lfs_lent_lock>?
        var ring: UnsafeMutablePointer<lfs_ring>?
        var mappings: [SharedMapping] = []
        var holdsLock = false
        /// It has let the lock go, and has yet to tell the host, where somebody waits.
        var hasToTell = false
        var hand: Int64?
        /// A put between its two steps.
        var claim: (cell: UnsafeMutablePointer<lfs_ring_cell>, position: UInt64, value: Int64)?
        var waits = false

        init(process: PartyID, party: PartyID) {
            self.process = process
            self.party = party
        }

        var token: UInt64 { party.number }
    }

    let hub = SharedHub()
    let capacity: Int
    let lock: SharedID
    let queue: SharedID
    private(set) var taskers: [Tasker] = []
    var lastValue: Int64 = 0
    // The model.
    var items: [Int64] = []
    var offered: Set<Int64> = []
    private(set) var owner: Tasker?
    private var wasLeft = false
    var lentSteps = 0

    init(capacity: Int) {
        self.capacity = capacity
        func create(_ kind: SharedKind, _ hub: SharedHub, _ item: SharedItem) -> SharedID {
            hub.now(SharedRequest(.create, argument: Int64(kind.rawValue), item: item), by: .host).item.handles[0].id
        }
        lock = create(.lock, hub, .values { $0.null() })
        queue = create(
            .queue, hub,
            .values(3) {
                $0.null()
                $0.integer(Int64(capacity))
                $0.string("requeue")
            })
    }

    // MARK: Life

    /// The last steps, which are printed with the first failure.
    private var log: [String] = []
    private var hasFailed = false

    func note(_ text: String) {
        log.append(text)
        if log.count > 60 { log.removeFirst() }
    }

    func fail(_ why: String) {
        guard !hasFailed else { return }
        hasFailed = true
        print("FAILED capacity \(capacity): \(why); items \(items)\n" + log.joined(separator: "\n"))
    }

    func begin() {
        let process = hub.beginProcess("worker")
        let party = hub.beginTask(1, of: process, ownsProcess: false, "task")
        let tasker = Tasker(process: process, party: party)
        for object in [lock, queue] { hub.retain(object, for: party) }
        func map(_ object: SharedID) -> UnsafeMutableRawPointer? {
            let found = hub.asked(SharedRequest(.map, object), by: party).mapping
            if let found { tasker.mappings.append(found) }
            return found?.start
        }
        tasker.lock = map(lock)?.assumingMemoryBound(to: lfs_lent_lock.self)
        tasker.ring = map(queue)?.assumingMemoryBound(to: lfs_ring.self)
        #expect(tasker.lock != nil && tasker.ring != nil)
        taskers.append(tasker)
    }

    func die(_ tasker: Tasker) {
        note("die \(tasker.token) hand \(tasker.hand ?? -1) claim \(tasker.claim?.value ?? -1) waits \(tasker.waits)")
        if tasker.holdsLock { leave(tasker) }
        if let hand = tasker.hand { items.insert(hand, at: 0) }
        taskers.removeAll { $0 === tasker }
        hub.end(tasker.party, died: true)
        hub.end(tasker.process, died: true)
    }

    /// Its task ends by itself, and another one begins.
    func end(_ tasker: Tasker) {
        guard !tasker.waits, tasker.claim == nil, let lock = tasker.lock, let ring = tasker.ring else { return }
        note("end \(tasker.token) hand \(tasker.hand ?? -1)")
        if tasker.holdsLock { leave(tasker) }
        tasker.hand = nil
        for (object, result) in [
            (self.lock, lfs_lock_leave(lock, tasker.token)),
            (queue, lfs_ring_answer(ring, tasker.token, UInt32(LFS_RING_CELLS))),
        ] where result == LFS_LENT_ASK {
            hub.request(SharedRequest(.leave, object), by: tasker.party) { _, _ in }
        }
        hub.end(tasker.party, died: false)
        tasker.sequence += 1
        tasker.party = hub.beginTask(tasker.sequence, of: tasker.process, ownsProcess: false, "task")
    }

    private func leave(_ tasker: Tasker) {
        tasker.holdsLock = false
        owner = nil
        wasLeft = true
    }

    // MARK: Locks

    func acquire(_ tasker: Tasker) {
        guard !tasker.holdsLock, let lock = tasker.lock else { return }
        let result = lfs_lock_try(lock, tasker.token)
        switch result {
        case LFS_LENT_DONE, LFS_LENT_OWNER_DIED:
            lentSteps += 1
            acquired(tasker, ownerDied: result == LFS_LENT_OWNER_DIED)
        case LFS_LENT_BUSY, LFS_LENT_ASK:
            if result == LFS_LENT_BUSY { #expect(owner != nil, "busy, and nobody has it") }
            ask(SharedRequest(.acquire, self.lock), tasker) { answer in
                guard answer.status != .failed else { return #expect(Bool(false), "\(answer)") }
                self.acquired(tasker, ownerDied: answer.status == .ownerDied)
            }
        default: Issue.record("\(result)")
        }
    }

    private func acquired(_ tasker: Tasker, ownerDied: Bool) {
        #expect(owner == nil, "two have the lock")
        #expect(ownerDied == wasLeft)
        owner = tasker
        wasLeft = false
        tasker.holdsLock = true
    }

    /// The first step of a release.
    func release(_ tasker: Tasker) {
        guard tasker.holdsLock, let lock = tasker.lock else { return }
        #expect(lfs_lock_is_own(lock, tasker.token))
        tasker.holdsLock = false
        owner = nil
        switch lfs_lock_release(lock, tasker.token) {
        case LFS_LENT_DONE: lentSteps += 1
        case LFS_LENT_ASK: tasker.hasToTell = true
        default: Issue.record("it was not its own")
        }
    }

    /// The second one, where there is one.
    func tell(_ tasker: Tasker) {
        tasker.hasToTell = false
        hub.request(SharedRequest(.release, lock), by: tasker.party) { _, _ in }
    }

    // MARK: Asking

    func ask(_ request: SharedRequest, _ tasker: Tasker, _ then: @escaping (SharedAnswer) -> Void) {
        tasker.waits = true
        let box = Box { answer in
            tasker.waits = false
            then(answer)
        }
        hub.request(request, by: tasker.party) { answer, _ in box.call(answer) }
    }

    /// All of it happens on one thread.
    private final class Box: @unchecked Sendable {
        let call: (SharedAnswer) -> Void
        init(_ call: @escaping (SharedAnswer) -> Void) { self.call = call }
    }
}
