// Figures of repeated runs, and how they are printed.

/// One figure of a workload over its runs.
struct Measurement {
    /// `W1a`, or `W3.p50` where a workload has several figures.
    var workload: String
    var unit: String
    var values: [Double]

    var median: Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// A JSON object on one line, as `bench --json` prints it.
    var json: String {
        #"{"workload":"\#(workload)","unit":"\#(unit)","median":\#(median),"min":\#(values.min() ?? 0),"max":\#(values.max() ?? 0),"runs":\#(values.count)}"#
    }

    /// A row for people.
    var row: String {
        let range = "\(Self.round(values.min() ?? 0)) … \(Self.round(values.max() ?? 0))"
        return pad(workload, workload.count < 11 ? 10 : 34) + pad(left: Self.round(median), 14) + "  " + pad(unit, 10)
            + " " + range
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func pad(left text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// Three significant digits or more, without an exponent.
    static func round(_ value: Double) -> String {
        if value >= 100 || value == value.rounded() { return "\(Int(value.rounded()))" }
        let scale = value >= 10 ? 10.0 : value >= 1 ? 100.0 : 1000.0
        return "\((value * scale).rounded() / scale)"
    }
}
