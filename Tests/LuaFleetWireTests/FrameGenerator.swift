// Random frames from a seed.
import Glibc

/// SplitMix64; the seed is `LUAFLEET_TEST_SEED` or new, and printed.
struct FrameGenerator: RandomNumberGenerator {
    private var state: UInt64
    let seed: UInt64

    init(test: String) {
        seed = getenv("LUAFLEET_TEST_SEED").flatMap { UInt64(String(cString: $0)) } ?? .random(in: 0...999_999_999)
        state = seed
        print("\(test): LUAFLEET_TEST_SEED=\(seed)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}
