// The host's end of memory that it lends: what the core says goes in, what workers left there comes out. See CFleetLent.h for the protocol.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire

/// Used under the hub's lock.
final class LentMemory {
    /// Keeps the memory mapped. Another process may write anything at any time: nothing in it is believed.
    let mapping: SharedMapping
    private let lock: UnsafeMutablePointer<lfs_lent_lock>?
    private let ring: UnsafeMutablePointer<lfs_ring>?
    /// The lock's word as it was written or found last, while it is not lent.
    private var word: UInt64
    /// Of the ring as it is lent now: its first position, and how often it was lent.
    private var base: UInt64 = 0
    private var epoch: UInt64 = 0

    /// The lock of mapped memory.
    init(lockOf mapping: SharedMapping) {
        self.mapping = mapping
        lock = (mapping.start + mapping.layout.lockOffset).assumingMemoryBound(to: lfs_lent_lock.self)
        ring = nil
        word = lfs_lock_take_back(lock!) | LentMemory.host  // set two lines above
    }

    init(isRing: Bool) throws(SharedMappingError) {
        let size = isRing ? MemoryLayout<lfs_ring>.size : MemoryLayout<lfs_lent_lock>.size
        mapping = try SharedMapping(
            MappedLayout(kind: isRing ? .queue : .lock, element: .u8, count: size, initial: .empty), isLent: true)
        lock = isRing ? nil : mapping.start.assumingMemoryBound(to: lfs_lent_lock.self)
        ring = isRing ? mapping.start.assumingMemoryBound(to: lfs_ring.self) : nil
        word = LentMemory.host
        if let lock { _ = lfs_lock_take_back(lock) }
        if let ring { lfs_ring_begin(ring) }
    }

    // The macros of CFleetLent.h, which Swift does not see.
    private static let host: UInt64 = 1 << 63
    private static let left: UInt64 = 1 << 62
    private static let rest: UInt64 = left - 1

    private static func party(_ token: UInt64) -> PartyID? {
        token & rest == 0 ? nil : PartyID(token & rest)
    }

    // MARK: What the core asks for

    func takeBack() -> LentContent {
        if let lock {
            let found = lfs_lock_take_back(lock)
            word = found | Self.host
            return .lock(owner: Self.party(found), isAbandoned: found & Self.left != 0)
        }
        guard let ring else { return .lock(owner: nil, isAbandoned: false) }
        var items: [SharedItem] = []
        var inHand: [LentHand] = []
        withUnsafeTemporaryAllocation(of: lfs_ring_entry.self, capacity: Int(LFS_RING_CELLS)) { entries in
            let count = lfs_ring_take_back(ring, base, entries.baseAddress!)  // not empty
            for entry in entries[..<count] {
                let item = SharedItem(bytes: bytes(of: entry, in: ring))
                if let party = Self.party(entry.taker) {
                    inHand.append(LentHand(party: party, item: item))
                } else {
                    items.append(item)
                }
                base = max(base, entry.position)
            }
        }
        // Beyond every position that was used: also of those messages that came and went meanwhile.
        let tail = lfs_ring_tail(ring)
        if tail > base, tail - base < 1 << 40 { base = tail }
        base += UInt64(LFS_RING_CELLS) * 2
        return .ring(items: items, inHand: inHand, capacity: 0)
    }

    private func bytes(of entry: lfs_ring_entry, in ring: UnsafeMutablePointer<lfs_ring>) -> [UInt8] {
        let cell = lfs_ring_cell_at(ring, entry.cell)
        return Array(UnsafeRawBufferPointer(start: lfs_ring_bytes(cell), count: Int(entry.count)))
    }

    /// False: not now. `dead`: a process that has ended and can write no more.
    func lend(_ content: LentContent) -> Bool {
        switch content {
        case .lock(let owner, let isAbandoned):
            guard let lock else { return false }
            let after = owner?.number ?? (isAbandoned ? Self.left : 0)
            guard lfs_lock_publish(lock, word, after) else { return false }
            word = after
            return true
        case .ring(let items, let inHand, let capacity):
            guard let ring, base < 1 << 60, lfs_ring_is_still(ring, 0) else { return false }
            epoch += 1
            var position = base
            for hand in inHand {
                place(hand.item, at: position, hand.party.number, in: ring)
                position += 1
            }
            let head = position
            for item in items {
                place(item, at: position, 0, in: ring)
                position += 1
            }
            lfs_ring_lend(ring, base, head, position, UInt64(capacity), epoch)
            return true
        }
    }

    private func place(
        _ item: SharedItem, at position: UInt64, _ taker: UInt64, in ring: UnsafeMutablePointer<lfs_ring>
    ) {
        item.bytes.withUnsafeBytes { bytes in
            lfs_ring_place(ring, position, taker, bytes.baseAddress!, bytes.count)  // a message is never empty
        }
    }

    /// The lock is not lent; who owns it can see that it does. A task of the host is nobody here.
    func publish(_ owner: PartyID?) {
        guard let lock else { return }
        let after = Self.host | (owner.map { $0.isOfWorker ? $0.number : 0 } ?? 0)
        guard after != word else { return }
        _ = lfs_lock_publish(lock, word, after)
        word = after
    }

    /// Of a lock that is not lent: whether the owner that the memory had has let it go. Between that and saying so it may have been killed.
    func hasLetGo(_ owner: PartyID) -> Bool {
        guard let lock, word == Self.host | owner.number else { return false }
        return lfs_lock_is_free(lock)
    }

    /// A process has ended: what it had begun to write will not be written.
    func processEnded(_ process: PartyID) {
        if let ring { _ = lfs_ring_is_still(ring, process.number >> 32) }
    }

    /// The object is gone: who still has the memory asks, and is told so.
    func end() {
        if let lock { _ = lfs_lock_take_back(lock) }
        guard let ring else { return }
        withUnsafeTemporaryAllocation(of: lfs_ring_entry.self, capacity: Int(LFS_RING_CELLS)) { entries in
            _ = lfs_ring_take_back(ring, base, entries.baseAddress!)  // not empty
        }
    }
}
