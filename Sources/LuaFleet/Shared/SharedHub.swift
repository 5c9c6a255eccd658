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
    private var actions: [SharedAction] = []
    private var lastRequest: SharedRequestID = 0
    private var lastParty: UInt64 = PartyID.host.number
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
                    deliveries.append(
                        Delivery(
                            caller: caller, answer: answer,
                            mapping: answer.memory == 0 ? nil : mappings[answer.memory]))
                case .allocate(let object, let layout, let id):
                    guard let party = callers[id]?.party else { continue }
                    var failure: String?
                    do throws(SharedMappingError) {
                        mappings[object] = try SharedMapping(layout)
                    } catch {
                        failure = error.description
                    }
                    core.memoryAllocated(object, id, by: party, failure: failure)
                case .discard(let object): mappings[object] = nil
                }
            }
        } while !actions.isEmpty
        return deliveries
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

    func end(_ party: PartyID, died: Bool) {
        event { core in core.partyEnded(party, died: died, at: now) }
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
