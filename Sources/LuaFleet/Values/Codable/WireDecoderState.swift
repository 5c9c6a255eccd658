// What all decoders and containers of one message share: the cursor, and where shared tables stand.

import LuaFleetWire

/// Reads values of one message straight into Swift types. Borrows the bytes: used only within ``LuaMessage``'s decode. Not thread-safe.
///
/// Every function that reads a value begins at the cursor and leaves it behind the value.
final class WireDecoderState {
    var reader: ValueReader
    /// The message as an array, if it was one or a ``LuaValue`` needed it.
    private var owner: [UInt8]?
    /// Where the tags 28 stand, in their order.
    private(set) lazy var sharedOffsets: [Int] = findShared()
    /// Levels of tables, and of types that decode themselves, around the cursor.
    private(set) var level = 0
    private var isEnded = false

    init(reader: ValueReader, owner: [UInt8]?) {
        self.reader = reader
        self.owner = owner
    }

    private func findShared() -> [Int] {
        guard var scan = try? ValueReader(UnsafeRawBufferPointer(start: reader.base, count: reader.count)) else {
            return []  // over a limit that the reader itself would have met
        }
        var offsets: [Int] = []
        // The heads of all items stand one after the other, whatever is inside of what.
        while !scan.isAtEnd {
            let start = scan.offset
            guard let item = try? scan.next() else { break }
            if case .tag(ValueTag.shared) = item { offsets.append(start) }
        }
        return offsets
    }

    /// The message as an array; a copy, unless it was one.
    func message() -> [UInt8] {
        if let owner { return owner }
        let copy = [UInt8](UnsafeRawBufferPointer(start: reader.base, count: reader.count))
        owner = copy
        return copy
    }

    /// Passes over the value at the cursor.
    func skip() throws {
        let left = reader.elementsLeft
        reader.elementsLeft = reader.limits.elements
        defer { reader.elementsLeft = left }
        try reader.skip(depth: min(level, reader.limits.depth - 1))
    }

    /// Calls `body` one level deeper.
    @inline(__always) func deeper<R>(_ body: () throws -> R) throws -> R {
        level &+= 1
        defer { level &-= 1 }
        guard level <= reader.limits.depth else {
            throw ValueError(.limitDepth(reader.limits.depth), at: reader.offset)
        }
        return try body()
    }

    /// Calls `body` with the cursor at a table's own head, past a tag 28 or where a tag 29 points.
    @inline(__always) func atContent<R>(_ body: () throws -> R) throws -> R {
        guard try reader.peek() >> 5 == 6 else { return try body() }
        let start = reader.offset
        guard case .tag(let tag) = try reader.next() else { throw ValueError(.malformed, at: start) }
        switch tag {
        case ValueTag.shared: return try body()
        case ValueTag.reference:
            let number = try reader.reference(at: start)
            guard number < sharedOffsets.count, sharedOffsets[number] < start else {
                throw ValueError(.malformed, at: start)
            }
            let end = reader.offset
            reader.offset = sharedOffsets[number]
            _ = try reader.next()  // the tag 28 itself
            defer { reader.offset = end }
            return try body()
        default:
            reader.offset = start
            return try body()
        }
    }

    /// Any value at the cursor as a `T`.
    func decode<T: Decodable>(_ type: T.Type, path: WireDecodingPath) throws -> T {
        if let value = try decodeScalar(type, path: path) { return value }
        if type == LuaValue.self { return try luaValue() as! T }  // T is LuaValue
        return try decodeOther(type, path: path)
    }

    @inline(never) private func decodeOther<T: Decodable>(_ type: T.Type, path: WireDecodingPath) throws -> T {
        if type == LuaTable.self {
            guard case .table(let table) = try luaValue() else { throw mismatch(type, path, expected: "a table") }
            return table as! T  // T is LuaTable
        }
        if let direct = type as? any WireDirectlyDecodable.Type {
            return try direct.decodeDirectly(from: self, path: path) as! T  // decodes itself
        }
        if let bytes = type as? any RangeReplaceableCollection<UInt8>.Type, try reader.peek() >> 5 == 2 {
            return bytes.init(try decodeBytes(path)) as! T  // an instance of that type
        }
        let start = reader.offset
        let value = try deeper { try T(from: WireDecoder(state: self, path: path, offset: start)) }
        reader.offset = start
        try skip()
        return value
    }

    /// The value at the cursor as it is.
    func luaValue() throws -> LuaValue {
        let start = reader.offset
        switch try reader.next() {
        case .null: return .nil
        case .undefined: return .null
        case .boolean(let value): return .boolean(value)
        case .integer(let value): return .integer(value)
        case .double(let value): return .number(value)
        case .string(let offset, let count):
            return .string(LuaString(bytes: UnsafeRawBufferPointer(start: reader.base + offset, count: count)))
        case .end: throw ValueError(.malformed, at: start)
        case .array, .map, .tag:
            reader.offset = start
            var builder = ValueGraphBuilder(reader: reader, depth: level, sharedOffsets: sharedOffsets)
            let slot = try builder.readValue()
            reader = builder.reader
            return builder.finish(bytes: message()).value(slot)
        }
    }

    /// A result that is not there: nil.
    func decodeMissing<T: Decodable>(_ type: T.Type) throws -> T {
        let state = WireDecoderState(reader: reader, owner: owner)
        return try withUnsafeBytes(of: ValueByte.null) { byte in
            state.reader = try ValueReader(byte, limits: reader.limits)
            state.owner = nil
            return try state.decode(type, path: .root)
        }
    }
}
