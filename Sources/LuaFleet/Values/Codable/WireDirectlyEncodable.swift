// Arrays, dictionaries, sets and optionals: written without their own `encode(to:)`, with their length ahead.

import LuaFleetWire

/// A type that the encoder walks itself.
protocol WireDirectlyEncodable {
    /// Encodes the value of this type at `value`.
    static func encode(at value: UnsafeRawPointer, to state: WireEncoderState, path: WirePath?) throws
}

extension Array: WireDirectlyEncodable where Element: Encodable {
    static func encode(at value: UnsafeRawPointer, to state: WireEncoderState, path: WirePath?) throws {
        try value.assumingMemoryBound(to: Self.self).pointee.withUnsafeBufferPointer {
            try state.encodeElements($0, path: path)
        }
    }
}

extension ArraySlice: WireDirectlyEncodable where Element: Encodable {
    static func encode(at value: UnsafeRawPointer, to state: WireEncoderState, path: WirePath?) throws {
        try value.assumingMemoryBound(to: Self.self).pointee.withUnsafeBufferPointer {
            try state.encodeElements($0, path: path)
        }
    }
}

extension ContiguousArray: WireDirectlyEncodable where Element: Encodable {
    static func encode(at value: UnsafeRawPointer, to state: WireEncoderState, path: WirePath?) throws {
        try value.assumingMemoryBound(to: Self.self).pointee.withUnsafeBufferPointer {
            try state.encodeElements($0, path: path)
        }
    }
}

extension Set: WireDirectlyEncodable where Element: Encodable {
    static func encode(at value: UnsafeRawPointer, to state: WireEncoderState, path: WirePath?) throws {
        try Array(value.assumingMemoryBound(to: Self.self).pointee).withUnsafeBufferPointer {
            try state.encodeElements($0, path: path)
        }
    }
}

extension Optional: WireDirectlyEncodable where Wrapped: Encodable {
    static func encode(at value: UnsafeRawPointer, to state: WireEncoderState, path: WirePath?) throws {
        guard let value = value.assumingMemoryBound(to: Self.self).pointee else {
            state.writer.elements &+= 1
            return state.writer.null()
        }
        try state.encode(value, path: path)
    }
}

extension Dictionary: WireDirectlyEncodable where Key: Encodable, Value: Encodable {
    static func encode(at value: UnsafeRawPointer, to state: WireEncoderState, path: WirePath?) throws {
        try state.encodeEntries(value.assumingMemoryBound(to: Self.self).pointee, path: path)
    }
}

extension WireEncoderState {
    /// Begins an array or map of known length.
    private func openDirect(_ items: Int) throws {
        stack.append(Frame(serial: 0, owner: 0, isMap: false))
        try checkDepth()
        writer.elements &+= 1 &+ items
        try writer.checkLimits()
    }

    func encodeElements<T: Encodable>(_ elements: UnsafeBufferPointer<T>, path: WirePath?) throws {
        if T.self == UInt8.self {
            writer.elements &+= 1
            return writer.string(UnsafeRawBufferPointer(elements))
        }
        let base = stack.count
        try openDirect(elements.count)
        writer.array(count: elements.count)
        if T.self == Int.self {
            elements.withMemoryRebound(to: Int.self) { for element in $0 { writer.integer(Int64(element)) } }
        } else if T.self == Double.self {
            elements.withMemoryRebound(to: Double.self) { for element in $0 { writer.double(element) } }
        } else if T.self == String.self {
            elements.withMemoryRebound(to: String.self) { for element in $0 { writer.string(element) } }
        } else {
            var inside: WirePath?
            for position in 0..<elements.count {
                WirePath.move(&inside, to: position, of: path)
                try encodeElement(elements[position], path: inside)
            }
        }
        close(to: base)
    }

    /// A map with the keys as they are: strings, integers, or whatever else they encode to, but nil and NaN.
    fileprivate func encodeEntries<Key: Encodable, Value: Encodable>(
        _ entries: [Key: Value], path: WirePath?
    ) throws {
        let base = stack.count
        try openDirect(entries.count * 2)
        if Key.self == String.self, Value.self == Double.self {
            let entries = unsafeBitCast(entries, to: [String: Double].self)  // the same type
            writer.map(count: entries.count)
            for (key, value) in entries {
                writer.string(key)
                writer.double(value)
            }
        } else if Key.self == String.self, Value.self == Int.self {
            let entries = unsafeBitCast(entries, to: [String: Int].self)  // the same type
            writer.map(count: entries.count)
            for (key, value) in entries {
                writer.string(key)
                writer.integer(Int64(value))
            }
        } else if Key.self == String.self, Value.self == String.self {
            let entries = unsafeBitCast(entries, to: [String: String].self)  // the same type
            writer.map(count: entries.count)
            for (key, value) in entries {
                writer.string(key)
                writer.string(value)
            }
        } else {
            writer.map(count: entries.count)
            for (key, value) in entries { try encodeEntry(key, value, path: path) }
        }
        close(to: base)
    }

    private func encodeEntry<Key: Encodable, Value: Encodable>(
        _ key: Key, _ value: Value, path: WirePath?
    ) throws {
        let inside = WirePath(path, WireKey(describing: key))
        let start = writer.count
        try encode(key, path: inside)
        guard writer.isKey(at: start) else {
            throw EncodingError.invalidValue(
                key, .init(codingPath: WirePath.keys(inside), debugDescription: "nil and NaN are no keys in Lua"))
        }
        try encode(value, path: inside)
    }
}
