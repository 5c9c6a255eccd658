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
        for round in 0..<UInt64(repetitions(10_000)) {
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
        for round in 0..<UInt64(repetitions(150)) {
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

    @Test("mutated messages never crash the reader or a decoder (hazards 19 and 22)")
    func mutated() throws {
        var random = SeededGenerator(seed: testSeed)
        let limits = ValueLimits(bytes: 4_096, elements: 2_000, depth: 50)
        let record: LuaValue = [
            "a": [1], "b": [1.5, 2], "ab": ["x": 1], "c": [1, "x"], "ba": [[["a": 1]]], "list": [["flag": true]],
        ]
        let known = try encoded(record)
        var original = known
        var accepted = 0
        for round in 0..<repetitions(100_000) {
            if round.isMultiple(of: 50) {
                original = round.isMultiple(of: 200) ? known : RandomMessage(seed: testSeed &+ UInt64(round)).bytes
            }
            let bytes = mutate(original, using: &random)
            if let results = try? LuaResults(message: bytes, limits: limits) {
                accepted += 1
                if round.isMultiple(of: 8) { use(results, limits) }
            }
            // The same bytes by each way into Swift's types in turn.
            switch round % 4 {
            case 0: _ = try? LuaMessage.decode(Everything.self, from: bytes, limits: limits)
            case 1: _ = try? LuaMessage.decode([Everything].self, from: bytes, limits: limits)
            case 2: _ = try? LuaMessage.decode([String: [LuaValue]].self, from: bytes, limits: limits)
            default: _ = try? LuaMessage.decode([Int].self, from: bytes, limits: limits)
            }
        }
        #expect(accepted > 0)
        print("mutated messages: seed \(testSeed), \(repetitions(100_000)) tried, \(accepted) still well-formed")
    }

    /// Everything that is done with values that came from a worker.
    private func use(_ results: LuaResults, _ limits: ValueLimits) {
        #expect(results == results)
        for value in results {
            _ = "\(value)"
            _ = try? LuaJSON.text(value, limit: 10_000)
            _ = try? encoded(value, limits: limits)
            _ = value["a"]["b"]
            _ = value.table?.array
        }
    }

    private func mutate(_ original: [UInt8], using random: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 3 where bytes.count > 1: bytes.remove(at: place)
            case 4:
                let heads: [UInt8] = [0x9b, 0xbb, 0x5b, 0xff, 0x9f, 0xbf, 0xd8, 0xd9, 0x1c, 0x1d]
                bytes[place] = heads[Int.random(in: 0..<heads.count, using: &random)]
            default: bytes.append(contentsOf: bytes[place...].prefix(16))
            }
        }
        return bytes
    }
}
