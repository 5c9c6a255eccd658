// Records of comma-separated values (RFC 4180): quoted fields may hold separators, quotes and line feeds.

struct CSVReader {
    private var lines: LineReader
    private let separator: UInt8
    /// Of the first record; every other one must have as many.
    private var columns: Int?

    init(_ source: ChunkSource, separator: UInt8) {
        lines = LineReader(source)
        self.separator = separator
    }

    /// Nearly always: a quoted field may go on in a line that is not there yet.
    var hasRecordAtHand: Bool { lines.hasRecordAtHand }

    /// Empty lines are passed over.
    mutating func next() throws(UsageError) -> [Bytes]? {
        var line: Bytes
        repeat {
            guard let next = try lines.next() else { return nil }
            line = next
        } while line.isEmpty || line == [UInt8(ascii: "\r")]
        let start = lines.number
        let record = try fields(first: line)
        let expected = columns ?? record.count
        columns = expected
        guard record.count == expected else {
            let found = record.count == 1 ? "1 column" : "\(record.count) columns"
            throw UsageError("\(lines.name): line \(start): \(found), but the first line has \(expected)")
        }
        return record
    }

    private enum State {
        /// Before the first byte of a field; a quote here begins a quoted one.
        case start
        case plain
        case quoted
        /// After a quote in a quoted field: a second one means a quote, anything else that the field has ended.
        case quoteInQuoted
    }

    private mutating func fields(first: Bytes) throws(UsageError) -> [Bytes] {
        let startLine = lines.number
        let quote = UInt8(ascii: "\"")
        var fields = [Bytes]()
        var field = Bytes()
        var state = State.start
        var line = first
        while true {
            for byte in line {
                switch (state, byte) {
                case (.start, quote): state = .quoted
                case (.start, separator), (.plain, separator), (.quoteInQuoted, separator):
                    fields.append(field)
                    field = []
                    state = .start
                case (.start, _), (.plain, _):
                    field.append(byte)
                    state = .plain
                case (.quoted, quote): state = .quoteInQuoted
                case (.quoted, _): field.append(byte)
                case (.quoteInQuoted, quote):
                    field.append(quote)
                    state = .quoted
                case (.quoteInQuoted, UInt8(ascii: "\r")): continue  // of the line end; a field keeps its own
                case (.quoteInQuoted, _):
                    throw UsageError(
                        "\(lines.name): line \(lines.number): a quote inside a quoted field has to be doubled")
                }
            }
            guard state == .quoted else {
                if state == .plain, field.last == UInt8(ascii: "\r") { field.removeLast() }
                return fields + [field]
            }
            // The field goes on in the next line.
            field.append(UInt8(ascii: "\n"))
            guard field.count <= LineReader.recordLimit, let next = try lines.next() else {
                throw UsageError("\(lines.name): line \(startLine): a quoted field never ends")
            }
            line = next
        }
    }
}
