// Random values and random messages, from a seed that a failing test prints.

import LuaFleetWire

@testable import LuaFleet

#if canImport(Glibc)
    import Glibc
#endif

/// SplitMix64: small, and the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

/// How often a property is tried: as given, or times `LUAFLEET_TEST_FACTOR`.
func repetitions(_ count: Int) -> Int {
    let factor = getenv("LUAFLEET_TEST_FACTOR").flatMap { Double(String(cString: $0)) } ?? 1
    return max(1, Int(Double(count) * factor))
}

/// The seed of this run: `LUAFLEET_TEST_SEED`, or a new one.
let testSeed: UInt64 = getenv("LUAFLEET_TEST_SEED").flatMap { UInt64(String(cString: $0)) } ?? .random(in: 0 ... .max)

extension LuaValue {
    /// A random value of about `size` items.
    static func random(
        _ size: Int, onlyScalarKeys: Bool = false, handles: Bool = true, using random: inout SeededGenerator
    ) -> LuaValue {
        func scalar() -> LuaValue {
            let value = randomScalar(using: &random)
            if case .handle = value, !handles { return .null }
            return value
        }
        guard size > 1, Int.random(in: 0..<8, using: &random) > 0 else { return scalar() }
        var table = LuaTable()
        var left = size - 1
        let shape = Int.random(in: 0..<3, using: &random)
        while left > 0 {
            let part = Int.random(in: 1...left, using: &random)
            left -= part
            let value = LuaValue.random(part, onlyScalarKeys: onlyScalarKeys, handles: handles, using: &random)
            if shape == 0 || (shape == 1 && Bool.random(using: &random)) {
                table.append(value)
            } else if Int.random(in: 0..<20, using: &random) == 0, !onlyScalarKeys {
                table[LuaValue.random(3, using: &random)] = value
            } else {
                table[scalar()] = value
            }
        }
        return .table(table)
    }

    static func randomScalar(using random: inout SeededGenerator) -> LuaValue {
        switch Int.random(in: 0..<16, using: &random) {
        case 0: return .nil
        case 1: return .null
        case 2: return .boolean(Bool.random(using: &random))
        case 3: return .integer(Int64(truncatingIfNeeded: random.next()))
        case 4: return .integer(Int64.random(in: -3...30, using: &random))
        case 5: return .integer(Int64(truncatingIfNeeded: random.next()) >> Int64.random(in: 0..<64, using: &random))
        case 6: return .number(Double(bitPattern: random.next()))
        case 7: return .number(Double(Int.random(in: -5...5, using: &random)))
        case 8: return .number([.nan, .infinity, -.infinity, -0.0, 0x1p-1074, 0.1].randomElement(using: &random) ?? 0)
        case 9: return .handle(LuaHandle(kind: UInt32(truncatingIfNeeded: random.next()), id: random.next() >> 1))
        case 10: return LuaValue(String(repeating: "ab", count: Int.random(in: 0..<20, using: &random)))
        default:
            let count = Int.random(in: 0..<12, using: &random)
            return LuaValue(bytes: (0..<count).map { _ in UInt8.random(in: 97...122, using: &random) })
        }
    }
}

