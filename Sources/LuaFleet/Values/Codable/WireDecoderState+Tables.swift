// Tables at the cursor, in any shape, as arrays and as dictionaries.

import LuaFleetWire

extension WireDecoderState {
    /// A declared number of elements is not trusted with more than this at once.
    static let reserved = 4096

    /// The elements of a table with the keys 1…n, in whatever shape. `run` reads as many as it can at once, `element` one.
    @inline(__always)
    func decodeElements<T: Decodable>(
        _ type: T.Type, path: WirePath?, run: (inout ValueReader, inout [T], Int) -> Int = { _, _, _ in 0 },
        element: (Int) throws -> T
    ) throws -> [T] {
        try deeper {
            try atContent {
                try reader.spend(1)
                let head = reader.offset
                guard case .array(let count) = try reader.next() else {
                    reader.offset = head
                    return try decodeScattered(of: type, path: path)
                }
                var result: [T] = []
                if count > 0 { result.reserveCapacity(min(count, Self.reserved)) }
                var left = count
                while true {
                    let read = run(&reader, &result, min(reader.elementsLeft, left < 0 ? Int.max : left))
                    reader.elementsLeft &-= read
                    if left > 0 { left &-= read }
                    if left == 0 { break }
                    let byte = try reader.peek()
                    if byte == ValueByte.end, left < 0 {
                        reader.offset &+= 1
                        break
                    }
                    if byte >> 5 == 6, try isMixedTag() {
                        reader.offset = head
                        return try decodeScattered(of: type, path: path)
                    }
                    result.append(try element(result.count))
                    left &-= left > 0 ? 1 : 0
                }
                return result
            }
        }
    }

    func decodeIntegers(path: WirePath?) throws -> [Int] {
        try decodeElements(Int.self, path: path, run: { $0.integers(into: &$1, limit: $2) }) {
            try decode(Int.self, path: WirePath(path, position: $0))
        }
    }

    func decodeDoubles(path: WirePath?) throws -> [Double] {
        try decodeElements(Double.self, path: path, run: { $0.doubles(into: &$1, limit: $2) }) {
            try decode(Double.self, path: WirePath(path, position: $0))
        }
    }

    func decodeStrings(path: WirePath?) throws -> [String] {
        try decodeElements(String.self, path: path) {
            try decode(String.self, path: WirePath(path, position: $0))
        }
    }

    /// Of any type.
    @inline(never) func decodeArray<T: Decodable>(of type: T.Type, path: WirePath?) throws -> [T] {
        var inside: WirePath?
        return try decodeElements(type, path: path) { position in
            WirePath.move(&inside, to: position, of: path)
            return try decode(type, path: inside)
        }
    }

    /// The same from a map, or an array with other keys: 1…n in any order, and nothing else.
    @inline(never) private func decodeScattered<T: Decodable>(of type: T.Type, path: WirePath?) throws -> [T] {
        let table = try scan(path: path, expected: "a table with the keys 1, 2, 3, …", type: [T].self)
        let end = reader.offset
        let result = try table.sequence(self, path).enumerated().map { position, offset in
            reader.offset = offset
            return try decode(type, path: WirePath(path, position: position))
        }
        reader.offset = end
        return result
    }

    /// Whether the mixed map of a table stands at the cursor.
    func isMixedTag() throws -> Bool {
        var ahead = reader
        guard case .tag(ValueTag.mixed) = try ahead.next() else { return false }
        return true
    }

    func decodeNamedDoubles(path: WirePath?) throws -> [String: Double] {
        try decodeEntries(String.self, Double.self, path: path) { reader, result in
            let start = reader.offset
            guard let name = reader.shortString(), let value = reader.double(), let name = LuaText.text(name) else {
                reader.offset = start
                return false
            }
            result[name] = value
            return true
        }
    }

    /// A table of any shape as a dictionary. `fast` may read a pair at once; if it cannot, it leaves the cursor where it was.
    @inline(__always)
    func decodeEntries<Key: Decodable & Hashable, Value: Decodable>(
        _ keyType: Key.Type, _ valueType: Value.Type, path: WirePath?,
        fast: (inout ValueReader, inout [Key: Value]) -> Bool = { _, _ in false }
    ) throws -> [Key: Value] {
        var result: [Key: Value] = [:]
        try eachEntry(
            path: path, reserve: { result.reserveCapacity(min($0, Self.reserved)) },
            element: { position in
                let inside = WirePath(path, position: position)
                let key = try key(position, as: keyType, path: inside)
                result[key] = try entryValue(valueType, path: inside)
            },
            pair: {
                if reader.elementsLeft >= 2, fast(&reader, &result) {
                    reader.elementsLeft &-= 2
                    return
                }
                let key = try decode(keyType, path: path)
                result[key] = try entryValue(valueType, path: WirePath(path, WireKey(describing: key)))
            })
        return result
    }

    /// The value of an entry; nil for nil, which is no entry.
    @inline(__always)
    private func entryValue<Value: Decodable>(
        _ type: Value.Type, path: @autoclosure () -> WirePath?
    ) throws -> Value? {
        if try reader.peek() == ValueByte.null {
            reader.offset &+= 1
            return nil
        }
        return try decode(type, path: path())
    }

    /// Goes through the table at the cursor: `reserve` is told how many entries come, if that is known, `element` the position from 1 of
    /// an element at the cursor, `pair` that the cursor is at a key, which is followed by its value.
    @inline(__always)
    func eachEntry(
        path: WirePath?, reserve: (Int) -> Void, element: (Int) throws -> Void, pair: () throws -> Void
    ) throws {
        let start = reader.offset
        try deeper {
            try atContent {
                try reader.spend(1)
                switch try reader.next() {
                case .map(let count):
                    if count > 0 { reserve(count) }
                    try eachPair(count, pair)
                case .array(let count): try eachElement(count, element, pair)
                default:
                    reader.offset = start
                    throw mismatch([String: LuaValue].self, path, expected: "a table")
                }
            }
        }
    }

    @inline(__always)
    private func eachElement(_ count: Int, _ element: (Int) throws -> Void, _ pair: () throws -> Void) throws {
        var left = count
        var position = 1
        while left != 0 {
            let start = reader.offset
            let byte = try reader.peek()
            if byte == ValueByte.end, left < 0 {
                reader.offset &+= 1
                return
            }
            if byte >> 5 == 6, try isMixedTag() {
                _ = try reader.next()
                guard left < 0 || left == 1, case .map(let count) = try reader.next() else {
                    throw ValueError(.malformed, at: start)
                }
                try eachPair(count, pair)
                if left < 0 {
                    guard case .end = try reader.next() else { throw ValueError(.malformed, at: reader.offset) }
                }
                return
            }
            try element(position)
            position &+= 1
            left &-= left > 0 ? 1 : 0
        }
    }

    @inline(__always) private func eachPair(_ count: Int, _ pair: () throws -> Void) throws {
        var left = count
        while left != 0 {
            if left < 0, try reader.peek() == ValueByte.end {
                reader.offset &+= 1
                return
            }
            try pair()
            left &-= left > 0 ? 1 : 0
        }
    }

    /// A position of the array part as a key.
    private func key<Key: Decodable>(_ position: Int, as type: Key.Type, path: WirePath?) throws -> Key {
        if type == Int.self { return position as! Key }  // Key is Int
        var writer = ValueWriter(capacity: 16)
        writer.integer(Int64(position))
        return try writer.withBytes { bytes in
            let state = WireDecoderState(reader: try ValueReader(bytes), owner: nil)
            defer { state.end() }
            return try state.decode(type, path: path)
        }
    }
}
