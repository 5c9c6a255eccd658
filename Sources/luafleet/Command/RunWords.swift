// What stands on the command line of `run`, before anybody asks what it means: the parser's options as plain values.

/// The parser fills it; a command line without options needs no parser.
struct RunWords: Equatable, Sendable {
    struct Running: Equatable, Sendable {
        var jobs: String?
        var call: String?
        var isolation: String?
        var timeout: String?
    }

    struct Inputs: Equatable, Sendable {
        var files: [String] = []
        var null = false
        var delimiter: String?
        var columnSeparator: String?
        var csv = false
        var header: String?
        var json = false
        var recordsPerTask: String?
        var link = false
        var shuffle = false
        var seed: String?
    }

    struct Output: Equatable, Sendable {
        var keepOrder = false
        var jsonOutput = false
    }

    var scripts: [String]
    var running = Running()
    var inputs = Inputs()
    var output = Output()

    init(scripts: [String]) {
        self.scripts = scripts
    }

    /// Words of which none is an option: all are scripts. Nil where the parser has to look.
    ///
    /// `luafleet run a.lua` is the most common command line and the one that is waited for; the parser takes 2 ms to build its tables.
    init?(withoutOptions words: [String]) {
        guard words.allSatisfy({ !$0.hasPrefix("-") || $0 == "-" }) else { return nil }
        self.init(scripts: words)
    }

    init(_ command: RunCommand) {
        scripts = command.scripts
        running = Running(
            jobs: command.running.jobs, call: command.running.call, isolation: command.running.isolation,
            timeout: command.running.timeout)
        inputs = Inputs(
            files: command.inputs.files, null: command.inputs.null, delimiter: command.inputs.delimiter,
            columnSeparator: command.inputs.columnSeparator, csv: command.inputs.csv, header: command.inputs.header,
            json: command.inputs.json, recordsPerTask: command.inputs.recordsPerTask, link: command.inputs.link,
            shuffle: command.inputs.shuffle, seed: command.inputs.seed)
        output = Output(keepOrder: command.output.keepOrder, jsonOutput: command.output.jsonOutput)
    }
}
