// Codable types on the wire: every kind of container, there and back. F42.

import Foundation
import LuaFleetWire
import Testing

@testable import LuaFleet

/// What Lua would see of a value.
func lua<T: Encodable>(_ value: T) throws -> LuaValue {
    var writer = ValueWriter()
    writer.beginMessage(items: 1)
    try LuaMessage.encode1(value, into: &writer)
    try writer.checkLimits()
    return try LuaMessage.decode(LuaValue.self, from: writer.bytes())
}

/// What a value is after it went there and back.
func roundTrip<T: Codable>(_ value: T) throws -> T {
    var writer = ValueWriter()
    try LuaMessage.encode(argument: value, into: &writer)
    return try LuaMessage.decode(T.self, from: writer.bytes())
}

@Suite("Codable types on the wire")
struct CodableTests {
    @Test("integers of every width go there and back at their ends")
    func integers() throws {
        func ends<I: FixedWidthInteger & Codable>(_ type: I.Type) throws {
            for value in [I.min, I.max, 0, 1] where Int64(exactly: value) != nil {
                #expect(try roundTrip(value) == value)
                #expect(try roundTrip([value]) == [value])
                #expect(try roundTrip(["k": value]) == ["k": value])
                #expect(try lua(value) == LuaValue(exactly: value))
            }
        }
        try ends(Int.self)
        try ends(Int8.self)
        try ends(Int16.self)
        try ends(Int32.self)
        try ends(Int64.self)
        try ends(UInt.self)
        try ends(UInt8.self)
        try ends(UInt16.self)
        try ends(UInt32.self)
        try ends(UInt64.self)
        #expect(try roundTrip([UInt8.max]) == [255])
    }

    @Test("floats, booleans and strings go there and back")
    func scalars() throws {
        for value in [0.0, -0.0, 1.5, .infinity, -.infinity, 0x1p-1060, .greatestFiniteMagnitude] as [Double] {
            #expect(try roundTrip(value).bitPattern == value.bitPattern)
            #expect(try roundTrip([value, value])[1].bitPattern == value.bitPattern)
        }
        #expect(try roundTrip(Double.nan).isNaN)
        #expect(try roundTrip(Float(0.1)) == Float(0.1))
        #expect(try roundTrip(Float.greatestFiniteMagnitude) == .greatestFiniteMagnitude)
        #expect(try roundTrip(true) && !roundTrip([false])[0])
        for text in ["", "a", "ünïcødé 😀", "\0", String(repeating: "x", count: 70_000)] {
            #expect(try roundTrip(text) == text)
            #expect(try roundTrip([text]) == [text])
        }
        #expect(try lua(1.0) == .number(1) && lua(1) == .integer(1))
    }

    @Test("collections have the shape that Lua expects")
    func collections() throws {
        #expect(try lua([1, 2]) == [1, 2])
        #expect(try lua([Int]()) == [])
        #expect(try lua(["a": 1]) == ["a": 1])
        #expect(try lua([7: "x"]) == .table(LuaTable(entries: [(7, "x")])))
        #expect(try lua([1: "a", 2: "b"]) == ["a", "b"])
        #expect(try lua(["1": 1])["1"] == 1)
        #expect(try lua([true: 1, false: 2]) == .table(LuaTable(entries: [(true, 1), (false, 2)])))
        #expect(try lua([1.5: 1]) == .table(LuaTable(entries: [(1.5, 1)])))
        #expect(try lua([1, 2] as [UInt8]) == LuaValue(bytes: [1, 2]))
        #expect(try lua(Set([5])) == [5])
        #expect(try lua([[1], []] as [[Int]]) == [[1], []])
        #expect(try roundTrip([7: ["x": [1.5]]]) == [7: ["x": [1.5]]])
        #expect(try roundTrip([1: "a", 2: "b", 9: "c"]) == [1: "a", 2: "b", 9: "c"])
        #expect(try roundTrip([true: 1]) == [true: 1])
        #expect(try roundTrip([Int64(4): 1, 1: 2]) == [4: 1, 1: 2])
        #expect(try roundTrip([2.5: "x", 1: "y"]) == [2.5: "x", 1: "y"])
        #expect(try roundTrip(Set(["a", "b"])) == ["a", "b"])
        #expect(try roundTrip([0, 255] as [UInt8]) == [0, 255])
        #expect(try roundTrip(ContiguousArray([1, 2])) == [1, 2])
        #expect(try roundTrip(["k": ["a": 1, "b": 2]]) == ["k": ["a": 1, "b": 2]])
    }

