// The values of a task as `print` writes them: one line.
import LuaFleet

extension TaskReport {
    /// Separated by tabs, with a line feed; nothing where the task returned nothing or failed.
    var valuesLine: Bytes {
        guard case .values(let values) = outcome, !values.isEmpty else { return [] }
        var line = Bytes()
        for (index, value) in values.enumerated() {
            if index > 0 { line.append(UInt8(ascii: "\t")) }
            line += LuaText.printedBytes(value)
        }
        return line + [UInt8(ascii: "\n")]
    }
}
