// Arrays, dictionaries, sets and optionals: read without their own `init(from:)`.

import LuaFleetWire

/// A collection of the standard library that the decoder fills itself.
protocol WireDirectlyDecodable {
    static func decodeDirectly(from state: WireDecoderState, path: WireDecodingPath) throws -> Self
}

extension Optional: WireDirectlyDecodable where Wrapped: Decodable {
    static func decodeDirectly(from state: WireDecoderState, path: WireDecodingPath) throws -> Wrapped? {
        try state.decodeNil() ? nil : try state.decode(Wrapped.self, path: path)
    }
}

extension Array: WireDirectlyDecodable where Element: Decodable {
    static func decodeDirectly(from state: WireDecoderState, path: WireDecodingPath) throws -> [Element] {
        try state.decodeArray(of: Element.self, path: path)
    }
}

extension ArraySlice: WireDirectlyDecodable where Element: Decodable {
    static func decodeDirectly(from state: WireDecoderState, path: WireDecodingPath) throws -> ArraySlice<Element> {
        if Element.self == UInt8.self, try state.reader.peek() >> 5 == 2 {
            return ArraySlice<UInt8>(try state.decodeBytes(path)) as! ArraySlice<Element>  // Element is UInt8
        }
        return ArraySlice(try state.decodeArray(of: Element.self, path: path))
    }
}

extension ContiguousArray: WireDirectlyDecodable where Element: Decodable {
    static func decodeDirectly(
        from state: WireDecoderState, path: WireDecodingPath
    ) throws -> ContiguousArray<Element> {
        if Element.self == UInt8.self, try state.reader.peek() >> 5 == 2 {
            return ContiguousArray<UInt8>(try state.decodeBytes(path)) as! ContiguousArray<Element>  // Element is UInt8
        }
        return ContiguousArray(try state.decodeArray(of: Element.self, path: path))
    }
}

extension Set: WireDirectlyDecodable where Element: Decodable {
    static func decodeDirectly(from state: WireDecoderState, path: WireDecodingPath) throws -> Set<Element> {
        Set(try state.decodeArray(of: Element.self, path: path))
    }
}

extension Dictionary: WireDirectlyDecodable where Key: Decodable, Value: Decodable {
    static func decodeDirectly(from state: WireDecoderState, path: WireDecodingPath) throws -> [Key: Value] {
        var result: [Key: Value] = [:]
        try state.eachEntry(path: path) { position in
            let key: Key
            let inside: WireDecodingPath
            if let position {
                inside = path.appending(position)
                key = try state.key(position, as: Key.self, path: inside)
            } else {
                key = try state.decode(Key.self, path: path)
                inside = Value.self == Double.self || Value.self == Int.self ? path : path.appending(WireKey(any: key))
            }
            // nil is no entry, also in place of one that stood before.
            if try state.reader.peek() == ValueByte.null {
                state.reader.offset += 1
                result[key] = nil
            } else {
                result[key] = try state.decode(Value.self, path: inside)
            }
        }
        return result
    }
}

extension WireKey {
    /// For the path of a dictionary's entry.
    init(any key: some Any) {
        switch key {
        case let key as String: self.init(stringValue: key)
        case let key as Int: self.init(intValue: key)
        default: self.init(stringValue: "\(key)")
        }
    }
}