    @Test("nil is absent in a keyed container and fleet.null in an array")
    func optionals() throws {
        struct Both: Codable, Equatable { var a: Int?, b: Int? }
        #expect(try lua(Both(a: 1, b: nil)) == ["a": 1])
        #expect(try roundTrip(Both(a: 1, b: nil)) == Both(a: 1, b: nil))
        #expect(try lua([1, nil, 3] as [Int?]) == [1, .null, 3])
        #expect(try roundTrip([1, nil, 3] as [Int?]) == [1, nil, 3])
        let entries: [String: Int?] = ["a": nil, "b": 2]
        #expect(try lua(entries) == ["b": 2])
        #expect(try lua(Int?.none) == .nil)
        #expect(try roundTrip(Int?.none) == nil)
        #expect(try roundTrip(Int??.some(5)) == 5)
        #expect(try LuaMessage.decode([Int?].self, from: message("81 83 01 f6 03")) == [1, nil, 3])
        #expect(try LuaMessage.decode(Both.self, from: message("81 a2 4161 f7 4162 f6")) == Both(a: nil, b: nil))
        #expect(try LuaMessage.decode(Both.self, from: message("81 80")) == Both(a: nil, b: nil))
    }

    @Test("enums travel as their raw values, or as Swift makes them")
    func enums() throws {
        enum Color: String, Codable, CodingKeyRepresentable { case red, green }
        enum Level: Int, Codable { case low = 1, high = 5 }
        enum Shape: Codable, Equatable { case circle(radius: Double), point, pair(Int, Int) }
        #expect(try lua(Color.red) == "red" && lua(Level.high) == 5)
        #expect(try roundTrip(Color.green) == .green && roundTrip([Level.low]) == [.low])
        #expect(try lua([Color.red: 1]) == ["red": 1])
        #expect(try roundTrip([Color.red: 1]) == [.red: 1])
        #expect(try lua(Shape.circle(radius: 2)) == ["circle": ["radius": 2.0]])
        #expect(try lua(Shape.point) == ["point": []])
        #expect(
            try roundTrip([Shape.point, .pair(1, 2), .circle(radius: 1)]) == [.point, .pair(1, 2), .circle(radius: 1)])
        #expect(throws: DecodingError.self) { try LuaMessage.decode(Color.self, from: message("81 4162")) }
    }

    @Test("classes keep their superclass's part")
    func classes() throws {
        let decoded = try roundTrip(Derived(base: 1, own: 2))
        #expect(decoded.base == 1 && decoded.own == 2)
        #expect(try lua(Derived(base: 1, own: 2)) == ["own": 2, "super": ["base": 1]])
        #expect(try roundTrip(Sharing(base: 3, own: 4)).base == 3)
        #expect(try lua(Sharing(base: 3, own: 4)) == ["base": 3, "own": 4])
    }

    @Test("containers may be nested and written to in any order")
    func interleaved() throws {
        #expect(
            try lua(Interleaved()) == [
                "early": ["x": 1, "z": ["deep", "deeper"]], "list": [1, ["k": "v"], [2, 3], 4], "late": true,
            ])
        #expect(try lua([Interleaved(), Interleaved()]).array?.count == 2)
    }

    @Test("what was never written to is an empty table")
    func empty() throws {
        struct Nothing: Codable, Equatable {
            func encode(to encoder: any Encoder) throws {}; init() {}; init(from: any Decoder) {}
        }
        struct Hollow: Codable, Equatable {}
        #expect(try lua(Nothing()) == [])
        #expect(try lua([Nothing(), Nothing()]) == [[], []])
        #expect(try lua(Hollow()) == [])
        #expect(try roundTrip([Hollow()]) == [Hollow()])
        #expect(try LuaMessage.decode(LuaNothing.self, from: message("80")) == LuaNothing())
    }

    @Test("Lua's own values pass through Codable types as they are")
    func passThrough() throws {
        struct Box: Codable, Equatable { var value: LuaValue, table: LuaTable, string: LuaString }
        let box = Box(value: [1, .null, [.number(.nan)], ["k": 0.5]], table: ["a": 1], string: LuaString(bytes: [255]))
        #expect(try roundTrip(box) == box)
        #expect(try roundTrip([box, box]) == [box, box])
        #expect(try LuaValue(encoding: box)["value"][3][1] == .number(.nan))
        #expect(try LuaValue(encoding: box).decode(Box.self) == box)
        // A shared table whose first place is outside of the part that is decoded: {a = t, b = {1, t}}.
        struct Part: Codable { var b: LuaValue; var c: [Int] }
        let bytes = message("81 a3 4161 d81c 82 05 d81d00 4162 82 01 d81d00 4163 d81c 82 07 08")
        let part = try LuaMessage.decode(Part.self, from: bytes)
        #expect(part.b[2][1] == 5 && part.b[2][2][2][1] == 5)
        #expect(part.c == [7, 8])
        // A shared table is decoded as often as it is met.
        #expect(
            try LuaMessage.decode([[Int]].self, from: message("81 83 d81c 81 01 d81d00 d81d00")) == [[1], [1], [1]])
    }

    @Test("values pass through other encoders as far as those can carry them")
    func json() throws {
        let value: LuaValue = ["a": [1, 2.5, "x", .null, true], "b": [:]]
        let data = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(LuaValue.self, from: data) == value)
        #expect(throws: EncodingError.self) { try JSONEncoder().encode(LuaValue(bytes: [255])) }
        let cycle = try LuaResults(message: message("81 d81c a1 4473656c66 d81d00"))[0]
        #expect(throws: EncodingError.self) { try JSONEncoder().encode(cycle) }
    }

    @Test("Foundation's Data is a string of bytes, Date is seconds since 1970")
    func foundation() throws {
        struct Both: Codable, Equatable { var data: Data, date: Date }
        let both = Both(data: Data([0, 255, 1]), date: Date(timeIntervalSince1970: 1_700_000_000.25))
        #expect(try lua(both) == ["data": LuaValue(bytes: [0, 255, 1]), "date": 1_700_000_000.25])
        #expect(try roundTrip(both) == both)
        #expect(try roundTrip([both.date]) == [both.date])
        #expect(
            try LuaMessage.decode(Date.self, from: message("81 1a 6553f100"))
                == Date(timeIntervalSince1970: 1_700_000_000))
        #expect(try roundTrip(URL(string: "https://example.org")) == URL(string: "https://example.org"))
        #expect(
            try roundTrip(UUID(uuidString: "E621E1F8-C36C-495A-93FC-0C247A3E6E5F"))
                == UUID(uuidString: "E621E1F8-C36C-495A-93FC-0C247A3E6E5F"))
        #expect(try roundTrip(Decimal(string: "1.25")) == Decimal(string: "1.25"))
    }
}

