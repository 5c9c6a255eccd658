// Arrays, dictionaries, sets and optionals: read without their own `init(from:)`.

import LuaFleetWire

/// A type that the decoder fills itself.
protocol WireDirectlyDecodable {
    /// Initializes the memory at `result` as a value of this type.
    static func decode(into result: UnsafeMutableRawPointer, from state: WireDecoderState, path: WirePath?) throws
}

extension Optional: WireDirectlyDecodable where Wrapped: Decodable {
    static func decode(
        into result: UnsafeMutableRawPointer, from state: WireDecoderState, path: WirePath?
    ) throws {
        let value: Wrapped? = try state.decodeNil() ? nil : try state.decode(Wrapped.self, path: path)
        result.initializeMemory(as: Self.self, to: value)
    }
}

extension Array: WireDirectlyDecodable where Element: Decodable {
    static func decode(
        into result: UnsafeMutableRawPointer, from state: WireDecoderState, path: WirePath?
    ) throws {
        if Element.self == Int.self {
            result.initializeMemory(as: [Int].self, to: try state.decodeIntegers(path: path))
        } else if Element.self == Double.self {
            result.initializeMemory(as: [Double].self, to: try state.decodeDoubles(path: path))
        } else if Element.self == String.self {
            result.initializeMemory(as: [String].self, to: try state.decodeStrings(path: path))
        } else {
            result.initializeMemory(as: Self.self, to: try state.decodeArray(of: Element.self, path: path))
        }
    }
}

extension ContiguousArray: WireDirectlyDecodable where Element: Decodable {
    static func decode(
        into result: UnsafeMutableRawPointer, from state: WireDecoderState, path: WirePath?
    ) throws {
        result.initializeMemory(as: Self.self, to: Self(try state.decodeArray(of: Element.self, path: path)))
    }
}

extension Set: WireDirectlyDecodable where Element: Decodable {
    static func decode(
        into result: UnsafeMutableRawPointer, from state: WireDecoderState, path: WirePath?
    ) throws {
        result.initializeMemory(as: Self.self, to: Set(try state.decodeArray(of: Element.self, path: path)))
    }
}

extension Dictionary: WireDirectlyDecodable where Key: Decodable, Value: Decodable {
    static func decode(
        into result: UnsafeMutableRawPointer, from state: WireDecoderState, path: WirePath?
    ) throws {
        if Key.self == String.self, Value.self == Double.self {
            let entries = try state.decodeNamedDoubles(path: path)
            result.initializeMemory(as: [String: Double].self, to: entries)
        } else if Key.self == String.self, Value.self == Int.self {
            let entries = try state.decodeEntries(String.self, Int.self, path: path)
            result.initializeMemory(as: [String: Int].self, to: entries)
        } else if Key.self == String.self, Value.self == String.self {
            let entries = try state.decodeEntries(String.self, String.self, path: path)
            result.initializeMemory(as: [String: String].self, to: entries)
        } else {
            let entries = try state.decodeEntries(Key.self, Value.self, path: path)
            result.initializeMemory(as: Self.self, to: entries)
        }
    }
}
