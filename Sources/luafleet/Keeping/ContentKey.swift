// What makes a task the same task in another run: 128 bits of its script, function, arguments, input and limits.
import LuaFleet

/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein 2012) and a fixed key: the same on every machine and in every release.
/// It keeps accidents apart, not adversaries.
struct ContentHasher: Sendable {
    private var v: (UInt64, UInt64, UInt64, UInt64)
    private var pending: UInt64 = 0
    private var count = 0

    /// The default: "LuaFleet", "joblog", 1. Tests use the paper's.
    init(k0: UInt64 = 0x4C75_6146_6C65_6574, k1: UInt64 = 0x6A6F_626C_6F67_0001) {
        v = (
            k0 ^ 0x736F_6D65_7073_6575, k1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE, k0 ^ 0x6C79_6765_6E65_7261,
            k1 ^ 0x7465_6462_7974_6573
        )
    }

    /// The length goes with the bytes: "ab" "c" is not "a" "bc".
    mutating func add(_ bytes: some Collection<UInt8>) {
        var length = UInt64(bytes.count)
        for _ in 0..<8 {
            add(byte: UInt8(truncatingIfNeeded: length))
            length >>= 8
        }
        for byte in bytes { add(byte: byte) }
    }

    mutating func add(_ text: String) {
        add(Bytes(text.utf8))
    }

    private mutating func add(byte: UInt8) {
        pending |= UInt64(byte) << UInt64(8 * (count & 7))
        count += 1
        if count & 7 == 0 {
            compress(pending)
            pending = 0
        }
    }

    private mutating func compress(_ word: UInt64) {
        v.3 ^= word
        for _ in 0..<2 { round() }
        v.0 ^= word
    }

    private mutating func round() {
        func rotated(_ x: UInt64, _ n: UInt64) -> UInt64 { x << n | x >> (64 - n) }
        v.0 &+= v.1
        v.1 = rotated(v.1, 13) ^ v.0
        v.0 = rotated(v.0, 32)
        v.2 &+= v.3
        v.3 = rotated(v.3, 16) ^ v.2
        v.0 &+= v.3
        v.3 = rotated(v.3, 21) ^ v.0
        v.2 &+= v.1
        v.1 = rotated(v.1, 17) ^ v.2
        v.2 = rotated(v.2, 32)
    }

    var key: ContentKey {
        var hasher = self
        hasher.compress(pending | UInt64(count & 0xFF) << 56)
        hasher.v.2 ^= 0xEE
        for _ in 0..<4 { hasher.round() }
        let high = hasher.v.0 ^ hasher.v.1 ^ hasher.v.2 ^ hasher.v.3
        hasher.v.1 ^= 0xDD
        for _ in 0..<4 { hasher.round() }
        return ContentKey(high: high, low: hasher.v.0 ^ hasher.v.1 ^ hasher.v.2 ^ hasher.v.3)
    }
}

struct ContentKey: Hashable, Sendable, CustomStringConvertible {
    var high: UInt64
    var low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// 32 hexadecimal digits.
    init?(_ text: some StringProtocol) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    var description: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

extension ContentHasher {
    mutating func add(_ input: InputRecord) {
        for value in input {
            // "1" and the JSON number 1 are different inputs.
            switch value {
            case .text(let bytes):
                add(byte: 0)
                add(bytes)
            case .json:
                add(byte: 1)
                add(value.quotedText)
            }
        }
    }
}
