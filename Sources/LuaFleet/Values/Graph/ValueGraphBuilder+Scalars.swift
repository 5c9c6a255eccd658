// The fast path: runs of scalars, which nearly all items are.

import LuaFleetWire

extension ValueGraphBuilder {
    /// Reads scalars of a container up to the first item that is none, or near the end of the bytes. What is left of the container then.
    ///
    /// Everything that needs an error, a frame or a thought is left to ``run()``.
    @inline(__always) mutating func readScalars(_ left: Int, _ kind: Frame.Kind) -> Int {
        // Of a known length: paid for already.
        let isOpen = left < 0
        pending.reserve(isOpen ? 16 : left)
        let limit = isOpen ? min(pending.capacity &- pending.count, reader.elementsLeft) : left
        let start = pending.base + pending.count
        var place = start
        let stop = start + limit
        var here = reader.base + reader.offset
        // So far from the end, the longest head with its argument is inside.
        let end = reader.base + (reader.count &- 8)
        let all = reader.base + reader.count
        loop: while place < stop, here < end {
            let first = here.load(as: UInt8.self)
            var slot: ValueSlot
            switch first {
            case 0x00...0x17:
                slot = ValueSlot(.integer, payload: UInt64(first))
                here += 1
            case 0x18:
                slot = ValueSlot(.integer, payload: UInt64((here + 1).load(as: UInt8.self)))
                here += 2
            case 0x19:
                slot = ValueSlot(
                    .integer, payload: UInt64(UInt16(bigEndian: (here + 1).loadUnaligned(as: UInt16.self))))
                here += 3
            case 0x1a:
                slot = ValueSlot(
                    .integer, payload: UInt64(UInt32(bigEndian: (here + 1).loadUnaligned(as: UInt32.self))))
                here += 5
            case 0x20...0x37:
                slot = ValueSlot(.integer, payload: ~UInt64(first & 0x1f))
                here += 1
            case 0x38:
                slot = ValueSlot(.integer, payload: ~UInt64((here + 1).load(as: UInt8.self)))
                here += 2
            case 0x39:
                slot = ValueSlot(
                    .integer, payload: ~UInt64(UInt16(bigEndian: (here + 1).loadUnaligned(as: UInt16.self))))
                here += 3
            case 0x3a:
                slot = ValueSlot(
                    .integer, payload: ~UInt64(UInt32(bigEndian: (here + 1).loadUnaligned(as: UInt32.self))))
                here += 5
            case 0x40...0x57:
                let length = Int(first & 0x1f)
                guard all - here > length else { break loop }
                slot = ValueSlot(
                    .string, payload: UInt64(UInt(bitPattern: here - reader.base)) &+ 1, extra: UInt32(length))
                here += 1 &+ length
            case 0x58:
                let length = Int((here + 1).load(as: UInt8.self))
                guard all - here > length &+ 1 else { break loop }
                slot = ValueSlot(
                    .string, payload: UInt64(UInt(bitPattern: here - reader.base)) &+ 2, extra: UInt32(length))
                here += 2 &+ length
            case ValueByte.double:
                slot = ValueSlot(
                    .number, payload: UInt64(bigEndian: (here + 1).loadUnaligned(as: UInt64.self)))
                here += 9
            case ValueByte.false:
                slot = ValueSlot(.false)
                here += 1
            case ValueByte.true:
                slot = ValueSlot(.true)
                here += 1
            default: break loop
            }
            place.pointee = slot
            place += 1
        }
        let read = place - start
        reader.offset = here - reader.base
        pending.extend(by: read)
        guard isOpen else { return left &- read }
        reader.elementsLeft &-= read
        return kind == .array || read & 1 == 0 ? left : -3 &- left
    }
}
