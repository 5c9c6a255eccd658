// JSON text of values and back, and the text that `print` writes.

import LuaFleetWire
import Testing

@testable import LuaFleet

private func json(_ value: LuaValue) throws -> String {
    String(decoding: try LuaJSON.text(value), as: UTF8.self)
}

@Suite("JSON and text")
struct JSONTests {
    @Test("values become the JSON that is documented")
    func text() throws {
        #expect(
            try json(["a": 1, "b": [1, 2.0, "x\n\"\u{1}é"], "c": .null])
                == #"{"a":1,"b":[1,2.0,"x\n\"\u0001é"],"c":null}"#)
        #expect(try json(.table(LuaTable(entries: [(1, 2), ("x", 4), (true, 5)]))) == #"{"1":2,"x":4,"true":5}"#)
        #expect(try json([.number(.nan), .number(.infinity), .number(-.infinity)]) == #"["nan","inf","-inf"]"#)
        #expect(
            try json([LuaValue(bytes: [0xff, 0]), LuaValue(bytes: [0xff]), LuaValue(bytes: [1, 2, 0xff])])
                == #"[{"base64":"/wA="},{"base64":"/w=="},{"base64":"AQL/"}]"#)
        #expect(try json([]) == "[]")
        #expect(try json(.nil) == "null")
    }

    @Test("a cycle ends in text and does not hang")
    func cycle() throws {
        let results = try LuaResults(message: message("81 d81c a1 4473656c66 d81d00"))
        #expect(try json(results[0]) == #"{"self":"<cycle>"}"#)
    }

    @Test("few shared tables cannot make text without end")
    func blowUp() throws {
        var value: LuaValue = [1]
        for _ in 0..<40 { value = [value, value] }
        #expect(throws: LuaJSON.TooLong.self) { try LuaJSON.text(value, limit: 1 << 16) }
    }

    @Test("JSON becomes values: integers stay integers, null is fleet.null")
    func values() throws {
        let text =
            #" {"a": [1, -2.5e3, 9223372036854775807, 9223372036854775808, -0, true, null], "b\u00e9\ud83d\ude00": {}, "": "\/"} "#
        let value = try LuaJSON.value(text)
        #expect(value["a"] == [1, -2500.0, .integer(.max), 9223372036854775808.0, .number(-0.0), true, .null])
        #expect(value["a"][3] == .integer(.max))
        #expect(value["bé😀"] == [])
        #expect(value[""] == "/")
        #expect(try LuaJSON.value("7") == 7)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "01", "1.", ".5", "+1", "1e", "-", "nul", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}",
            "{\"a\":1,}",
            "[", "{", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "1 1", "]",
            "\"\u{1}\"",
            "'a'", "NaN", "1e999", "[1}", "//", "{\"a\":1 \"b\":2}",
        ])
    func refused(_ text: String) {
        #expect(throws: LuaJSON.Malformed.self) { try LuaJSON.value(text) }
    }

    @Test("an error names the line and the offset")
    func errorPlace() throws {
        let error = try #require(throws: LuaJSON.Malformed.self) { try LuaJSON.value("[1,\n2,\n x]") }
        #expect(error.line == 3)
        #expect(error.offset == 8)
    }

    @Test("JSON as deep as you like is an error, not a crash")
    func deep() throws {
        let text = String(repeating: "[", count: 1_000_000)
        #expect(throws: LuaJSON.Malformed.self) { try LuaJSON.value(text) }
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        let value = try LuaJSON.value(deep, depth: 200_000)
        #expect(try LuaJSON.text(value).count == 200_000)
    }

    @Test(
        "floats look as Lua prints them",
        arguments: [
            (1.0, "1.0"), (-0.0, "-0.0"), (0.1, "0.1"), (1e15, "1e+15"), (1e14, "1e+14"),
            (123456789012345.0, "1.2345678901234e+14"),
            (99999999999999.0, "99999999999999.0"), (1e100, "1e+100"), (1e-5, "1e-05"), (0.0001, "0.0001"),
            (3.14159265358979, "3.1415926535898"),
            (1.0 / 3, "0.33333333333333"), (2.5, "2.5"), (1e300 * 1e10, "inf"), (-1e300 * 1e10, "-inf"),
            (5e-324, "4.9406564584125e-324"),
            (1.7976931348623157e308, "1.7976931348623e+308"), (0.99999999999999994, "1.0"),
            (9.99999999999999e22, "1e+23"), (1234.5, "1234.5"),
        ])
    func floats(_ value: Double, _ text: String) {
        #expect(LuaText.float(value) == text)
    }

    @Test("values look as print writes them")
    func printed() {
        #expect(LuaText.printed(.number(.nan)) == "nan")
        #expect(LuaText.printed(.number(-.nan)) == "-nan")
        #expect(LuaText.printed([1, 2]) == "table: 2 entries")
        #expect(LuaText.printed(.nil) == "nil")
        #expect(LuaText.printedBytes(LuaValue(bytes: [255, 10])) == [255, 10])
    }

    @Test("a value describes itself as a Lua constructor")
    func constructor() throws {
        let table: LuaTable = [1: 1, 2: 2.0, "x": "a\n", "end": true, 1.5: [:]]
        #expect("\(table)" == #"{1, 2.0, x = "a\n", ["end"] = true, [1.5] = {}}"#)
        var deep: LuaValue = 1
        for _ in 0..<100_000 { deep = [deep] }
        #expect("\(deep)" == "{{{{{{{{{…}}}}}}}}}")
        let long = LuaValue((0..<100_000).map { LuaValue($0) })
        #expect("\(long)".utf8.count < 5_000)
    }
}
