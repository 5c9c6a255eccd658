// Every decision about shared objects: who has what, who waits for what, what a death means. A value: events in, actions out.
import LuaFleetWire

/// The shared objects of a host as a state machine.
///
/// An object lives while somebody has a handle of it: the host, a worker, another object that keeps it as a value, or, if it has a name, a pool whose
/// workers met there. A request is answered once: at once, when its turn comes, when its time is over, or never, when its party has ended.
package struct SharedCore {
    /// What every object has.
    struct Head {
        var kind: SharedKind
        var name: String?
        /// Handles that parties have and that stand in stored values.
        var references = 0
        var isClosed = false
    }

    /// What is known of a party that has asked for something or was sent a handle.
    struct Party {
        /// Who keeps the handles that this party is sent: itself, or the process that runs it.
        var holder: PartyID
        var name: String
        var waits: Set<UInt32> = []
        var references: [SharedID: Int] = [:]
        /// Locks it owns, and tables it updates.
        var locks: [SharedID] = []
        /// Permits of semaphores that it took and did not give back.
        var permits: [SharedID: Int] = [:]
        /// Queues of which it has an item in hand.
        var inHand: Set<SharedID> = []
        /// Barriers at which it has been.
        var barriers: Set<SharedID> = []
        /// Objects whose lent memory it has mapped, where it keeps handles; and its tasks that were met there first.
        var mapped: Set<SharedID> = []
        var strangers: Set<PartyID> = []
    }

    var heads: [SharedID: Head] = [:]
    var parties: [PartyID: Party] = [:]
    var names: [String: SharedID] = [:]
    var waits = WaitTable()
    var actions: [SharedAction] = []
    var lastID: SharedID = 0
    /// The moment of the event that is being handled.
    var now = Moment(nanoseconds: 0)

    var queues: [SharedID: QueueState] = [:]
    var ends: [SharedID: EndState] = [:]
    var locks: [SharedID: LockState] = [:]
    var semaphores: [SharedID: SemaphoreState] = [:]
    var events: [SharedID: Bool] = [:]
    var conditions: [SharedID: SharedID] = [:]  // the lock of each
    var barriers: [SharedID: BarrierState] = [:]
    var tables: [SharedID: TableState] = [:]
    var layouts: [SharedID: MappedLayout] = [:]
    /// Which conditions have this lock.
    var lockConditions: [SharedID: [SharedID]] = [:]
    /// Objects with memory for being lent, and those among them that `settle` looks at.
    var lent: [SharedID: LentState] = [:]
    var touched: [SharedID] = []

    /// What one message of a pipe may pile up to at its receiver before senders wait. Smaller: more waiting; larger: a slow receiver takes more of the host.
    package var pipeRoom = 64 << 20
    /// How long an update of a table may take. Smaller: honest functions are cut off on a busy machine; larger: one that hangs stops the others for longer.
    package static let updateBudget = Duration.seconds(5)

    package init() {}

    /// The actions since the last call, oldest first. The buffer that comes in is emptied and used for the next ones.
    package mutating func takeActions(into buffer: inout [SharedAction]) {
        settle()
        buffer.removeAll(keepingCapacity: true)
        swap(&buffer, &actions)
    }

    /// When `timePassed` has to be called next.
    package var nextMoment: Moment? { waits.timers.earliest?.due }
    package var objectCount: Int { heads.count }
    package var waitCount: Int { waits.count }

    // MARK: Events

    /// A party may ask from now on. `holder`: who keeps the handles it is sent; itself, if nil.
    package mutating func partyBegan(_ party: PartyID, holder: PartyID? = nil, name: String) {
        guard parties[party] != nil else {
            parties[party] = Party(holder: holder ?? party, name: name)
            return
        }
        // It was met in lent memory before.
        parties[party]?.name = name
        if parties[party]?.references.isEmpty == true { parties[party]?.holder = holder ?? party }
    }

    package mutating func requested(
        _ request: SharedRequest, _ id: SharedRequestID, by party: PartyID, keeper: PartyID? = nil, at now: Moment
    ) {
        self.now = now
        guard parties[party] != nil else { return reply(id, .failed("the asking task has ended")) }
        if request.operation == .create { return create(request, id, party, keeper) }
        if request.operation == .waitForAny { return waitForAny(request, id, party) }
        guard let head = heads[request.object], has(party, request.object) else {
            if request.operation == .forget || request.operation == .leave { return }
            return reply(id, .failed("there is no such shared object (#\(request.object))"))
        }
        touch(request, by: party)
        switch request.operation {
        case .leave: leave(request.object, party)
        case .forget: forget(request.object, count: Int(clamping: request.argument), by: party)
        case .close: close(request.object, head, id, party)
        case .create, .waitForAny, .withdraw: break  // see above; the last is the shell's
        case .put, .get, .size, .taskDone, .join: queueRequest(request, head, id, party)
        case .send, .receive, .poll: pipeRequest(request, head, id, party)
        case .acquire, .release, .value: lockRequest(request, head, id, party)
        case .set, .clear, .isSet, .wait: eventRequest(request, head, id, party)
        case .waitForNotice, .notify: conditionRequest(request, head, id, party)
        case .arrive, .abort, .reset, .waitingParties: barrierRequest(request, head, id, party)
        case .tableGet, .tableSet, .tableCount, .tableEntries, .beginUpdate, .endUpdate, .tableInsert, .tableRemove,
            .tableClear:
            tableRequest(request, head, id, party)
        case .map: map(request, head, id, party)
        }
    }

    /// The shell has made the memory of a new object; `failure`: or could not, for this reason.
    package mutating func memoryAllocated(
        _ object: SharedID, _ request: SharedRequestID, by party: PartyID, failure: String?
    ) {
        guard let head = heads[object] else { return }
        if let failure {
            reply(request, .failed("\(head.kind.word): \(failure)"))
            free(object)
        } else {
            finishCreation(object, head.kind, request, party)
        }
    }

    /// A request is withdrawn: its caller no longer wants the answer. It is answered `timedOut`.
    package mutating func requestCancelled(_ id: SharedRequestID, at now: Moment) {
        self.now = now
        guard let index = waits.find(id) else { return }
        giveUp(index)
    }

    package mutating func timePassed(at now: Moment) {
        self.now = now
        while let (due, index) = waits.timers.earliest, due <= now { giveUp(index) }
    }

    // MARK: Answers

    mutating func reply(_ id: SharedRequestID, _ answer: SharedAnswer) {
        guard id != 0 else { return }
        actions.append(.reply(id, answer))
    }

    /// Answers, and hands the handles in the answer to whoever holds them for `party`.
    mutating func reply(_ id: SharedRequestID, _ answer: SharedAnswer, to party: PartyID) {
        for handle in answer.item.handles { retain(handle.id, for: party) }
        reply(id, answer)
    }

    mutating func fail(_ request: SharedRequest, _ id: SharedRequestID, _ why: String) {
        reply(id, .failed("\(describe(request.object)): \(why)"))
    }

    mutating func refuse(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID) {
        fail(request, id, "a \(head.kind.word) has no \(request.operation)")
    }

    /// "queue jobs", or without a name "queue #3".
    package func describe(_ object: SharedID) -> String {
        guard let head = heads[object] else { return "shared object #\(object)" }
        return "\(head.kind.word) \(head.name ?? "#\(object)")"
    }

    // MARK: Waiting

    /// The caller waits, or is told at once where its time is zero.
    mutating func wait(
        _ request: SharedRequest, _ id: SharedRequestID, _ party: PartyID, _ purpose: Wait.Purpose,
        _ place: LineKey.Place = .main
    ) {
        if let timeout = request.timeout, timeout <= .zero { return reply(id, .timedOut) }
        var wait = Wait(request: id, party: party, object: request.object, purpose: purpose)
        switch purpose {
        case .put, .send: wait.item = request.item
        default: break
        }
        let index = waits.add(
            wait, to: LineKey(object: request.object, place: place), due: request.timeout.map { now + $0 })
        parties[party]?.waits.insert(index)
    }

    /// Its turn has come: it leaves the lines.
    @discardableResult
    mutating func finishWait(_ index: UInt32) -> Wait {
        let wait = waits.remove(index)
        parties[wait.party]?.waits.remove(index)
        for watch in wait.watches { _ = waits.remove(watch) }
        touch(wait.object)
        for object in wait.objects { touch(object) }
        return wait
    }

    /// Its time is over.
    private mutating func giveUp(_ index: UInt32) {
        let wait = waits[index]
        switch wait.purpose {
        case .budget: budgetEnded(index)
        case .notice(let depth):
            // Takes the lock back first, however long that takes.
            waits.stopTimer(index)
            waits.leaveLine(index)
            enterLock(index, depth: depth, noticeCame: false)
        case .lock(_, afterNotice: true, _): break  // it has no timer, and must own the lock when it returns
        case .barrier:
            finishWait(index)
            reply(wait.request, .timedOut)
            breakBarrier(wait.object)
        case .any:
            finishWait(index)
            reply(wait.request, .done)  // none is ready
        case .poll:
            finishWait(index)
            reply(wait.request, .boolean(false))
        default:
            abandonWait(index)
            reply(wait.request, .timedOut)
        }
    }

    /// It leaves the lines without success: what it wanted to hand over goes with it.
    @discardableResult
    mutating func abandonWait(_ index: UInt32) -> Wait {
        let wait = finishWait(index)
        if wait.purpose == .put || wait.purpose == .send { release(wait.item) }
        return wait
    }
}
