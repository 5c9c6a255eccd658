// The coding path of a decoder, and the errors that name it.

import LuaFleetWire

/// Where a decoder is.
struct WireDecodingPath {
    let path: WirePath?

    static let root = WireDecodingPath(path: nil)

    var keys: [any CodingKey] { WirePath.keys(path) }

    func appending(_ key: some CodingKey) -> WireDecodingPath {
        WireDecodingPath(path: WirePath(path, key))
    }

    func appending(_ position: Int) -> WireDecodingPath {
        WireDecodingPath(path: WirePath(path, WireKey(intValue: position)))
    }
}

extension WireDecoderState {
    /// The value at the cursor is not what was expected.
    func mismatch(_ type: Any.Type, _ path: WireDecodingPath, expected: String) -> any Error {
        do {
            let found = try describe()
            let context = DecodingError.Context(
                codingPath: path.keys, debugDescription: "expected \(expected), found \(found)")
            return found == "nil" || found == "fleet.null"
                ? DecodingError.valueNotFound(type, context) : DecodingError.typeMismatch(type, context)
        } catch {
            return error
        }
    }

    func corrupted(_ path: WireDecodingPath, _ text: String) -> DecodingError {
        DecodingError.dataCorrupted(.init(codingPath: path.keys, debugDescription: text))
    }

    /// What stands at the cursor, in a word or two.
    private func describe() throws -> String {
        var reader = reader
        switch try reader.next() {
        case .null: return "nil"
        case .undefined: return "fleet.null"
        case .boolean(let value): return "\(value)"
        case .integer(let value): return "the integer \(value)"
        case .double(let value): return "the float \(LuaText.float(value))"
        case .string(_, let count): return "a string of \(count) bytes"
        case .array, .map: return "a table"
        case .tag(ValueTag.handle): return "a handle"
        case .tag(ValueTag.function), .tag(ValueTag.libraryFunction): return "a function"
        case .tag(ValueTag.object): return "an object"
        case .tag: return "a table"
        case .end: throw ValueError(.malformed, at: self.reader.offset)
        }
    }
}
