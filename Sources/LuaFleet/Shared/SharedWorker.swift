// A worker as the hub sees it: its tasks as parties, its requests, the handles it was sent.
import LuaFleetCore
import LuaFleetWire

/// Belongs to the pool's event loop. Costs nothing until a task uses a shared object.
final class SharedWorker {
    /// Nil: the host's, which is made when something is shared.
    private let chosenHub: SharedHub?
    private let slot: UInt32
    /// The pool, which keeps the objects that have a name.
    private let keeper: SharedKeeper
    /// The process, which keeps handles from task to task.
    private var process: PartyID?
    private var tasks: [UInt32: PartyID] = [:]
    /// What was asked last: a worker waits for one answer at a time.
    private var last: (number: UInt32, request: SharedRequestID)?

    init(slot: UInt32, keeper: SharedKeeper, hub: SharedHub? = nil) {
        self.slot = slot
        self.keeper = keeper
        chosenHub = hub
    }

    private var hub: SharedHub { chosenHub ?? .shared }

    /// A task in a process of its own keeps its handles itself; others leave them to the worker.
    private func party(of sequence: UInt32, ownsProcess: Bool, _ name: () -> String) -> PartyID {
        if let party = tasks[sequence] { return party }
        let process = process ?? hub.beginProcess("worker \(slot + 1)")
        self.process = process
        let party = hub.beginTask(sequence, of: process, ownsProcess: ownsProcess, name())
        tasks[sequence] = party
        return party
    }

    /// A task with these handles in its arguments is sent.
    func sends(_ handles: [SharedHandle], to sequence: UInt32, ownsProcess: Bool, name: () -> String) {
        guard !handles.isEmpty else { return }
        let party = party(of: sequence, ownsProcess: ownsProcess, name)
        for handle in handles { hub.retain(handle.id, for: party) }
    }

    /// A `request` frame has come.
    func received(
        _ payload: UnsafeRawBufferPointer, from sequence: UInt32, ownsProcess: Bool, name: () -> String,
        reply: @escaping @Sendable (SharedReply) -> Void
    ) throws(ProtocolViolation) {
        var reader = FieldReader(payload)
        guard let head = SharedRequestHead(from: &reader) else { throw .malformed(.request) }
        if head.operation == .forget {
            if let holder = tasks[sequence] ?? process {
                hub.release(head.object, count: Int(clamping: head.argument), by: holder)
            }
            return
        }
        if head.operation == .withdraw {
            if let last, Int64(last.number) == head.argument { hub.cancel(last.request) }
            return
        }
        guard sequence != 0 else { throw .wrongTask(0) }  // no task runs
        let bytes = reader.rest
        let item = SharedItem(bytes: Array(bytes), handles: head.hasHandles ? SharedItem.handles(in: bytes) : [])
        let request = SharedRequest(
            head.operation, head.object, timeout: head.timeout < 0 ? nil : .nanoseconds(head.timeout),
            argument: head.argument, item: item)
        let party = party(of: sequence, ownsProcess: ownsProcess, name)
        let number = head.number
        let id = hub.request(request, by: party, keeper: head.operation == .create ? keeper.party : nil) {
            guard number != 0 else { return }
            reply(SharedReply(number: number, answer: $0, mapping: $1))
        }
        if number != 0 { last = (number, id) }
    }

    /// The task is over. `died`: without an answer.
    func taskEnded(_ sequence: UInt32, died: Bool) {
        guard let party = tasks.removeValue(forKey: sequence) else {
            // It may have used what its worker had, without asking.
            if died, sequence != 0, let process { hub.end(PartyID(process.number | UInt64(sequence)), died: true) }
            return
        }
        hub.end(party, died: died)
    }

    /// Tasks that follow each other have been answered.
    func tasksEnded(_ first: UInt32, count: UInt32) {
        guard !tasks.isEmpty else { return }
        for offset in 0..<count { taskEnded(first &+ offset, died: false) }
    }

    /// Tasks behind the last one that has started are taken back.
    func recalled(after started: UInt32) {
        for sequence in tasks.keys where Int32(bitPattern: sequence &- started) > 0 { taskEnded(sequence, died: false) }
    }

    /// The process is over; what it had not answered by then has died with it, also where it exited with status 0.
    func ended(died: Bool) {
        for sequence in tasks.keys.sorted() { taskEnded(sequence, died: true) }
        if let process { hub.end(process, died: died) }
        process = nil
    }
}

/// A pool as the keeper of named objects, while it is open.
final class SharedKeeper {
    private var kept: PartyID?

    var party: PartyID {
        if let kept { return kept }
        let party = SharedHub.shared.begin("a pool")
        kept = party
        return party
    }

    func end() {
        if let kept { SharedHub.shared.end(kept, died: false) }
        kept = nil
    }
}

/// An answer on its way to a worker.
struct SharedReply: Sendable {
    var number: UInt32
    var answer: SharedAnswer
    var mapping: SharedMapping?

    /// The whole frame.
    func frame(worker: UInt32, task: UInt32) -> [UInt8] {
        var payload = [UInt8]()
        payload.reserveCapacity(SharedReplyHead.size + answer.item.bytes.count)
        SharedReplyHead(number: number, hasDescriptor: mapping != nil).append(to: &payload)
        if answer.item.bytes.count > 1 { payload.append(contentsOf: answer.item.bytes) }
        return .frame(
            FrameHeader(kind: .reply, flags: answer.status.rawValue, worker: worker, task: task), payload: payload)
    }
}
