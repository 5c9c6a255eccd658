// What tasks and the host do with the lent queue of a LentWorld.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire
import Testing

@testable import LuaFleet

extension LentWorld {
    /// The first step of a put.
    func claim(_ tasker: Tasker) {
        guard tasker.claim == nil, let ring = tasker.ring else { return }
        lastValue += 1
        var cell: UnsafeMutablePointer<lfs_ring_cell>?
        var position: UInt64 = 0
        switch lfs_ring_claim(ring, tasker.token, &cell, &position) {
        case LFS_LENT_DONE: tasker.claim = (cell!, position, lastValue)  // claimed: not nil
        case LFS_LENT_BUSY:
            #expect(items.count >= capacity || taskers.contains { $0.claim != nil }, "full with \(items.count)")
            put(tasker, lastValue)
        default: put(tasker, lastValue)
        }
    }

    /// The second one.
    func publish(_ tasker: Tasker) {
        guard let (cell, position, value) = tasker.claim, let ring = tasker.ring else { return }
        tasker.claim = nil
        let bytes = Self.item(value).bytes
        note("publish \(tasker.token) \(value)")
        switch lfs_ring_publish(ring, cell, position, tasker.token, bytes, bytes.count) {
        case LFS_LENT_DONE:
            lentSteps += 1
            #expect(items.count < capacity)
            items.append(value)
        default: put(tasker, value)
        }
    }

    private func put(_ tasker: Tasker, _ value: Int64) {
        offered.insert(value)
        note("host put \(tasker.token) \(value)")
        ask(SharedRequest(.put, queue, item: Self.item(value)), tasker) { answer in
            #expect(answer.status == .done)
            self.note("put done \(value)")
            // Where somebody waited for it, it is gone already.
            if self.offered.remove(value) != nil { self.items.append(value) }
        }
    }

    func get(_ tasker: Tasker) {
        guard let ring = tasker.ring else { return }
        note("get \(tasker.token) hand \(tasker.hand ?? -1) items \(items)")
        _ = lfs_ring_answer(ring, tasker.token, UInt32(LFS_RING_CELLS))
        tasker.hand = nil
        var bytes = [UInt8](repeating: 0, count: Int(LFS_RING_BYTES))
        var count = 0
        var cell: UInt32 = 0
        switch lfs_ring_get(ring, tasker.token, true, &bytes, &count, &cell) {
        case LFS_LENT_DONE:
            lentSteps += 1
            got(Self.value(Array(bytes[..<count])), tasker)
        case LFS_LENT_BUSY:
            #expect(items.isEmpty, "empty with \(items.count)")
            waitForItem(tasker)
        default: waitForItem(tasker)
        }
    }

    private func waitForItem(_ tasker: Tasker) {
        ask(SharedRequest(.get, queue), tasker) { answer in
            #expect(answer.status == .done)
            self.got(Self.value(answer.item.bytes), tasker)
        }
    }

    private func got(_ value: Int64?, _ tasker: Tasker?) {
        guard let value else { return #expect(Bool(false), "a torn item") }
        note("got \(value) by \(tasker?.token ?? 0)")
        if let first = items.first {
            if first != value { fail("first \(first) got \(value)") }
            #expect(first == value, "out of order")
            items.removeFirst()
        } else {
            if !offered.contains(value) { fail("nowhere \(value)") }
            #expect(offered.remove(value) != nil, "\(value) comes out of nowhere")
        }
        tasker?.hand = value
    }

    /// The host takes part too.
    func hostGets() {
        let answer = hub.now(SharedRequest(.get, queue, timeout: .zero), by: .host)
        if answer.status == .done {
            got(Self.value(answer.item.bytes), nil)
        } else {
            #expect(items.isEmpty)
        }
    }

    func hostCounts() {
        let answer = hub.now(SharedRequest(.size, queue), by: .host)
        #expect(Self.value(answer.item.bytes) == Int64(items.count))
    }

    static func item(_ value: Int64) -> SharedItem { .values { $0.integer(value) } }

    static func value(_ bytes: [UInt8]) -> Int64? {
        bytes.withUnsafeBytes { bytes in
            guard var reader = try? ValueReader(bytes), case .array(1)? = try? reader.next(),
                case .integer(let value)? = try? reader.next()
            else { return nil }
            return value
        }
    }
}
