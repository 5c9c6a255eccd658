// `luafleet bench`: which workloads, and how they are printed.
import ArgumentParser

struct BenchRequest: Equatable, Sendable {
    /// Names of workloads in the order of the table; never empty.
    var workloads: [String]
    var printsJSON: Bool
}

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures the workloads W1 to W11, beside other programs where they are installed.",
        discussion: """
            luafleet bench              all of them
            luafleet bench W3 W5        these two
            luafleet bench W5 --json    an object a line: workload, unit, median, min, max, runs
            """)

    /// W1 stands for W1a and W1b.
    static let workloads = ["W1a", "W1b", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10", "W11"]

    @Argument(help: ArgumentHelp("W1 to W11; all, if none is named.", valueName: "workload"))
    var names: [String] = []

    @Flag(name: .customLong("json"), help: "A JSON object a line.")
    var json = false

    func run() {}

    func request() throws(UsageError) -> BenchRequest {
        var chosen = Set<String>()
        for name in names {
            let wanted =
                name.uppercased() == "W1"
                ? ["W1a", "W1b"] : Self.workloads.filter { $0.lowercased() == name.lowercased() }
            guard !wanted.isEmpty else {
                throw UsageError("bench \(name): no such workload (there are W1 to W11)")
            }
            chosen.formUnion(wanted)
        }
        let workloads = names.isEmpty ? Self.workloads : Self.workloads.filter(chosen.contains)
        return BenchRequest(workloads: workloads, printsJSON: json)
    }
}
