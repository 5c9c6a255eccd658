// Finding the entry of a key in a table of a graph.

import LuaFleetWire

extension ValueGraph {
    /// The value of `key` in a table; nil when there is no entry. O(1).
    package func lookup(_ key: LuaValue, in node: UInt32) -> LuaValue {
        let table = nodes[Int(node)]
        switch key {
        case .integer(let integer): return lookup(integer, in: table)
        case .number(let number):
            if let integer = Int64(exactly: number) { return lookup(integer, in: table) }
            guard !number.isNaN else { return .nil }
            return lookup(ValueSlot(.number, payload: number.bitPattern), in: table)
        case .string(let string):
            return string.withUnsafeBytes { lookup($0, in: table) }
        case .boolean(let value): return lookup(ValueSlot(value ? .true : .false), in: table)
        case .null: return lookup(ValueSlot(.null), in: table)
        case .handle(let handle): return lookup(ValueSlot(.handle, payload: handle.id, extra: handle.kind), in: table)
        case .table(let key):
            guard case .decoded(let graph, let node) = key.storage, graph === self else { return .nil }
            return lookup(ValueSlot(.node, payload: UInt64(node)), in: table)
        case .function(let function):
            guard function.graph === self else { return .nil }
            return lookup(ValueSlot(.node, payload: UInt64(function.node)), in: table)
        case .object(let object):
            guard object.graph === self else { return .nil }
            return lookup(ValueSlot(.node, payload: UInt64(object.node)), in: table)
        case .nil: return .nil
        }
    }

    private func lookup(_ integer: Int64, in table: ValueNode) -> LuaValue {
        if integer >= 1, integer <= Int64(table.arrayCount) {
            return value(slots[Int(table.arrayStart) + Int(integer) - 1])
        }
        return lookup(ValueSlot(.integer, payload: UInt64(bitPattern: integer)), in: table)
    }

    private func lookup(_ key: ValueSlot, in table: ValueNode) -> LuaValue {
        find(in: table, hash: { key.hash(base: ValueReader.nowhere, seed: $0) }) {
            // Not a string, so its bytes are not asked for.
            $0.kind == key.kind && $0.payload == key.payload && $0.extra == key.extra
        }
    }

    package func lookup(_ key: UnsafeRawBufferPointer, in table: ValueNode) -> LuaValue {
        let start = key.baseAddress ?? ValueReader.nowhere
        return bytes.withUnsafeBytes { all in
            find(in: table, hash: { ValueHash.hash(start, count: key.count, seed: $0) }) { slot in
                slot.kind == .string && Int(slot.extra) == key.count
                    && (key.isEmpty
                        || ValueHash.equal(
                            UnsafeRawBufferPointer(rebasing: all[Int(slot.payload)..<(Int(slot.payload) + key.count)]),
                            key))
            }
        }
    }

    @inline(__always)
    private func find(in table: ValueNode, hash: (UInt64) -> UInt64, isKey: (ValueSlot) -> Bool) -> LuaValue {
        let start = Int(table.entryStart)
        if table.indexBits == 0 {
            for number in 0..<Int(table.entryCount) where isKey(slots[start + number * 2]) {
                return value(slots[start + number * 2 + 1])
            }
            return .nil
        }
        let mask = (1 << Int(table.indexBits)) - 1
        var position = Int(truncatingIfNeeded: hash(ValueHash.seed)) & mask
        while true {
            let entry = index[Int(table.indexStart) + position]
            if entry == 0 { return .nil }
            let place = start + (Int(entry) - 1) * 2
            if isKey(slots[place]) { return value(slots[place + 1]) }
            position = (position + 1) & mask
        }
    }
}
