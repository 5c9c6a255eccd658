// What a person got wrong on the command line or in an input: one line that says what and where.

/// Raw bytes: arguments, file names and inputs are whatever the system gives us, not always UTF-8.
typealias Bytes = [UInt8]

/// Exit status 255; `message` is what follows "luafleet: ".
struct UsageError: Error, Equatable, Sendable {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

extension Bytes {
    /// For messages: invalid UTF-8 repaired, control characters as `\n` or `\u{1B}`, at most `limit` characters.
    func shown(limit: Int = 80) -> String {
        var text = ""
        // One character is at most a few bytes in practice; a cut in the middle of one shows as a replacement character.
        for scalar in String(decoding: prefix(limit * 8), as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.properties.generalCategory == .control: text += scalar.escaped(asASCII: true)
            default: text.unicodeScalars.append(scalar)
            }
        }
        guard text.count > limit || count > limit * 8 else { return text }
        return String(text.prefix(limit - 1)) + "…"
    }
}
