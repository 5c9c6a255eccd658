// Writing JSON: deterministic, without recursion.

struct LuaJSONWriter {
    private struct Frame {
        let table: LuaTable
        let isArray: Bool
        /// Counts the array part, then the entries.
        var next = 0
    }

    private(set) var bytes: [UInt8] = []
    private let limit: Int
    private var frames: [Frame] = []
    /// Tables of messages that are open: only they can contain themselves.
    private var open: Set<LuaKey> = []

    init(limit: Int) {
        self.limit = limit
    }

    mutating func write(_ value: LuaValue) throws(LuaJSON.TooLong) {
        begin(value)
        while var frame = frames.popLast() {
            guard bytes.count <= limit else { throw LuaJSON.TooLong(limit: limit) }
            let end = frame.isArray ? frame.table.length : frame.table.arrayCount + frame.table.entryCount
            guard frame.next < end else {
                if let key = LuaKey(.table(frame.table)) { open.remove(key) }
                bytes.append(UInt8(ascii: frame.isArray ? "]" : "}"))
                continue
            }
            let position = frame.next
            frame.next += 1
            frames.append(frame)
            if position < frame.table.arrayCount {
                let value = frame.table.element(position)
                if !frame.isArray {
                    if value.isNil { continue }
                    member("\(position + 1)")
                } else {
                    separate()
                }
                begin(value)
            } else {
                let (key, value) = frame.table.entry(position - frame.table.arrayCount)
                member(name(key))
                begin(value)
            }
        }
        guard bytes.count <= limit else { throw LuaJSON.TooLong(limit: limit) }
    }

    private func name(_ key: LuaValue) -> String { LuaText.printed(key) }

    private mutating func separate() {
        if let last = bytes.last, last != UInt8(ascii: "["), last != UInt8(ascii: "{") {
            bytes.append(UInt8(ascii: ","))
        }
    }

    private mutating func member(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
    }

    /// Writes a value, of a table only its beginning.
    private mutating func begin(_ value: LuaValue) {
        switch value {
        case .nil, .null: append("null")
        case .boolean(let value): append(value ? "true" : "false")
        case .integer(let value): append("\(value)")
        case .number(let value): number(value)
        case .string(let string):
            if let text = String(string) {
                quote(text)
            } else {
                append("{\"base64\":\"")
                string.withUnsafeBytes { base64($0) }
                append("\"}")
            }
        case .table(let table): begin(table)
        case .handle, .function, .object: quote(LuaText.printed(value))
        }
    }

    private mutating func begin(_ table: LuaTable) {
        guard let key = LuaKey(.table(table)), open.insert(key).inserted else { return quote("<cycle>") }
        let isArray = table.entryCount == 0
        bytes.append(UInt8(ascii: isArray ? "[" : "{"))
        frames.append(Frame(table: table, isArray: isArray))
    }

    private mutating func number(_ value: Double) {
        if value.isNaN { return append("\"nan\"") }
        if value.isInfinite { return append(value < 0 ? "\"-inf\"" : "\"inf\"") }
        append(value.description)  // the shortest text that reads back as the same float, and with ".0" or an exponent
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 8: append("\\b")
            case 9: append("\\t")
            case 10: append("\\n")
            case 12: append("\\f")
            case 13: append("\\r")
            case 0..<32: append("\\u00" + LuaText.hex(byte))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// RFC 4648, with padding.
    private mutating func base64(_ source: UnsafeRawBufferPointer) {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var index = 0
        while index < source.count {
            let first = source[index]
            let second = index + 1 < source.count ? source[index + 1] : 0
            let third = index + 2 < source.count ? source[index + 2] : 0
            bytes.append(alphabet[Int(first >> 2)])
            bytes.append(alphabet[Int((first & 3) << 4 | second >> 4)])
            bytes.append(index + 1 < source.count ? alphabet[Int((second & 15) << 2 | third >> 6)] : UInt8(ascii: "="))
            bytes.append(index + 2 < source.count ? alphabet[Int(third & 63)] : UInt8(ascii: "="))
            index += 3
        }
    }
}
