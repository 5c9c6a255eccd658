// How many tasks run at a time: -j N, N%, +N, -N, as GNU parallel reads them.

enum Jobs: Equatable, Sendable {
    case exactly(Int)
    /// Of the processors, in hundredths.
    case percent(Double)
    /// As many as processors, and this many more.
    case more(Int)
    /// As many as processors, but this many.
    case fewer(Int)

    /// Above it no machine has room for the processes; below it we would forbid what a large one can do.
    static let limit = 65_536

    /// The default: a task a processor.
    static let all = Jobs.percent(100)

    /// `things` are what option `option` counts.
    static func parse(_ text: String, option: String = "-j", things: String = "tasks") throws(UsageError) -> Jobs {
        let kind: (Int) -> Jobs
        let digits: Substring
        switch text.first {
        case "+": (kind, digits) = (Jobs.more, text.dropFirst())
        case "-": (kind, digits) = (Jobs.fewer, text.dropFirst())
        default:
            if text.last == "%" { return try percentage(text, option, things) }
            (kind, digits) = (Jobs.exactly, text[...])
        }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw UsageError("\(option) \(text): not a number of \(things) (write 4, 50%, +1 or -1)")
        }
        guard let number = Int(digits), number <= limit else {
            throw UsageError("\(option) \(text): at most \(limit) \(things) can run at a time")
        }
        if kind(number) == .exactly(0) {
            throw UsageError(
                "\(option) \(text): at least 1 \(things == "tasks" ? "task" : "process") has to run at a time")
        }
        return kind(number)
    }

    private static func percentage(_ text: String, _ option: String, _ things: String) throws(UsageError) -> Jobs {
        guard let number = decimal(text.dropLast()) else {
            throw UsageError("\(option) \(text): not a percentage of the processors (write 50%)")
        }
        guard number > 0 else {
            throw UsageError(
                "\(option) \(text): at least 1 \(things == "tasks" ? "task" : "process") has to run at a time")
        }
        guard number <= 100_000 else { throw UsageError("\(option) \(text): more than 1,000 \(things) a processor") }
        return .percent(number)
    }

    /// At least 1.
    func count(processors: Int) -> Int {
        switch self {
        case .exactly(let number): number
        case .percent(let hundredths): max(1, Int(Double(processors) * hundredths / 100))
        case .more(let number): max(1, processors + number)
        case .fewer(let number): max(1, processors - number)
        }
    }
}

/// Digits with at most one point: not the "nan", "0x1p3" and "1e9" that `Double` reads, too.
func decimal(_ text: some StringProtocol) -> Double? {
    let isPlain = text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    return isPlain && text != "." ? Double(text) : nil
}
