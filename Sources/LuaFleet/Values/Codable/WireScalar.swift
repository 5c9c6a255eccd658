// The types that are one item on the wire, told apart by comparing type pointers: no boxes, no casts.

import LuaFleetWire

enum WireScalar {
    /// Takes a value whose type is known to be `U`.
    @inline(__always) private static func read<T, U>(_ value: T, as type: U.Type) -> U {
        withUnsafePointer(to: value) { UnsafeRawPointer($0).assumingMemoryBound(to: U.self).pointee }
    }

    /// Appends `value` if its type is one item. False for any other type.
    ///
    /// - Throws: `EncodingError` for an unsigned integer beyond Int64.
    @inline(__always)
    static func encode<T>(
        _ value: T, into writer: inout ValueWriter, path: @autoclosure () -> WirePath? = nil, depth: Int = 0
    ) throws -> Bool {
        if T.self == Int.self {
            writer.integer(Int64(read(value, as: Int.self)))
        } else if T.self == Double.self {
            writer.double(read(value, as: Double.self))
        } else if T.self == String.self {
            writer.string(read(value, as: String.self))
        } else if T.self == Bool.self {
            writer.boolean(read(value, as: Bool.self))
        } else {
            return try encodeOther(value, into: &writer, path: path, depth: depth)
        }
        writer.elements &+= 1
        return true
    }

    @inline(never)
    private static func encodeOther<T>(
        _ value: T, into writer: inout ValueWriter, path: () -> WirePath?, depth: Int
    ) throws -> Bool {
        if T.self == LuaValue.self {
            try read(value, as: LuaValue.self).encode(into: &writer, depth: depth)
            return true
        }
        if T.self == [UInt8].self {
            writer.string(read(value, as: [UInt8].self))
        } else if T.self == Int64.self {
            writer.integer(read(value, as: Int64.self))
        } else if T.self == Int32.self {
            writer.integer(Int64(read(value, as: Int32.self)))
        } else if T.self == UInt8.self {
            writer.integer(Int64(read(value, as: UInt8.self)))
        } else if T.self == UInt32.self {
            writer.integer(Int64(read(value, as: UInt32.self)))
        } else if T.self == Float.self {
            writer.double(Double(read(value, as: Float.self)))
        } else if T.self == UInt64.self {
            try unsigned(read(value, as: UInt64.self), into: &writer, path: path())
        } else if T.self == UInt.self {
            try unsigned(UInt64(read(value, as: UInt.self)), into: &writer, path: path())
        } else if T.self == Int16.self {
            writer.integer(Int64(read(value, as: Int16.self)))
        } else if T.self == Int8.self {
            writer.integer(Int64(read(value, as: Int8.self)))
        } else if T.self == UInt16.self {
            writer.integer(Int64(read(value, as: UInt16.self)))
        } else if T.self == LuaString.self {
            read(value, as: LuaString.self).withUnsafeBytes { writer.string($0) }
        } else {
            return false
        }
        writer.elements &+= 1
        return true
    }

    static func unsigned(_ value: UInt64, into writer: inout ValueWriter, path: WirePath?) throws {
        guard let integer = Int64(exactly: value) else {
            throw EncodingError.invalidValue(
                value,
                .init(
                    codingPath: WirePath.keys(path),
                    debugDescription: "\(value) does not fit in Lua's 64-bit integers"))
        }
        writer.integer(integer)
    }

    /// Reads the one item of a message if it is the commonest: an integer, float or boolean where one is wanted. False, with nothing read, for everything
    /// else.
    @inline(__always)
    static func decode<R>(
        _ type: R.Type, from reader: inout ValueReader, into result: UnsafeMutableRawPointer
    ) throws -> Bool {
        let start = reader.offset
        if R.self == Int.self {
            if case .integer(let value) = try reader.next(), let value = Int(exactly: value) {
                result.initializeMemory(as: Int.self, to: value)
                return true
            }
        } else if R.self == Double.self {
            if case .double(let value) = try reader.next() {
                result.initializeMemory(as: Double.self, to: value)
                return true
            }
        } else if R.self == Bool.self {
            if case .boolean(let value) = try reader.next() {
                result.initializeMemory(as: Bool.self, to: value)
                return true
            }
        }
        reader.offset = start
        return false
    }
}
