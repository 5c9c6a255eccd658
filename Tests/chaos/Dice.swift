// Random numbers that can be thrown again: everything that a run does by chance comes from its seed.

/// SplitMix64.
struct Dice: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// Of a run, or of one of several who throw at the same time within it.
    init(seed: UInt64, _ name: String) {
        state = name.utf8.reduce(seed ^ 0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True once in `sides` throws.
    mutating func once(in sides: Int) -> Bool { roll(1...sides) == 1 }

    mutating func pick<T>(_ choices: [T]) -> T { choices[roll(0...choices.count - 1)] }

    mutating func time(upTo milliseconds: Double) -> Duration {
        .nanoseconds(Int64(Double.random(in: 0...milliseconds, using: &self) * 1e6))
    }

    /// For one who throws at the same time.
    mutating func child() -> Dice { Dice(seed: next()) }
}
