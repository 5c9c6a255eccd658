// What the encoder and decoder refuse, and what their errors say.

import LuaFleetWire
import Testing

@testable import LuaFleet

private func path(_ error: any Error) -> String {
    let keys: [any CodingKey]
    switch error {
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
        DecodingError.keyNotFound(_, let context), DecodingError.dataCorrupted(let context):
        keys = context.codingPath
    case EncodingError.invalidValue(_, let context): keys = context.codingPath
    default: keys = [WireKey(stringValue: "\(error)")]
    }
    return keys.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
}

private func failure<T: Decodable>(_ type: T.Type, _ value: LuaValue) throws -> any Error {
    let bytes = try encoded(value)
    return try #require(throws: (any Error).self) { try LuaMessage.decode(type, from: bytes) }
}

private struct Item: Codable { var id: Int, tags: [String], sub: [String: [Int]]? }
private struct Order: Codable { var items: [Item] }

@Suite("What Codable types refuse")
struct CodableErrorTests {
    @Test("a decoding error names its coding path")
    func paths() throws {
        #expect(
            path(try failure(Order.self, ["items": [["id": 1, "tags": []], ["id": "x", "tags": []]]])) == ".items[1].id"
        )
        #expect(path(try failure(Order.self, ["items": [["id": 1, "tags": ["a", 2]]]])) == ".items[0].tags[1]")
        #expect(
            path(try failure(Order.self, ["items": [["id": 1, "tags": [], "sub": ["k": [1, 2.5]]]]]))
                == ".items[0].sub.k[1]")
        #expect(path(try failure([[Double]].self, [[1.5], [1.5, "x"]])) == "[1][1]")
        #expect(path(try failure([[Int]].self, [[1], [1, "x"]])) == "[1][1]")
        #expect(path(try failure([String: Double].self, ["k": "x"])) == ".k")
        #expect(path(try failure([Int: Int].self, .table(LuaTable(entries: [(3, "x")])))) == "[3]")
        #expect("\(try failure(Order.self, ["items": [["tags": []]]]))".contains("id"))
        #expect(path(try failure(Order.self, ["items": [["tags": []]]])) == ".items[0]")
    }

    @Test("an integer that does not fit is an error, never wrapped or rounded")
    func integers() throws {
        for (type, values) in [
            (UInt8.self, [300, -1, 1.5, .number(.nan), .number(.infinity), "1", true]),
            (Int8.self, [128, -129]), (Int.self, [2.5, 1e19, -1e19, .number(.nan)]), (UInt.self, [-1]),
            (UInt64.self, [-1, .integer(.min), -1.0]), (Int32.self, [2_147_483_648, 1e10]),
        ] as [(any (Decodable & FixedWidthInteger).Type, [LuaValue])] {
            for value in values { _ = try failure(type, value) }
        }
        #expect(try LuaMessage.decode(Int.self, from: encoded(2.0)) == 2)
        #expect(try LuaMessage.decode([Int].self, from: encoded([1, 2.0, -3.0])) == [1, 2, -3])
        #expect(try LuaMessage.decode(UInt8.self, from: encoded(255.0)) == 255)
        #expect(path(try #require(throws: EncodingError.self) { try lua(["k": [1, UInt64.max]]) }) == ".k[1]")
        #expect(throws: EncodingError.self) { try lua(UInt64.max) }
        #expect(throws: EncodingError.self) { try lua([UInt.max]) }
    }

    @Test("an argument that cannot be sent is named by its number and the place in it")
    func arguments() throws {
        let error = try #require(throws: ArgumentError.self) {
            try LuaMessage.encode(arguments: [1, ["items": [["id": 1], ["id": UInt64.max]]]])
        }
        #expect("\(error)" == "2: .items[1].id: 18446744073709551615 does not fit in Lua's 64-bit integers")
        #expect(throws: EncodingError.self) { try LuaValue(encoding: [UInt64.max]) }
    }

    @Test("a float is decoded from an integer only without loss")
    func floats() throws {
        #expect(try LuaMessage.decode(Double.self, from: encoded(3)) == 3)
        #expect(try LuaMessage.decode([Double].self, from: encoded([1, 2.5])) == [1, 2.5])
        _ = try failure(Double.self, .integer(.max))
        _ = try failure(Double.self, .integer(1 << 53 + 1))
        _ = try failure(Float.self, 16_777_217)
        _ = try failure(Float.self, 1e300)
        #expect(try LuaMessage.decode(Float.self, from: encoded(.number(.infinity))) == .infinity)
        _ = try failure(Double.self, "1")
    }

    @Test("types are not converted into each other")
    func types() throws {
        _ = try failure(Bool.self, 1)
        _ = try failure(String.self, 1)
        _ = try failure(Int.self, "1")
        _ = try failure([Int].self, "x")
        _ = try failure([String: Int].self, 5)
        _ = try failure(Item.self, 5)
        _ = try failure(LuaTable.self, 5)
        _ = try failure(LuaString.self, 5)
        _ = try failure(String.self, LuaValue(bytes: [0xff]))
        _ = try failure(String.self, LuaValue(bytes: Array("a long text before the wrong byte".utf8) + [0xc3]))
        _ = try failure([String: Int].self, LuaValue.table([1: 2]))
        #expect(try LuaMessage.decode(String.self, from: encoded("\u{fffd} is fine")) == "\u{fffd} is fine")
    }

    @Test("an array comes from a table with the keys 1…n in any shape, and from no other")
    func arrays() throws {
        for hex in [
            "81 83 01 02 03", "81 9f 01 02 03 ff", "81 a3 01 01 02 02 03 03", "81 bf 03 03 01 01 02 02 ff",
            "81 83 01 02 d9f1e0 a1 03 03", "81 9f 01 d9f1e0 bf 03 03 fb4000000000000000 02 ff ff",
            "81 d81c 83 01 02 03",
        ] {
            #expect(try LuaMessage.decode([Int].self, from: message(hex)) == [1, 2, 3], "\(hex)")
            #expect(try LuaMessage.decode([Int8].self, from: message(hex)) == [1, 2, 3], "\(hex)")
            #expect(try LuaMessage.decode(Triple.self, from: message(hex)).sum == 6, "\(hex)")
            #expect(try LuaMessage.decode([Int: Int].self, from: message(hex)) == [1: 1, 2: 2, 3: 3], "\(hex)")
        }
        for hex in ["81 80", "81 a0", "81 9fff", "81 bfff", "81 81 d9f1e0 a0"] {
            #expect(try LuaMessage.decode([Int].self, from: message(hex)) == [], "\(hex)")
            #expect(try LuaMessage.decode([String: Int].self, from: message(hex)) == [:], "\(hex)")
        }
        for hex in [
            "81 a1 02 01", "81 a1 00 01", "81 a2 01 01 03 03", "81 a2 01 01 4178 01", "81 82 01 d9f1e0 a1 4178 01",
            "81 83 01 f6 03", "81 a1 f4 01",
        ] {
            #expect(throws: DecodingError.self, "\(hex)") { try LuaMessage.decode([Int].self, from: message(hex)) }
        }
        #expect(throws: DecodingError.self) { try LuaMessage.decode(Quadruple.self, from: message("81 83 01 02 03")) }
    }

    @Test("a keyed container comes from any shape; of a key that stands twice the last one counts")
    func keyed() throws {
        struct Keyed: Codable, Equatable { var x: Int }
        for hex in [
            "81 a1 4178 05", "81 bf 4178 05 ff", "81 82 01 d9f1e0 a1 4178 05", "81 a2 4178 01 4178 05",
            "81 a1 6178 05", "81 d81c a2 4178 05 f4 d81d00",
        ] {
            #expect(try LuaMessage.decode(Keyed.self, from: message(hex)) == Keyed(x: 5), "\(hex)")
        }
        #expect(try LuaMessage.decode([String: Int].self, from: message("81 a2 4178 01 4178 05")) == ["x": 5])
        #expect(try LuaMessage.decode(LuaValue.self, from: message("81 a2 4178 01 4178 05")) == ["x": 5])
        #expect(try LuaMessage.decode(LuaValue.self, from: message("81 a2 4178 01 4178 f6")) == [])
        #expect(throws: DecodingError.self) { try LuaMessage.decode(Keyed.self, from: message("81 a1 4178 f6")) }
    }

    @Test("dictionaries take long keys, short ones and numbers of either kind in one table")
    func mixedEntries() throws {
        let long = String(repeating: "key", count: 50)
        let value: LuaValue = ["a": 1.5, .string(LuaString(long)): 2, "ü": 3.5, "": -0.5]
        let expected = ["a": 1.5, long: 2, "ü": 3.5, "": -0.5]
        #expect(try LuaMessage.decode([String: Double].self, from: encoded(value)) == expected)
        #expect(path(try failure([String: Double].self, ["a": 1.5, "b": "x"])) == ".b")
        _ = try failure([String: Double].self, .table(LuaTable(entries: [(LuaValue(bytes: [0xff]), 1.5)])))
        let limits = ValueLimits(elements: 5)
        #expect(throws: ValueError.self) {
            try LuaMessage.decode([String: Double].self, from: encoded(value), limits: limits)
        }
    }

    @Test("a result that is not there is nil")
    func missing() throws {
        #expect(try LuaMessage.decode(Int?.self, from: message("80")) == nil)
        #expect(try LuaMessage.decode(LuaValue.self, from: message("80")) == .nil)
        #expect(throws: DecodingError.self) { try LuaMessage.decode(Int.self, from: message("80")) }
        let results = try LuaMessage.decode(LuaResults.self, from: message("82 01 4161"))
        #expect(results.count == 2)
        #expect(try results.decode(String.self, at: 1) == "a")
        #expect(try results.decode(Int?.self, at: 9) == nil)
        #expect(throws: DecodingError.self) { try results.decode(Int.self, at: 1) }
        #expect(results[-1] == .nil && results[2] == .nil)
    }

    @Test("nil and NaN are no keys")
    func keys() throws {
        #expect(throws: EncodingError.self) { try lua([Double.nan: 1]) }
        #expect(throws: EncodingError.self) { try lua([Int?.none: 1]) }
        for hex in ["81 a1 f6 01", "81 a1 fb7ff8000000000000 01", "81 a1 f97e00 01"] {
            #expect(throws: ValueError.self) { try LuaResults(message: message(hex)) }
        }
        var table: LuaTable = ["a": 1]
        table[.nil] = 1
        table[.number(.nan)] = 2
        #expect(table == ["a": 1])
    }
}

private struct Triple: Decodable {
    let sum: Int
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        var sum = 0
        #expect(container.count == 3)
        while !container.isAtEnd { sum += try container.decode(Int.self) }
        self.sum = sum
    }
}

private struct Quadruple: Decodable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        for _ in 0..<4 { _ = try container.decode(Int.self) }
    }
}
