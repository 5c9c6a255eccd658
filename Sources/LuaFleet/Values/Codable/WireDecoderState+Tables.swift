// Tables at the cursor, in any shape, as lists and as entries.

import LuaFleetWire

extension WireDecoderState {
    /// The elements of a table with the keys 1…n, in whatever shape.
    func decodeArray<T: Decodable>(of type: T.Type, path: WireDecodingPath) throws -> [T] {
        let start = reader.offset
        return try deeper {
            try atContent {
                try reader.spend(1)
                let head = reader.offset
                guard case .array(let count) = try reader.next() else {
                    reader.offset = head
                    return try decodeScattered(of: type, path: path, start: start)
                }
                var result: [T] = []
                // A declared number is not trusted with more than this at once.
                if count > 0 { result.reserveCapacity(min(count, 4096)) }
                var left = count
                while left != 0 {
                    if left < 0, try reader.peek() == ValueByte.end {
                        reader.offset &+= 1
                        break
                    }
                    if try isMixedTag() {
                        reader.offset = head
                        return try decodeScattered(of: type, path: path, start: start)
                    }
                    result.append(try decodeElement(type, path: path, at: result.count))
                    left &-= left > 0 ? 1 : 0
                }
                return result
            }
        }
    }

    @inline(__always)
    private func decodeElement<T: Decodable>(
        _ type: T.Type, path: WireDecodingPath, at position: Int
    ) throws -> T {
        if T.self == Int.self || T.self == Double.self {
            // The path only matters for an error, which then is made with it.
            let start = reader.offset
            if let value = try? decodeScalar(type, path: path) { return value }
            reader.offset = start
        }
        return try decode(type, path: path.appending(position))
    }

    /// The same from a map, or an array with other keys: 1…n in any order, and nothing else.
    private func decodeScattered<T: Decodable>(
        of type: T.Type, path: WireDecodingPath, start: Int
    ) throws -> [T] {
        let table = try scan(path: path, expected: "a table with the keys 1, 2, 3, …", type: [T].self)
        let end = reader.offset
        let result = try table.sequence(self, path).enumerated().map { position, offset in
            reader.offset = offset
            return try decode(type, path: path.appending(position))
        }
        reader.offset = end
        return result
    }

    /// Whether the mixed map of a table stands at the cursor.
    @inline(__always) func isMixedTag() throws -> Bool {
        guard try reader.peek() >> 5 == 6 else { return false }
        var ahead = reader
        guard case .tag(ValueTag.mixed) = try ahead.next() else { return false }
        return true
    }

    /// Calls `body` for each entry of the table at the cursor: with nil and the cursor at the key, which is followed by the
    /// value, or with a position from 1 and the cursor at the value.
    func eachEntry(path: WireDecodingPath, _ body: (Int?) throws -> Void) throws {
        let start = reader.offset
        try deeper {
            try atContent {
                try reader.spend(1)
                switch try reader.next() {
                case .map(let count): try eachPair(count, body)
                case .array(let count): try eachElement(count, body)
                default:
                    reader.offset = start
                    throw mismatch([String: LuaValue].self, path, expected: "a table")
                }
            }
        }
    }

    private func eachElement(_ count: Int, _ body: (Int?) throws -> Void) throws {
        var left = count
        var position = 1
        while left != 0 {
            let start = reader.offset
            if left < 0, try reader.peek() == ValueByte.end {
                reader.offset &+= 1
                return
            }
            if try isMixedTag() {
                _ = try reader.next()
                guard left < 0 || left == 1, case .map(let count) = try reader.next() else {
                    throw ValueError(.malformed, at: start)
                }
                try eachPair(count, body)
                if left < 0 {
                    guard case .end = try reader.next() else { throw ValueError(.malformed, at: reader.offset) }
                }
                return
            }
            try body(position)
            position &+= 1
            left &-= left > 0 ? 1 : 0
        }
    }

    private func eachPair(_ count: Int, _ body: (Int?) throws -> Void) throws {
        var left = count
        while left != 0 {
            if left < 0, try reader.peek() == ValueByte.end {
                reader.offset &+= 1
                return
            }
            try body(nil)
            left &-= left > 0 ? 1 : 0
        }
    }

    /// A position of the array part as a key.
    func key<Key: Decodable>(_ position: Int, as type: Key.Type, path: WireDecodingPath) throws -> Key {
        if type == Int.self { return position as! Key }  // Key is Int
        var writer = ValueWriter(capacity: 16)
        writer.integer(Int64(position))
        return try writer.withBytes { bytes in
            let state = WireDecoderState(reader: try ValueReader(bytes), owner: nil)
            return try state.decode(type, path: path)
        }
    }
}
