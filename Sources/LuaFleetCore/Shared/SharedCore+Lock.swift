// Locks and semaphores: who has them, who is next, and what the next is told when the owner has died.
import LuaFleetWire

struct LockState {
    let isRecursive: Bool
    var owner: PartyID?
    /// How often the owner has taken it.
    var depth = 0
    /// The last owner ended with it, and nobody has been told yet.
    var isAbandoned = false

    init(isRecursive: Bool) {
        self.isRecursive = isRecursive
    }
}

struct SemaphoreState {
    var value: Int
    /// Above it, a release is an error.
    let bound: Int?
    /// Permits of dead parties, of which nobody has been told yet.
    var abandoned = 0
}

extension SharedCore {
    mutating func lockRequest(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        if head.kind.isSemaphore { return semaphoreRequest(request, head, id, party) }
        let object = conditions[request.object] ?? request.object
        guard let lock = locks[object] else { return refuse(request, head, id) }
        switch request.operation {
        case .acquire:
            if lock.owner == nil {
                own(object, party, depth: 1)
                reply(id, lock.isAbandoned ? SharedAnswer(.ownerDied) : .done)
            } else if lock.owner == party, lock.isRecursive {
                locks[object]?.depth += 1
                reply(id, .done)
            } else if let report = deadlock(party, waitingFor: object, isTimed: request.timeout != nil) {
                fail(request, id, report)
            } else {
                var request = request
                request.object = object
                wait(request, id, party, .lock(depth: 1, afterNotice: false, noticeCame: false))
            }
        case .release:
            guard lock.owner == party else {
                return fail(
                    request, id, "it is not held by this task" + (lock.owner.map { ", but by \(name(of: $0))" } ?? ""))
            }
            if lock.depth > 1 { locks[object]?.depth -= 1 } else { handOver(object, ownerDied: false) }
            reply(id, .done)
        default: reply(id, .boolean(lock.owner != nil))
        }
    }

    func name(of party: PartyID) -> String { parties[party]?.name ?? "another task" }

    mutating func own(_ object: SharedID, _ party: PartyID, depth: Int) {
        locks[object]?.owner = party
        locks[object]?.depth = depth
        locks[object]?.isAbandoned = false
        parties[party]?.locks.append(object)
    }

    mutating func disown(_ object: SharedID, _ party: PartyID) {
        if let place = parties[party]?.locks.lastIndex(of: object) { parties[party]?.locks.remove(at: place) }
    }

    /// The owner lets go: the next in line has it.
    mutating func handOver(_ object: SharedID, ownerDied: Bool) {
        guard let lock = locks[object], let owner = lock.owner else { return }
        touch(object)
        disown(object, owner)
        locks[object]?.owner = nil
        locks[object]?.depth = 0
        guard let next = waits.first(object),
            case .lock(let depth, let afterNotice, let noticeCame) = waits[next].purpose
        else {
            locks[object]?.isAbandoned = ownerDied
            return
        }
        let wait = finishWait(next)
        own(object, wait.party, depth: depth)
        if afterNotice, !noticeCame {
            reply(wait.request, .timedOut)
        } else {
            reply(wait.request, ownerDied ? SharedAnswer(.ownerDied) : .done)
        }
    }

    /// The owner has ended with it.
    mutating func abandonLock(_ object: SharedID, _ party: PartyID) {
        guard locks[object]?.owner == party else { return }
        handOver(object, ownerDied: true)
    }

    /// A wait that has left a condition's line takes its lock back.
    mutating func enterLock(_ index: UInt32, depth: Int, noticeCame: Bool) {
        let wait = waits[index]
        guard let object = conditions[wait.object], let lock = locks[object] else { return }
        if lock.owner == nil {
            finishWait(index)
            own(object, wait.party, depth: depth)
            reply(wait.request, !noticeCame ? .timedOut : lock.isAbandoned ? SharedAnswer(.ownerDied) : .done)
        } else {
            touch(object)
            waits[index].object = object
            waits[index].purpose = .lock(depth: depth, afterNotice: true, noticeCame: noticeCame)
            waits.enqueue(index, LineKey(object: object, place: .main))
        }
    }

    // MARK: Semaphores

    private mutating func semaphoreRequest(
        _ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID
    ) {
        let object = request.object
        guard let semaphore = semaphores[object] else { return refuse(request, head, id) }
        switch request.operation {
        case .acquire:
            guard semaphore.value > 0 else { return wait(request, id, party, .permit) }
            let isAbandoned = semaphore.abandoned > 0
            semaphores[object]?.value -= 1
            if isAbandoned { semaphores[object]?.abandoned -= 1 }
            parties[party]?.permits[object, default: 0] += 1
            reply(id, isAbandoned ? SharedAnswer(.ownerDied) : .done)
        case .release:
            if let bound = semaphore.bound, semaphore.value >= bound {
                return fail(request, id, "it was released more often than acquired (its bound is \(bound))")
            }
            if let held = parties[party]?.permits[object] {
                parties[party]?.permits[object] = held == 1 ? nil : held - 1
            }
            givePermits(object, 1, ownerDied: false)
            reply(id, .done)
        default: reply(id, .integer(Int64(semaphore.value)))
        }
    }

    mutating func givePermits(_ object: SharedID, _ count: Int, ownerDied: Bool) {
        for _ in 0..<count {
            if let next = waits.first(object) {
                let wait = finishWait(next)
                parties[wait.party]?.permits[object, default: 0] += 1
                reply(wait.request, ownerDied ? SharedAnswer(.ownerDied) : .done)
            } else if let semaphore = semaphores[object], semaphore.bound.map({ semaphore.value < $0 }) ?? true {
                semaphores[object]?.value += 1
                if ownerDied { semaphores[object]?.abandoned += 1 }
            }
        }
    }
}
