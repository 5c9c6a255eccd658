// New objects, and objects that are found by their name.
import LuaFleetWire

/// What a `create` request says: the items of its message.
private struct Creation {
    var name: String?
    var numbers: [Int64?] = []
    var words: [String?] = []
    var item: SharedItem

    /// The item at `position` behind the name.
    func number(_ position: Int) -> Int64? { position < numbers.count ? numbers[position] : nil }
    func word(_ position: Int) -> String? { position < words.count ? words[position] : nil }

    init?(_ item: SharedItem) {
        self.item = item
        let read: (String?, [Int64?], [String?])? = item.bytes.withUnsafeBytes { bytes in
            do throws(ValueError) {
                var reader = try ValueReader(bytes)
                guard case .array(let count) = try reader.next(), count >= 1 else { return nil }
                var name: String?
                var numbers: [Int64?] = []
                var words: [String?] = []
                for position in 0..<count {
                    let start = reader.offset
                    var number: Int64?
                    var word: String?
                    switch try reader.next() {
                    case .integer(let value): number = value
                    case .boolean(let value): number = value ? 1 : 0
                    case .string(let offset, let length):
                        word = String(decoding: bytes[offset..<(offset + length)], as: UTF8.self)
                    default:
                        reader.offset = start
                        try reader.skip()
                    }
                    if position == 0 {
                        name = word
                    } else {
                        numbers.append(number)
                        words.append(word)
                    }
                }
                return (name, numbers, words)
            } catch {
                return nil
            }
        }
        guard let read else { return nil }
        (name, numbers, words) = read
    }
}

extension SharedCore {
    mutating func create(_ request: SharedRequest, _ id: SharedRequestID, _ party: PartyID, _ keeper: PartyID?) {
        guard let kind = UInt32(exactly: request.argument).flatMap(SharedKind.init),
            let creation = Creation(request.item)
        else { return reply(id, .failed("malformed request for a shared object")) }
        if let bad = invalidHandle(in: request.item, from: party) {
            return reply(id, .failed("\(kind.word): there is no such shared object (#\(bad.id))"))
        }
        if let name = creation.name, let found = names[name], let head = heads[found] {
            return open(found, head, name, kind, creation, id, party, keeper)
        }
        lastID += 1
        let object = lastID
        heads[object] = Head(kind: kind, name: creation.name)
        if let why = makeState(object, kind, creation, party) {
            heads[object] = nil
            return reply(id, .failed("\(kind.word)\(creation.name.map { " " + $0 } ?? ""): \(why)"))
        }
        if let name = creation.name {
            names[name] = object
            if let keeper { retain(object, for: keeper) }
        }
        if let layout = layouts[object] {
            actions.append(.allocate(object, layout, id))
        } else {
            finishCreation(object, kind, id, party)
        }
    }

    mutating func finishCreation(_ object: SharedID, _ kind: SharedKind, _ id: SharedRequestID, _ party: PartyID) {
        var handles = [SharedHandle(kind: kind.rawValue, id: object)]
        if kind == .connection, let peer = ends[object]?.peer {
            handles.append(SharedHandle(kind: kind.rawValue, id: peer))
        }
        reply(id, SharedAnswer(.done, .handles(handles)), to: party)
        // Nobody is left who could have it.
        for handle in handles where heads[handle.id]?.references == 0 { free(handle.id) }
    }

    /// One host, one name, one object.
    private mutating func open(
        _ object: SharedID, _ head: Head, _ name: String, _ kind: SharedKind, _ creation: Creation,
        _ id: SharedRequestID, _ party: PartyID, _ keeper: PartyID?
    ) {
        func differs(_ what: String, _ asked: Int64?, _ is: Int64) -> String? {
            asked.map { $0 == `is` ? nil : "it has a \(what) of \(`is`), not \($0)" } ?? nil
        }
        var why: String?
        if head.kind != kind {
            why = "it is a \(head.kind.word), not a \(kind.word)"
        } else if let queue = queues[object], let asked = creation.number(0), asked != Int64(queue.capacity) {
            why =
                queue.capacity == 0
                ? "it has no capacity, not one of \(asked)" : differs("capacity", asked, Int64(queue.capacity))
        } else if let barrier = barriers[object] {
            why = differs("number of parties", creation.number(0), Int64(barrier.parties))
        } else if let layout = layouts[object], kind == .value || kind == .array {
            if let asked = creation.word(0), asked != layout.element.name {
                why = "it holds \(layout.element.name), not \(asked)"
            } else if kind == .array {
                why = differs("length", creation.number(1), Int64(layout.count))
            }
        }
        if let why { return reply(id, .failed("\(head.kind.word) \(name): \(why)")) }
        if let keeper, parties[keeper]?.references[object] == nil { retain(object, for: keeper) }
        finishCreation(object, kind, id, party)
    }

