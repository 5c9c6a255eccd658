// The next item, whatever it is.

extension ValueReader {
    /// Reads one item, or the head of one.
    @inlinable @inline(__always) package mutating func next() throws(ValueError) -> ValueItem {
        let first = try peek()
        switch first >> 5 {
        case 0:
            let value = try argument(first)
            guard value <= UInt64(Int64.max) else { throw ValueError(.integerRange, at: offset) }
            return .integer(Int64(bitPattern: value))
        case 1:
            let value = try argument(first)
            guard value <= UInt64(Int64.max) else { throw ValueError(.integerRange, at: offset) }
            return .integer(~Int64(bitPattern: value))
        case 2, 3:
            let length = try length(first)
            let start = offset
            offset &+= length
            return .string(offset: start, count: length)
        case 4: return .array(try number(first, bytesEach: 1))
        case 5: return .map(try number(first, bytesEach: 2))
        case 6: return .tag(try argument(first))
        default: return try simple(first)
        }
    }

    @inlinable @inline(__always) mutating func simple(_ first: UInt8) throws(ValueError) -> ValueItem {
        switch first {
        case ValueByte.double:
            guard count &- offset >= 9 else { throw ValueError(.truncated, at: offset) }
            let bits = UInt64(bigEndian: (base + (offset &+ 1)).loadUnaligned(as: UInt64.self))
            offset &+= 9
            return .double(Double(bitPattern: bits))
        case ValueByte.false:
            offset &+= 1
            return .boolean(false)
        case ValueByte.true:
            offset &+= 1
            return .boolean(true)
        case ValueByte.null:
            offset &+= 1
            return .null
        case ValueByte.undefined:
            offset &+= 1
            return .undefined
        case ValueByte.end:
            offset &+= 1
            return .end
        default: return try rare(first)
        }
    }

    /// Short floats, and what is not allowed.
    @usableFromInline @inline(never) mutating func rare(_ first: UInt8) throws(ValueError) -> ValueItem {
        switch first & 0x1f {
        case 25:
            guard count &- offset >= 3 else { throw ValueError(.truncated, at: offset) }
            let bits = UInt16(bigEndian: (base + (offset &+ 1)).loadUnaligned(as: UInt16.self))
            offset &+= 3
            return .double(ValueReader.half(bits))
        case 26:
            guard count &- offset >= 5 else { throw ValueError(.truncated, at: offset) }
            let bits = UInt32(bigEndian: (base + (offset &+ 1)).loadUnaligned(as: UInt32.self))
            offset &+= 5
            return .double(Double(Float(bitPattern: bits)))
        case 24:
            guard count &- offset >= 2 else { throw ValueError(.truncated, at: offset) }
            throw ValueError(.unsupportedSimple((base + (offset &+ 1)).load(as: UInt8.self)), at: offset)
        case let value where value < 20: throw ValueError(.unsupportedSimple(value), at: offset)
        default: throw ValueError(.malformed, at: offset)
        }
    }

    /// IEEE 754 binary16 as a Double, after RFC 8949 appendix D. (Float16 is not there on every platform.)
    static func half(_ bits: UInt16) -> Double {
        let exponent = Int((bits >> 10) & 0x1f)
        let fraction = Double(bits & 0x3ff)
        let sign: FloatingPointSign = bits & 0x8000 == 0 ? .plus : .minus
        if exponent == 31 { return fraction == 0 ? (sign == .plus ? .infinity : -.infinity) : .nan }
        if exponent == 0 { return Double(sign: sign, exponent: -24, significand: fraction) }
        return Double(sign: sign, exponent: exponent - 25, significand: fraction + 1024)
    }
}

extension ValueReader {
    /// Reads a message of one integer, which is what most short tasks return; nil, and nothing read, where the next message is another.
    @inlinable @inline(__always) package mutating func messageOfOneInteger() -> Int64? {
        guard count &- offset >= 2, base.load(fromByteOffset: offset, as: UInt8.self) == 0x81 else { return nil }
        let start = offset
        offset &+= 1
        let first = base.load(fromByteOffset: offset, as: UInt8.self)
        if first >> 5 <= 1 {
            do throws(ValueError) {
                let value = try argument(first)
                if value <= UInt64(Int64.max) {
                    return first >> 5 == 0 ? Int64(bitPattern: value) : ~Int64(bitPattern: value)
                }
            } catch {}
        }
        offset = start
        return nil
    }
}
