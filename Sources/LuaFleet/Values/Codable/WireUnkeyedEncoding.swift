// An unkeyed container becomes an array; nil in it is fleet.null, which keeps its place.

import LuaFleetWire

struct WireUnkeyedEncoding: UnkeyedEncodingContainer {
    let state: WireEncoderState
    let path: WirePath?
    let container: WireContainer
    private(set) var count = 0

    init(state: WireEncoderState, path: WirePath?, container: WireContainer) {
        self.state = state
        self.path = path
        self.container = container
    }

    var codingPath: [any CodingKey] { WirePath.keys(path) }

    @inline(__always) private mutating func put(_ body: (WireEncoderState) throws -> Void) throws {
        state.writer.elements &+= 1
        if state.isCurrent(container) { try body(state) } else { try state.place(in: container) { try body(state) } }
        count += 1
    }

    mutating func encodeNil() throws { try put { $0.writer.byte(ValueByte.undefined) } }
    mutating func encode(_ value: Bool) throws { try put { $0.writer.boolean(value) } }
    mutating func encode(_ value: Int) throws { try put { $0.writer.integer(Int64(value)) } }
    mutating func encode(_ value: Int64) throws { try put { $0.writer.integer(value) } }
    mutating func encode(_ value: Double) throws { try put { $0.writer.double(value) } }
    mutating func encode(_ value: String) throws { try put { $0.writer.string(value) } }

    mutating func encode<T: Encodable>(_ value: T) throws {
        let (path, count) = (path, count)
        try put { state in
            try state.checkDepth()
            try state.encodeElement(value, path: WirePath(path, position: count))
        }
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        let path = WirePath(path, position: count)
        return KeyedEncodingContainer(
            WireKeyedEncoding<Nested>(state: state, path: path, container: nested(isMap: true)))
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        let path = WirePath(path, position: count)
        return WireUnkeyedEncoding(state: state, path: path, container: nested(isMap: false))
    }

    private mutating func nested(isMap: Bool) -> WireContainer {
        var result = WireContainer(depth: 0, serial: 0)
        // What cannot be opened throws when it is written to: this function must not.
        try? put { result = $0.openNested(isMap: isMap) }
        return result
    }

    mutating func superEncoder() -> any Encoder {
        defer { count += 1 }
        return WireSuperEncoder(
            state: state, path: WirePath(path, position: count), container: container, key: nil)
    }
}

extension WireEncoderState {
    /// Encodes an element of an array: an Optional that is nil becomes fleet.null, a ``LuaValue/nil`` stays a hole.
    @inline(__always) func encodeElement<T: Encodable>(
        _ value: T, path: @autoclosure () -> WirePath?
    ) throws {
        let start = writer.count
        try encode(value, path: path())
        if writer.isNull(at: start), T.self != LuaValue.self { writer.replaceLast(with: ValueByte.undefined) }
    }
}
