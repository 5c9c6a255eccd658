// Values as Lua constructors, for people: `{1, 2, name = "x"}`, cut where they are long or deep.

extension LuaText {
    /// A value as a Lua constructor. At most about 4,000 characters and 8 levels; what is cut is `…`.
    package static func constructor(_ value: LuaValue) -> String {
        var text = ""
        write(value, to: &text, level: 0, open: [])
        return text
    }

    private static let characters = 4_000
    private static let levels = 8

    // Recursive, but never deeper than `levels`.
    private static func write(_ value: LuaValue, to text: inout String, level: Int, open: [LuaTable]) {
        switch value {
        case .string(let string): text += quoted(string, limit: 1_000)
        case .table(let table): write(table, to: &text, level: level, open: open)
        case .number(let number) where number.isNaN: text += "0/0"
        case .number(let number) where number.isInfinite: text += number < 0 ? "-math.huge" : "math.huge"
        case .handle, .function, .object: text += "<\(printed(value))>"
        default: text += printed(value)
        }
    }

    private static func write(_ table: LuaTable, to text: inout String, level: Int, open: [LuaTable]) {
        if open.contains(where: { $0.isIdentical(to: table) }) {
            text += "<cycle>"
            return
        }
        if table.isEmpty {
            text += "{}"
            return
        }
        guard level < levels else {
            text += "{…}"
            return
        }
        text += "{"
        var isFirst = true
        for position in 0..<(table.arrayCount + table.entryCount) {
            if !isFirst { text += ", " }
            isFirst = false
            guard text.utf8.count < characters else {
                text += "…"
                break
            }
            if position < table.arrayCount {
                write(table.element(position), to: &text, level: level + 1, open: open + [table])
                continue
            }
            let (key, value) = table.entry(position - table.arrayCount)
            if case .string(let name) = key, isName(name) {
                text += String(lossy: name)
            } else {
                text += "["
                write(key, to: &text, level: level + 1, open: open + [table])
                text += "]"
            }
            text += " = "
            write(value, to: &text, level: level + 1, open: open + [table])
        }
        text += "}"
    }

    private static let keywords: Set<String> = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ]

    /// Whether a key needs no brackets: Lua 5.4 manual, 3.1.
    static func isName(_ string: LuaString) -> Bool {
        let isWord = string.withUnsafeBytes { bytes in
            guard let first = bytes.first, bytes.count <= 200, !(48...57).contains(first) else { return false }
            return bytes.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
            }
        }
        return isWord && !keywords.contains(String(lossy: string))
    }

    /// A string as a Lua literal of at most `limit` bytes: UTF-8 as it is, other bytes as `\x..`.
    static func quoted(_ string: LuaString, limit: Int) -> String {
        var text = "\""
        let cut = string.withUnsafeBytes { [UInt8]($0.prefix(limit)) }
        if let valid = String(validating: cut, as: UTF8.self) {
            for scalar in valid.unicodeScalars { append(scalar, to: &text) }
        } else {
            for byte in cut {
                if byte < 0x80 { append(Unicode.Scalar(byte), to: &text) } else { text += "\\x" + hex(byte) }
            }
        }
        return text + (string.count > limit ? "…\"" : "\"")
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        case let scalar where scalar.value < 32 || scalar.value == 127:
            text += "\\x" + hex(UInt8(truncatingIfNeeded: scalar.value))
        default: text.unicodeScalars.append(scalar)
        }
    }

    static func hex(_ byte: UInt8) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: [digits[Int(byte >> 4)], digits[Int(byte & 15)]], as: UTF8.self)
    }
}

extension LuaValue: CustomStringConvertible, CustomDebugStringConvertible {
    /// Looks like a Lua constructor: `{1, 2, name = "x"}`. For people: cut where it is long or deep; a cycle shows as `<cycle>`.
    public var description: String { LuaText.constructor(self) }
    public var debugDescription: String { description }
}
