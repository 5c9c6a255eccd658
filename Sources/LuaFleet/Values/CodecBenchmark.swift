// What the Swift codec costs per item: `luafleet bench codec`.

import LuaFleetWire

/// Measures encoding and decoding of each kind of item, in this process alone.
package enum CodecBenchmark {
    /// One line of the report.
    package struct Measurement: Sendable {
        /// Such as `swift.encode.integer.LuaValue`.
        package let name: String
        /// Nanoseconds per item, the best of several rounds.
        package let nanoseconds: Double
    }

    /// All measurements; takes about `seconds` in all. The default is 2.
    ///
    /// - Throws: only if the codec is broken.
    package static func run(seconds: Double = 2) throws -> [Measurement] {
        let count = 1_000
        var results: [Measurement] = []
        let integers = (0..<count).map { $0 * 7919 - 1_000_000 }
        let floats = (0..<count).map { Double($0) * 1.1 }
        let strings = (0..<count).map { "key\($0)" }
        let entries = Dictionary(uniqueKeysWithValues: zip(strings, floats))
        let each = seconds / 18

        results += try values("integer", LuaValue(integers.map { LuaValue($0) }), count, each)
        results += try values("float", LuaValue(floats.map { LuaValue($0) }), count, each)
        results += try values("string", LuaValue(strings.map { LuaValue($0) }), count, each)
        results += try values("entry", LuaValue(entries.mapValues { LuaValue($0) }), count, each)
        results += try codable("integer", integers, count, each)
        results += try codable("float", floats, count, each)
        results += try codable("string", strings, count, each)
        results += try codable("entry", entries, count, each)
        results += try codable("record", (0..<100).map { Record(id: $0, name: "n\($0)", weight: 0.5) }, 100, each)
        results += try codable("call", 3, 1, each)
        return results
    }

    private struct Record: Codable, Sendable {
        var id: Int
        var name: String
        var weight: Double
    }

    private static func values(
        _ name: String, _ value: LuaValue, _ count: Int, _ seconds: Double
    ) throws -> [Measurement] {
        let bytes = try LuaMessage.encode(arguments: [value])
        // As after a round trip: what came with a message goes back.
        let decoded = try LuaMessage.decode(LuaValue.self, from: bytes)
        return [
            try measure("swift.encode.\(name).LuaValue", count, seconds) { try encode(decoded, &$0) },
            try measure("swift.encode.\(name).built", count, seconds) { try encode(value, &$0) },
            try measure("swift.decode.\(name).LuaValue", count, seconds) { _ in
                keep(try LuaMessage.decode(LuaValue.self, from: bytes))
            },
        ]
    }

    private static func codable<T: Codable & Sendable>(
        _ name: String, _ value: T, _ count: Int, _ seconds: Double
    ) throws -> [Measurement] {
        let bytes = try LuaMessage.encode(arguments: [value])
        return [
            try measure("swift.encode.\(name).Codable", count, seconds) { try encode(value, &$0) },
            try measure("swift.decode.\(name).Codable", count, seconds) { _ in
                keep(try LuaMessage.decode(T.self, from: bytes))
            },
        ]
    }

    private static func encode<T: Encodable>(_ value: T, _ writer: inout ValueWriter) throws {
        writer.removeAll()
        try LuaMessage.encode(argument: value, into: &writer)
    }

    @inline(never) private static func keep<T>(_ value: T) {}

    private static func measure(
        _ name: String, _ count: Int, _ seconds: Double, _ body: (inout ValueWriter) throws -> Void
    ) throws -> Measurement {
        var writer = ValueWriter(capacity: 1 << 16)
        let clock = ContinuousClock()
        let repeats = max(10, 20_000 / count)
        var best = Double.infinity
        let end = clock.now.advanced(by: .seconds(seconds))
        repeat {
            let start = clock.now
            for _ in 0..<repeats { try body(&writer) }
            let (whole, atto) = start.duration(to: clock.now).components
            best = min(best, (Double(whole) * 1e9 + Double(atto) / 1e9) / Double(repeats * count))
        } while clock.now < end
        return Measurement(name: name, nanoseconds: best)
    }
}
