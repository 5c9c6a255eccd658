// A failed task on standard error: one line that says which and why, then the traceback.

extension Failure.Kind {
    var title: String {
        switch self {
        case .script: "script error"
        case .timeout: "timeout"
        case .cpuLimit: "CPU limit"
        case .memoryLimit: "memory limit"
        case .instructionLimit: "instruction limit"
        case .outputLimit: "output limit"
        case .resultLimit: "result limit"
        case .notEncodable: "cannot be sent"
        case .workerDied: "worker died"
        case .protocol: "protocol error"
        case .setup: "setup failed"
        case .cancelled: "cancelled"
        }
    }
}

extension TaskReport {
    /// A longer message would be a page of a terminal; all of it stands in --json-output.
    static let messageLimit = 2000

    /// "luafleet: task 3 (c.lua): script error: c.lua:1: boom", its traceback below; nil for a task that succeeded. Ends with a
    /// line feed.
    var failureText: Bytes? { failureText(style: .plain) }

    /// "task 3 (c.lua x)", for people: cut, and in one line.
    var label: String { Self.label(index: index, script: script, input: input) }

    static func label(index: Int, script: String, input: InputRecord) -> String {
        var label = Bytes(script.utf8).shown(limit: 200)
        for value in input { label += " " + value.text.shown(limit: 60) }
        return "task \(index) (\(Bytes(label.utf8).shown(limit: 300)))"
    }

    func failureText(style: Style) -> Bytes? {
        guard case .failure(let failure) = outcome else { return nil }
        var text = "\(label): \(failure.kind.title)"
        let message = failure.message.shown(limit: Self.messageLimit)
        if !message.isEmpty { text += ": \(message)" }
        text = style.failure("luafleet: \(text)")
        var bytes = Bytes(text.utf8)
        bytes.append(UInt8(ascii: "\n"))
        if !failure.traceback.isEmpty {
            bytes += failure.traceback
            if failure.traceback.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
        }
        return bytes
    }
}
