// Reads one item after the other from bytes that it borrows; never beyond their end, whatever they say.

/// One item. A container or a tag is only its head; what is inside follows as items of their own.
package enum ValueItem {
    case null
    case undefined
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    /// Bytes or text: where it stands in the message.
    case string(offset: Int, count: Int)
    /// How many items follow; -1: until ``end``.
    case array(Int)
    /// How many pairs follow; -1: until ``end``.
    case map(Int)
    case tag(UInt64)
    /// The end of an array or map of indefinite length.
    case end
}

/// A cursor over a message. It borrows the bytes: use it only while they are.
package struct ValueReader {
    package let base: UnsafeRawPointer
    package let count: Int
    /// The next byte.
    package var offset: Int
    package let limits: ValueLimits
    /// Items that may still be read.
    package var elementsLeft: Int

    /// - Throws: `limitBytes` when there are more bytes than `limits` allow.
    @inlinable package init(
        _ bytes: UnsafeRawBufferPointer, at offset: Int = 0, limits: ValueLimits = .standard
    ) throws(ValueError) {
        if bytes.count > limits.bytes { throw ValueError(.limitBytes(limits.bytes), at: limits.bytes) }
        base = bytes.baseAddress ?? ValueReader.nowhere
        count = bytes.count
        self.offset = offset
        self.limits = limits
        elementsLeft = limits.elements
    }

    /// Stands for no bytes; never read, since `count` is 0.
    @inlinable package static var nowhere: UnsafeRawPointer {
        UnsafeRawPointer(bitPattern: 16).unsafelyUnwrapped  // 16 is not 0
    }

    @inlinable package var isAtEnd: Bool { offset >= count }

    /// - Throws: `malformed` when bytes are left.
    @inlinable package func finish() throws(ValueError) {
        if offset != count { throw ValueError(.malformed, at: offset) }
    }

    /// The first byte of the next item.
    @inlinable @inline(__always) package func peek() throws(ValueError) -> UInt8 {
        guard offset < count else { throw ValueError(.truncated, at: offset) }
        return base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// Counts `items` against the limit, before anything is allocated for them.
    @inlinable @inline(__always) package mutating func spend(_ items: Int) throws(ValueError) {
        guard items <= elementsLeft else { throw ValueError(.limitElements(limits.elements), at: offset) }
        elementsLeft &-= items
    }

    /// The argument of a head whose first byte (at `offset`) is `first`; moves behind it.
    @inlinable @inline(__always) package mutating func argument(_ first: UInt8) throws(ValueError) -> UInt64 {
        let info = first & 0x1f
        let left = count &- offset &- 1
        if info < 24 {
            offset &+= 1
            return UInt64(info)
        }
        let place = base + (offset &+ 1)
        switch info {
        case 24 where left >= 1:
            offset &+= 2
            return UInt64(place.load(as: UInt8.self))
        case 25 where left >= 2:
            offset &+= 3
            return UInt64(UInt16(bigEndian: place.loadUnaligned(as: UInt16.self)))
        case 26 where left >= 4:
            offset &+= 5
            return UInt64(UInt32(bigEndian: place.loadUnaligned(as: UInt32.self)))
        case 27 where left >= 8:
            offset &+= 9
            return UInt64(bigEndian: place.loadUnaligned(as: UInt64.self))
        case 24...27: throw ValueError(.truncated, at: offset)
        default: throw ValueError(.malformed, at: offset)
        }
    }

    /// A declared length in bytes, which must be there.
    @inlinable @inline(__always) package mutating func length(_ first: UInt8) throws(ValueError) -> Int {
        let start = offset
        let value = try argument(first)
        guard value <= UInt64(count &- offset) else { throw ValueError(.truncated, at: start) }
        return Int(truncatingIfNeeded: value)
    }

    /// A declared number of items, each of which is at least `bytesEach` bytes long; or -1.
    @inlinable @inline(__always) package mutating func number(
        _ first: UInt8, bytesEach: Int
    ) throws(ValueError) -> Int {
        if first & 0x1f == 31 {
            offset &+= 1
            return -1
        }
        let start = offset
        let value = try argument(first)
        guard value <= UInt64((count &- offset) / bytesEach) else { throw ValueError(.truncated, at: start) }
        return Int(truncatingIfNeeded: value)
    }
}

extension ValueReader {
    /// Reads from no bytes at all.
    package static var empty: ValueReader { ValueReader() }

    private init() {
        base = ValueReader.nowhere
        count = 0
        offset = 0
        limits = .standard
        elementsLeft = 0
    }
}
