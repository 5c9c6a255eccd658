// Runs the workloads that were asked for and prints each as soon as it is measured.

extension BenchRequest {
    /// The exit status.
    func perform() async throws(UsageError) -> Int32 {
        do {
            try await print()
        } catch {
            throw UsageError("bench: \(error)")
        }
        return ExitStatus.success
    }

    private func print() async throws {
        if !printsJSON { StandardStream.output.writeLine("workload          median  unit       min … max") }
        for workload in workloads.flatMap({ Workload.named($0) }) {
            for measurement in try await measure(workload) {
                StandardStream.output.writeLine(printsJSON ? measurement.json : measurement.row)
            }
        }
    }

    private func measure(_ workload: Workload) async throws -> [Measurement] {
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
        return measurements
    }
}
