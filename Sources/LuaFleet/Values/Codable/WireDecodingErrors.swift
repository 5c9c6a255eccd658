// Errors of decoding, which name the coding path and what was found there.

import LuaFleetWire

extension WireDecoderState {
    /// The value at the cursor is not what was expected.
    func mismatch(_ type: Any.Type, _ path: WirePath?, expected: String) -> any Error {
        do {
            let found = try describe()
            let context = DecodingError.Context(
                codingPath: WirePath.keys(path), debugDescription: "expected \(expected), found \(found)")
            return found == "nil" || found == "fleet.null"
                ? DecodingError.valueNotFound(type, context) : DecodingError.typeMismatch(type, context)
        } catch {
            return error
        }
    }

    func corrupted(_ path: WirePath?, _ text: String) -> DecodingError {
        DecodingError.dataCorrupted(.init(codingPath: WirePath.keys(path), debugDescription: text))
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
