// Reads one JSON value out of bytes (RFC 8259), saying where it is malformed.

struct JSONParser {
    struct Failure: Error, Equatable {
        /// Of the byte that cannot stand where it stands.
        var offset: Int
        var reason: String
    }

    /// Lua values may be nested this deep by default, too; more could overflow the stack.
    static let nestingLimit = 1000

    private let bytes: Bytes
    private var position = 0
    private var depth = 0

    /// The one value that `bytes` consist of, with white space around it.
    static func parse(_ bytes: Bytes) throws(Failure) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        let value = try parser.value()
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.failure("something follows the value") }
        return value
    }

    private init(bytes: Bytes) {
        self.bytes = bytes
    }

    private var current: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private func failure(_ reason: String) -> Failure {
        Failure(offset: position, reason: position < bytes.count ? reason : "it ends too soon")
    }

    private mutating func skipSpace() {
        while let byte = current, isJSONSpace(byte) { position += 1 }
    }

    private mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(Failure) -> JSONValue {
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try nested { (parser) throws(Failure) in try parser.object() }
        case UInt8(ascii: "["): return try nested { (parser) throws(Failure) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(_ body: (inout JSONParser) throws(Failure) -> JSONValue) throws(Failure) -> JSONValue {
        guard depth < Self.nestingLimit else { throw failure("nested deeper than \(Self.nestingLimit)") }
        depth += 1
        position += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(Failure) -> JSONValue {
        for offset in 0..<word.utf8CodeUnitCount {
            guard current == word.utf8Start[offset] else { throw failure("not a JSON value") }
            position += 1
        }
        return value
    }

    private mutating func array() throws(Failure) -> JSONValue {
        var elements = [JSONValue]()
        skipSpace()
        if skip("]") { return .array([]) }
        while true {
            elements.append(try value())
            skipSpace()
            if skip("]") { return .array(elements) }
            guard skip(",") else { throw failure("',' or ']' is missing") }
        }
    }

    private mutating func object() throws(Failure) -> JSONValue {
        var members = [JSONValue.Member]()
        skipSpace()
        if skip("}") { return .object([]) }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("a member's name in quotes is missing") }
            let name = try string()
            skipSpace()
            guard skip(":") else { throw failure("':' is missing") }
            members.append(.init(name: name, value: try value()))
            skipSpace()
            if skip("}") { return .object(members) }
            guard skip(",") else { throw failure("',' or '}' is missing") }
        }
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = position
        _ = skip("-")
        let isNegative = position > start
        let leading = current
        guard digits() > 0 else { throw failure("not a JSON value") }
        if leading == UInt8(ascii: "0"), bytes[start...].dropFirst(isNegative ? 2 : 1).first.map(isDigit) == true {
            throw Failure(offset: start, reason: "a number does not begin with 0")
        }
        var isInteger = true
        if skip(".") {
            isInteger = false
            guard digits() > 0 else { throw failure("a digit is missing") }
        }
        if skip("e") || skip("E") {
            isInteger = false
            _ = skip("+") || skip("-")
            guard digits() > 0 else { throw failure("a digit is missing") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        // -0 is a float: integers have no negative zero.
        if isInteger, let integer = Int64(text), integer != 0 || !isNegative { return .integer(integer) }
        guard let number = Double(text) else { throw Failure(offset: start, reason: "not a number") }
        return .number(number)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = current, isDigit(byte) { position += 1 }
        return position - start
    }

    private mutating func string() throws(Failure) -> Bytes {
        position += 1
        var text = Bytes()
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return text
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20:
                position -= 1
                throw failure("a control character in a string")
            default: text.append(byte)  // also bytes that are no UTF-8: Lua strings hold any
            }
        }
        throw failure("")
    }

    private mutating func escape(into text: inout Bytes) throws(Failure) {
        guard let byte = current else { throw failure("") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: UTF8.encode(try escapedScalar())!)  // a scalar always has UTF-8
        default:
            position -= 1
            throw failure("no such escape in a string")
        }
    }

    /// After `\u`; characters beyond the first 65,536 are written as two surrogates.
    private mutating func escapedScalar() throws(Failure) -> Unicode.Scalar {
        let start = position - 2
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        if UTF16.isLeadSurrogate(UInt16(unit)), skip("\\"), skip("u") {
            let trail = try hexadecimal()
            if UTF16.isTrailSurrogate(UInt16(trail)),
                let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (trail - 0xDC00))
            {
                return scalar
            }
        }
        throw Failure(offset: start, reason: "half a character (a surrogate without its partner)")
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("four hexadecimal digits have to follow \\u")
            }
            unit = unit << 4 + UInt32(digit)
            position += 1
        }
        return unit
    }
}

func isJSONSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
}

private func isDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte)
}