/// Writes random messages as any encoder might: long heads, indefinite lengths, shared tables, nil in odd places.
struct RandomMessage {
    var random: SeededGenerator
    private(set) var bytes: [UInt8] = []
    private var shared = 0
    private var variables = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let count = Int.random(in: 0..<4, using: &random)
        bytes.append(0x80 | UInt8(count))
        for _ in 0..<count { write(Int.random(in: 1..<40, using: &random)) }
    }

    private mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }

    private mutating func head(_ major: UInt8, _ value: UInt64) {
        var width = value < 24 ? 0 : value < 256 ? 1 : value < 65536 ? 2 : value < 1 << 32 ? 4 : 8
        if chance(10), width < 8 { width = width == 0 ? 1 : width * 2 }
        switch width {
        case 0: bytes.append(major | UInt8(value))
        case 1: bytes += [major | 24, UInt8(value)]
        case 2: bytes += [major | 25] + withUnsafeBytes(of: UInt16(value).bigEndian) { [UInt8]($0) }
        case 4: bytes += [major | 26] + withUnsafeBytes(of: UInt32(value).bigEndian) { [UInt8]($0) }
        default: bytes += [major | 27] + withUnsafeBytes(of: value.bigEndian) { [UInt8]($0) }
        }
    }

    private mutating func scalar() {
        switch Int.random(in: 0..<12, using: &random) {
        case 0: bytes.append([0xf4, 0xf5, 0xf6, 0xf7].randomElement(using: &random) ?? 0xf6)
        case 1: bytes += [0xf9, UInt8.random(in: 0...255, using: &random), 7]
        case 2: bytes += [0xfa, UInt8.random(in: 0...255, using: &random), 1, 2, 3]
        case 3: bytes += [0xfb] + withUnsafeBytes(of: random.next()) { [UInt8]($0) }
        case 4: head(0x00, random.next() >> UInt64.random(in: 1..<64, using: &random))
        case 5: head(0x20, random.next() >> UInt64.random(in: 1..<64, using: &random))
        case 6: head(0x00, UInt64.random(in: 0..<8, using: &random))
        case 7:
            bytes += [0xd9, 0xf1, 0xe1, 0x82]
            head(0, UInt64.random(in: 0..<20, using: &random))
            head(0, random.next() >> 1)
        case 8 where shared > 0:
            bytes += [0xd8, 0x1d]
            head(0, UInt64.random(in: 0..<UInt64(shared), using: &random))
        case 9:
            bytes += [0xd9, 0xf1, 0xe3]
            string()
        default: string()
        }
    }

    private mutating func string() {
        let count = Int.random(in: 0..<6, using: &random)
        head(chance(4) ? 0x60 : 0x40, UInt64(count))
        for _ in 0..<count { bytes.append(UInt8.random(in: 97...99, using: &random)) }
    }

    private mutating func key() {
        // Neither nil nor NaN.
        switch Int.random(in: 0..<5, using: &random) {
        case 0: head(0, UInt64.random(in: 0..<6, using: &random))
        case 1:
            bytes +=
                [0xfb]
                + withUnsafeBytes(of: Double.random(in: 0..<4, using: &random).rounded().bitPattern.bigEndian) {
                    [UInt8]($0)
                }
        case 2: bytes += [[0xf4], [0xf5], [0xf7], [0x80], [0xf9, 0x3e, 0x00]].randomElement(using: &random) ?? [0xf4]
        default: string()
        }
    }

    private mutating func write(_ size: Int) {
        guard size > 1 else { return scalar() }
        if chance(4) {
            bytes += [0xd8, 0x1c]
            shared += 1
        }
        if chance(12) { return object(size) }
        if chance(12) { return function(size) }
        var parts: [Int] = []
        var left = size - 1
        while left > 0 {
            parts.append(Int.random(in: 1...left, using: &random))
            left -= parts[parts.count - 1]
        }
        let isOpen = chance(3)
        if chance(2) {
            let rest = chance(4) ? Int.random(in: 0..<4, using: &random) : -1
            if isOpen { bytes.append(0x9f) } else { head(0x80, UInt64(parts.count + (rest < 0 ? 0 : 1))) }
            for part in parts { write(part) }
            if rest >= 0 {
                bytes += [0xd9, 0xf1, 0xe0]
                pairs(Array(repeating: 1, count: rest), isOpen: chance(3))
            }
            if isOpen { bytes.append(0xff) }
        } else {
            pairs(parts, isOpen: isOpen)
        }
    }

    private mutating func object(_ size: Int) {
        bytes += [0xd9, 0xf1, 0xe4]
        let count = Int.random(in: 1...3, using: &random)
        head(0x80, UInt64(count))
        for part in 0..<count { part == 0 && chance(2) ? string() : write(max(1, size / count)) }
    }

    private mutating func function(_ size: Int) {
        bytes += [0xd9, 0xf1, 0xe2]
        let count = Int.random(in: 0..<4, using: &random)
        head(0x80, UInt64(count + 1))
        string()
        for _ in 0..<count {
            if variables > 0, chance(2) {
                head(0, UInt64.random(in: 0..<UInt64(variables), using: &random))
            } else {
                variables += 1
                bytes.append(0x81)
                write(max(1, size / count))
            }
        }
    }

    private mutating func pairs(_ parts: [Int], isOpen: Bool) {
        if isOpen { bytes.append(0xbf) } else { head(0xa0, UInt64(parts.count)) }
        for part in parts {
            key()
            write(part)
        }
        if isOpen { bytes.append(0xff) }
    }
}
