// The commonest items without a detour: runs of numbers, short strings, floats.

extension ValueReader {
    /// Appends integers up to the first item that is none, at most `limit`; says how many. What it cannot read is left where it is.
    @inlinable package mutating func integers(into result: inout [Int], limit: Int) -> Int {
        var here = base + offset
        let end = base + (count &- 8)  // before it, the longest head with its argument is inside
        var read = 0
        loop: while read < limit, here < end {
            let first = here.load(as: UInt8.self)
            let value: UInt64
            switch first & 0x1f {
            case 0..<24:
                value = UInt64(first & 0x1f)
                here += 1
            case 24:
                value = UInt64((here + 1).load(as: UInt8.self))
                here += 2
            case 25:
                value = UInt64(UInt16(bigEndian: (here + 1).loadUnaligned(as: UInt16.self)))
                here += 3
            case 26:
                value = UInt64(UInt32(bigEndian: (here + 1).loadUnaligned(as: UInt32.self)))
                here += 5
            case 27:
                value = UInt64(bigEndian: (here + 1).loadUnaligned(as: UInt64.self))
                here += 9
            default: break loop
            }
            guard first < 0x40, value <= UInt64(Int64.max), let integer = Int(exactly: Int64(bitPattern: value)) else {
                // Not an integer, or out of range: as if it had not been read.
                offset = ValueReader.back(here, first) - base
                return read
            }
            result.append(first < 0x20 ? integer : ~integer)
            read &+= 1
        }
        offset = here - base
        return read
    }

    /// Where the item began whose head ends at `here` and begins with `first`.
    @inlinable static func back(_ here: UnsafeRawPointer, _ first: UInt8) -> UnsafeRawPointer {
        switch first & 0x1f {
        case 24: here - 2
        case 25: here - 3
        case 26: here - 5
        case 27: here - 9
        default: here - 1
        }
    }

    /// Appends floats of eight bytes up to the first item that is none, at most `limit`; says how many.
    @inlinable package mutating func doubles(into result: inout [Double], limit: Int) -> Int {
        var read = 0
        while read < limit, count &- offset >= 9, base.load(fromByteOffset: offset, as: UInt8.self) == ValueByte.double
        {
            let bits = UInt64(bigEndian: (base + (offset &+ 1)).loadUnaligned(as: UInt64.self))
            result.append(Double(bitPattern: bits))
            offset &+= 9
            read &+= 1
        }
        return read
    }

    /// The next item if it is a string of less than 24 bytes; nil, with nothing read, if it is not.
    @inlinable @inline(__always) package mutating func shortString() -> UnsafeRawBufferPointer? {
        guard offset < count else { return nil }
        let length = Int(base.load(fromByteOffset: offset, as: UInt8.self)) &- Int(ValueMajor.bytes)
        guard length >= 0, length < 24, count &- offset > length else { return nil }
        defer { offset &+= 1 &+ length }
        return UnsafeRawBufferPointer(start: base + (offset &+ 1), count: length)
    }

    /// The next item if it is a float of eight bytes; nil, with nothing read, if it is not.
    @inlinable @inline(__always) package mutating func double() -> Double? {
        guard count &- offset >= 9, base.load(fromByteOffset: offset, as: UInt8.self) == ValueByte.double else {
            return nil
        }
        defer { offset &+= 9 }
        return Double(bitPattern: UInt64(bigEndian: (base + (offset &+ 1)).loadUnaligned(as: UInt64.self)))
    }
}
