// A task that a run has to do, from its input on, and how a task looks to somebody who reads it.
import LuaFleet

struct PlannedTask: Sendable {
    /// From 1, in the order of the inputs.
    var sequence: Int
    var script: LuaScript
    /// Empty where scripts run once each.
    var input: InputRecord = []
    /// Only where there is a joblog.
    var key: ContentKey?
    /// It failed in an earlier run.
    var isRerun = false
}

/// What every task of a run gets, with the holes that its input fills.
struct TaskArguments: Sendable {
    let templates: [Template]
    /// `--call`.
    let function: String?
    /// `--seed`: every task has numbers before its arguments.
    let seed: UInt64?

    init(_ arguments: [Bytes], columnNames: [Bytes], function: String? = nil, seed: UInt64? = nil) {
        templates = arguments.map { Template($0, columnNames: columnNames) }
        self.function = function
        self.seed = seed
    }

    func job(_ task: PlannedTask, slot: Int, attempt: Int) -> LuaJob {
        let seeds = seed.map { SeededScript.seeds($0, sequence: task.sequence) } ?? []
        var job = LuaJob(task.script, seeds + values(task, slot: slot).map(\.luaValue))
        job.index = task.sequence
        job.attempt = attempt
        return job
    }

    func values(_ task: PlannedTask, slot: Int) -> InputRecord {
        Template.arguments(templates, input: task.input, index: task.sequence, slot: slot)
    }

    /// "t.lua:f 'a b' 1": the exact argument vector, as a shell would want it written.
    func command(_ task: PlannedTask, slot: Int) -> Bytes {
        var words = [Self.label(task.script.name, function: function)]
        for value in values(task, slot: slot) {
            switch value {
            case .text(let bytes): words.append(shellQuoted(bytes))
            case .json: words.append(shellQuoted(value.quotedText))
            }
        }
        return Bytes(words.joined(separator: [UInt8(ascii: " ")]))
    }
}

extension TaskArguments {
    /// "t.lua:f", for a shell.
    static func label(_ script: String, function: String?) -> Bytes {
        shellQuoted(Bytes((function.map { "\(script):\($0)" } ?? script).utf8))
    }
}

/// In single quotes where a shell would see anything but letters.
func shellQuoted(_ word: Bytes) -> Bytes {
    let plain = Set("+,-./:=@_%^".utf8)
    func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || plain.contains(byte)
    }
    if !word.isEmpty, word.allSatisfy(isPlain) { return word }
    let quote = UInt8(ascii: "'")
    var quoted: Bytes = [quote]
    for byte in word {
        if byte == quote { quoted += "'\\''".utf8 } else { quoted.append(byte) }
    }
    return quoted + [quote]
}
