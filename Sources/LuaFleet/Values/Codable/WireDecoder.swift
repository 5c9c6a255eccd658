// Swift's Decoder over the bytes of a message.

import LuaFleetWire

/// Decodes the value at `offset`.
struct WireDecoder: Decoder {
    let state: WireDecoderState
    let path: WirePath?
    let offset: Int

    var codingPath: [any CodingKey] { WirePath.keys(path) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        state.reader.offset = offset
        let table = try state.scan(path: path, expected: "a table", type: [String: LuaValue].self)
        return KeyedDecodingContainer(WireKeyedDecoding<Key>(state: state, path: path, table: table))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        state.reader.offset = offset
        let table = try state.scan(
            path: path, expected: "a table with the keys 1, 2, 3, …", type: [LuaValue].self)
        return WireUnkeyedDecoding(state: state, path: path, offsets: try table.sequence(state, path))
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        WireSingleDecoding(decoder: self)
    }
}

/// One value without a container around it.
struct WireSingleDecoding: SingleValueDecodingContainer {
    let decoder: WireDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool {
        decoder.state.reader.offset = decoder.offset
        let byte = try? decoder.state.reader.peek()
        return byte == ValueByte.null || byte == ValueByte.undefined
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        decoder.state.reader.offset = decoder.offset
        return try decoder.state.deeper { try decoder.state.decode(type, path: decoder.path) }
    }
}
