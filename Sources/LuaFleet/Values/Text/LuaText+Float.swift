// Floats as C's `%.14g` writes them, without C: the digits come from Swift's exact shortest form where that is short, else from rounding.

extension LuaText {
    /// A float as Lua's `tostring` writes it: `%.14g`, then `.0` if it looks like an integer.
    package static func float(_ value: Double) -> String {
        if value.isNaN { return value.sign == .minus ? "-nan" : "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        let sign = value.sign == .minus ? "-" : ""
        if value == 0 { return sign + "0.0" }
        var (digits, exponent) = LuaDecimal.digits(value.magnitude, count: 14)
        while digits.count > 1, digits.last == 0 { digits.removeLast() }
        let text = digits.map { "\($0)" }.joined()
        if exponent < -4 || exponent >= 14 {
            let mantissa = text.count > 1 ? text.prefix(1) + "." + text.dropFirst() : text[...]
            let power = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
            return sign + mantissa + "e" + (exponent < 0 ? "-" : "+") + power
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + text }
        if text.count <= exponent + 1 {
            return sign + text + String(repeating: "0", count: exponent + 1 - text.count) + ".0"
        }
        return sign + text.prefix(exponent + 1) + "." + text.dropFirst(exponent + 1)
    }
}

/// Exact decimal digits of a double: a double is an integer times a power of two, so its decimal form is finite.
enum LuaDecimal {
    /// The first `count` significant digits of a positive finite value, rounded half to even, and the exponent of the first.
    static func digits(_ value: Double, count: Int) -> (digits: [UInt8], exponent: Int) {
        // value = significand * 2^power
        let power = Int(value.exponent) - 52
        let significand = UInt64(value.significand * 0x1p52)
        var number = LuaNatural(significand)
        var scale = 0  // value = number * 10^-scale
        if power >= 0 {
            number.shiftLeft(power)
        } else {
            // number / 2^n = number * 5^n / 10^n
            for _ in 0..<(-power) { number.multiply(by: 5) }
            scale = -power
        }
        var all = number.decimal()
        var exponent = all.count - 1 - scale
        guard all.count > count else { return (all, exponent) }
        let rest = all[count...]
        all.removeLast(all.count - count)
        let roundsUp = rest.first.map { first in
            first > 5 || (first == 5 && (rest.dropFirst().contains { $0 != 0 } || all[count - 1] % 2 == 1))
        }
        guard roundsUp == true else { return (all, exponent) }
        var index = count - 1
        while index >= 0, all[index] == 9 {
            all[index] = 0
            index -= 1
        }
        if index >= 0 {
            all[index] += 1
        } else {
            all.insert(1, at: 0)
            all.removeLast()
            exponent += 1
        }
        return (all, exponent)
    }
}

/// A natural number of any size, as far as ``LuaDecimal`` needs one.
struct LuaNatural {
    /// Base 10^9, the lowest first.
    private var limbs: [UInt32]

    init(_ value: UInt64) {
        limbs = []
        var value = value
        while value > 0 {
            limbs.append(UInt32(value % 1_000_000_000))
            value /= 1_000_000_000
        }
    }

    mutating func multiply(by factor: UInt32) {
        var carry: UInt64 = 0
        for index in limbs.indices {
            let product = UInt64(limbs[index]) * UInt64(factor) + carry
            limbs[index] = UInt32(product % 1_000_000_000)
            carry = product / 1_000_000_000
        }
        if carry > 0 { limbs.append(UInt32(carry)) }
    }

    mutating func shiftLeft(_ bits: Int) {
        var bits = bits
        while bits > 0 {
            let step = min(bits, 28)
            multiply(by: 1 << UInt32(step))
            bits -= step
        }
    }

    /// The decimal digits, the highest first; of 0 none.
    func decimal() -> [UInt8] {
        var digits: [UInt8] = []
        for (index, limb) in limbs.reversed().enumerated() {
            let text = Array("\(limb)".utf8).map { $0 - 48 }
            if index > 0 { digits.append(contentsOf: repeatElement(0, count: 9 - text.count)) }
            digits.append(contentsOf: text)
        }
        return digits
    }
}
