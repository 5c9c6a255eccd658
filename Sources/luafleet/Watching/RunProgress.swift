// How far a run is: counts, rate, time left, and the line of --bar and --eta. A value; the time is an argument.

struct RunProgress: Equatable, Sendable {
    /// Nil while the inputs have not been read to their end.
    var total: Int?
    var succeeded = 0
    var failed = 0
    var running = 0
    /// Since the first task could start.
    var elapsedSeconds = 0.0

    var done: Int { succeeded + failed }

    /// Tasks a second; nil before the first has ended.
    var rate: Double? {
        done > 0 && elapsedSeconds > 0 ? Double(done) / elapsedSeconds : nil
    }

    /// Nil where nobody can know.
    var secondsLeft: Double? {
        guard let total, let rate else { return nil }
        return Double(max(0, total - done)) / rate
    }

    /// At most `width` columns, without a line end. `showsBar`: --bar, else --eta.
    func line(width: Int, showsBar: Bool, style: Style) -> String {
        var parts = [String]()
        if let total {
            if showsBar { parts.append("\(total > 0 ? done * 100 / total : 100)%") }
            parts.append("\(done)/\(total)")
        } else {
            parts.append("\(done) done")
        }
        parts.append("\(failed) failed")
        parts.append("\(running) running")
        if let rate { parts.append("\(Self.shown(rate: rate))/s") }
        if let secondsLeft { parts.append("\(Self.shown(seconds: secondsLeft)) left") }
        // Too long for a narrow window: what matters least goes first.
        while parts.count > 1, parts.joined(separator: "  ").count > width { parts.removeLast() }
        let text = String(parts.joined(separator: "  ").prefix(max(0, width)))
        let room = width - text.count - 4  // two brackets, two spaces
        guard showsBar, let total, room >= 10 else {
            return failed > 0 ? style.marked(text, part: "\(failed) failed") : text
        }
        let cells = min(room, 50)
        let filled = total > 0 ? min(cells, done * cells / total) : cells
        let bar = "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: cells - filled) + "]"
        return bar + "  " + (failed > 0 ? style.marked(text, part: "\(failed) failed") : text)
    }

    static func shown(rate: Double) -> String {
        if rate >= 10 { return "\(Int(min(rate, 1e15).rounded()))" }
        let hundredths = Int((rate * 100).rounded())
        return "\(hundredths / 100).\(String(hundredths % 100 + 100).dropFirst())"
    }

    /// 9s, 1:05, 2:00:00, 3d 04:00.
    static func shown(seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 1e12).rounded(.up))
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return "\(whole / 60):\(two(whole % 60))" }
        if whole < 86_400 { return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))" }
        return "\(whole / 86_400)d \(two(whole / 3600 % 24)):\(two(whole / 60 % 60))"
    }
}

/// Colours, where somebody sees them.
struct Style: Equatable, Sendable {
    var isColored: Bool

    static let plain = Style(isColored: false)

    func failure(_ text: String) -> String {
        isColored ? "\u{1B}[31m\(text)\u{1B}[m" : text
    }

    /// `text` with the first `part` of it as a failure.
    func marked(_ text: String, part: String) -> String {
        guard isColored, let range = text.firstRange(of: part) else { return text }
        return text[..<range.lowerBound] + failure(part) + text[range.upperBound...]
    }
}
