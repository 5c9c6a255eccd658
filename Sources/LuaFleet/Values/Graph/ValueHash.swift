// Hashing and comparing of keys: fast, and seeded, so that no script can choose keys that collide.

/// The seed is drawn once a process; the mixing is a folded multiplication of 64 × 64 bits (as in wyhash).
package enum ValueHash {
    private static let seeds: (UInt64, UInt64) = (.random(in: 1 ... .max), .random(in: 1 ... .max))
    /// Of this process.
    package static var seed: UInt64 { seeds.0 }

    @inline(__always) static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    @inline(__always) package static func hash(_ word: UInt64, seed: UInt64) -> UInt64 {
        mix(word ^ seed, 0x9e37_79b9_7f4a_7c15 ^ (seed >> 7))
    }

    @inline(__always)
    package static func hash(_ start: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        var state = seed ^ mix(UInt64(truncatingIfNeeded: count) ^ seed, 0xa076_1d64_78bd_642f)
        var place = start
        var left = count
        while left > 16 {
            state = mix(
                place.loadUnaligned(as: UInt64.self) ^ 0xe703_7ed1_a0b4_28db ^ seed,
                place.loadUnaligned(fromByteOffset: 8, as: UInt64.self) ^ state)
            place += 16
            left &-= 16
        }
        var first: UInt64 = 0
        var second: UInt64 = 0
        if left >= 8 {
            first = place.loadUnaligned(as: UInt64.self)
            second = place.loadUnaligned(fromByteOffset: left &- 8, as: UInt64.self)
        } else if left >= 4 {
            first = UInt64(place.loadUnaligned(as: UInt32.self))
            second = UInt64(place.loadUnaligned(fromByteOffset: left &- 4, as: UInt32.self))
        } else if left > 0 {
            first =
                UInt64(place.load(as: UInt8.self)) << 16
                | UInt64(place.load(fromByteOffset: left >> 1, as: UInt8.self)) << 8
                | UInt64(place.load(fromByteOffset: left &- 1, as: UInt8.self))
        }
        return mix(first ^ 0x8ebc_6af0_9c88_c6e3 ^ seed, second ^ state)
    }

    /// Whether two runs of bytes are the same.
    @inline(__always)
    package static func equal(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        guard let first = left.baseAddress, let second = right.baseAddress else { return true }
        return equal(first, second, count: left.count)
    }

    @inline(__always)
    package static func equal(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int) -> Bool {
        var offset = 0
        while offset &+ 8 <= count {
            if left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            {
                return false
            }
            offset &+= 8
        }
        while offset < count {
            if left.load(fromByteOffset: offset, as: UInt8.self) != right.load(fromByteOffset: offset, as: UInt8.self) {
                return false
            }
            offset &+= 1
        }
        return true
    }
}
