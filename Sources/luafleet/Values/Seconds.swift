// Durations: seconds, fractions allowed, or with GNU parallel's units: 90, 0.5, 1m30s, 2h, 1d.

/// The value of option `option`; above zero, below a century.
func parseSeconds(_ text: String, option: String) throws(UsageError) -> Duration {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    let malformed = UsageError("\(option) \(text): not a duration (write seconds: 10 or 0.5; or 1m30s, 2h, 1d)")
    var total = 0.0
    var rest = text[...]
    if rest.isEmpty { throw malformed }
    while !rest.isEmpty {
        let digits = rest.prefix { $0.isNumber || $0 == "." }
        guard let amount = decimal(digits) else { throw malformed }
        rest = rest.dropFirst(digits.count)
        guard let letter = rest.popFirst() else {
            total += amount
            break
        }
        guard let unit = units[letter] else { throw malformed }
        total += amount * unit
    }
    guard total > 0 else { throw UsageError("\(option) \(text): has to be more than 0 seconds") }
    guard total < 3.2e9 else { throw UsageError("\(option) \(text): more than a century") }
    return .nanoseconds(Int64((total * 1e9).rounded()))
}

/// The value of option `option`, a whole number of at least `minimum`.
func parseCount(_ text: String, option: String, minimum: Int = 1) throws(UsageError) -> Int {
    guard let number = Int(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
        throw UsageError("\(option) \(text): not a whole number")
    }
    guard number >= minimum else { throw UsageError("\(option) \(text): has to be at least \(minimum)") }
    return number
}
