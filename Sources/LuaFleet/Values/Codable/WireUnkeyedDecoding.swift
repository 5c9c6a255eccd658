// A table with the keys 1…n as an unkeyed container.

struct WireUnkeyedDecoding: UnkeyedDecodingContainer {
    let state: WireDecoderState
    let path: WirePath?
    /// Where the elements stand.
    let offsets: [Int]
    private(set) var currentIndex = 0

    init(state: WireDecoderState, path: WirePath?, offsets: [Int]) {
        self.state = state
        self.path = path
        self.offsets = offsets
    }

    var codingPath: [any CodingKey] { WirePath.keys(path) }
    var count: Int? { offsets.count }
    var isAtEnd: Bool { currentIndex >= offsets.count }

    private var here: WirePath? { WirePath(path, position: currentIndex) }

    private func place(_ type: Any.Type) throws {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                type,
                .init(codingPath: WirePath.keys(here), debugDescription: "the table has only \(offsets.count) elements")
            )
        }
        state.reader.offset = offsets[currentIndex]
    }

    mutating func decodeNil() throws -> Bool {
        try place(Never?.self)
        let isNil = try state.decodeNil()
        if isNil { currentIndex += 1 }
        return isNil
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try place(type)
        let value = try state.decode(type, path: here)
        currentIndex += 1
        return value
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        let decoder = try decoder()
        let container = try decoder.container(keyedBy: type)
        currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let decoder = try decoder()
        let container = try decoder.unkeyedContainer()
        currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try decoder()
        currentIndex += 1
        return decoder
    }

    private func decoder() throws -> WireDecoder {
        try place((any Decoder).self)
        return WireDecoder(state: state, path: here, offset: state.reader.offset)
    }
}
