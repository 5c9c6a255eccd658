// Each kind of item as bytes, after RFC 8949: shortest heads, big-endian.

extension ValueWriter {
    /// One byte as it is: a simple value, an open head, the end of one.
    @inlinable @inline(__always) package mutating func byte(_ value: UInt8) {
        guard reserve(1) else { return }
        base.storeBytes(of: value, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    /// A head: major type and argument in the shortest form.
    @inlinable @inline(__always) package mutating func head(_ major: UInt8, _ value: UInt64) {
        guard reserve(9) else { return }
        let place = base + count
        if value < 24 {
            place.storeBytes(of: major | UInt8(truncatingIfNeeded: value), as: UInt8.self)
            count &+= 1
        } else if value <= 0xff {
            place.storeBytes(of: major | 24, as: UInt8.self)
            place.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: 1, as: UInt8.self)
            count &+= 2
        } else if value <= 0xffff {
            place.storeBytes(of: major | 25, as: UInt8.self)
            place.storeBytes(of: UInt16(truncatingIfNeeded: value).bigEndian, toByteOffset: 1, as: UInt16.self)
            count &+= 3
        } else if value <= 0xffff_ffff {
            place.storeBytes(of: major | 26, as: UInt8.self)
            place.storeBytes(of: UInt32(truncatingIfNeeded: value).bigEndian, toByteOffset: 1, as: UInt32.self)
            count &+= 5
        } else {
            place.storeBytes(of: major | 27, as: UInt8.self)
            place.storeBytes(of: value.bigEndian, toByteOffset: 1, as: UInt64.self)
            count &+= 9
        }
    }

    @inlinable @inline(__always) package mutating func null() { byte(ValueByte.null) }

    @inlinable @inline(__always) package mutating func boolean(_ value: Bool) {
        byte(value ? ValueByte.true : ValueByte.false)
    }

    @inlinable @inline(__always) package mutating func integer(_ value: Int64) {
        // ~value is -1 - value, the argument of a negative integer.
        if value >= 0 {
            head(ValueMajor.unsigned, UInt64(bitPattern: value))
        } else {
            head(ValueMajor.negative, UInt64(bitPattern: ~value))
        }
    }

    /// Nine bytes always; every NaN becomes the one NaN, so that equal values are equal bytes.
    @inlinable @inline(__always) package mutating func double(_ value: Double) {
        guard reserve(9) else { return }
        let bits = value.isNaN ? 0x7ff8_0000_0000_0000 : value.bitPattern
        base.storeBytes(of: ValueByte.double, toByteOffset: count, as: UInt8.self)
        base.storeBytes(of: bits.bigEndian, toByteOffset: count &+ 1, as: UInt64.self)
        count &+= 9
    }

    /// A string of bytes.
    @inlinable @inline(__always) package mutating func string(_ bytes: UnsafeRawBufferPointer) {
        let length = bytes.count
        guard length <= limitEnd &- count, reserve(length &+ 9) else {
            isOverLimit = true
            return
        }
        head(ValueMajor.bytes, UInt64(truncatingIfNeeded: length))
        if let start = bytes.baseAddress {
            (base + count).copyMemory(from: start, byteCount: length)
            count &+= length
        }
    }

    /// A string of bytes from a String's UTF-8.
    @inlinable @inline(__always) package mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { string(UnsafeRawBufferPointer($0)) }
    }

    @inlinable package mutating func string(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { string($0) }
    }

    @inlinable @inline(__always) package mutating func array(count: Int) {
        head(ValueMajor.array, UInt64(truncatingIfNeeded: count))
    }

    @inlinable @inline(__always) package mutating func map(count: Int) {
        head(ValueMajor.map, UInt64(truncatingIfNeeded: count))
    }

    @inlinable package mutating func tag(_ number: UInt64) {
        head(ValueMajor.tag, number)
    }

    /// Bytes that are already values.
    @inlinable package mutating func encoded(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= limitEnd &- count, reserve(bytes.count), let start = bytes.baseAddress else {
            if bytes.count > 0 { isOverLimit = true }
            return
        }
        (base + count).copyMemory(from: start, byteCount: bytes.count)
        count &+= bytes.count
    }
}

// What the encoders of Codable types need to change after the fact.
extension ValueWriter {
    /// Whether what was written from `start` on is one nil.
    @inlinable package func isNull(at start: Int) -> Bool {
        count == start &+ 1 && base.load(fromByteOffset: start, as: UInt8.self) == ValueByte.null
    }

    /// Whether what was written from `start` on can be a key: neither nil nor NaN (which is always written the same way).
    @inlinable package func isKey(at start: Int) -> Bool {
        guard count > start else { return true }  // over the limit, which is told elsewhere
        switch base.load(fromByteOffset: start, as: UInt8.self) {
        case ValueByte.null: return false
        case ValueByte.double where count >= start &+ 9:
            return UInt64(bigEndian: (base + start + 1).loadUnaligned(as: UInt64.self)) != 0x7ff8_0000_0000_0000
        default: return true
        }
    }

    /// Replaces the byte written last.
    package mutating func replaceLast(with byte: UInt8) {
        guard count > messageStart else { return }
        base.storeBytes(of: byte, toByteOffset: count - 1, as: UInt8.self)
    }

    /// Adds to the float that was written at `start`, if it is all that was written from there on.
    package mutating func addToDouble(at start: Int, _ value: Double) {
        guard count == start + 9, base.load(fromByteOffset: start, as: UInt8.self) == ValueByte.double else { return }
        let bits = UInt64(bigEndian: (base + start + 1).loadUnaligned(as: UInt64.self))
        count = start
        double(Double(bitPattern: bits) + value)
    }

    /// Takes back what was written from `end` on.
    package mutating func truncate(to end: Int) {
        guard end >= messageStart, end < count else { return }
        count = end
    }

    /// Moves the bytes from `middle` on to `start`, and those between behind them.
    package mutating func rotate(from start: Int, middle: Int) {
        guard start >= messageStart, start <= middle, middle <= count else { return }
        let moved = [UInt8](UnsafeRawBufferPointer(start: base + middle, count: count - middle))
        (base + start + moved.count).copyMemory(from: base + start, byteCount: middle - start)
        moved.withUnsafeBytes { bytes in
            guard let source = bytes.baseAddress else { return }
            (base + start).copyMemory(from: source, byteCount: bytes.count)
        }
    }
}
