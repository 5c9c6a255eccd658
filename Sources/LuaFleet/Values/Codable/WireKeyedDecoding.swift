// A table as a keyed container.

struct WireKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let state: WireDecoderState
    let path: WirePath?
    let table: WireTable

    var codingPath: [any CodingKey] { WirePath.keys(path) }

    var allKeys: [Key] {
        var keys: [Key] = []
        for entry in table.named where !state.isNull(at: entry.value) {
            let bytes = UnsafeRawBufferPointer(start: state.reader.base + entry.offset, count: entry.count)
            if let name = LuaText.text(bytes), let key = Key(stringValue: name) {
                keys.append(key)
            }
        }
        for (number, value) in table.numbered where !state.isNull(at: value) {
            if let number = Int(exactly: number), let key = Key(intValue: number) { keys.append(key) }
        }
        return keys
    }

    /// Where the value of a key stands; nil for no entry.
    private func find(_ key: some CodingKey) -> Int? {
        var found: Int?
        if let number = key.intValue { found = table.value(of: number) }
        if found == nil { found = table.value(of: key.stringValue, in: state.reader) }
        guard let found, !state.isNull(at: found) else { return nil }
        return found
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool {
        guard let offset = find(key) else { return true }
        state.reader.offset = offset
        return try state.decodeNil()
    }

    private func place(_ key: Key) throws {
        guard let offset = find(key) else {
            throw DecodingError.keyNotFound(
                key, .init(codingPath: codingPath, debugDescription: "the table has no \"\(key.stringValue)\""))
        }
        state.reader.offset = offset
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try place(key)
        return try state.decode(type, path: WirePath(path, key))
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        guard let offset = find(key) else { return nil }
        state.reader.offset = offset
        return try state.decodeNil() ? nil : try state.decode(type, path: WirePath(path, key))
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try superDecoder(forKey: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try superDecoder(forKey: key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        guard let offset = find(WireKey.super) else {
            throw DecodingError.valueNotFound(
                (any Decoder).self, .init(codingPath: codingPath, debugDescription: "the table has no \"super\""))
        }
        return WireDecoder(state: state, path: WirePath(path, WireKey.super), offset: offset)
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        try place(key)
        return WireDecoder(state: state, path: WirePath(path, key), offset: state.reader.offset)
    }
}
