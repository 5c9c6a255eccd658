// `luafleet bench`: the workloads of the performance goals, measured here and now.
import ArgumentParser
import LuaFleet

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures this machine: the workloads of the performance goals.",
        discussion: "Without names, all of them:\n" + Workload.all.map { "  \($0.name)  \($0.summary)" }.joined(separator: "\n"))

    @Argument(help: "Workloads to run, such as W3 W5.")
    var workloads: [String] = []

    @Flag(help: "Print a JSON object a line instead of a table.")
    var json = false

    @Option(help: "How often each workload runs; the median counts.")
    var runs = 3

    func validate() throws {
        guard runs >= 1 else { throw ValidationError("--runs \(runs): at least 1") }
        for name in workloads where Workload.named(name).isEmpty {
            throw ValidationError(
                "no workload named \(name); there are \(Workload.all.map(\.name).joined(separator: " "))")
        }
    }

    func run() async throws {
        let chosen = workloads.isEmpty ? Workload.all : workloads.flatMap { Workload.named($0) }
        if !json { print("workload          median  unit       min … max") }
        for workload in chosen {
            var measurements = [Measurement]()
            for _ in 0..<runs {
                for (position, figure) in try await workload.run().enumerated() {
                    if position == measurements.count {
                        let name = workload.name + (figure.suffix.isEmpty ? "" : ".\(figure.suffix)")
                        measurements.append(Measurement(workload: name, unit: figure.unit, values: []))
                    }
                    measurements[position].values.append(figure.value)
                }
            }
            for measurement in measurements { print(json ? measurement.json : measurement.row) }
        }
    }
}
