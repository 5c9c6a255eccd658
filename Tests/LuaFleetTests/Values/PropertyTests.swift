// What holds for every value and every message: random ones, mutated ones, cut ones. F42, F43; hazards 19 and 22.

import LuaFleetWire
import Testing

@testable import LuaFleet

/// A bit of everything, so that mutated messages reach every part of the Codable decoder.
private struct Everything: Codable {
    var a: Int?
    var b: [Double]?
    var ab: [String: Int]?
    var c: [Int: String]?
    var aa: [UInt8]?
    var bb: LuaValue?
    var ba: [[Everything]]?
    var list: [Everything?]?
    var flag: Bool?
    var small: Int8?
}

@Suite("Every value and every message")
struct PropertyTests {
    @Test("100,000 random values are the same after encode, decode, encode")
    func values() throws {
        var random = SeededGenerator(seed: testSeed)
        for round in 0..<repetitions(100_000) {
            let value = LuaValue.random(Int.random(in: 1..<12, using: &random), using: &random)
            let first = try encoded(value)
            let decoded = try LuaResults(message: first)
            let second = try encoded(decoded[0])
            guard first == second, decoded[0] == value, value == decoded[0] else {
                Issue.record(
                    "seed \(testSeed), round \(round): \(value) became \(decoded[0]), \(hex(first)) \(hex(second))")
                return
            }
        }
    }

    @Test("random messages of any encoder reach one form at once, and keep it")
    func messages() throws {
        for round in 0..<UInt64(repetitions(20_000)) {
            let bytes = RandomMessage(seed: testSeed &+ round).bytes
            do {
                let results = try LuaResults(message: bytes)
                let first = try reencoded(results)
                let again = try LuaResults(message: first)
                let second = try reencoded(again)
                guard first == second, results == again, again == results else {
                    Issue.record("seed \(testSeed &+ round): \(hex(bytes)) became \(hex(first)), then \(hex(second))")
                    return
                }
                // The reader alone agrees that it is a message.
                try bytes.withUnsafeBytes {
                    var reader = try ValueReader($0, limits: ValueLimits(depth: 1_001))
                    try reader.skip()
                    try reader.finish()
                }
                _ = try? LuaMessage.decode(Everything.self, from: bytes)
                _ = try LuaMessage.decode(LuaValue?.self, from: bytes)
            } catch {
                Issue.record("seed \(testSeed &+ round): \(error): \(hex(bytes))")
                return
            }
        }
    }

    private func reencoded(_ results: LuaResults) throws -> [UInt8] {
        var writer = ValueWriter()
        writer.beginMessage(items: results.count)
        for value in results { try LuaMessage.encode1(value, into: &writer) }
        try writer.checkLimits()
        return writer.bytes()
    }

    @Test("a message cut at any byte is an error for each decoder")
    func cut() {
        for round in 0..<UInt64(repetitions(300)) {
            let bytes = RandomMessage(seed: testSeed &+ round).bytes
            for count in 0..<bytes.count {
                let part = Array(bytes[..<count])
                if (try? LuaResults(message: part)) != nil || (try? LuaMessage.decode(LuaValue.self, from: part)) != nil
                    || (try? LuaMessage.decode([Int].self, from: part)) != nil
                {
                    Issue.record("seed \(testSeed &+ round): \(count) bytes of \(hex(bytes))")
                    return
                }
            }
        }
    }

    @Test("mutated messages never crash the reader or a decoder")
    func mutated() {
        var random = SeededGenerator(seed: testSeed)
        let limits = ValueLimits(bytes: 4_096, elements: 2_000, depth: 50)
        var accepted = 0
        for round in 0..<UInt64(repetitions(100_000)) {
            var bytes = RandomMessage(seed: testSeed &+ round / 8).bytes
            if round.isMultiple(of: 4),
                let record = try? LuaMessage.encode(arguments: [
                    [
                        "a": [1], "b": [1.5, 2], "ab": ["x": 1], "c": [1, "x"], "ba": [[["a": 1]]],
                        "list": [["flag": true]],
                    ] as LuaValue
                ])
            {
                bytes = record
            }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                case 3 where bytes.count > 1: bytes.remove(at: place)
                case 4:
                    bytes[place] =
                        [0x9b, 0xbb, 0x5b, 0xff, 0x9f, 0xbf, 0xd8, 0xd9, 0x1c, 0x1d].randomElement(using: &random) ?? 0
                default: bytes.append(contentsOf: bytes[place...].prefix(16))
                }
            }
            if let results = try? LuaResults(message: bytes, limits: limits) {
                accepted += 1
                _ = results == results
                _ = "\(results[0])"
                _ = try? LuaJSON.text(results[0], limit: 10_000)
                _ = try? encoded(results[0], limits: limits)
            }
            _ = try? LuaMessage.decode(Everything.self, from: bytes, limits: limits)
            _ = try? LuaMessage.decode([Everything].self, from: bytes, limits: limits)
            _ = try? LuaMessage.decode([String: [LuaValue]].self, from: bytes, limits: limits)
            _ = try? LuaMessage.decode([Int].self, from: bytes, limits: limits)
        }
        #expect(accepted > 0)
    }
}
