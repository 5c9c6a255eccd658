// What the Swift codec costs per item: `luafleet bench codec`.

import LuaFleetWire

/// Measures encoding and decoding of each kind of item, in this process alone.
package struct CodecBenchmark {
    /// One line of the report.
    package struct Measurement: Sendable {
        /// Such as `swift.encode.integer.LuaValue`.
        package let name: String
        /// Nanoseconds per item, the best of several rounds.
        package let nanoseconds: Double
    }

    /// The measurements whose names contain `only`. All of them take about `seconds`. The default is all in 2 seconds.
    ///
    /// - Throws: only if the codec is broken.
    package static func run(seconds: Double = 2, only: String = "") throws -> [Measurement] {
        var benchmark = CodecBenchmark(seconds: seconds / 25, only: only)
        try benchmark.measureAll()
        return benchmark.results
    }

    private let seconds: Double
    private let only: String
    private var results: [Measurement] = []

    private init(seconds: Double, only: String) {
        self.seconds = seconds
        self.only = only
    }

    private struct Record: Codable, Sendable {
        var id: Int
        var name: String
        var weight: Double
    }

    private mutating func measureAll() throws {
        let count = 1_000
        let integers = (0..<count).map { $0 * 7919 - 1_000_000 }
        let floats = (0..<count).map { Double($0) * 1.1 }
        let strings = (0..<count).map { "key\($0)" }
        let entries = Dictionary(uniqueKeysWithValues: zip(strings, floats))
        let records = (0..<100).map { Record(id: $0, name: "n\($0)", weight: 0.5) }
        try measure("integer", LuaValue(integers.map { LuaValue($0) }), count)
        try measure("float", LuaValue(floats.map { LuaValue($0) }), count)
        try measure("string", LuaValue(strings.map { LuaValue($0) }), count)
        try measure("entry", LuaValue(entries.mapValues { LuaValue($0) }), count)
        try measure(codable: "integer", integers, count)
        try measure(codable: "float", floats, count)
        try measure(codable: "string", strings, count)
        try measure(codable: "entry", entries, count)
        try measure(codable: "record", records, records.count)
        try measure(codable: "call", 3, 1)
    }

    private mutating func measure(_ name: String, _ value: LuaValue, _ count: Int) throws {
        let bytes = try LuaMessage.encode(arguments: [value])
        // As after a round trip: what came with a message goes back.
        let decoded = try LuaMessage.decode(LuaValue.self, from: bytes)
        try measure("swift.encode.\(name).LuaValue", count) { try Self.encode(decoded, &$0) }
        try measure("swift.encode.\(name).built", count) { try Self.encode(value, &$0) }
        try measure("swift.decode.\(name).LuaValue", count) { _ in
            Self.keep(try LuaMessage.decode(LuaValue.self, from: bytes))
        }
    }

    private mutating func measure<T: Codable & Sendable>(codable name: String, _ value: T, _ count: Int) throws {
        let bytes = try LuaMessage.encode(arguments: [value])
        try measure("swift.encode.\(name).Codable", count) { try Self.encode(value, &$0) }
        try measure("swift.decode.\(name).Codable", count) { _ in
            Self.keep(try LuaMessage.decode(T.self, from: bytes))
        }
    }

    private static func encode<T: Encodable>(_ value: T, _ writer: inout ValueWriter) throws {
        writer.removeAll()
        try LuaMessage.encode(argument: value, into: &writer)
    }

    @inline(never) private static func keep<T>(_ value: T) {}

    private mutating func measure(_ name: String, _ count: Int, _ body: (inout ValueWriter) throws -> Void) throws {
        guard only.isEmpty || name.contains(only) else { return }
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
        results.append(Measurement(name: name, nanoseconds: best))
    }
}
