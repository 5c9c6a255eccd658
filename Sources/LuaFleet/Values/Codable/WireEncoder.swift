// Swift's Encoder over the bytes of a message.

import LuaFleetWire

/// Encodes one value where the writer stands.
struct WireEncoder: Encoder {
    let state: WireEncoderState
    let path: WirePath?
    private let place: UInt32
    let owner: UInt32

    /// `base`: how many containers are open around the value.
    init(state: WireEncoderState, path: WirePath?, base: Int, owner: UInt32) {
        self.state = state
        self.path = path
        place = UInt32(truncatingIfNeeded: base)  // fits in an existential's three words with the others
        self.owner = owner
    }

    private var base: Int { Int(place) }

    var codingPath: [any CodingKey] { WirePath.keys(path) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(WireKeyedEncoding<Key>(state: state, path: path, container: container(isMap: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        WireUnkeyedEncoding(state: state, path: path, container: container(isMap: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        WireSingleEncoding(encoder: self)
    }

    /// The one container of this value, opened when it is asked for the first time.
    ///
    /// One that cannot be (a list where there is a map already, or too deep) has the number 0: writing to it throws.
    private func container(isMap: Bool) -> WireContainer {
        if state.stack.count > base, state.stack[base].owner == owner {
            return WireContainer(depth: base, serial: state.stack[base].isMap == isMap ? state.stack[base].serial : 0)
        }
        if let (serial, old) = state.suspended.first(where: { $0.value.owner == owner }) {
            return WireContainer(depth: base, serial: old.isMap == isMap ? serial : 0)
        }
        return state.open(isMap: isMap, owner: owner)
    }
}

extension WireEncoderState {
    /// Opens a container where the writer stands.
    func open(isMap: Bool, owner: UInt32) -> WireContainer {
        let serial = newSerial()
        writer.elements &+= 1
        writer.byte(isMap ? ValueByte.openMap : ValueByte.openArray)
        stack.append(Frame(serial: serial, owner: owner, isMap: isMap))
        return WireContainer(depth: stack.count - 1, serial: serial)
    }

    /// Throws when the containers that are open are too many.
    @inline(__always) func checkDepth() throws {
        if depth &+ stack.count > writer.limits.depth {
            throw ValueError(.limitDepth(writer.limits.depth), at: writer.count - writer.messageStart)
        }
    }
}

/// One value without a container around it.
struct WireSingleEncoding: SingleValueEncodingContainer {
    let encoder: WireEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }

    mutating func encodeNil() throws {
        encoder.state.writer.elements &+= 1
        encoder.state.writer.null()
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        try encoder.state.checkDepth()
        try encoder.state.encode(value, path: encoder.path)
    }
}

/// What `encode` of a pool's argument calls for anything but the commonest types.
enum WireEncoding {
    /// Appends `value` to the message of `writer`. `depth`: levels of tables around it.
    @inline(never)
    static func encode<T: Encodable>(_ value: T, into writer: inout ValueWriter, depth: Int = 0) throws {
        let state = WireEncoderState(depth: depth)
        swap(&writer, &state.writer)
        defer { swap(&writer, &state.writer) }
        try state.encodeOther(value, path: nil)
    }
}
