// The commands of `luafleet`: what `luafleet help` shows.
import ArgumentParser

struct LuaFleetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "luafleet",
        abstract: "Runs Lua scripts, each in a process of its own.",
        discussion: """
            Examples:
              luafleet run a.lua b.lua c.lua                        three scripts at once
              luafleet run wordcount.lua ::: *.txt                  one script, a process for every file
              luafleet run nqueens.lua --call solutions -k ::: 8 9 10 11
              find . -name '*.log' | luafleet run scan.lua -j 50% --timeout 10 -
              luafleet run job.lua --bar --joblog log --resume :::: list.txt
              luafleet run flaky.lua --retries 3 --halt soon,fail=10% --tag ::: a b c
              luafleet run job.lua --results out ::: a b            what every task wrote, in files of its own
              luafleet demo isolation                               what process isolation is
              luafleet demo speedup                                 what more than one processor is
              luafleet doctor                                       what there is on this machine

            'luafleet help run' explains inputs, options and exit statuses.
            Completions: luafleet --generate-completion-script bash, zsh or fish.
            Manual page: luafleet help --man > luafleet.1
            """,
        version: "luafleet \(luaFleetVersion)",
        subcommands: [RunCommand.self, DemoCommand.self, BenchCommand.self, DoctorCommand.self])
}

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Shows what process isolation is.",
        discussion: """
            luafleet demo isolation
              One script in several workers: each changes globals, loaded modules and the string library, and finds nothing of
              the others.
            luafleet demo containment
              Scripts that crash, loop, eat memory, read secrets and fork, beside others whose answers stay right.
            luafleet demo speedup
              The same work by one worker and by one for each processor: a bar of each, and the ratio.
            """)

    @Argument(
        help: ArgumentHelp("What to show: isolation, containment, speedup.", valueName: "demo"),
        completion: .list(Demo.allCases.map(\.rawValue)))
    var name: String

    func run() {}

    func request() throws(UsageError) -> Demo {
        if let demo = Demo(rawValue: name) { return demo }
        throw UsageError("demo \(name): no such demo: \(suggestion(for: name, in: Demo.allCases))")
    }
}

enum Demo: String, CaseIterable, Sendable {
    case isolation
    case containment
    case speedup
}

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Shows what LuaFleet finds on this machine: processors, kernel layers, worker, limits.",
        discussion: "Exit status: 0 if scripts can run here, 255 if not.")

    func run() {}
}
