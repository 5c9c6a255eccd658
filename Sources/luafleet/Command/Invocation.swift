// What a command line asks for, as a value. Reading it does nothing yet: no file is opened, nothing is printed.
import ArgumentParser

enum Invocation: Equatable, Sendable {
    case run(RunRequest)
    case demo(Demo)
    case bench(BenchRequest)
    case doctor
    /// Help, the version, completions: text for standard output.
    case text(String)

    /// `arguments` without the program's name.
    init(_ arguments: [Bytes]) throws(UsageError) {
        let command = arguments.first.map { String(decoding: $0, as: UTF8.self) }
        // Only `run` has inputs; elsewhere ":::" is an argument that the parser refuses.
        let split: SplitArguments
        if command == RunCommand.name {
            split = try SplitArguments(arguments)
        } else {
            split = SplitArguments(options: arguments)
        }
        let words = split.options.map { String(decoding: $0, as: UTF8.self) }
        if command == RunCommand.name, let scripts = RunWords(withoutOptions: Array(words.dropFirst())) {
            self = .run(try scripts.request(split))
            return
        }
        if words == ["help", "--man"] {
            self = .text(ManualPage.text())
            return
        }
        if let command { try Self.checkCommand(command) }
        var parsed: any ParsableCommand
        do {
            parsed = try LuaFleetCommand.parseAsRoot(words)
            // Help and its like are commands of the parser that end by throwing their text; ours do nothing.
            try parsed.run()
        } catch {
            self = .text(try Self.text(of: error, command: command))
            return
        }
        switch parsed {
        case let run as RunCommand: self = .run(try RunWords(run).request(split))
        case let demo as DemoCommand: self = .demo(try demo.request())
        case let bench as BenchCommand: self = .bench(try bench.request())
        default: self = .doctor  // the last of the four
        }
    }

    /// Spelled out: asking the commands for their names would make all their help texts first, at every start.
    static let commandNames = [RunCommand.name, "demo", "bench", "doctor"]

    /// A wrong command gets a better answer than "unexpected argument".
    private static func checkCommand(_ command: String) throws(UsageError) {
        let known = commandNames + ["help"]
        guard !command.hasPrefix("-"), !known.contains(command) else { return }
        if command.hasSuffix(".lua") {
            throw UsageError("unknown command '\(command)': did you mean 'luafleet run \(command)'?")
        }
        let hint = nearestName(to: command, in: known).map { ": did you mean '\($0)'?" } ?? ""
        throw UsageError("unknown command '\(command)'\(hint) (see luafleet help)")
    }

    /// What the parser has to say where there is nothing to run: help on standard output, or an error in one line.
    private static func text(of error: any Error, command: String?) throws(UsageError) -> String {
        guard LuaFleetCommand.exitCode(for: error) != .success else { return LuaFleetCommand.fullMessage(for: error) }
        throw usageError(LuaFleetCommand.message(for: error), command: command)
    }

    /// The parser's first line, as ours: no capital, no full stop, and where to read on.
    static func usageError(_ message: String, command: String?) -> UsageError {
        var line = String(message.prefix { $0 != "\n" })
        if line.hasSuffix(".") { line.removeLast() }
        line = line.prefix(1).lowercased() + line.dropFirst()
        line = line.replacingFirst(". Did you mean", with: ": did you mean")
        let page = command.flatMap { commandNames.contains($0) ? "luafleet help \($0)" : nil } ?? "luafleet help"
        return UsageError("\(line) (see \(page))")
    }
}

extension String {
    fileprivate func replacingFirst(_ part: String, with replacement: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return String(self[..<range.lowerBound]) + replacement + self[range.upperBound...]
    }
}
