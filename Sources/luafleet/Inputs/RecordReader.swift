// One source of inputs, record by record, whatever its origin and format.

struct RecordReader {
    private enum Kind {
        case words([Bytes], next: Int)
        case lines(LineReader)
        case csv(CSVReader)
        case json(JSONReader)
    }

    private var kind: Kind
    private let pattern: ColumnPattern?
    private let isJSON: Bool
    /// Words, or a file of a disk: there is always more, or the end.
    let neverWaits: Bool
    /// The first record, where it names the columns.
    let header: [Bytes]

    /// Opens the source; reads a record only if that is the header. `open` stands in for the file system in tests.
    init(
        _ origin: InputSource.Origin, plan: InputPlan,
        open: (Bytes) throws(UsageError) -> ChunkSource = { (file) throws(UsageError) in try ChunkSource.open(file) }
    ) throws(UsageError) {
        isJSON = plan.format == .json
        if case .columns(let expression) = plan.format {
            pattern = try ColumnPattern(expression)
        } else {
            pattern = nil
        }
        switch origin {
        case .words(let words):
            kind = .words(words, next: 0)
            neverWaits = true
        case .file(let file):
            let source = try open(file)
            neverWaits = source.neverWaits
            switch plan.format {
            case .csv(let separator): kind = .csv(CSVReader(source, separator: separator))
            case .json: kind = .json(JSONReader(source))
            case .plain, .columns: kind = .lines(LineReader(source, delimiter: plan.delimiter))
            }
        }
        guard plan.hasHeader else {
            header = []
            return
        }
        var reader = self.kind
        let first = try Self.next(&reader, pattern: pattern, isJSON: isJSON)
        kind = reader
        header = (first ?? []).map { if case .text(let name) = $0 { name } else { [] } }
    }

    /// Whether `next` will not wait for a file.
    var hasMoreAtHand: Bool {
        switch kind {
        case .words: true
        case .lines(let lines): lines.hasRecordAtHand
        case .csv(let reader): reader.hasRecordAtHand
        case .json(let reader): reader.hasRecordAtHand
        }
    }

    mutating func next() throws(UsageError) -> InputRecord? {
        try Self.next(&kind, pattern: pattern, isJSON: isJSON)
    }

    private static func next(
        _ kind: inout Kind, pattern: ColumnPattern?, isJSON: Bool
    ) throws(UsageError) -> InputRecord? {
        switch kind {
        case .words(let words, let index):
            guard index < words.count else { return nil }
            kind = .words(words, next: index + 1)
            if isJSON {
                return [
                    .json(try parseJSON(words[index], source: "input \(index + 1) (\(words[index].shown()))", line: 1))
                ]
            }
            return columns(words[index], pattern)
        case .lines(var lines):
            let line = try lines.next()
            kind = .lines(lines)
            return line.map { columns($0, pattern) }
        case .csv(var reader):
            let fields = try reader.next()
            kind = .csv(reader)
            return fields?.map(InputValue.text)
        case .json(var reader):
            let value = try reader.next()
            kind = .json(reader)
            return value.map { [.json($0)] }
        }
    }

    private static func columns(_ line: Bytes, _ pattern: ColumnPattern?) -> InputRecord {
        (pattern?.columns(of: line) ?? [line]).map(InputValue.text)
    }
}
