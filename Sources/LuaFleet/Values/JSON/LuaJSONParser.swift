// Reading JSON: strict, without recursion.

struct LuaJSONParser {
    /// An array or object that is open.
    private struct Frame {
        let isArray: Bool
        /// Where its elements, or its names and values, begin in `pending`.
        let start: Int
    }

    private let bytes: [UInt8]
    private let maximumDepth: Int
    private var offset = 0
    private var frames: [Frame] = []
    private var pending: [LuaValue] = []

    init(bytes: [UInt8], maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    mutating func parse() throws(LuaJSON.Malformed) -> LuaValue {
        while true {
            skipSpace()
            guard var value = try begin() else { continue }
            // The value is whole: it goes where it belongs, which may make another one whole.
            repeat {
                guard let frame = frames.last else {
                    skipSpace()
                    guard offset == bytes.count else { throw malformed("something stands behind the value") }
                    return value
                }
                guard let whole = try add(value, to: frame) else { break }
                value = whole
            } while true
        }
    }

    /// Reads a scalar or an empty container; nil when a container was opened and its first value is next.
    private mutating func begin() throws(LuaJSON.Malformed) -> LuaValue? {
        guard offset < bytes.count else { throw malformed("the text ends where a value should be") }
        switch bytes[offset] {
        case UInt8(ascii: "["):
            offset += 1
            skipSpace()
            if take("]") { return .table(LuaTable()) }
            try open(isArray: true)
            return nil
        case UInt8(ascii: "{"):
            offset += 1
            skipSpace()
            if take("}") { return .table(LuaTable()) }
            try open(isArray: false)
            pending.append(try key())
            return nil
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", true)
        case UInt8(ascii: "f"): return try word("false", false)
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func open(isArray: Bool) throws(LuaJSON.Malformed) {
        guard frames.count < maximumDepth else { throw malformed("more than \(maximumDepth) levels") }
        frames.append(Frame(isArray: isArray, start: pending.count))
    }

    /// Adds a value to the innermost container; that container when it ends here.
    private mutating func add(_ value: LuaValue, to frame: Frame) throws(LuaJSON.Malformed) -> LuaValue? {
        pending.append(value)
        skipSpace()
        guard take(frame.isArray ? "]" : "}") else {
            guard take(",") else { throw malformed(frame.isArray ? "expected ',' or ']'" : "expected ',' or '}'") }
            if !frame.isArray {
                skipSpace()
                pending.append(try key())
            }
            return nil
        }
        frames.removeLast()
        defer { pending.removeLast(pending.count - frame.start) }
        if frame.isArray { return .table(LuaTable(pending[frame.start...])) }
        let names = stride(from: frame.start, to: pending.count, by: 2)
        return .table(LuaTable(entries: names.map { (pending[$0], pending[$0 + 1]) }))
    }

    private mutating func key() throws(LuaJSON.Malformed) -> LuaValue {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
            throw malformed("expected a string as name of a member")
        }
        let key = LuaValue.string(try string())
        skipSpace()
        guard take(":") else { throw malformed("expected ':'") }
        return key
    }

    private mutating func word(_ word: String, _ value: LuaValue) throws(LuaJSON.Malformed) -> LuaValue {
        guard bytes[offset...].starts(with: word.utf8) else { throw malformed("expected a value") }
        offset += word.utf8.count
        return value
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    func malformed(_ message: String, at place: Int? = nil) -> LuaJSON.Malformed {
        let place = place ?? offset
        let line = bytes[..<min(place, bytes.count)].count { $0 == 0x0a } + 1
        return LuaJSON.Malformed(message: message, line: line, offset: place)
    }

    /// RFC 8259, section 6.
    private mutating func number() throws(LuaJSON.Malformed) -> LuaValue {
        let start = offset
        let isNegative = take("-")
        guard let first = peekDigit() else {
            throw malformed(isNegative ? "expected a digit" : "expected a value", at: start)
        }
        offset += 1
        if first == 0, peekDigit() != nil { throw malformed("a number begins with 0", at: start) }
        while peekDigit() != nil { offset += 1 }
        var isInteger = true
        if take(".") {
            isInteger = false
            try digits()
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("+") { _ = take("-") }
            try digits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, text != "-0", let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw malformed("the number is too large", at: start) }
        return .number(value)
    }

    private mutating func digits() throws(LuaJSON.Malformed) {
        guard peekDigit() != nil else { throw malformed("expected a digit") }
        while peekDigit() != nil { offset += 1 }
    }

    private func peekDigit() -> UInt8? {
        guard offset < bytes.count, (48...57).contains(bytes[offset]) else { return nil }
        return bytes[offset] - 48
    }

    /// RFC 8259, section 7. An unpaired surrogate is an error, since it has no UTF-8.
    private mutating func string() throws(LuaJSON.Malformed) -> LuaString {
        let start = offset
        offset += 1
        var result: [UInt8] = []
        while true {
            guard offset < bytes.count else { throw malformed("the string has no end", at: start) }
            let byte = bytes[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: result, as: UTF8.self) != nil else {
                    throw malformed("the string is not UTF-8", at: start)
                }
                return LuaString(bytes: result)
            case UInt8(ascii: "\\"): try escape(into: &result)
            case 0..<0x20: throw malformed("a control character in a string", at: offset - 1)
            default: result.append(byte)
            }
        }
    }

    private mutating func escape(into result: inout [UInt8]) throws(LuaJSON.Malformed) {
        let start = offset - 1
        guard offset < bytes.count else { throw malformed("the string has no end", at: start) }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(8)
        case UInt8(ascii: "f"): result.append(12)
        case UInt8(ascii: "n"): result.append(10)
        case UInt8(ascii: "r"): result.append(13)
        case UInt8(ascii: "t"): result.append(9)
        case UInt8(ascii: "u"):
            var code = try hexDigits()
            if (0xd800..<0xdc00).contains(code) {
                guard take("\\"), take("u") else { throw malformed("half of a surrogate pair", at: start) }
                let low = try hexDigits()
                guard (0xdc00..<0xe000).contains(low) else { throw malformed("half of a surrogate pair", at: start) }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed("half of a surrogate pair", at: start) }
            result.append(contentsOf: UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter)
        default: throw malformed("unknown escape", at: start)
        }
    }

    private mutating func hexDigits() throws(LuaJSON.Malformed) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard offset < bytes.count, let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue else {
                throw malformed("expected four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
