// Numbers, booleans and strings at the cursor as Swift types, exactly or not at all.

import LuaFleetWire

extension WireDecoderState {
    /// Gives a value out whose type is known to be `T`.
    @inline(__always) private func give<T, U>(_ value: U, as type: T.Type) -> T {
        withUnsafePointer(to: value) { UnsafeRawPointer($0).assumingMemoryBound(to: T.self).pointee }
    }

    /// Any value at the cursor as a `T`. The types are told apart by their pointers: no boxes, no casts.
    @inline(__always) func decode<T: Decodable>(_ type: T.Type, path: @autoclosure () -> WirePath?) throws -> T {
        if T.self == Int.self { return give(try decodeInteger(Int.self, path), as: T.self) }
        if T.self == Double.self { return give(try decodeDouble(path), as: T.self) }
        if T.self == String.self { return give(try decodeString(path), as: T.self) }
        if T.self == Bool.self { return give(try decodeBool(path), as: T.self) }
        return try decodeRarer(type, path: path)
    }

    @inline(never) private func decodeRarer<T: Decodable>(_ type: T.Type, path: () -> WirePath?) throws -> T {
        if T.self == Int64.self { return give(try decodeInteger(Int64.self, path), as: T.self) }
        if T.self == [UInt8].self, try reader.peek() >> 5 == 2 { return give(try decodeBytes(path), as: T.self) }
        if T.self == Int32.self { return give(try decodeInteger(Int32.self, path), as: T.self) }
        if T.self == UInt8.self { return give(try decodeInteger(UInt8.self, path), as: T.self) }
        if T.self == UInt32.self { return give(try decodeInteger(UInt32.self, path), as: T.self) }
        if T.self == UInt64.self { return give(try decodeInteger(UInt64.self, path), as: T.self) }
        if T.self == UInt.self { return give(try decodeInteger(UInt.self, path), as: T.self) }
        if T.self == Float.self { return give(try decodeFloat(path), as: T.self) }
        if T.self == Int16.self { return give(try decodeInteger(Int16.self, path), as: T.self) }
        if T.self == Int8.self { return give(try decodeInteger(Int8.self, path), as: T.self) }
        if T.self == UInt16.self { return give(try decodeInteger(UInt16.self, path), as: T.self) }
        if T.self == LuaString.self { return give(try decodeLuaString(path), as: T.self) }
        if T.self == LuaValue.self { return give(try luaValue(), as: T.self) }
        return try decodeOther(type, path: path())
    }

    /// The next item; the cursor stays when `accept` gives nil.
    @inline(__always)
    private func item<R>(_ accept: (ValueItem) throws -> R?) throws -> R? {
        let start = reader.offset
        if let result = try accept(try reader.next()) {
            try reader.spend(1)
            return result
        }
        reader.offset = start
        return nil
    }

    /// An integer that fits; a float only with an integral value, as Lua converts it.
    func decodeInteger<I: FixedWidthInteger>(_ type: I.Type, _ path: () -> WirePath?) throws -> I {
        let value: Int64? = try item {
            switch $0 {
            case .integer(let value): return value
            case .double(let value):
                guard let integer = Int64(exactly: value) else {
                    throw corrupted(path(), "the float \(LuaText.float(value)) is no \(type)")
                }
                return integer
            default: return nil
            }
        }
        guard let value else { throw mismatch(type, path(), expected: "an integer") }
        guard let result = I(exactly: value) else { throw corrupted(path(), "the integer \(value) is no \(type)") }
        return result
    }

    /// A float; an integer only when no digit is lost.
    func decodeDouble(_ path: () -> WirePath?) throws -> Double {
        let value: Double? = try item {
            switch $0 {
            case .double(let value): return value
            case .integer(let value):
                guard let double = Double(exactly: value) else {
                    throw corrupted(path(), "the integer \(value) is no Double")
                }
                return double
            default: return nil
            }
        }
        guard let value else { throw mismatch(Double.self, path(), expected: "a number") }
        return value
    }

    /// A float, rounded to Float's precision but never to infinity; an integer only when no digit is lost.
    func decodeFloat(_ path: () -> WirePath?) throws -> Float {
        let value: Float? = try item {
            switch $0 {
            case .double(let value):
                let float = Float(value)
                guard float.isFinite || !value.isFinite else {
                    throw corrupted(path(), "the float \(LuaText.float(value)) is no Float")
                }
                return float
            case .integer(let value):
                guard let float = Float(exactly: value) else {
                    throw corrupted(path(), "the integer \(value) is no Float")
                }
                return float
            default: return nil
            }
        }
        guard let value else { throw mismatch(Float.self, path(), expected: "a number") }
        return value
    }

    func decodeBool(_ path: () -> WirePath?) throws -> Bool {
        let value: Bool? = try item { if case .boolean(let value) = $0 { value } else { nil } }
        guard let value else { throw mismatch(Bool.self, path(), expected: "a boolean") }
        return value
    }

    /// Where a string stands.
    private func stringRange(_ type: Any.Type, _ path: () -> WirePath?) throws -> UnsafeRawBufferPointer {
        let range: UnsafeRawBufferPointer? = try item {
            guard case .string(let offset, let count) = $0 else { return nil }
            return UnsafeRawBufferPointer(start: reader.base + offset, count: count)
        }
        guard let range else { throw mismatch(type, path(), expected: "a string") }
        return range
    }

    func decodeBytes(_ path: () -> WirePath?) throws -> [UInt8] {
        [UInt8](try stringRange([UInt8].self, path))
    }

    func decodeLuaString(_ path: () -> WirePath?) throws -> LuaString {
        luaString(try stringRange(LuaString.self, path))
    }

    func decodeString(_ path: () -> WirePath?) throws -> String {
        let bytes = try stringRange(String.self, path)
        guard let text = LuaText.text(bytes) else {
            throw corrupted(path(), "the string is not UTF-8; decode it as LuaString or [UInt8]")
        }
        return text
    }

    /// Whether the value at the cursor is nil or fleet.null; if so, moves behind it.
    func decodeNil() throws -> Bool {
        let byte = try reader.peek()
        guard byte == ValueByte.null || byte == ValueByte.undefined else { return false }
        reader.offset += 1
        return true
    }
}
