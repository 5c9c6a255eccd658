// Closing a table: its entries without duplicates, in their place, with an index when they are many.

import LuaFleetWire

extension ValueGraphBuilder {
    /// Up to so many entries are searched one by one: faster than an index, and smaller.
    static let entriesWithoutIndex = 8

    /// Moves pending items to the array part of a node.
    mutating func finishArray(_ node: UInt32, from base: Int) {
        nodes[Int(node)].arrayStart = UInt32(truncatingIfNeeded: slots.count)
        nodes[Int(node)].arrayCount = UInt32(truncatingIfNeeded: pending.count - base)
        slots.append(pending.base + base, pending.count - base)
        pending.truncate(to: base)
    }

    /// Moves pending items to the array part, and pending pairs of keys and values to the entries.
    ///
    /// A key that stands twice: the last one counts. A nil value: no entry. Keys that continue the array part go there.
    mutating func finishTable(_ node: UInt32, from base: Int, entriesFrom entriesBase: Int) throws(ValueError) {
        let arrayCount = entriesBase - base
        var entries = ValueEntries(start: slots.count, pairs: (pending.count - entriesBase) / 2)
        if entries.wantsIndex { addIndex(&entries) }
        var hasNil = false
        var hasInteger = false
        var position = entriesBase
        while position < pending.count {
            let key = try tableKey(pending[position])
            let value = pending[position + 1]
            position += 2
            if key.kind == .integer {
                hasInteger = true
                if key.integer >= 1, key.integer <= arrayCount {
                    pending[base + Int(key.integer) - 1] = value
                    continue
                }
            }
            if value.kind == .nil { hasNil = true }
            insert(key, value, into: &entries)
        }
        pending.truncate(to: entriesBase)
        if hasInteger {
            // Never longer than the number of entries.
            while let place = find(ValueSlot(.integer, payload: UInt64(pending.count - base + 1)), in: entries),
                slots[place + 1].kind != .nil
            {
                pending.append(slots[place + 1])
                slots[place + 1] = ValueSlot(.nil)
                hasNil = true
            }
        }
        if hasNil { removeNil(from: &entries) }
        nodes[Int(node)].entryStart = UInt32(truncatingIfNeeded: entries.start)
        nodes[Int(node)].entryCount = UInt32(truncatingIfNeeded: entries.count)
        nodes[Int(node)].indexStart = UInt32(truncatingIfNeeded: entries.indexStart)
        nodes[Int(node)].indexBits = entries.indexBits
        finishArray(node, from: base)
    }

    /// A key as a table has it: a float with an integral value is an integer; nil and NaN are none.
    private func tableKey(_ key: ValueSlot) throws(ValueError) -> ValueSlot {
        switch key.kind {
        case .nil: throw ValueError(.malformed, at: reader.offset)
        case .number:
            if key.double.isNaN { throw ValueError(.malformed, at: reader.offset) }
            guard let integer = Int64(exactly: key.double) else { return key }
            return ValueSlot(.integer, payload: UInt64(bitPattern: integer))
        default: return key
        }
    }

    private mutating func addIndex(_ entries: inout ValueEntries) {
        entries.indexStart = index.count
        entries.indexBits = ValueEntries.bits(for: entries.pairs)
        let size = 1 << Int(entries.indexBits)
        index.reserve(size)
        for _ in 0..<size { index.append(0) }
    }

    @inline(__always)
    private mutating func insert(_ key: ValueSlot, _ value: ValueSlot, into entries: inout ValueEntries) {
        if entries.indexBits == 0 {
            if let place = find(key, in: entries) {
                slots[place + 1] = value
                return
            }
        } else {
            let mask = (1 << Int(entries.indexBits)) - 1
            var position = Int(truncatingIfNeeded: key.hash(base: reader.base, seed: seed)) & mask
            while true {
                let entry = index[entries.indexStart + position]
                if entry == 0 { break }
                let place = entries.start + (Int(entry) - 1) * 2
                if slots[place].isSameKey(as: key, base: reader.base) {
                    slots[place + 1] = value
                    return
                }
                position = (position + 1) & mask
            }
            index[entries.indexStart + position] = UInt32(truncatingIfNeeded: entries.count + 1)
        }
        slots.append(key)
        slots.append(value)
        entries.count += 1
    }

    /// Where the key of an entry stands in `slots`.
    private func find(_ key: ValueSlot, in entries: ValueEntries) -> Int? {
        if entries.indexBits == 0 {
            var place = entries.start
            for _ in 0..<entries.count {
                if slots[place].isSameKey(as: key, base: reader.base) { return place }
                place += 2
            }
            return nil
        }
        let mask = (1 << Int(entries.indexBits)) - 1
        var position = Int(truncatingIfNeeded: key.hash(base: reader.base, seed: seed)) & mask
        while true {
            let entry = index[entries.indexStart + position]
            if entry == 0 { return nil }
            let place = entries.start + (Int(entry) - 1) * 2
            if slots[place].isSameKey(as: key, base: reader.base) { return place }
            position = (position + 1) & mask
        }
    }

    /// Takes out entries whose value is nil and makes the index anew. Entries are the last slots.
    private mutating func removeNil(from entries: inout ValueEntries) {
        var kept = entries.start
        for place in stride(from: entries.start, to: slots.count, by: 2) where slots[place + 1].kind != .nil {
            slots[kept] = slots[place]
            slots[kept + 1] = slots[place + 1]
            kept += 2
        }
        slots.truncate(to: kept)
        entries.count = (kept - entries.start) / 2
        guard entries.indexBits != 0 else { return }
        index.truncate(to: entries.indexStart)
        entries.indexBits = 0
        guard entries.count > Self.entriesWithoutIndex else { return }
        entries.pairs = entries.count
        addIndex(&entries)
        let mask = (1 << Int(entries.indexBits)) - 1
        for number in 0..<entries.count {
            let key = slots[entries.start + number * 2]
            var position = Int(truncatingIfNeeded: key.hash(base: reader.base, seed: seed)) & mask
            while index[entries.indexStart + position] != 0 { position = (position + 1) & mask }
            index[entries.indexStart + position] = UInt32(truncatingIfNeeded: number + 1)
        }
    }
}

/// The entries of a table that is being closed: the last slots.
struct ValueEntries {
    let start: Int
    /// How many there are at most.
    var pairs: Int
    var count = 0
    var indexStart = 0
    var indexBits: UInt8 = 0

    init(start: Int, pairs: Int) {
        self.start = start
        self.pairs = pairs
    }

    var wantsIndex: Bool { pairs > ValueGraphBuilder.entriesWithoutIndex }

    /// log2 of the size of an index that is at most half full.
    static func bits(for pairs: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: Int.bitWidth - (pairs * 2 - 1).leadingZeroBitCount)
    }
}

extension ValueSlot {
    /// Whether both are the same key to Lua; `base`: the bytes of the message.
    @inline(__always) func isSameKey(as other: ValueSlot, base: UnsafeRawPointer) -> Bool {
        guard kind == other.kind, extra == other.extra else { return false }
        if kind == .string {
            return payload == other.payload
                || ValueHash.equal(base + Int(payload), base + Int(other.payload), count: Int(extra))
        }
        return payload == other.payload
    }

    @inline(__always) func hash(base: UnsafeRawPointer, seed: UInt64) -> UInt64 {
        if kind == .string { return ValueHash.hash(base + Int(payload), count: Int(extra), seed: seed) }
        return ValueHash.hash(payload &+ UInt64(kind.rawValue) &<< 56, seed: seed)
    }
}
