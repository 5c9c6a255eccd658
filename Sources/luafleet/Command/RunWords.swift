// What stands on the command line of `run`, before anybody asks what it means: the parser's options as plain values.

/// The parser fills it; a command line without options needs no parser.
struct RunWords: Equatable, Sendable {
    struct Running: Equatable, Sendable {
        var jobs: String?
        var call: String?
        var isolation: String?
        var sandbox: String?
        var preload: [String] = []
        var maximumTasks: String?
    }

    struct Limits: Equatable, Sendable {
        var timeout: String?
        var grace: String?
        var cpuTime: String?
        var memory: String?
        var instructions: String?
        var output: String?
        var result: String?
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
        var lineBuffer = false
        var ungroup = false
        var group = false
        var tag = false
        var tagString: String?
        var quiet = false
        var results: String?
    }

    struct Control: Equatable, Sendable {
        var halt: String?
        var retries: String?
        var delay: String?
        var load: String?
        var memfree: String?
        var dryRun = false
    }

    struct Keeping: Equatable, Sendable {
        var jobLog: String?
        var resume = false
        var resumeFailed = false
        var bar = false
        var estimate = false
        var statistics = false
    }

    var scripts: [String]
    var running = Running()
    var limits = Limits()
    var inputs = Inputs()
    var output = Output()
    var control = Control()
    var keeping = Keeping()

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
        running = command.running.words
        limits = command.limits.words
        inputs = command.inputs.words
        output = command.output.words
        control = command.control.words
        keeping = command.keeping.words
    }
}
