// The commands of `luafleet`: what `luafleet help` shows.
import ArgumentParser

struct LuaFleetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "luafleet",
        abstract: "Runs Lua scripts, each in a process of its own.",
        discussion: """
            Examples:
              luafleet run a.lua b.lua c.lua
              luafleet run wordcount.lua ::: *.txt
              luafleet run nqueens.lua --call solutions -k ::: 8 9 10 11
              find . -name '*.log' | luafleet run scan.lua -j 50% --timeout 10 -

            'luafleet help run' explains inputs, options and exit statuses.
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
            """)

    @Argument(help: ArgumentHelp("What to show: isolation, containment.", valueName: "demo"))
    var name: String

    func run() {}

    func request() throws(UsageError) -> Demo {
        if let demo = Demo(rawValue: name) { return demo }
        let known = Demo.allCases.map(\.rawValue)
        let hint =
            nearestName(to: name, in: known).map { "did you mean \($0)?" }
            ?? "there is \(known.joined(separator: ", "))"
        throw UsageError("demo \(name): no such demo: \(hint)")
    }
}

enum Demo: String, CaseIterable, Sendable {
    case isolation
    case containment
}

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Shows what LuaFleet finds on this machine: processors, kernel layers, worker, limits.",
        discussion: "Exit status: 0 if scripts can run here, 255 if not.")

    func run() {}
}
