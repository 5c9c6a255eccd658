// Who waits for what: requests that are not answered yet, in lines, each removed from its line at once wherever it stands.
import LuaFleetWire

/// A line of those who wait for one thing of one object.
struct LineKey: Hashable {
    enum Place: UInt8 {
        /// For an item or message; for a lock; for a permit; for an event; for a notice; at a barrier; to write to a table.
        case main
        /// For room in a queue or a pipe.
        case room
        /// Until every item of a queue is done.
        case join
        /// For several objects at once.
        case any
    }

    var object: SharedID
    var place: Place
}

/// A request that waits.
struct Wait {
    /// What happens when it is its turn.
    enum Purpose: Equatable {
        case get, put, join
        case receive, send, poll
        /// A lock; the depth is what the owner gets; a condition's waiter is told whether the notice came.
        case lock(depth: Int, afterNotice: Bool, noticeCame: Bool)
        case permit
        case event
        /// A notice; the depth of the lock that was let go.
        case notice(depth: Int)
        case barrier
        case write
        /// Waits for several objects; its `watches` stand in their lines.
        case any
        /// Stands in the line of one of them.
        case watch(UInt32)
        /// Not a request but the end of an update's budget.
        case budget
    }

    var request: SharedRequestID
    var party: PartyID
    var object: SharedID
    var purpose: Purpose
    var item = SharedItem.empty
    /// What else a write needs.
    var write: SharedRequest?
    var isTimed = false
    var objects: [SharedID] = []
    var watches: [UInt32] = []
    fileprivate(set) var line: LineKey?
    fileprivate var previous = WaitTable.none
    fileprivate var next = WaitTable.none

    init(request: SharedRequestID, party: PartyID, object: SharedID, purpose: Purpose) {
        self.request = request
        self.party = party
        self.object = object
        self.purpose = purpose
    }
}

struct WaitTable {
    static let none = UInt32.max

    private struct Line {
        var head = none
        var tail = none
        var count = 0
    }

    private var waits: [Wait?] = []
    private var vacant: [UInt32] = []
    private var lines: [LineKey: Line] = [:]
    private var byRequest: [SharedRequestID: UInt32] = [:]
    private(set) var timers = TimerHeap()

    var count: Int { waits.count - vacant.count }

    subscript(index: UInt32) -> Wait {
        get { waits[Int(index)]! }  // indices are those of waits that stand here
        set { waits[Int(index)] = newValue }
    }

    func find(_ request: SharedRequestID) -> UInt32? { byRequest[request] }

    /// A new wait at the end of `line`, if any. Request 0 is none.
    mutating func add(_ wait: Wait, to line: LineKey? = nil, due: Moment? = nil) -> UInt32 {
        var wait = wait
        wait.isTimed = due != nil
        let index: UInt32
        if let free = vacant.popLast() {
            index = free
            waits[Int(index)] = wait
        } else {
            index = UInt32(waits.count)
            waits.append(wait)
        }
        if wait.request != 0 { byRequest[wait.request] = index }
        if let due { timers.set(index, due: due) }
        if let line { enqueue(index, line) }
        return index
    }

    /// Removes it from its line, its timer and the table.
    mutating func remove(_ index: UInt32) -> Wait {
        leaveLine(index)
        timers.remove(index)
        let wait = self[index]
        if wait.request != 0 { byRequest[wait.request] = nil }
        waits[Int(index)] = nil
        vacant.append(index)
        return wait
    }

    mutating func stopTimer(_ index: UInt32) {
        timers.remove(index)
        self[index].isTimed = false
    }

    mutating func enqueue(_ index: UInt32, _ key: LineKey) {
        var line = lines[key] ?? Line()
        self[index].line = key
        self[index].previous = line.tail
        self[index].next = Self.none
        if line.tail == Self.none { line.head = index } else { self[line.tail].next = index }
        line.tail = index
        line.count += 1
        lines[key] = line
    }

    mutating func leaveLine(_ index: UInt32) {
        let wait = self[index]
        guard let key = wait.line, var line = lines[key] else { return }
        if wait.previous == Self.none { line.head = wait.next } else { self[wait.previous].next = wait.next }
        if wait.next == Self.none { line.tail = wait.previous } else { self[wait.next].previous = wait.previous }
        line.count -= 1
        lines[key] = line.count == 0 ? nil : line
        self[index].line = nil
    }

    func first(_ object: SharedID, _ place: LineKey.Place = .main) -> UInt32? {
        lines[LineKey(object: object, place: place)]?.head
    }

    func count(_ object: SharedID, _ place: LineKey.Place = .main) -> Int {
        lines[LineKey(object: object, place: place)]?.count ?? 0
    }

    /// All of a line, oldest first.
    func all(_ object: SharedID, _ place: LineKey.Place = .main) -> [UInt32] {
        var found: [UInt32] = []
        var index = first(object, place) ?? Self.none
        while index != Self.none {
            found.append(index)
            index = self[index].next
        }
        return found
    }
}
