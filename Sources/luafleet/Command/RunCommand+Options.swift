// The options of `luafleet run` for how tasks run, what they may use, and what they get: names, help, completions.
import ArgumentParser
import LuaFleet

struct RunningOptions: ParsableArguments {
    @Option(
        name: [.customShort("j", allowingJoined: true), .customLong("jobs")], parsing: .unconditional,
        help: ArgumentHelp(
            "So many tasks at a time: 4; 50% of the processors; +1 or -1: so many more or fewer. Default: a task a processor.",
            valueName: "n"))
    var jobs: String?

    @Option(help: ArgumentHelp("Call this function of the script instead of running it.", valueName: "function"))
    var call: String?

    @Option(
        help: ArgumentHelp(
            "shared, fresh-state or fresh-process: what a task shares with those before it. Default: a process a task; with --call, shared.",
            valueName: "level"),
        completion: .list(LuaIsolation.allCases.map(\.rawValue)))
    var isolation: String?

    @Option(
        help: ArgumentHelp(
            "none, safe or locked: what a script may do to the machine. Default: none.", valueName: "level"),
        completion: .list(SandboxLevel.allCases.map(\.rawValue)))
    var sandbox: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Lua file that every worker has loaded before its first task; once, and shared.", valueName: "file"),
        completion: .file(extensions: ["lua"]))
    var preload: [String] = []

    @Option(
        name: .customLong("max-tasks"), parsing: .unconditional,
        help: ArgumentHelp("Replace a worker after so many tasks. Default: never.", valueName: "n"))
    var maximumTasks: String?

    var words: RunWords.Running {
        RunWords.Running(
            jobs: jobs, call: call, isolation: isolation, sandbox: sandbox, preload: preload, maximumTasks: maximumTasks
        )
    }
}

struct LimitOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Kill a task that runs longer: 10, 0.5, 1m30s. Default: no limit.", valueName: "seconds"))
    var timeout: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What a task over --timeout, or at --halt now, gets to tidy up: an error is raised in its script, and it is killed so much later. Default: killed at once.",
            valueName: "seconds"))
    var grace: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Processor time of a task; sleeping does not count. Default: no limit.", valueName: "seconds"))
    var cpuTime: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Memory of a task: 64M, 1G, 512K. Default: no limit.", valueName: "size"))
    var memory: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Lua instructions of a task. Default: not counted.", valueName: "n"))
    var instructions: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes that a task may print. Default: no limit.", valueName: "size"))
    var outputLimit: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes of the values that a task may return. Default: 64M.", valueName: "size"))
    var resultLimit: String?

    var words: RunWords.Limits {
        RunWords.Limits(
            timeout: timeout, grace: grace, cpuTime: cpuTime, memory: memory, instructions: instructions,
            output: outputLimit,
            result: resultLimit)
    }
}

struct InputOptions: ParsableArguments {
    @Option(
        name: [.customShort("a"), .customLong("arg-file")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Inputs from a file, a line each; - is standard input. Several files combine, as with :::.",
            valueName: "file"),
        completion: .file())
    var files: [String] = []

    @Flag(
        name: [.customShort("0"), .customLong("null")],
        help: "Inputs in files end with NUL, as find -print0 writes them.")
    var null = false

    @Option(
        name: [.customShort("d"), .customLong("delimiter")], parsing: .unconditional,
        help: ArgumentHelp("Inputs in files end with this byte: ',', '\\t', '\\x1e'.", valueName: "byte"))
    var delimiter: String?

    @Option(
        name: [.customShort("C"), .customLong("colsep")], parsing: .unconditional,
        help: ArgumentHelp("A regular expression that separates the columns of an input.", valueName: "regexp"))
    var columnSeparator: String?

    @Flag(help: "Inputs are comma-separated values; --colsep names another separator.")
    var csv = false

    @Option(help: ArgumentHelp("With ':' the first input of each source names its columns.", valueName: ":"))
    var header: String?

    @Flag(help: "Each input is a JSON value; files hold one a line, or one array.")
    var json = false

    @Option(
        name: [.customShort("n", allowingJoined: true), .customLong("max-args")], parsing: .unconditional,
        help: ArgumentHelp("So many inputs go to each task. Default: 1.", valueName: "n"))
    var recordsPerTask: String?

    @Flag(help: "Sources go in step instead of combining; the shorter ones begin again.")
    var link = false

    @Flag(name: .customLong("shuf"), help: "Inputs in random order.")
    var shuffle = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A whole number: math.random gives every task the same numbers each time, whatever -j; --shuf the same order.",
            valueName: "n"))
    var seed: String?

    var words: RunWords.Inputs {
        RunWords.Inputs(
            files: files, null: null, delimiter: delimiter, columnSeparator: columnSeparator, csv: csv, header: header,
            json: json, recordsPerTask: recordsPerTask, link: link, shuffle: shuffle, seed: seed)
    }
}
