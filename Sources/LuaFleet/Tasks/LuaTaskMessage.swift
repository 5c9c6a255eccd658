// What a script says while it runs.
import Logging

/// A message of a task that runs, by the functions of the module `fleet`.
public enum LuaTaskMessage: Sendable, Hashable {
    /// `fleet.progress(done, total)`.
    case progress(done: Double, total: Double?)
    /// `fleet.send(value)`.
    case value(LuaValue)
    /// `fleet.log(level, text, fields)`.
    case log(level: String, text: String, fields: LuaValue)

    /// nil: it is none, which only a worker that is not ours can send.
    init?(_ message: TaskMessage) {
        guard let items = (try? LuaResults(message: message.bytes)).map(Array.init) else { return nil }
        switch message.kind {
        case .progress:
            guard let done = items.first?.number else { return nil }
            self = .progress(done: done, total: items.dropFirst().first?.number)
        case .send:
            self = .value(items.first ?? .nil)
        case .log:
            guard items.count >= 2, let level = items[0].string, let text = items[1].string else { return nil }
            self = .log(level: level, text: text, fields: items.count > 2 ? items[2] : .nil)
        }
    }
}

extension LuaValue {
    /// A number of either kind.
    fileprivate var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}

extension Logger {
    /// Logs what a script logged. An unknown level is `info`.
    func log(level: String, _ text: String, fields: LuaValue, worker: Int) {
        var metadata: Logger.Metadata = ["worker": "\(worker)"]
        if fields != .nil { metadata["fields"] = "\(fields)" }
        log(
            level: Logger.Level(rawValue: level == "warn" ? "warning" : level) ?? .info, "\(text)", metadata: metadata,
            source: "lua")
    }
}