    /// Gives a new object its state; or says what is wrong with what was asked for.
    private mutating func makeState(
        _ object: SharedID, _ kind: SharedKind, _ creation: Creation, _ party: PartyID
    ) -> String? {
        switch kind {
        case .queue, .joinableQueue, .simpleQueue:
            let capacity = creation.number(0)
            guard capacity == nil || (1...Int64(Int32.max)).contains(capacity ?? 0) else {
                return "a capacity has to be at least 1, not \(capacity ?? 0)"
            }
            if kind == .simpleQueue && capacity != nil { return "it has no capacity" }
            guard let policy = QueueState.Policy(creation.word(1)) else {
                return "an item of a dead consumer is a \"requeue\" or a \"drop\", not a \"\(creation.word(1) ?? "")\""
            }
            queues[object] = QueueState(
                capacity: Int(capacity ?? 0), isJoinable: kind == .joinableQueue, policy: policy)
        case .connection:
            if creation.name != nil { return "a pipe has no name: its two ends are handed on" }
            makePipe(object, isDuplex: creation.number(0) != 0)
        case .lock, .recursiveLock:
            locks[object] = LockState(isRecursive: kind == .recursiveLock)
        case .semaphore, .boundedSemaphore:
            let value = creation.number(0) ?? 1
            guard value >= 0 else { return "a value has to be at least 0, not \(value)" }
            semaphores[object] = SemaphoreState(value: Int(value), bound: kind == .semaphore ? nil : Int(value))
        case .event: events[object] = false
        case .condition:
            if let given = creation.item.handles.first {
                guard let lock = heads[given.id]?.kind, lock == .lock || lock == .recursiveLock else {
                    return "its lock has to be a lock"
                }
                heads[given.id]?.references += 1
                conditions[object] = given.id
                lockConditions[given.id, default: []].append(object)
            } else {
                lastID += 1
                heads[lastID] = Head(
                    kind: .recursiveLock, name: creation.name.map { "of condition \($0)" }, references: 1)
                locks[lastID] = LockState(isRecursive: true)
                conditions[object] = lastID
                lockConditions[lastID] = [object]
            }
        case .barrier:
            guard let count = creation.number(0), (1...1_000_000).contains(count) else {
                return "it needs a number of parties of at least 1"
            }
            barriers[object] = BarrierState(parties: Int(count))
        case .dictionary, .list, .namespace:
            return makeTable(object, kind, initial: creation.item, party)
        case .value, .array, .memory, .shareableList:
            return makeLayout(object, kind, creation)
        }
        return nil
    }

    /// Message behind the name: of a value: type, initial; of an array: type, length or nil, initial…; of memory: bytes; of a list: slots, values….
    private mutating func makeLayout(_ object: SharedID, _ kind: SharedKind, _ creation: Creation) -> String? {
        var element = SharedElement.u8
        var count = 1
        let most: Int64 = 1 << 40
        switch kind {
        case .value, .array:
            guard let found = SharedElement(name: creation.word(0) ?? "") else {
                return "the type is one of \(SharedElement.allCases.map(\.name).joined(separator: ", ")), not "
                    + (creation.word(0) ?? "nothing")
            }
            element = found
            if kind == .array {
                guard let length = creation.number(1), length >= 1, length <= most / Int64(found.size) else {
                    return "a length has to be at least 1, not \(creation.number(1) ?? 0)"
                }
                count = Int(length)
            }
        default:
            guard let size = creation.number(0), size >= 1, size <= most else {
                return "a size has to be at least 1 byte, not \(creation.number(0) ?? 0)"
            }
            count = Int(size)
        }
        layouts[object] = MappedLayout(kind: kind, element: element, count: count, initial: creation.item)
        locks[object] = LockState(isRecursive: true)
        return nil
    }
}
