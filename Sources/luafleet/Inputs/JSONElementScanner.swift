// The elements of a JSON array that spans lines, one at a time: an array larger than memory is no trouble.
import LuaFleet

struct JSONElementScanner {
    /// The line in which `position` stands, with its line feed.
    private var line: Bytes
    private var number: Int
    private var position = 0
    private var hasOpened = false
    private var hasElements = false
    private var isClosed = false

    /// `firstLine` begins with `[`, after white space.
    init(firstLine: Bytes, number: Int) {
        line = firstLine + [UInt8(ascii: "\n")]
        self.number = number
    }

    /// The next element; nil after the closing bracket, behind which nothing may stand.
    mutating func next(from lines: inout LineReader) throws(UsageError) -> LuaValue? {
        if !hasOpened {
            hasOpened = true
            position = line.firstIndex(of: UInt8(ascii: "["))! + 1  // the condition of init
        }
        if isClosed { return nil }
        var element = Bytes()
        var elementLine = number
        var depth = 0
        var isInString = false
        var isEscaped = false
        while true {
            guard position < line.count else {
                try advance(&lines)
                if element.allSatisfy(isJSONSpace) { (element, elementLine) = ([], number) }
                continue
            }
            let byte = line[position]
            position += 1
            if isInString {
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: "}") where depth > 0: depth -= 1
                case UInt8(ascii: "]") where depth > 0: depth -= 1
                case UInt8(ascii: ","), UInt8(ascii: "]"):
                    guard depth == 0 else { break }
                    return try finish(element, startLine: elementLine, isLast: byte == UInt8(ascii: "]"), &lines)
                default: break
                }
            }
            element.append(byte)
            guard element.count <= LineReader.recordLimit else {
                throw UsageError(
                    "\(lines.name): line \(elementLine): an element is larger than \(LineReader.recordLimit >> 20) MiB")
            }
        }
    }

    private mutating func advance(_ lines: inout LineReader) throws(UsageError) {
        guard let next = try lines.next() else {
            throw UsageError("\(lines.name): line \(number): malformed JSON: the array never ends")
        }
        line = next + [UInt8(ascii: "\n")]
        number = lines.number
        position = 0
    }

    private mutating func finish(
        _ element: Bytes, startLine: Int, isLast: Bool, _ lines: inout LineReader
    ) throws(UsageError) -> LuaValue? {
        let isBlank = element.allSatisfy(isJSONSpace)
        if isLast {
            isClosed = true
            try expectEnd(&lines)
        }
        if isBlank, isLast, !hasElements { return nil }
        hasElements = true
        if isBlank { throw UsageError("\(lines.name): line \(startLine): malformed JSON: an element is missing") }
        return try parseJSON(element, source: lines.name, line: startLine)
    }

    private mutating func expectEnd(_ lines: inout LineReader) throws(UsageError) {
        let rest = line[position...]
        guard rest.allSatisfy(isJSONSpace) else {
            throw UsageError("\(lines.name): line \(number): malformed JSON: something follows the array")
        }
        while let next = try lines.next() {
            guard next.allSatisfy(isJSONSpace) else {
                throw UsageError("\(lines.name): line \(lines.number): malformed JSON: something follows the array")
            }
        }
    }
}
