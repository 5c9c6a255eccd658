// `luafleet run`: its help and the groups of its options. What they mean together is checked in RunCommand+Request.swift.
import ArgumentParser

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
              luafleet run t.lua --tag --retries 3 ::: a b    three tries each; every line says whose it is
              luafleet run t.lua --joblog log --resume ::: *  go on where the last run stopped
              luafleet run t.lua --halt now,fail=1 ::: *      the first failure ends all
              luafleet run t.lua --dry-run ::: *              what would run

            After ::: everything is an input, also what looks like an option. A pipe into standard input is read without '-' when
            another command of the same pipeline writes to it, or when it has something within 0.1 s; '-' always waits for it. In a
            'while read' loop, give </dev/null.
            Ctrl-C once lets running tasks finish, twice kills them. SIGUSR1 prints what is running.
            Exit status: 0 all succeeded, 1-100 that many failed, 101 more, 130 interrupted, 255 usage or setup.
            """)

    @Argument(
        help: ArgumentHelp("Lua files; - stands for inputs from standard input, a line each.", valueName: "script"),
        completion: .file(extensions: ["lua"]))
    var scripts: [String] = []

    @OptionGroup(title: "How it runs") var running: RunningOptions
    @OptionGroup(title: "What a task may use") var limits: LimitOptions
    @OptionGroup(title: "Inputs (also ::: INPUT..., :::: FILE..., and :::+ ::::+ in step)") var inputs: InputOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "When tasks start and stop") var control: ControlOptions
    @OptionGroup(title: "Keeping and watching") var keeping: KeepingOptions

    func run() {}
}
