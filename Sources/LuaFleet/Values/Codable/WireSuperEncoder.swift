// The encoder for a superclass's part: it takes its place in the container when it is first used.

import LuaFleetWire

final class WireSuperEncoder: Encoder {
    private let state: WireEncoderState
    private let path: WirePath?
    private let container: WireContainer
    /// nil: an element of an array.
    private let key: WireKey?
    private let owner: UInt32

    init(state: WireEncoderState, path: WirePath?, container: WireContainer, key: WireKey?) {
        self.state = state
        self.path = path
        self.container = container
        self.key = key
        owner = state.newSerial()
    }

    var codingPath: [any CodingKey] { WirePath.keys(path) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(WireKeyedEncoding<Key>(state: state, path: path, container: open(isMap: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        WireUnkeyedEncoding(state: state, path: path, container: open(isMap: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        WireSuperSingleEncoding(encoder: self)
    }

    private func open(isMap: Bool) -> WireContainer {
        if let depth = state.stack.firstIndex(where: { $0.owner == owner }) {
            return WireContainer(
                depth: depth, serial: state.stack[depth].isMap == isMap ? state.stack[depth].serial : 0)
        }
        if let (serial, old) = state.suspended.first(where: { $0.value.owner == owner }) {
            return WireContainer(depth: container.depth + 1, serial: old.isMap == isMap ? serial : 0)
        }
        var result = WireContainer(depth: 0, serial: 0)
        // What cannot be opened throws when it is written to: this function must not.
        try? put { result = state.open(isMap: isMap, owner: owner) }
        return result
    }

    private func put(_ body: () throws -> Void) throws {
        try (state.isCurrent(container) ? { try $0() } : { try self.state.place(in: self.container, $0) }) {
            if let key { state.write(key) }
            try body()
        }
    }

    fileprivate func encode<T: Encodable>(_ value: T) throws {
        try put {
            try state.checkDepth()
            try state.encodeElement(value, path: path)
        }
    }

    fileprivate func encodeNil() throws {
        try put { state.writer.byte(ValueByte.undefined) }
    }
}

private struct WireSuperSingleEncoding: SingleValueEncodingContainer {
    let encoder: WireSuperEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }
    mutating func encodeNil() throws { try encoder.encodeNil() }
    mutating func encode<T: Encodable>(_ value: T) throws { try encoder.encode(value) }
}
