// JSON values out of a file or pipe: a value a line, or the elements of one array; which, shows at its beginning.
import LuaFleet

struct JSONReader {
    private enum Mode {
        /// Nothing read yet; can become any other.
        case undecided
        /// A value a line.
        case lines
        /// A first line that was read ahead and turned out to be a value; then `lines`.
        case pending(LuaValue, then: Bytes, number: Int)
        /// The one line was an array: its elements, from this one on.
        case elements([LuaValue], next: Int)
        /// Inside an array of several lines.
        case array(JSONElementScanner)
        case ended
    }

    private var lines: LineReader
    private var mode = Mode.undecided

    init(_ source: ChunkSource) {
        lines = LineReader(source)
    }

    /// Nearly always: a value may go on in a line that is not there yet.
    var hasRecordAtHand: Bool {
        if case .elements(let values, let index) = mode, index < values.count { return true }
        return lines.hasRecordAtHand
    }

    mutating func next() throws(UsageError) -> LuaValue? {
        while true {
            switch mode {
            case .undecided: try decide()
            case .lines:
                guard let line = try nonEmptyLine() else {
                    mode = .ended
                    return nil
                }
                return try parsed(line, number: lines.number)
            case .pending(let first, let then, let number):
                mode = .elements([try parsed(then, number: number)], next: 0)
                return first
            case .elements(let values, let index):
                // After a pending second line, the lines go on; after an only line there are none.
                guard index < values.count else {
                    mode = .lines
                    continue
                }
                mode = .elements(values, next: index + 1)
                return values[index]
            case .array(var scanner):
                mode = .ended
                guard let value = try scanner.next(from: &lines) else { return nil }
                mode = .array(scanner)
                return value
            case .ended: return nil
            }
        }
    }

    /// One array on one line is its elements; if a second value follows, it was the first of many.
    private mutating func decide() throws(UsageError) {
        guard let first = try nonEmptyLine() else {
            mode = .ended
            return
        }
        let number = lines.number
        let isArray = first.first { !isJSONSpace($0) } == UInt8(ascii: "[")
        let value: LuaValue
        do throws(UsageError) {
            value = try parsed(first, number: number)
        } catch {
            guard isArray else { throw error }
            mode = .array(JSONElementScanner(firstLine: first, number: number))
            return
        }
        guard isArray else {
            mode = .elements([value], next: 0)
            return
        }
        if let second = try nonEmptyLine() {
            mode = .pending(value, then: second, number: lines.number)
        } else if case .table(let table) = value {
            // By position: an array may have null at its end.
            mode = .elements((0..<table.length).map { table[$0 + 1] }, next: 0)
        }
    }

    private mutating func nonEmptyLine() throws(UsageError) -> Bytes? {
        while let line = try lines.next() {
            if !line.allSatisfy(isJSONSpace) { return line }
        }
        return nil
    }

    private func parsed(_ line: Bytes, number: Int) throws(UsageError) -> LuaValue {
        try parseJSON(line, source: lines.name, line: number)
    }
}
