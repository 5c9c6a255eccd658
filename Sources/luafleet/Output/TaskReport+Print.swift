// What is printed of a task that has ended: its output, its values, its failure.
import LuaFleet

extension TaskReport {
    /// For standard output and standard error. `self` may become a failure: values that cannot be written as JSON.
    mutating func printed(asJSON: Bool, tag: Bytes?, style: Style, isQuiet: Bool) -> (output: Bytes, errors: Bytes) {
        let output = asJSON ? json() : (standardOutput + valuesLine).tagged(tag)
        var errors = asJSON ? Bytes() : standardError.tagged(tag)
        if !isQuiet, let failureText = failureText(style: style) { errors += failureText }
        return (output, errors)
    }

    mutating func json() -> Bytes {
        do throws(LuaJSON.TooLong) {
            return try jsonLine()
        } catch {
            outcome = .failure(Failure(kind: .notEncodable, message: Bytes("\(error)".utf8)))
            // What is left is the input and the output, which were sent and are far below the limit.
            return (try? jsonLine()) ?? []
        }
    }
}
