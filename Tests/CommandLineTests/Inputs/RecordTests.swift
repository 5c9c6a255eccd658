// Lines, CSV and JSON out of chunks: the same records wherever the chunks are cut.
import LuaFleet
import Testing

@testable import luafleet

private func lines(_ text: String, size: Int, delimiter: UInt8 = 0x0A) throws(UsageError) -> [String] {
    var reader = LineReader(chunks(text, size: size), delimiter: delimiter)
    var all = [String]()
    while let line = try reader.next() { all.append(String(decoding: line, as: UTF8.self)) }
    return all
}

@Suite struct LineTests {
    @Test(
        arguments: [
            ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]), ("\n", [""]),
            ("a\n\n\nb\n", ["a", "", "", "b"]),
            ("grün\r\nblau\n", ["grün\r", "blau"]),
        ] as [(String, [String])])
    func `lines, cut at every byte`(text: String, expected: [String]) throws {
        for size in 1...max(1, text.utf8.count) {
            #expect(try lines(text, size: size) == expected, "chunks of \(size)")
        }
    }

    @Test func `-0 and -d end records with other bytes`() throws {
        #expect(try lines("a\nb\0c\0", size: 2, delimiter: 0) == ["a\nb", "c"])
        #expect(try lines("a,b,,c", size: 3, delimiter: UInt8(ascii: ",")) == ["a", "b", "", "c"])
    }

    @Test func `a line without an end does not take all memory`() {
        var reader = LineReader(
            ChunkSource(name: "zeros") { () throws(UsageError) in Bytes(repeating: 48, count: 1 << 20) })
        #expect(throws: UsageError("zeros: line 1: longer than 64 MiB")) { try reader.next() }
    }
}

private func csv(_ text: String, size: Int = 4096) throws(UsageError) -> [[String]] {
    var plan = InputPlan(sources: [file("in.csv")])
    plan.format = .csv(UInt8(ascii: ","))
    return try inputs(plan, files: ["in.csv": text], chunk: size)
}

@Suite struct CSVTests {
    @Test func `RFC 4180, cut at every byte`() throws {
        let text = "a,b,c\r\n\"x, y\",\"say \"\"hi\"\"\",\"two\nlines\r\nthree\"\n,\"\",z\r\n\n1,2,3"
        let expected = [
            ["a", "b", "c"], ["x, y", "say \"hi\"", "two\nlines\r\nthree"], ["", "", "z"], ["1", "2", "3"],
        ]
        for size in 1...text.utf8.count { #expect(try csv(text, size: size) == expected, "chunks of \(size)") }
    }

    @Test func `another separator`() throws {
        var plan = InputPlan(sources: [file("f")])
        plan.format = .csv(UInt8(ascii: ";"))
        #expect(try inputs(plan, files: ["f": "a,b;c\n"]) == [["a,b", "c"]])
    }

    @Test func `mistakes are named with their line`() {
        #expect(throws: UsageError("in.csv: line 3: 1 column, but the first line has 2")) { try csv("a,b\n\nc\n") }
        #expect(throws: UsageError("in.csv: line 4: 3 columns, but the first line has 2")) {
            try csv("a,b\n\"c\nc\",d\n1,2,3\n")
        }
        #expect(throws: UsageError("in.csv: line 2: a quoted field never ends")) { try csv("a,b\nc,\"d\ne\n") }
        #expect(throws: UsageError("in.csv: line 1: a quote inside a quoted field has to be doubled")) {
            try csv("\"a\"b\n")
        }
    }
}

private func json(_ text: String, size: Int = 4096) throws(UsageError) -> [LuaValue] {
    var reader = JSONReader(chunks(text, size: size, name: "in.json"))
    var all = [LuaValue]()
    while let value = try reader.next() { all.append(value) }
    return all
}

@Suite struct JSONTests {
    @Test(
        arguments: [
            ("1\n\"a\"\n\nnull\n", [1, "a", .null]),
            ("", []), ("\n \n", []),
            ("[]", []), ("[]\n[]\n", [[], []]),
            ("[1, 2.5, null]", [1, 2.5, .null]),
            ("[1]\n[2]", [[1], [2]]),
            ("[\n]", []),
            ("[\n  1,\n  [2, 3],\n  {\"a\": \"]},\\\"\"}\n]\n", [1, [2, 3], ["a": "]},\""]]),
            ("  [1,\n2\n]  \n\n", [1, 2]),
            ("{\"a\":[1]}", [["a": [1]]]),
        ] as [(String, [LuaValue])])
    func `a value a line or one array, cut at every byte`(text: String, expected: [LuaValue]) throws {
        for size in 1...max(1, text.utf8.count) { #expect(try json(text, size: size) == expected, "chunks of \(size)") }
    }

    @Test(arguments: [
        ("1\n\n[1,\n", "in.json: line 3, column "),
        ("[1\n,,2]", "in.json: line 2: malformed JSON: an element is missing"),
        ("[1,\n2", "in.json: line 2: malformed JSON: the array never ends"),
        ("[1,\n2] 3", "in.json: line 2: malformed JSON: something follows the array"),
        ("[1,\n2]\n\n3", "in.json: line 4: malformed JSON: something follows the array"),
        ("[1,\n]", "in.json: line 2: malformed JSON: an element is missing"),
        ("hello", "in.json: line 1, column 1: malformed JSON: "),
        ("[1,\n2,\n  x]", "in.json: line 3, column "),
    ])
    func `mistakes`(text: String, start: String) {
        let error = #expect(throws: UsageError.self) { try json(text) }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    @Test func `words are JSON values each`() throws {
        var plan = InputPlan(sources: [words("1", "[1, 2]", "\"a\"")])
        plan.format = .json
        #expect(try inputs(plan) == [["1"], ["[1,2]"], ["a"]])
        plan.sources = [words("1", "{")]
        let error = #expect(throws: UsageError.self) { try inputs(plan) }
        #expect(error?.message.hasPrefix("input 2 ({): line 1, column 2: malformed JSON: ") == true)
    }
}
