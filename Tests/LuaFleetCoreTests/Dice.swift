// Random numbers that can be thrown again: from a seed, which every failure names.
import Glibc

/// SplitMix64.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func roll(_ range: Range<Int>) -> Int {
        Int.random(in: range, using: &self)
    }

    /// True once in `sides` throws.
    mutating func once(in sides: Int) -> Bool {
        roll(0..<sides) == 0
    }

    /// `LUAFLEET_TEST_SEED` if set, else a new one; printed, so that a failure can be repeated.
    static func seed(of test: String) -> UInt64 {
        let seed = getenv("LUAFLEET_TEST_SEED").flatMap { UInt64(String(cString: $0)) } ?? .random(in: 0...999_999_999)
        print("\(test): LUAFLEET_TEST_SEED=\(seed)")
        return seed
    }
}
