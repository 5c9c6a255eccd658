// A line of the joblog: GNU parallel's columns, then ours. Written whole, read with suspicion.

struct JobLogLine: Equatable, Sendable {
    static let columns = [
        "Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command", "Attempts",
        "Worker",
        "Reason", "Rerun", "Key",
    ]

    static let header = columns.joined(separator: "\t") + "\n"

    var sequence: Int
    /// Seconds since 1970.
    var start: Double
    var seconds: Double
    /// Of the output.
    var bytes: Int
    /// 0: it succeeded. As a shell would see a script of its own process: 1 raised, else how the process exited; -1: a limit.
    var status: Int
    var signal: Int
    var command: String
    var attempts: Int
    var worker: Int
    /// "ok", or the kind of failure, as in --json-output.
    var reason: String
    /// It takes the place of an earlier failure of the same task.
    var isRerun = false
    var key: ContentKey

    var hasSucceeded: Bool { reason == "ok" }

    var text: String {
        let fields = [
            "\(sequence)", ":", decimals(start, width: 10), decimals(seconds, width: 10), "0", "\(bytes)", "\(status)",
            "\(signal)", Self.escaped(command), "\(attempts)", "\(worker)", reason, isRerun ? "1" : "0", "\(key)",
        ]
        return fields.joined(separator: "\t") + "\n"
    }

    /// A line without its line feed; nil where it is none of ours.
    init?(_ line: some StringProtocol) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count == Self.columns.count, let sequence = Int(fields[0]), sequence > 0,
            let start = Double(fields[2].drop { $0 == " " }), let seconds = Double(fields[3].drop { $0 == " " }),
            let bytes = Int(fields[5]), let status = Int(fields[6]), let signal = Int(fields[7]),
            let attempts = Int(fields[9]), let worker = Int(fields[10]), let key = ContentKey(fields[13]),
            fields[11] == "ok" || Failure.Kind(rawValue: String(fields[11])) != nil,
            fields[12] == "0" || fields[12] == "1"
        else { return nil }
        self.init(
            sequence: sequence, start: start, seconds: seconds, bytes: bytes, status: status, signal: signal,
            command: Self.unescaped(fields[8]), attempts: attempts, worker: worker, reason: String(fields[11]),
            isRerun: fields[12] == "1", key: key)
    }

    init(
        sequence: Int, start: Double, seconds: Double, bytes: Int, status: Int, signal: Int, command: String,
        attempts: Int, worker: Int, reason: String, isRerun: Bool = false, key: ContentKey
    ) {
        self.sequence = sequence
        self.start = start
        self.seconds = seconds
        self.bytes = bytes
        self.status = status
        self.signal = signal
        self.command = command
        self.attempts = attempts
        self.worker = worker
        self.reason = reason
        self.isRerun = isRerun
        self.key = key
    }

    /// A tab or a line feed in a command would begin a column or a line.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\t": escaped += "\\t"
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func unescaped(_ text: some StringProtocol) -> String {
        var plain = ""
        var isEscape = false
        for scalar in text.unicodeScalars {
            if isEscape {
                plain.unicodeScalars.append(scalar == "t" ? "\t" : scalar == "n" ? "\n" : scalar)
                isEscape = false
            } else if scalar == "\\" {
                isEscape = true
            } else {
                plain.unicodeScalars.append(scalar)
            }
        }
        return plain
    }
}

/// With three decimals, right-aligned in `width`: printf's "%10.3f".
func decimals(_ value: Double, width: Int = 0) -> String {
    let thousandths = Int64((min(max(value, 0), 9e15) * 1000).rounded())
    let fraction = String(thousandths % 1000 + 1000).dropFirst()
    let text = "\(thousandths / 1000).\(fraction)"
    return String(repeating: " ", count: max(0, width - text.count)) + text
}
