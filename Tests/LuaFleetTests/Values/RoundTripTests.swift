// Values to bytes and back: what each kind becomes, and that it comes back as it was. F42, F43, F08.

import LuaFleetWire
import Testing

@testable import LuaFleet

/// A message's bytes in hexadecimal digits.
func message(_ hex: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in hex where character != " " {
        guard let digit = character.hexDigitValue else { continue }
        if let first = high {
            bytes.append(first << 4 | UInt8(digit))
            high = nil
        } else {
            high = UInt8(digit)
        }
    }
    return bytes
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { LuaText.hex($0) }.joined()
}

func encoded(_ values: LuaValue..., limits: ValueLimits = .standard) throws -> [UInt8] {
    try LuaMessage.encode(arguments: values, limits: limits)
}

@Suite("Values on the wire")
struct RoundTripTests {
    // Computed: values in a global would look like leaks to the address sanitizer.
    static var vectors: [(LuaValue, String)] {
        [
            (.nil, "f6"), (.null, "f7"), (false, "f4"), (true, "f5"),
            (0, "00"), (1, "01"), (10, "0a"), (23, "17"), (24, "1818"), (25, "1819"), (100, "1864"), (1000, "1903e8"),
            (1_000_000, "1a000f4240"), (1_000_000_000_000, "1b000000e8d4a51000"),
            (.integer(.max), "1b7fffffffffffffff"), (.integer(.min), "3b7fffffffffffffff"),
            (-1, "20"), (-10, "29"), (-100, "3863"), (-1000, "3903e7"),
            (1.1, "fb3ff199999999999a"), (1.0e+300, "fb7e37e43c8800759c"), (-4.1, "fbc010666666666666"),
            (0.0, "fb0000000000000000"), (.number(-0.0), "fb8000000000000000"), (1.0, "fb3ff0000000000000"),
            (.number(.infinity), "fb7ff0000000000000"), (.number(-.infinity), "fbfff0000000000000"),
            (.number(.nan), "fb7ff8000000000000"), (.number(-.nan), "fb7ff8000000000000"),
            ("", "40"), ("a", "4161"), ("IETF", "4449455446"), (LuaValue(bytes: [0, 255, 0]), "4300ff00"),
            ([], "80"), ([:], "80"), ([1, 2, 3], "83010203"), ([1, [2, 3], [4, 5]], "8301820203820405"),
            (["a": 1], "a1416101"), ([1, ["b": 2]], "8201a1416202"),
            (.table(LuaTable(entries: [(1, 2), (2, 3), ("x", 4)])), "830203d9f1e0a1417804"),
            (.handle(LuaHandle(kind: 3, id: 500)), "d9f1e182031901f4"),
        ]
    }

    @Test("every kind of value has its bytes", arguments: vectors.indices)
    func bytes(_ index: Int) throws {
        let (value, expected) = Self.vectors[index]
        #expect(hex(try encoded(value)) == "81" + expected)
        let results = try LuaResults(message: message("81" + expected))
        #expect(results.count == 1)
        #expect(results[0] == value)
        #expect(hex(try encoded(results[0])) == "81" + expected)
    }

    @Test("nil holes and the count of results are kept (F08)")
    func holes() throws {
        let results = try LuaResults(message: message("84 01 f6 03 f6"))
        #expect(Array(results) == [1, .nil, 3, .nil])
        #expect(try LuaMessage.decode(Int.self, from: message("84 01 f6 03 f6")) == 1)
    }

    @Test("a cycle and a shared table survive there and back (F43)")
    func cycle() throws {
        // t = {self = t, other = u}, u = {u2 = t}, both again as results
        let bytes = message("83 d81c a2 4473656c66 d81d00 456f74686572 d81c a1 4161 d81d00 d81d00 d81d01")
        let results = try LuaResults(message: bytes)
        #expect(results[0]["self"]["self"]["other"]["a"]["self"].typeName == "table")
        #expect(results[0] == results[1])
        var writer = ValueWriter()
        writer.beginMessage(items: 3)
        for value in results { try LuaMessage.encode1(value, into: &writer) }
        #expect(hex(writer.bytes()) == hex(bytes))
        #expect("\(results[0])".contains("<cycle>"))
        #expect(results[0] == (try LuaResults(message: bytes))[0])
    }

    @Test("tables are changed as values, nested ones too")
    func changes() {
        var value: LuaValue = ["a": ["b": [1, 2]], "n": 1]
        let copy = value
        value["a"]["b"][3] = 3
        value["a"]["c"]["d"] = "new"
        value["n"] = nil
        #expect(copy == ["a": ["b": [1, 2]], "n": 1])
        #expect(value == ["a": ["b": [1, 2, 3], "c": ["d": "new"]]])
        #expect(value["a"]["b"].array == [1, 2, 3])
        #expect(value["nope"]["deeper"].isNil)
    }

    @Test("a table that nobody else holds is changed in its place, a nested one too")
    func inPlace() throws {
        var value: LuaValue = ["a": [1, 2], "b": []]
        func storage() -> ObjectIdentifier? { value["a"].builtTable.map { ObjectIdentifier($0) } }
        let before = storage()
        for number in 1...100 { value["a"][number] = LuaValue(number) }
        value["a"]["name"] = "x"
        value["a"]["name"] = nil
        #expect(storage() == before)
        #expect(value["a"].table?.length == 100)
        let copy = value
        value["a"][1] = 0
        #expect(storage() != before && copy["a"][1] == 1)
        var decoded = try LuaMessage.decode(LuaValue.self, from: encoded(value))
        let original = decoded
        decoded["a"]["y"] = true
        #expect(decoded["a"].table?.length == 100 && decoded["a"]["y"] == true && original["a"]["y"].isNil)
    }

    @Test("a long string of a result shares the message's bytes")
    func sharedBytes() throws {
        let bytes = try encoded(LuaValue(bytes: [UInt8](repeating: 1, count: 100_000)))
        func place(_ string: LuaString) -> UnsafeRawPointer? { string.withUnsafeBytes { $0.baseAddress } }
        let start = bytes.withUnsafeBytes { $0.baseAddress.map { $0 + 6 } }
        struct Box: Decodable { var text: LuaString }
        #expect(place(try LuaMessage.decode(LuaString.self, from: bytes)) == start)
        #expect(try LuaMessage.decode(LuaValue.self, from: bytes).luaString.map(place) == start)
    }

    @Test("Codable types go there and back")
    func codable() throws {
        struct Inner: Codable, Equatable { var x: Double; var tags: [String] }
        struct Outer: Codable, Equatable {
            var id: Int
            var name: String?
            var inner: [Inner]
            var map: [String: Int]
            var byNumber: [Int: String]
            var raw: [UInt8]
            var value: LuaValue
        }
        let outer = Outer(
            id: 7, name: nil, inner: [Inner(x: 1.5, tags: ["a"]), Inner(x: 2, tags: [])], map: ["k": 1],
            byNumber: [1: "one", 7: "seven"], raw: [0, 255], value: ["x": [1, 2]])
        let bytes = try LuaMessage.encode(arguments: [outer])
        #expect(try LuaMessage.decode(Outer.self, from: bytes) == outer)
        let value = try LuaMessage.decode(LuaValue.self, from: bytes)
        #expect(value["inner"][1]["x"] == 1.5)
        #expect(value["name"].isNil)
        #expect(value["raw"] == LuaValue(bytes: [0, 255]))
    }
}
