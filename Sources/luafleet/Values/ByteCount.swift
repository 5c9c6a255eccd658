// Sizes: 64M, 1G, 512K or plain bytes, with GNU parallel's units (K = 1024, k = 1000).

/// The value of option `option`, in bytes; at least 1.
func parseByteCount(_ text: String, option: String) throws(UsageError) -> Int {
    var number = text[...]
    if number.hasSuffix("iB") { number = number.dropLast(2) }  // 64MiB; not MB, which some read as 1000²
    var unit = 1
    if let letter = number.last, let exponent = "kmgtKMGT".firstIndex(of: letter) {
        let power = "kmgtKMGT".distance(from: "kmgtKMGT".startIndex, to: exponent)
        for _ in 0...(power % 4) { unit *= power < 4 ? 1000 : 1024 }
        number = number.dropLast()
    } else if text.hasSuffix("iB") {
        number = ""
    }
    guard let amount = decimal(number) else {
        throw UsageError("\(option) \(text): not a size (write 64M, 1G, 512K or a number of bytes)")
    }
    let bytes = amount * Double(unit)
    guard bytes >= 1 else { throw UsageError("\(option) \(text): at least 1 byte") }
    // Doubles above 2⁶² would not all fit an Int.
    guard bytes < 4.6e18 else { throw UsageError("\(option) \(text): more than any machine has") }
    return Int(bytes)
}
