// `luafleet run`: its options and their help. What they mean together is checked in RunCommand+Request.swift.
import ArgumentParser
import LuaFleet

struct RunCommand: ParsableCommand {
    static let name = "run"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Runs scripts, or one script for every input, in processes of their own.",
        usage: """
            luafleet run SCRIPT... [options] [-- ARGUMENT...]
            luafleet run SCRIPT [options] [-- ARGUMENT...] ::: INPUT...
            luafleet run SCRIPT --call FUNCTION [options] ::: INPUT...
            """,
        discussion: """
            The first form runs every script once. The second runs the script once for every input, which it finds in ... and
            arg[1]. The third calls a function that the script returns in a table or defines globally. No shell sees an input.

            Examples:
              luafleet run a.lua b.lua                        two scripts at once
              luafleet run wordcount.lua ::: *.txt            a process for every file
              luafleet run t.lua -k ::: a b ::: 1 2           every pair: a 1, a 2, b 1, b 2
              luafleet run t.lua ::: a b :::+ 1 2             in step: a 1, b 2
              seq 1000000 | luafleet run t.lua --call f -     a line each from standard input
              luafleet run t.lua --json ::: 1 '{"x":2}'       JSON values become Lua values
              luafleet run t.lua -- --in {} --out {.}.png ::: *.svg

            After ::: everything is an input, also what looks like an option. A pipe into standard input that has something within
            0.1 s is read without '-'; '-' waits for it. In a 'while read' loop, give </dev/null.
            Exit status: 0 all succeeded, 1-100 that many failed, 101 more, 130 interrupted, 255 usage or setup.
            """)

    @Argument(
        help: ArgumentHelp("Lua files; - stands for inputs from standard input, a line each.", valueName: "script"))
    var scripts: [String] = []

    @OptionGroup(title: "How it runs") var running: RunningOptions
    @OptionGroup(title: "Inputs (also ::: INPUT..., :::: FILE..., and :::+ ::::+ in step)") var inputs: InputOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() {}
}

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
            valueName: "level"))
    var isolation: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Kill a task that runs longer: 10, 0.5, 1m30s. Default: no limit.", valueName: "seconds"))
    var timeout: String?
}

struct InputOptions: ParsableArguments {
    @Option(
        name: [.customShort("a"), .customLong("arg-file")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Inputs from a file, a line each; - is standard input. Several files combine, as with :::.",
            valueName: "file"))
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
        help: ArgumentHelp("Makes random order the same every time: a whole number.", valueName: "n"))
    var seed: String?
}

struct OutputOptions: ParsableArguments {
    @Flag(
        name: [.customShort("k"), .customLong("keep-order")],
        help: "Output in the order of the inputs, not of completion.")
    var keepOrder = false

    @Flag(help: "A JSON object a task instead of its output.")
    var jsonOutput = false
}
