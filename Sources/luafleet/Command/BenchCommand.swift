// `luafleet bench`: which workloads, how often, and how they are printed.
import ArgumentParser

struct BenchRequest: Equatable, Sendable {
    /// Names of workloads, none twice; never empty.
    var workloads: [String]
    var printsJSON = false
    /// How often each runs; the median counts.
    var runs = 3
}

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures this machine: the workloads of the performance goals.",
        discussion: """
            Without names, all of them:
            \(Workload.all.map { "  \($0.name)  \($0.summary)" }.joined(separator: "\n"))
            """)

    @Argument(help: ArgumentHelp("Workloads to run, such as W3 W5; W1 is W1a and W1b.", valueName: "workload"))
    var names: [String] = []

    @Flag(help: "A JSON object a line instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("How often each workload runs; the median counts. Default: 3.", valueName: "n"))
    var runs: String?

    func run() {}

    func request() throws(UsageError) -> BenchRequest {
        var chosen = names.isEmpty ? Workload.all.map(\.name) : []
        for name in names {
            let found = Workload.named(name).map(\.name)
            guard !found.isEmpty else {
                let known = Workload.all.map(\.name).joined(separator: " ")
                throw UsageError("bench \(name): no such workload; there are \(known)")
            }
            chosen += found.filter { !chosen.contains($0) }
        }
        return BenchRequest(
            workloads: chosen, printsJSON: json,
            runs: try runs.map { (text) throws(UsageError) in
                try parseCount(text, option: "--runs")
            } ?? 3)
    }
}
