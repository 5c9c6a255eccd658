// The host's shared objects: the core behind a lock, the memory it asked for, and a timer. No policy.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// One for the whole host, used by every pool and by the app. Thread-safe.
package final class SharedHub: @unchecked Sendable {  // everything mutable is behind `lock`
    /// Who is told how a request ended: on any thread, once, not under the lock.
    typealias Caller = @Sendable (SharedAnswer, SharedMapping?) -> Void

    package static let shared = SharedHub()

    private struct Delivery {
        var caller: Caller
        var answer: SharedAnswer
        var mapping: SharedMapping?
    }

    private let lock = NIOLock()
    private var core = SharedCore()
    private var callers: [SharedRequestID: (caller: Caller, party: PartyID)] = [:]
    private var mappings: [SharedID: SharedMapping] = [:]
    /// Of the objects that are lent.
    private var lent: [SharedID: LentMemory] = [:]
    private var actions: [SharedAction] = []
    private var lastRequest: SharedRequestID = 0
    private var lastParty: UInt64 = PartyID.host.number
    private var lastProcess: UInt32 = 0
    /// When the timer goes off; nil: it is not set.
    private var alarm: Moment?

    package init() {
        core.partyBegan(.host, name: "the host")
    }

    private var now: Moment { Moment(nanoseconds: lfs_now()) }

    /// One event under the lock; what it caused is told afterwards.
    private func event<R>(_ body: (inout SharedCore) -> R) -> R {
        lock.lock()
        let result = body(&core)
        let deliveries = perform()
        let next = core.nextMoment
        let isEarlier = next.map { next in alarm.map { next < $0 } ?? true } ?? false
        if isEarlier { alarm = next }
        lock.unlock()
        if isEarlier, let next { setAlarm(next) }
        for delivery in deliveries { delivery.caller(delivery.answer, delivery.mapping) }
        return result
    }

    private func perform() -> [Delivery] {
        var deliveries: [Delivery] = []
        repeat {
            core.takeActions(into: &actions)
            for action in actions {
                switch action {
                case .reply(let id, let answer):
                    guard let (caller, party) = callers.removeValue(forKey: id) else { continue }
                    if party.isHostTask { core.forgetIdle(party) }
                    deliveries.append(delivery(of: answer, to: caller))
                case .allocate(let object, let layout, let id):
                    guard let party = callers[id]?.party else { continue }
                    var failure: String?
                    do throws(SharedMappingError) {
                        mappings[object] = try SharedMapping(layout)
                    } catch {
                        failure = error.description
                    }
                    core.memoryAllocated(object, id, by: party, failure: failure)
                case .discard(let object):
                    mappings[object] = nil
                    lent[object] = nil
                case .makeLent(let object, let isRing): makeLent(object, isRing: isRing)
                case .lend(let object, let content):
                    if lentMemory(object)?.lend(content) != true {
                        core.tookBack(object, content, wasRefused: true)
                    }
                case .publish(let object, let owner): lentMemory(object)?.publish(owner)
                case .endLent(let object):
                    lent[object]?.end()
                    lent[object] = nil
                }
            }
        } while !actions.isEmpty
        return deliveries
    }

    // MARK: Lending

    private func makeLent(_ object: SharedID, isRing: Bool) {
        do throws(SharedMappingError) {
            lent[object] = try LentMemory(isRing: isRing)
        } catch {
            lent[object] = nil  // whoever asked for it is told: see `delivery`
        }
    }

    /// The lock of mapped memory is lent with it.
    private func lentMemory(_ object: SharedID) -> LentMemory? {
        if let memory = lent[object] { return memory }
        guard let mapping = mappings[object] else { return nil }
        let memory = LentMemory(lockOf: mapping)
        lent[object] = memory
        return memory
    }

    private func delivery(of answer: SharedAnswer, to caller: @escaping Caller) -> Delivery {
        guard answer.memory != 0 else { return Delivery(caller: caller, answer: answer) }
        guard let mapping = mappings[answer.memory] ?? lent[answer.memory]?.mapping else {
            // No descriptor is left for it: who asks for memory goes on asking for everything.
            return Delivery(caller: caller, answer: .done)
        }
        return Delivery(caller: caller, answer: answer, mapping: mapping)
    }

    private func takeBack(_ objects: [SharedID], _ core: inout SharedCore) {
        for object in objects {
            guard let memory = lentMemory(object) else { continue }
            core.tookBack(object, memory.takeBack())
        }
    }

    private func setAlarm(_ due: Moment) {
        let now = now.nanoseconds
        let delay = due.nanoseconds > now ? due.nanoseconds - now : 0
        MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: .nanoseconds(Int64(clamping: delay))) {
            self.event { core in
                if self.alarm == due { self.alarm = nil }
                core.timePassed(at: self.now)
            }
        }
    }

    // MARK: Parties

    /// A new party; `holder`: who keeps the handles it is sent, itself if nil.
    func begin(_ name: String, holder: PartyID? = nil) -> PartyID {
        event { core in
            lastParty += 1
            let party = PartyID(lastParty)
            core.partyBegan(party, holder: holder, name: name)
            return party
        }
    }

    /// A process that will run tasks.
    func beginProcess(_ name: String) -> PartyID {
        event { core in
            lastProcess += 1
            let process = PartyID(process: lastProcess)
            core.partyBegan(process, name: name)
            return process
        }
    }

    /// A task of it; `ownsProcess`: it runs in one of its own, and keeps its handles itself.
    func beginTask(_ sequence: UInt32, of process: PartyID, ownsProcess: Bool, _ name: String) -> PartyID {
        event { core in
            let party = PartyID(process.number | UInt64(sequence))
            core.partyBegan(party, holder: ownsProcess ? nil : process, name: name)
            return party
        }
    }

    func end(_ party: PartyID, died: Bool) {
        event { core in
            // A task that ended by itself has left nothing behind that only the memory tells.
            let objects = died || party.number & UInt64(UInt32.max) == 0 ? core.lentObjects(of: party) : []
            takeBack(objects, &core)
            if died { for object in core.mappedObjects(of: party) { memory(of: object, hasLost: party, &core) } }
            core.partyEnded(party, died: died, at: now)
        }
    }

    /// Who died may have been about to write, or to say what it had written.
    private func memory(of object: SharedID, hasLost party: PartyID, _ core: inout SharedCore) {
        guard let memory = lent[object] else { return }
        memory.processEnded(party)
        if let owner = core.owner(of: object, within: party), memory.hasLetGo(owner) {
            core.letGo(object, by: owner, at: now)
        }
    }

    // MARK: Requests

    @discardableResult
    func request(
        _ request: SharedRequest, by party: PartyID, keeper: PartyID? = nil, _ caller: @escaping Caller
    ) -> SharedRequestID {
        event { core in
            lastRequest += 1
            callers[lastRequest] = (caller, party)
            if party.isHostTask { core.partyBegan(party, holder: .host, name: "the host") }
            takeBack(core.lentObjects(for: request), &core)
            core.requested(request, lastRequest, by: party, keeper: keeper, at: now)
            return lastRequest
        }
    }

    func cancel(_ id: SharedRequestID) {
        event { core in core.requestCancelled(id, at: now) }
    }

    // MARK: Handles

    /// A handle is sent to `party`, or kept by the host. False: there is no such object.
    @discardableResult
    func retain(_ object: SharedID, for party: PartyID) -> Bool {
        event { core in core.retain(object, for: party) }
    }

    func release(_ object: SharedID, count: Int = 1, by party: PartyID = .host) {
        event { core in core.forget(object, count: count, by: party) }
    }

    func mapping(of object: SharedID) -> SharedMapping? {
        lock.withLock { mappings[object] }
    }

    func describe(_ object: SharedID) -> String {
        lock.withLock { core.describe(object) }
    }

    /// For tests: objects that are there.
    package var objectCount: Int { lock.withLock { core.objectCount } }
}

extension PartyID {
    /// The Swift task that runs now, as a party of its own.
    static var currentTask: PartyID {
        let number = withUnsafeCurrentTask { $0.map { UInt64(truncatingIfNeeded: $0.hashValue) } ?? 0 }
        return PartyID(number | 1 << 63)
    }

    var isHostTask: Bool { number >> 63 == 1 }
}
