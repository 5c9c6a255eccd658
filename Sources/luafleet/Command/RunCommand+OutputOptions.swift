// The options of `luafleet run` for output, control, keeping and watching: names, help, completions.
import ArgumentParser

struct OutputOptions: ParsableArguments {
    @Flag(
        name: [.customShort("k"), .customLong("keep-order")],
        help: "Output in the order of the inputs, not of completion.")
    var keepOrder = false

    @Flag(help: "Output of a task whole, when it has ended. This is the default.")
    var group = false

    @Flag(
        name: [.customLong("line-buffer"), .customLong("lb")],
        help: "Every line of output as soon as it is complete; lines of several tasks mix.")
    var lineBuffer = false

    @Flag(name: [.customShort("u"), .customLong("ungroup")], help: "Output as it comes; also parts of lines mix.")
    var ungroup = false

    @Flag(help: "Every line begins with the input it is of, and a tab.")
    var tag = false

    @Option(
        name: .customLong("tagstring"), parsing: .unconditional,
        help: ArgumentHelp("Every line begins with this, placeholders filled in, and a tab.", valueName: "text"))
    var tagString: String?

    @Flag(help: "A JSON object a task instead of its output.")
    var jsonOutput = false

    @Flag(
        help: "No lines about failures and no summaries; the exit status still counts them.")
    var quiet = false

    @Option(
        name: [.customLong("results"), .customLong("res")], parsing: .unconditional,
        help: ArgumentHelp(
            "Output into files instead: a folder with seq, stdout, stderr and value for every task; or NAME.csv, .tsv, .jsonl.",
            valueName: "name"),
        completion: .file())
    var results: String?

    var words: RunWords.Output {
        RunWords.Output(
            keepOrder: keepOrder, jsonOutput: jsonOutput, lineBuffer: lineBuffer, ungroup: ungroup, group: group,
            tag: tag, tagString: tagString, quiet: quiet, results: results)
    }
}

struct ControlOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "When to stop: now (kill) or soon (let running tasks finish), then fail, success or done, =N or =N%: now,fail=1.",
            valueName: "when,why=n"),
        completion: .list(["now,fail=1", "soon,fail=1", "now,success=1", "soon,success=1", "now,done=1", "soon,done=1"])
    )
    var halt: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Try a task that fails so often in all; 0: until it succeeds. Default: 1.", valueName: "n"))
    var retries: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Wait so long between two starts: 0.5, 1m.", valueName: "seconds"))
    var delay: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Start nothing while so many processes are running on the machine: 4, 80% of the processors, +1, -1.",
            valueName: "n"))
    var load: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Start nothing while less memory is free: 1G.", valueName: "size"))
    var memfree: String?

    @Flag(name: [.customLong("dry-run"), .customLong("dryrun")], help: "Print what would run, and run nothing.")
    var dryRun = false

    var words: RunWords.Control {
        RunWords.Control(
            halt: halt, retries: retries, delay: delay, load: load, memfree: memfree, dryRun: dryRun)
    }
}

struct KeepingOptions: ParsableArguments {
    @Option(
        name: [.customLong("joblog"), .customLong("jl")], parsing: .unconditional,
        help: ArgumentHelp("Write a line for every task that has ended.", valueName: "file"), completion: .file())
    var jobLog: String?

    @Flag(help: "With --joblog: leave out tasks that have ended in an earlier run, same script, input and limits.")
    var resume = false

    @Flag(help: "Likewise, but run those again that failed.")
    var resumeFailed = false

    @Flag(help: "A line on the terminal: done, failed, running, rate, time left.")
    var bar = false

    @Flag(name: .customLong("eta"), help: "The same line without the bar.")
    var estimate = false

    @Flag(name: .customLong("stats"), help: "At the end: times of workers and tasks, and the five slowest.")
    var statistics = false

    var words: RunWords.Keeping {
        RunWords.Keeping(
            jobLog: jobLog, resume: resume, resumeFailed: resumeFailed, bar: bar, estimate: estimate,
            statistics: statistics)
    }
}
