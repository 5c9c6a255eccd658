// Arrays, dictionaries, sets and optionals: written without their own `encode(to:)`, with their length ahead.

/// A collection of the standard library that the encoder walks itself.
protocol WireDirectlyEncodable {
    func encodeDirectly(to state: WireEncoderState, path: WirePath?) throws
}

extension WireEncoderState {
    /// Begins an array or map of known length.
    fileprivate func openDirect(_ items: Int) throws {
        try push(Frame(serial: 0, owner: 0, isMap: false))
        writer.elements &+= 1 &+ items
        try writer.checkLimits()
    }

    fileprivate func encodeElements<T: Encodable>(_ elements: some Collection<T>, path: WirePath?) throws {
        if T.self == UInt8.self, let bytes = elements as? any RangeReplaceableCollection<UInt8> {
            return encode(bytes: bytes)
        }
        let base = stack.count
        try openDirect(elements.count)
        writer.array(count: elements.count)
        if T.self == Int.self {
            for case let element as Int in elements { writer.integer(Int64(element)) }
        } else if T.self == Double.self {
            for case let element as Double in elements { writer.double(element) }
        } else {
            var position = 0
            for element in elements {
                try encodeElement(element, path: WirePath(path, WireKey(intValue: position)))
                position += 1
            }
        }
        close(to: base)
    }
}

extension Array: WireDirectlyEncodable where Element: Encodable {
    func encodeDirectly(to state: WireEncoderState, path: WirePath?) throws {
        try state.encodeElements(self, path: path)
    }
}

extension ArraySlice: WireDirectlyEncodable where Element: Encodable {
    func encodeDirectly(to state: WireEncoderState, path: WirePath?) throws {
        try state.encodeElements(self, path: path)
    }
}

extension ContiguousArray: WireDirectlyEncodable where Element: Encodable {
    func encodeDirectly(to state: WireEncoderState, path: WirePath?) throws {
        try state.encodeElements(self, path: path)
    }
}

extension Set: WireDirectlyEncodable where Element: Encodable {
    func encodeDirectly(to state: WireEncoderState, path: WirePath?) throws {
        try state.encodeElements(self, path: path)
    }
}

extension Optional: WireDirectlyEncodable where Wrapped: Encodable {
    func encodeDirectly(to state: WireEncoderState, path: WirePath?) throws {
        guard let value = self else {
            state.writer.elements &+= 1
            return state.writer.null()
        }
        try state.encode(value, path: path)
    }
}

extension Dictionary: WireDirectlyEncodable where Key: Encodable, Value: Encodable {
    /// A map with the keys as they are: strings, integers, or whatever else they encode to, but nil and NaN.
    func encodeDirectly(to state: WireEncoderState, path: WirePath?) throws {
        let base = state.stack.count
        try state.openDirect(count * 2)
        state.writer.map(count: count)
        for (key, value) in self {
            let start = state.writer.count
            let path = WirePath(path, WireKey(describing: key))
            try state.encode(key, path: path)
            guard state.writer.isKey(at: start) else {
                throw EncodingError.invalidValue(
                    key, .init(codingPath: WirePath.keys(path), debugDescription: "nil and NaN are no keys in Lua"))
            }
            try state.encode(value, path: path)
        }
        state.close(to: base)
    }
}

extension WireKey {
    /// For the path of a dictionary's entry.
    init(describing key: some Encodable) {
        switch key {
        case let key as String: self.init(stringValue: key)
        case let key as Int: self.init(intValue: key)
        default: self.init(stringValue: "\(key)")
        }
    }
}
