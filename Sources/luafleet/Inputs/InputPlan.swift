// Where the inputs of a run come from and how they are cut, as the command line says it: a value, nothing is read yet.

/// One source of inputs; every source gives a column.
struct InputSource: Equatable, Sendable {
    enum Origin: Equatable, Sendable {
        /// After `:::`.
        case words([Bytes])
        /// After `::::`, with `-a`, or `-`: a record a line. `-` is standard input.
        case file(Bytes)
    }

    var origin: Origin
    /// `:::+`: goes in step with the source before it instead of combining with it.
    var isLinked: Bool

    init(_ origin: Origin, isLinked: Bool = false) {
        self.origin = origin
        self.isLinked = isLinked
    }

    static let standardInput = InputSource(.file(Bytes("-".utf8)))
}

struct InputPlan: Equatable, Sendable {
    /// How a record becomes columns.
    enum Format: Equatable, Sendable {
        /// One column.
        case plain
        /// `--colsep`: a POSIX extended regular expression.
        case columns(String)
        /// `--csv` (RFC 4180), with its separator.
        case csv(UInt8)
        /// `--json`: a value each.
        case json
    }

    var sources: [InputSource]
    var format = Format.plain
    /// What ends a record of a file: a line feed; with `-0` NUL, with `-d` any byte.
    var delimiter = UInt8(ascii: "\n")
    /// `--header :`: the first record of each source names its columns.
    var hasHeader = false
    /// `-n`: so many records go to a task.
    var recordsPerTask = 1
    /// `--link`: all sources go in step, the shorter ones begin again.
    var isLinked = false
    /// `--shuf`: in random order, from this seed.
    var shuffleSeed: UInt64?
}