private class Base: Codable {
    var base: Int
    init(base: Int) { self.base = base }
}

private final class Derived: Base {
    var own: Int
    enum CodingKeys: CodingKey { case own }
    init(base: Int, own: Int) {
        self.own = own
        super.init(base: base)
    }
    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        own = try container.decode(Int.self, forKey: .own)
        try super.init(from: container.superDecoder())
    }
    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(own, forKey: .own)
        try super.encode(to: container.superEncoder())
    }
}

/// Writes to the same container as its superclass.
private final class Sharing: Base {
    var own: Int
    enum CodingKeys: CodingKey { case own }
    init(base: Int, own: Int) {
        self.own = own
        super.init(base: base)
    }
    required init(from decoder: any Decoder) throws {
        own = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .own)
        try super.init(from: decoder)
    }
    override func encode(to encoder: any Encoder) throws {
        try super.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(own, forKey: .own)
    }
}

/// Goes back and forth between its containers.
private struct Interleaved: Encodable {
    func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: WireKey.self)
        var early = outer.nestedContainer(keyedBy: WireKey.self, forKey: WireKey(stringValue: "early"))
        try early.encode(1, forKey: WireKey(stringValue: "x"))
        var list = outer.nestedUnkeyedContainer(forKey: WireKey(stringValue: "list"))
        try list.encode(1)
        var inside = list.nestedContainer(keyedBy: WireKey.self)
        var deep = early.nestedUnkeyedContainer(forKey: WireKey(stringValue: "z"))
        var pair = list.nestedUnkeyedContainer()
        try outer.encode(true, forKey: WireKey(stringValue: "late"))
        try pair.encode([2][0])
        try deep.encode("deep")
        try inside.encode("v", forKey: WireKey(stringValue: "k"))
        try list.encode(4)
        try pair.encode(3)
        try deep.encode(["deeper"][0])
    }
}
