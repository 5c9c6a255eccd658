// Prints a task that has ended: its output, its values, its failure.
import LuaFleet

extension TaskReport {
    /// False when nobody reads standard output any more. `self` may become a failure: values that cannot be written as JSON.
    mutating func print(asJSON: Bool) -> Bool {
        let text: Bytes
        if asJSON {
            text = json()
        } else {
            text = standardOutput + valuesLine
        }
        guard StandardStream.output.write(text) else { return false }
        if !asJSON { StandardStream.error.write(standardError) }
        if let failureText { StandardStream.error.write(failureText) }
        return true
    }

    private mutating func json() -> Bytes {
        do throws(LuaJSON.TooLong) {
            return try jsonLine()
        } catch {
            outcome = .failure(Failure(kind: .notEncodable, message: Bytes("\(error)".utf8)))
            // What is left is the input and the output, which were sent and are far below the limit.
            return (try? jsonLine()) ?? []
        }
    }
}
