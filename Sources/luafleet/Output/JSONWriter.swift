// Writes JSON (RFC 8259): always valid UTF-8, whatever bytes a Lua string holds.

extension JSONValue {
    /// On one line. A string that is not UTF-8 becomes {"base64":"…"}, as a member's name it is repaired; floats keep a point or
    /// an exponent, those that are no numbers (nan, inf) become null, as in JavaScript.
    var encoded: Bytes {
        var bytes = Bytes()
        bytes.append(json: self)
        return bytes
    }
}

extension Bytes {
    mutating func append(json value: JSONValue) {
        switch value {
        case .null: append(contentsOf: "null".utf8)
        case .boolean(let flag): append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let integer): append(contentsOf: String(integer).utf8)
        case .number(let number): append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
        case .string(let text): append(jsonString: text)
        case .array(let elements):
            append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { append(UInt8(ascii: ",")) }
                append(json: element)
            }
            append(UInt8(ascii: "]"))
        case .object(let members):
            append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { append(UInt8(ascii: ",")) }
                let name = String(decoding: member.name, as: UTF8.self)
                append(jsonString: Bytes(name.utf8))
                append(UInt8(ascii: ":"))
                append(json: member.value)
            }
            append(UInt8(ascii: "}"))
        }
    }

    private mutating func append(jsonString text: Bytes) {
        guard String(validating: text, as: UTF8.self) != nil else {
            append(contentsOf: #"{"base64":""#.utf8)
            append(base64: text)
            append(contentsOf: #""}"#.utf8)
            return
        }
        append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""): append(contentsOf: #"\""#.utf8)
            case UInt8(ascii: "\\"): append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "\n"): append(contentsOf: #"\n"#.utf8)
            case UInt8(ascii: "\t"): append(contentsOf: #"\t"#.utf8)
            case UInt8(ascii: "\r"): append(contentsOf: #"\r"#.utf8)
            case 0..<0x20, 0x7F:
                let digits = String(byte, radix: 16)
                append(contentsOf: "\\u00\(digits.count == 1 ? "0" : "")\(digits)".utf8)
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// RFC 4648, with padding.
    private mutating func append(base64 bytes: Bytes) {
        let alphabet = Bytes("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<Swift.min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for digit in 0..<4 {
                append(digit <= group.count ? alphabet[bits >> (18 - 6 * digit) & 63] : UInt8(ascii: "="))
            }
        }
    }
}
