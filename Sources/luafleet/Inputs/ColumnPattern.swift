// What separates columns (--colsep): a POSIX extended regular expression, matched on bytes.
import Glibc

final class ColumnPattern {
    private var compiled = regex_t()

    /// `\t`, `\n`, `\r` and `\d` mean what they mean in Perl, as GNU parallel's users expect; the rest is glibc's (`\s`, `\w`, …).
    init(_ pattern: String) throws(UsageError) {
        var translated = ""
        var rest = pattern[...]
        while let character = rest.popFirst() {
            guard character == "\\", let next = rest.popFirst() else {
                translated.append(character)
                continue
            }
            switch next {
            case "t": translated.append("\t")
            case "n": translated.append("\n")
            case "r": translated.append("\r")
            case "d": translated += "[0-9]"
            default: translated += "\\\(next)"
            }
        }
        let code = regcomp(&compiled, translated, REG_EXTENDED)
        guard code == 0 else {
            var buffer = [CChar](repeating: 0, count: 128)
            regerror(code, &compiled, &buffer, buffer.count)
            regfree(&compiled)
            let reason = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw UsageError("--colsep \(pattern): not a regular expression: \(reason)")
        }
        if firstMatch(in: [], from: 0) != nil {
            throw UsageError("--colsep \(pattern): matches nothing at all, which separates nothing")
        }
    }

    deinit {
        regfree(&compiled)
    }

    func columns(of line: Bytes) -> [Bytes] {
        var columns = [Bytes]()
        var start = 0
        var search = 0
        while search < line.count, let match = firstMatch(in: line, from: search) {
            // A pattern like `^x*` may still match nothing in the middle of a line: it separates nothing there.
            guard !match.isEmpty else {
                search = match.upperBound + 1
                continue
            }
            columns.append(Bytes(line[start..<match.lowerBound]))
            start = match.upperBound
            search = start
        }
        columns.append(Bytes(line[start...]))
        return columns
    }

    private func firstMatch(in line: Bytes, from start: Int) -> Range<Int>? {
        var match = regmatch_t(rm_so: regoff_t(start), rm_eo: regoff_t(line.count))
        // A line may hold NUL: its length is told, not searched for (REG_STARTEND).
        let flags = REG_STARTEND | (start > 0 ? REG_NOTBOL : 0)
        let found = line.withUnsafeBytes { bytes in
            let text = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return text.map { regexec(&compiled, $0, 1, &match, flags) } ?? regexec(&compiled, "", 1, &match, flags)
        }
        return found == 0 ? Int(match.rm_so)..<Int(match.rm_eo) : nil
    }
}
