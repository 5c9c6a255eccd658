// A keyed container becomes a map: a key with an integer value is an integer, any other a string.

import LuaFleetWire

struct WireKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let state: WireEncoderState
    let path: WirePath?
    let container: WireContainer

    var codingPath: [any CodingKey] { WirePath.keys(path) }

    @inline(__always) private func put(_ key: some CodingKey, _ body: (WireEncoderState) throws -> Void) throws {
        if state.isCurrent(container) {
            state.write(key)
            try body(state)
        } else {
            try state.place(in: container) {
                state.write(key)
                try body(state)
            }
        }
    }

    /// Nothing: no entry is what nil is in a table.
    mutating func encodeNil(forKey key: Key) throws {}

    mutating func encode(_ value: Bool, forKey key: Key) throws { try put(key) { $0.writer.boolean(value) } }
    mutating func encode(_ value: Int, forKey key: Key) throws { try put(key) { $0.writer.integer(Int64(value)) } }
    mutating func encode(_ value: Int64, forKey key: Key) throws { try put(key) { $0.writer.integer(value) } }
    mutating func encode(_ value: Double, forKey key: Key) throws { try put(key) { $0.writer.double(value) } }
    mutating func encode(_ value: String, forKey key: Key) throws { try put(key) { $0.writer.string(value) } }

    mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try put(key) { state in
            try state.checkDepth()
            let start = state.writer.count
            try state.encode(value, path: WirePath(path, key))
            if state.writer.isNull(at: start) { state.forgetKey(key, before: start) }
        }
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(
            WireKeyedEncoding<Nested>(
                state: state, path: WirePath(path, key), container: nested(isMap: true, key)))
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        WireUnkeyedEncoding(state: state, path: WirePath(path, key), container: nested(isMap: false, key))
    }

    private func nested(isMap: Bool, _ key: Key) -> WireContainer {
        var result = WireContainer(depth: 0, serial: 0)
        // What cannot be opened throws when it is written to: this function must not.
        try? put(key) { result = $0.openNested(isMap: isMap) }
        return result
    }

    mutating func superEncoder() -> any Encoder {
        WireSuperEncoder(state: state, path: WirePath(path, WireKey.super), container: container, key: WireKey.super)
    }

    mutating func superEncoder(forKey key: Key) -> any Encoder {
        WireSuperEncoder(
            state: state, path: WirePath(path, key), container: container,
            key: WireKey(string: key.stringValue, integer: key.intValue))
    }
}

extension WireEncoderState {
    @inline(__always) func write(_ key: some CodingKey) {
        writer.elements &+= 2  // the value too
        if let integer = key.intValue {
            writer.integer(Int64(integer))
        } else {
            writer.string(key.stringValue)
        }
    }

    /// Takes back the key of a value that turned out to be nil.
    func forgetKey(_ key: some CodingKey, before start: Int) {
        var measure = ValueWriter(capacity: 64)
        if let integer = key.intValue { measure.integer(Int64(integer)) } else { measure.string(key.stringValue) }
        writer.truncate(to: start - measure.count)
    }

    /// Opens a container inside of another one, as its newest item.
    func openNested(isMap: Bool) -> WireContainer {
        open(isMap: isMap, owner: newSerial())
    }
}
