// Puts the options of `run` together into a request, or says in one line what does not fit.
import Glibc
import LuaFleet

extension RunWords {
    func request(_ split: SplitArguments) throws(UsageError) -> RunRequest {
        let (files, readsStandardInput) = (scripts.filter { $0 != "-" }, scripts.contains("-"))
        guard let script = files.first else { throw UsageError("no script to run (see luafleet help run)") }
        if script.isEmpty { throw UsageError("a script's name is empty") }
        let sources =
            inputs.files.map { InputSource(.file(Bytes($0.utf8))) } + (readsStandardInput ? [.standardInput] : [])
            + split.sources
        if !sources.isEmpty, files.count > 1 {
            throw UsageError("inputs go to one script, and there are \(files.count): \(files.joined(separator: ", "))")
        }
        if sources.first?.isLinked == true {
            throw UsageError(":::+ links to the inputs before it, and there are none")
        }
        try checkStandardInput(sources)
        let plan = try inputPlan(sources.isEmpty ? [.standardInput] : sources)
        let isolation = try self.isolation()
        var request = RunRequest(scripts: files, isolation: isolation)
        request.function = running.call
        request.arguments = split.scriptArguments ?? []
        if !sources.isEmpty {
            request.inputs = plan
        } else if files.count == 1 {
            request.offeredInputs = plan
        }
        if let jobs = running.jobs { request.jobs = try .parse(jobs) }
        if running.call?.isEmpty == true { throw UsageError("--call: the function's name is empty") }
        try addLimits(to: &request)
        try addOutput(to: &request)
        try addControl(to: &request)
        try addKeeping(to: &request)
        return request
    }

    private func isolation() throws(UsageError) -> LuaIsolation {
        guard let name = running.isolation else { return running.call == nil ? .freshProcess : .shared }
        if let isolation = LuaIsolation(rawValue: name) { return isolation }
        throw UsageError("--isolation \(name): no such level: \(suggestion(for: name, in: LuaIsolation.allCases))")
    }

    /// Twice the same stream would split it between two columns at random.
    private func checkStandardInput(_ sources: [InputSource]) throws(UsageError) {
        let count = sources.count { $0.origin == InputSource.standardInput.origin }
        if count > 1 { throw UsageError("standard input can be read once, and it is named \(count) times") }
    }

    private func inputPlan(_ sources: [InputSource]) throws(UsageError) -> InputPlan {
        var plan = InputPlan(sources: sources)
        plan.format = try format()
        plan.delimiter = try delimiter()
        if let header = inputs.header {
            guard header == ":" else {
                throw UsageError("--header \(header): only ':' is known, for the first input of each source")
            }
            if inputs.json { throw UsageError("--header and --json do not go together: JSON has no columns") }
            plan.hasHeader = true
        }
        if let count = inputs.recordsPerTask { plan.recordsPerTask = try parseCount(count, option: "-n") }
        plan.isLinked = inputs.link
        let seed = try self.seed()
        if inputs.shuffle { plan.shuffleSeed = seed ?? UInt64.random(in: .min ... .max) }
        return plan
    }

    func seed() throws(UsageError) -> UInt64? {
        guard let text = inputs.seed else { return nil }
        guard let seed = UInt64(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw UsageError("--seed \(text): not a whole number from 0 to \(UInt64.max)")
        }
        return seed
    }

    private func format() throws(UsageError) -> InputPlan.Format {
        if inputs.json {
            if inputs.csv { throw UsageError("--json and --csv do not go together") }
            if inputs.columnSeparator != nil { throw UsageError("--json and --colsep do not go together") }
            return .json
        }
        if inputs.csv {
            guard let text = inputs.columnSeparator else { return .csv(UInt8(ascii: ",")) }
            guard let byte = singleByte(text), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\n") else {
                throw UsageError("--colsep \(text): with --csv, one character such as ';' or '\\t'")
            }
            return .csv(byte)
        }
        guard let expression = inputs.columnSeparator else { return .plain }
        _ = try ColumnPattern(expression)  // a malformed one is found before anything runs
        return .columns(expression)
    }

    private func delimiter() throws(UsageError) -> UInt8 {
        if inputs.null {
            if inputs.delimiter != nil { throw UsageError("-0 and -d do not go together") }
            return 0
        }
        guard let text = inputs.delimiter else { return UInt8(ascii: "\n") }
        guard let byte = singleByte(text) else {
            throw UsageError("-d \(text): not one byte (write ',', '\\t', '\\0' or '\\x1e')")
        }
        return byte
    }
}

/// "did you mean fresh-process?", or all that there are.
func suggestion<Name: RawRepresentable<String>>(for name: String, in known: [Name]) -> String {
    let names = known.map(\.rawValue)
    return nearestName(to: name, in: names).map { "did you mean \($0)?" }
        ?? "there are \(names.joined(separator: ", "))"
}

/// "," or C's ways to write a byte: \t \n \r \0 \\ \x1e.
func singleByte(_ text: String) -> UInt8? {
    let bytes = Bytes(text.utf8)
    if bytes.count == 1 { return bytes[0] }
    guard bytes.first == UInt8(ascii: "\\") else { return nil }
    switch text.dropFirst() {
    case "t": return 0x09
    case "n": return 0x0A
    case "r": return 0x0D
    case "0": return 0
    case "\\": return UInt8(ascii: "\\")
    case let rest where rest.first == "x" && rest.count <= 3: return UInt8(rest.dropFirst(), radix: 16)
    default: return nil
    }
}
