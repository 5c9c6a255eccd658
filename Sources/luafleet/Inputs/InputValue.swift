// One column of a task's input: a word, a line, a field, or a JSON value.
import LuaFleet

enum InputValue: Equatable, Sendable {
    case text(Bytes)
    case json(LuaValue)

    var luaValue: LuaValue {
        switch self {
        case .text(let bytes): .string(LuaString(bytes: bytes))
        case .json(let value): value
        }
    }

    /// As it stands in a text: JSON strings without their quotes, other JSON values as JSON.
    var text: Bytes {
        switch self {
        case .text(let bytes): bytes
        case .json(.string(let string)): string.bytes
        // No longer than what was read: JSON has no shared tables.
        case .json(let value): (try? LuaJSON.text(value)) ?? []
        }
    }

    /// As JSON, strings in quotes: what tells the string "1" from the number.
    var quotedText: Bytes {
        (try? LuaJSON.text(luaValue)) ?? text
    }
}

/// What one line, word or element of a source gives: a value a column.
typealias InputRecord = [InputValue]
