// What the options for limits, output, control and keeping mean, or in one line why they mean nothing.

extension RunWords {
    func addLimits(to request: inout RunRequest) throws(UsageError) {
        if let timeout = limits.timeout { request.timeout = try parseSeconds(timeout, option: "--timeout") }
        if let text = limits.grace {
            let grace = try parseSeconds(text, option: "--grace")
            guard grace >= .milliseconds(1) else {
                throw UsageError("--grace \(text): has to be at least 0.001 seconds")
            }
            request.grace = grace
        }
        if let cpuTime = limits.cpuTime { request.limits.cpuTime = try parseSeconds(cpuTime, option: "--cpu-time") }
        if let size = limits.memory { request.limits.memoryBytes = try parseByteCount(size, option: "--memory") }
        if let count = limits.instructions {
            request.limits.instructions = try parseCount(count, option: "--instructions")
        }
        if let size = limits.output { request.limits.outputBytes = try parseByteCount(size, option: "--output-limit") }
        if let size = limits.result { request.limits.resultBytes = try parseByteCount(size, option: "--result-limit") }
        if let name = running.sandbox {
            guard let level = SandboxLevel(rawValue: name) else {
                throw UsageError(
                    "--sandbox \(name): no such level: \(suggestion(for: name, in: SandboxLevel.allCases))")
            }
            request.sandbox = level
        }
        if running.preload.contains("") { throw UsageError("--preload: the file's name is empty") }
        request.preload = running.preload
        if let count = running.maximumTasks { request.maximumTasks = try parseCount(count, option: "--max-tasks") }
    }

    func addOutput(to request: inout RunRequest) throws(UsageError) {
        request.keepsOrder = output.keepOrder
        request.printsJSON = output.jsonOutput
        request.output.isQuiet = output.quiet
        let modes = [("--group", output.group), ("--line-buffer", output.lineBuffer), ("--ungroup", output.ungroup)]
            .filter(\.1).map(\.0)
        if modes.count > 1 { throw UsageError("\(modes[0]) and \(modes[1]) do not go together") }
        if output.lineBuffer { request.output.buffering = .line }
        if output.ungroup { request.output.buffering = .none }
        if output.tag, output.tagString != nil { throw UsageError("--tag and --tagstring do not go together") }
        if output.tag { request.output.tag = Bytes("{}".utf8) }
        if let text = output.tagString { request.output.tag = unescaped(text) }
        if output.jsonOutput {
            if output.tag { throw UsageError("--json-output and --tag do not go together: the input stands in it") }
            if output.tagString != nil { throw UsageError("--json-output and --tagstring do not go together") }
            if output.lineBuffer || output.ungroup {
                throw UsageError("--json-output and \(modes[0]) do not go together: an object is of a whole task")
            }
        }
        if output.ungroup, request.output.tag != nil {
            throw UsageError(
                "--ungroup and \(output.tag ? "--tag" : "--tagstring") do not go together: tags are of whole lines (--line-buffer)"
            )
        }
        guard let name = output.results else { return }
        if name.isEmpty { throw UsageError("--results: the name is empty") }
        request.output.results = ResultsTarget(name)
        if output.jsonOutput {
            throw UsageError("--json-output and --results do not go together (write --results out.jsonl)")
        }
        if !modes.isEmpty, !output.group { throw UsageError("\(modes[0]) and --results do not go together") }
    }

    func addControl(to request: inout RunRequest) throws(UsageError) {
        if let text = control.halt { request.control.halt = try HaltPolicy.parse(text) }
        if let text = control.retries {
            let tries = try parseCount(text, option: "--retries", minimum: 0)
            request.control.tries = tries == 0 ? nil : tries
        }
        if let text = control.delay { request.control.delay = try parseSeconds(text, option: "--delay") }
        if let text = control.load { request.control.load = try .parse(text, option: "--load", things: "processes") }
        if let text = control.memfree { request.control.freeBytes = try parseByteCount(text, option: "--memfree") }
        request.control.isDryRun = control.dryRun
        request.control.seed = try seed()
    }

    func addKeeping(to request: inout RunRequest) throws(UsageError) {
        if keeping.jobLog?.isEmpty == true { throw UsageError("--joblog: the file's name is empty") }
        request.keeping.jobLog = keeping.jobLog
        if keeping.resume { request.keeping.resume = .ended }
        if keeping.resumeFailed { request.keeping.resume = .succeeded }
        if request.keeping.resume != .nothing, keeping.jobLog == nil {
            throw UsageError(
                "\(keeping.resumeFailed ? "--resume-failed" : "--resume") needs --joblog: what has been done stands there"
            )
        }
        request.watching = WatchingPlan(
            showsBar: keeping.bar, showsEstimate: keeping.estimate, showsStatistics: keeping.statistics)
    }
}

extension ResultsTarget {
    /// By the ending, as GNU parallel does; "-.csv" is standard output.
    init(_ name: String) {
        func file(_ ending: String) -> String? {
            guard name.hasSuffix(ending) else { return nil }
            return name == "-" + ending ? "-" : name
        }
        if let file = file(".csv") {
            self = .table(file, separator: UInt8(ascii: ","))
        } else if let file = file(".tsv") {
            self = .table(file, separator: UInt8(ascii: "\t"))
        } else if let file = file(".jsonl") ?? file(".json") {
            self = .jsonLines(file)
        } else {
            self = .folder(name)
        }
    }
}

/// `\t`, `\n` and `\\` as in C; GNU parallel reads them in --tagstring, too.
private func unescaped(_ text: String) -> Bytes {
    var bytes = Bytes()
    var rest = Bytes(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "\\"), let next = rest.first else {
            bytes.append(byte)
            continue
        }
        switch next {
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "\\"): bytes.append(next)
        default:
            bytes.append(byte)
            continue
        }
        rest = rest.dropFirst()
    }
    return bytes
}
