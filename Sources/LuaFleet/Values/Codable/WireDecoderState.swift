// What all decoders and containers of one message share: the cursor, and where shared tables stand.

import LuaFleetWire

/// Reads values of one message straight into Swift types. Not thread-safe.
///
/// Every function that reads a value begins at the cursor and leaves it behind the value. The bytes are borrowed: after ``end()`` a decoder that somebody
/// kept finds nothing but the end of the bytes.
final class WireDecoderState {
    // Used by one thread, and never while it is being changed: checking that at run time would cost a quarter of the time.
    @exclusivity(unchecked) var reader: ValueReader
    /// The message as an array, if it was one or a ``LuaValue`` needed it.
    private var owner: [UInt8]?
    /// Set as soon as a ``LuaValue`` was met that shares tables or variables with others.
    private var whole: WireWholeMessage?
    /// Where the tags 28 stand, in their order.
    private(set) lazy var sharedOffsets: [Int] = findShared()
    /// Levels of tables, and of types that decode themselves, around the cursor.
    @exclusivity(unchecked) private(set) var level = 0
    /// Where long containers end, by where they begin: so that no type, however it nests, makes the bytes be passed over again and again.
    @exclusivity(unchecked) private var ends: [Int: Int] = [:]
    /// The last table that was scanned at each level, and its end.
    @exclusivity(unchecked) private var scanned: [(start: Int, end: Int)] = []
    @exclusivity(unchecked) private var kinds = WireKindCache()

    init(reader: ValueReader, owner: [UInt8]?) {
        self.reader = reader
        self.owner = owner
    }

    /// The bytes are not there any more.
    func end() {
        reader = ValueReader.empty
    }

    private func findShared() -> [Int] {
        var scan = reader
        scan.offset = 0
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
    private func message() -> [UInt8] {
        if let owner { return owner }
        let copy = [UInt8](UnsafeRawBufferPointer(start: reader.base, count: reader.count))
        owner = copy
        return copy
    }

    /// Passes over the value at the cursor. Items are counted when they are decoded, not here.
    func skip() throws {
        if let end = ends.isEmpty ? nil : ends[reader.offset] {
            reader.offset = end
            return
        }
        let left = reader.elementsLeft
        reader.elementsLeft = reader.limits.elements
        defer { reader.elementsLeft = left }
        try reader.skip(depth: min(level, reader.limits.depth - 1), ends: &ends)
    }

    /// Calls `body` one level deeper.
    @inline(__always) func deeper<R>(_ body: () throws -> R) throws -> R {
        level &+= 1
        defer { level &-= 1 }
        try WireStack.check(level: level, limit: reader.limits.depth, offset: reader.offset)
        return try body()
    }

    /// Calls `body` with the cursor at a table's own head, past a tag 28 or where a tag 29 points.
    @inline(__always) func atContent<R>(_ body: () throws -> R) throws -> R {
        guard try reader.peek() >> 5 == 6 else { return try body() }
        let end = try enterContent()
        let result = try body()
        if let end { reader.offset = end }
        return result
    }

    /// Moves to the head that a tag 28 or 29 stands for; behind the tag 29, if it is one.
    private func enterContent() throws -> Int? {
        let start = reader.offset
        guard case .tag(let tag) = try reader.next() else { throw ValueError(.malformed, at: start) }
        switch tag {
        case ValueTag.shared: return nil
        case ValueTag.reference:
            let number = try reader.reference(at: start)
            guard number < sharedOffsets.count, sharedOffsets[number] < start else {
                throw ValueError(.malformed, at: start)
            }
            let end = reader.offset
            reader.offset = sharedOffsets[number]
            _ = try reader.next()  // the tag 28 itself
            return end
        default:
            reader.offset = start
            return nil
        }
    }

    /// Remembers where the table that was scanned at this level ends.
    func noteScan(from start: Int) {
        while scanned.count <= level { scanned.append((-1, -1)) }
        scanned[level] = (start, reader.offset)
    }

    @inline(never) func decodeOther<T: Decodable>(_ type: T.Type, path: WirePath?) throws -> T {
        let kind = kinds.kind(of: type)
        switch kind.category {
        case .table:
            let start = reader.offset
            guard case .table(let table) = try luaValue() else {
                reader.offset = start
                throw mismatch(type, path, expected: "a table")
            }
            return table as! T  // T is LuaTable
        case .bytes:
            if try reader.peek() >> 5 == 2, let bytes = kind.bytes {
                return bytes.init(try decodeBytes { path }) as! T  // `bytes` is T
            }
        case .date:
            return try decodeDate(type, path: path)
        case .other: break
        }
        guard let direct = kind.decodable else { return try decodeItself(type, path: path) }
        return try withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { place in
            let place = place.baseAddress.unsafelyUnwrapped  // the capacity is not 0
            try direct.decode(into: place, from: self, path: path)  // `direct` is T
            return place.move()
        }
    }

    private func decodeItself<T: Decodable>(_ type: T.Type, path: WirePath?) throws -> T {
        let start = reader.offset
        var end = -1
        let value = try deeper {
            let value = try T(from: WireDecoder(state: self, path: path, offset: start))
            if level < scanned.count, scanned[level].start == start { end = scanned[level].end }
            return value
        }
        if end >= 0 {
            reader.offset = end
        } else {
            reader.offset = start
            try skip()
        }
        return value
    }

    private func decodeDate<T: Decodable>(_ type: T.Type, path: WirePath?) throws -> T {
        let seconds = try decodeDouble({ path }) - WireDate.offset
        var writer = ValueWriter(capacity: 16)
        writer.double(seconds)
        return try writer.withBytes { bytes in
            let state = WireDecoderState(reader: try ValueReader(bytes), owner: nil)
            defer { state.end() }
            return try T(from: WireDecoder(state: state, path: path, offset: 0))
        }
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
            return .string(luaString(UnsafeRawBufferPointer(start: reader.base + offset, count: count)))
        case .end: throw ValueError(.malformed, at: start)
        case .array, .map, .tag:
            reader.offset = start
            return try luaTable()
        }
    }

    /// Bytes of the message as a string. A long one shares the message's array, if the message is one; a short one does not hold all of it.
    func luaString(_ bytes: UnsafeRawBufferPointer) -> LuaString {
        guard bytes.count >= 4096, let owner, let start = bytes.baseAddress else {
            return LuaString(bytes: [UInt8](bytes))
        }
        return LuaString(sharing: owner, offset: start - reader.base, count: bytes.count)
    }

    private func luaTable() throws -> LuaValue {
        let start = reader.offset
        if whole == nil {
            var builder = ValueGraphBuilder(reader: reader, depth: level, scope: .part)
            do {
                let slot = try builder.readValue()
                reader = builder.reader
                return builder.finish(bytes: message()).value(slot)
            } catch {
                guard builder.hasMetNumber else { throw error }
            }
            // Numbers count from the beginning of the message: it is read whole, once.
            whole = try WireWholeMessage(bytes: message(), limits: reader.limits)
        }
        guard let value = whole?.value(at: start) else { throw ValueError(.malformed, at: start) }
        try skip()
        return value
    }

    /// A result that is not there: nil.
    static func decodeMissing<T: Decodable>(_ type: T.Type, limits: ValueLimits) throws -> T {
        try withUnsafeBytes(of: ValueByte.null) { byte in
            let state = WireDecoderState(reader: try ValueReader(byte, limits: limits), owner: nil)
            defer { state.end() }
            return try state.decode(type, path: nil)
        }
    }
}
