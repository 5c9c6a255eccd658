// --results: where the files of a task go and what stands in them, as GNU parallel lays them out.
import LuaFleet

enum ResultsLayout {
    /// "1/a/2/b": for every column its name, or its number from 1, and its value. A script without inputs is column 1.
    static func folder(of task: TaskReport, columnNames: [Bytes]) -> [Bytes] {
        let values = task.input.isEmpty ? [Bytes(task.script.utf8)] : task.input.map(\.text)
        return values.enumerated().flatMap { index, value in
            let name = index < columnNames.count ? columnNames[index] : Bytes(String(index + 1).utf8)
            return [fileName(name), fileName(value)]
        }
    }

    /// One name of a folder, whatever the value: `/` is `\_`, NUL `\0`, tab `\t`, backslash `\\`. A name may have 255 bytes (ext4, xfs, btrfs);
    /// of a longer value the beginning stays, and a key of all of it.
    static func fileName(_ value: Bytes) -> Bytes {
        var name = Bytes()
        for byte in value {
            switch byte {
            case UInt8(ascii: "/"): name += "\\_".utf8
            case UInt8(ascii: "\\"): name += "\\\\".utf8
            case UInt8(ascii: "\t"): name += "\\t".utf8
            case 0: name += "\\0".utf8
            default: name.append(byte)
            }
        }
        // A folder needs a name, and these two are taken.
        if name.isEmpty { return Bytes("\\e".utf8) }
        if name == Bytes(".".utf8) || name == Bytes("..".utf8) { return Bytes("\\".utf8) + name }
        guard name.count > 255 else { return name }
        var hasher = ContentHasher()
        hasher.add(value)
        return Bytes(name.prefix(255 - 33)) + Bytes("-\(hasher.key)".utf8)
    }
}

extension TaskReport {
    /// seq, stdout, stderr, value: always the four. A failure stands in stderr, as `lua` would write it there.
    var resultFiles: [(name: String, content: Bytes)] {
        [
            ("seq", Bytes(String(index).utf8)), ("stdout", standardOutput),
            ("stderr", standardError + (failureText ?? [])), ("value", valuesLine),
        ]
    }
}

/// `--results x.csv`: a row a task. GNU parallel's columns, then ours.
struct ResultsTable: Sendable {
    let separator: UInt8
    /// How many V columns the header has: those of the first task.
    private var columns: Int?

    init(separator: UInt8) {
        self.separator = separator
    }

    /// The row, and before the first one the header.
    mutating func row(_ line: JobLogLine, _ task: TaskReport) -> Bytes {
        var bytes = Bytes()
        let columns: Int
        if let known = self.columns {
            columns = known
        } else {
            columns = task.input.count
            self.columns = columns
            let names =
                ["Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command"]
                + (0..<columns).map { "V\($0 + 1)" } + ["Stdout", "Stderr", "Value", "Reason"]
            bytes += joined(names.map { Bytes($0.utf8) })
        }
        let facts = [
            "\(line.sequence)", ":", decimals(line.start), decimals(line.seconds), "0", "\(line.bytes)",
            "\(line.status)",
            "\(line.signal)", line.command,
        ]
        let inputs = (0..<columns).map { $0 < task.input.count ? task.input[$0].text : [] }
        let files = task.resultFiles.dropFirst().map(\.content)
        return bytes + joined(facts.map { Bytes($0.utf8) } + inputs + files + [Bytes(line.reason.utf8)])
    }

    /// RFC 4180: fields in quotes where they hold a quote, a separator or a line end.
    private func joined(_ fields: [Bytes]) -> Bytes {
        let quote = UInt8(ascii: "\"")
        var line = Bytes()
        for (index, field) in fields.enumerated() {
            if index > 0 { line.append(separator) }
            if field.contains(where: { $0 == quote || $0 == separator || $0 == 0x0A || $0 == 0x0D }) {
                line.append(quote)
                for byte in field {
                    if byte == quote { line.append(quote) }
                    line.append(byte)
                }
                line.append(quote)
            } else {
                line += field
            }
        }
        return line + [0x0A]
    }
}
