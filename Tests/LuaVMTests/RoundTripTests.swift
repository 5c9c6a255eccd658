// What goes into a VM comes out of it: bytes to Lua values and back.
import LuaVM
import Testing

@Suite struct RoundTripTests {
    struct Value: CustomTestStringConvertible {
        var name: String
        var written: [UInt8]
        /// Other bytes for the same value.
        var read: [[UInt8]] = []
        /// A Lua expression that holds for the value `v`.
        var check: String

        var testDescription: String { name }
    }

    static let values: [Value] = [
        Value(name: "nil", written: [0xf6], check: "v == nil"),
        Value(name: "false", written: [0xf4], check: "v == false"),
        Value(name: "true", written: [0xf5], check: "v == true"),
        Value(name: "null", written: [0xf7], check: "v == fleet.null and tostring(v) == 'null'"),
        Value(
            name: "0", written: [0x00], read: [[0x18, 0], [0x19, 0, 0]], check: "math.type(v) == 'integer' and v == 0"),
        Value(name: "23", written: [0x17], check: "v == 23"),
        Value(name: "24", written: [0x18, 24], check: "v == 24"),
        Value(name: "255", written: [0x18, 255], check: "v == 255"),
        Value(name: "256", written: [0x19, 1, 0], read: [[0x1a, 0, 0, 1, 0]], check: "v == 256"),
        Value(name: "65536", written: [0x1a, 0, 1, 0, 0], check: "v == 65536"),
        Value(name: "2^32", written: [0x1b, 0, 0, 0, 1, 0, 0, 0, 0], check: "v == 1 << 32"),
        Value(
            name: "maxinteger", written: [0x1b, 0x7f, 255, 255, 255, 255, 255, 255, 255],
            check: "v == math.maxinteger"),
        Value(
            name: "mininteger", written: [0x3b, 0x7f, 255, 255, 255, 255, 255, 255, 255],
            check: "v == math.mininteger and math.type(v) == 'integer'"),
        Value(name: "-1", written: [0x20], read: [[0x38, 0]], check: "v == -1"),
        Value(name: "-25", written: [0x38, 24], check: "v == -25"),
        Value(
            name: "1.0", written: double(1), read: [[0xf9, 0x3c, 0], [0xfa, 0x3f, 0x80, 0, 0]],
            check: "v == 1 and math.type(v) == 'float'"),
        Value(name: "-0.0", written: double(-0.0), read: [[0xf9, 0x80, 0]], check: "v == 0 and 1 / v < 0"),
        Value(name: "infinity", written: double(.infinity), read: [[0xf9, 0x7c, 0]], check: "v == math.huge"),
        Value(name: "-infinity", written: double(-.infinity), read: [[0xf9, 0xfc, 0]], check: "v == -math.huge"),
        Value(
            name: "NaN", written: [0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
            read: [[0xf9, 0x7e, 0], [0xf9, 0xfe, 1], [0xfb, 0xff, 0xf8, 0, 0, 0, 0, 0, 1]], check: "v ~= v"),
        Value(name: "0.1", written: double(0.1), check: "v == 0.1"),
        Value(name: "smallest half", written: double(0x1p-24), read: [[0xf9, 0, 1]], check: "v == 0x1p-24"),
        Value(name: "half 65504", written: double(65504), read: [[0xf9, 0x7b, 0xff]], check: "v == 65504"),
        Value(name: "empty string", written: [0x40], read: [[0x60], [0x58, 0]], check: "v == ''"),
        Value(name: "bytes with NUL", written: [0x43, 0, 255, 0], check: "v == '\\0\\xff\\0'"),
        Value(name: "text", written: string("é"), read: [[0x62, 0xc3, 0xa9]], check: "v == 'é'"),
        Value(
            name: "empty table", written: [0x80], read: [[0xa0], [0x9f, 0xff], [0xbf, 0xff]],
            check: "type(v) == 'table' and next(v) == nil"),
        Value(
            name: "sequence", written: [0x83, 1, 2, 3],
            read: [[0x9f, 1, 2, 3, 0xff], [0x98, 3, 1, 2, 3], [0xa3, 3, 3, 1, 1, 2, 2]],
            check: "#v == 3 and v[3] == 3"),
        Value(
            name: "array with a hole", written: [0x82, 1, 0xd9, 0xf1, 0xe0, 0xa1, 3, 3],
            read: [[0x83, 1, 0xf6, 3], [0x9f, 1, 0xf6, 3, 0xff]], check: "v[1] == 1 and v[2] == nil and v[3] == 3"),
        Value(
            name: "map", written: [0xa1, 0x41, 0x61, 1], read: [[0xbf, 0x41, 0x61, 1, 0xff], [0xa1, 0x61, 0x61, 1]],
            check: "v.a == 1"),
        Value(
            name: "float key", written: [0xa1] + double(2.5) + [1], check: "v[2.5] == 1"),
        Value(
            name: "integral float key becomes an integer", written: [0x81, 5], read: [[0xa1] + double(1) + [5]],
            check: "math.type(next(v)) == 'integer'"),
        Value(
            name: "boolean key", written: [0xa1, 0xf4, 0xf7], check: "v[false] == fleet.null"),
        Value(
            name: "null key", written: [0xa1, 0xf7, 1], check: "v[fleet.null] == 1"),
        Value(
            name: "table key", written: [0xa1, 0x81, 7, 0x81, 8], read: [[0xbf, 0x9f, 7, 0xff, 0x9f, 8, 0xff, 0xff]],
            check: "next(v)[1] == 7 and v[next(v)][1] == 8"),
        Value(
            name: "map with a null value", written: [0xa1, 0x41, 0x62, 2],
            read: [[0xa2, 0x41, 0x61, 0xf6, 0x41, 0x62, 2], [0xa3, 0x41, 0x61, 1, 0x41, 0x62, 2, 0x41, 0x61, 0xf6]],
            check: "v.a == nil and v.b == 2"),
        Value(
            name: "a key twice", written: [0xa1, 0x41, 0x61, 2], read: [[0xa2, 0x41, 0x61, 1, 0x41, 0x61, 2]],
            check: "v.a == 2"),
        Value(
            name: "mixed table", written: [0x83, 1, 2, 0xd9, 0xf1, 0xe0, 0xa1, 0x41, 0x61, 3],
            read: [
                [0x9f, 1, 2, 0xd9, 0xf1, 0xe0, 0xbf, 0x41, 0x61, 3, 0xff, 0xff],
                [0x9f, 1, 2, 0xd9, 0xf1, 0xe0, 0xa1, 0x41, 0x61, 3, 0xff],
                [0xa3, 2, 2, 0x41, 0x61, 3, 1, 1],
            ], check: "v[1] == 1 and v[2] == 2 and v.a == 3"),
        Value(
            name: "nested", written: [0x82, 0x81, 0x81, 1, 0xa1, 0x41, 0x61, 0x80],
            read: [[0x9f, 0x9f, 0x9f, 1, 0xff, 0xff, 0xbf, 0x41, 0x61, 0xa0, 0xff, 0xff]],
            check: "v[1][1][1] == 1 and next(v[2].a) == nil"),
        Value(
            name: "cycle", written: [0xd8, 28, 0x81, 0xd8, 29, 0], read: [[0xd8, 28, 0x9f, 0xd8, 29, 0, 0xff]],
            check: "v[1] == v"),
        Value(
            name: "cycle through a key", written: [0xd8, 28, 0xa1, 0xd8, 29, 0, 1], check: "next(v) == v"),
        Value(
            name: "shared table",
            written: [0x84, 0xd8, 28, 0x81, 1, 0xd8, 28, 0x80, 0xd8, 29, 1, 0xd8, 29, 0],
            read: [[0x84, 0xd8, 28, 0x81, 1, 0xd8, 28, 0xa0, 0xd8, 29, 1, 0xd8, 29, 0]],
            check: "v[1] == v[4] and v[2] == v[3] and v[1] ~= v[2]"),
        Value(
            name: "tag 28 without a reference", written: [0x81, 1], read: [[0xd8, 28, 0x81, 1]],
            check: "v[1] == 1"),
    ]

    @Test("F42, F43: a value passes through a VM unchanged", arguments: values)
    func roundTrip(_ value: Value) throws {
        let vm = try TestVM()
        for bytes in [value.written] + value.read {
            #expect(vm.evaluate("return ...", [0x81] + bytes) == .init(status: LFVM_OK, bytes: [0x81] + value.written))
            #expect(vm.holds("local v = ... return \(value.check)", [0x81] + bytes))
        }
    }

    @Test("F08: nil in the middle and at the end, and the count, survive")
    func holesInLists() throws {
        let vm = try TestVM()
        #expect(vm.evaluate("return 1, nil, 3, nil").bytes == [0x84, 1, 0xf6, 3, 0xf6])
        #expect(
            vm.evaluate("return select('#', ...), ...", [0x84, 1, 0xf6, 3, 0xf6]).bytes == [0x85, 4, 1, 0xf6, 3, 0xf6])
        #expect(vm.evaluate("return").bytes == [0x80])
        #expect(
            vm.evaluate("local t = {} for i = 1, 300 do t[i] = i end return table.unpack(t)").bytes.prefix(3) == [
                0x99, 1, 44,
            ])
    }

    @Test("F42: a sequence is an array whatever the order in which its keys were set")
    func sequencesInTheHashPart() throws {
        let vm = try TestVM()
        #expect(
            vm.evaluate("local t = {} for i = 5, 1, -1 do t[i] = i end return t").bytes == [0x81, 0x85, 1, 2, 3, 4, 5])
        let mixed = vm.evaluate("local t = {x = 1} for i = 5, 1, -1 do t[i] = i end return t").bytes
        #expect(mixed == [0x81, 0x86, 1, 2, 3, 4, 5, 0xd9, 0xf1, 0xe0, 0xa1, 0x41, 0x78, 1])
        // An array part of 3, the fourth in a free node of the hash part.
        let spilt = vm.evaluate(
            "local t = {1, 2, 3, a = 0, b = 0, c = 0} t.a = nil t.b = nil t[4] = 4 t.c = nil return t"
        ).bytes
        #expect(spilt == [0x81, 0x84, 1, 2, 3, 4])
        let tables = vm.evaluate("local t = {} for i = 3, 1, -1 do t[i] = {i} end t.k = {} return t").bytes
        #expect(tables.starts(with: [0x81, 0x84, 0x81, 1, 0x81, 2, 0x81, 3, 0xd9, 0xf1, 0xe0]))
    }

    @Test("F43: a table shared by two results is one table for the receiver")
    func sharedAcrossResults() throws {
        let vm = try TestVM()
        let bytes = vm.evaluate("local t = {1} return t, {t = t}, t").bytes
        #expect(bytes == [0x83, 0xd8, 28, 0x81, 1, 0xa1, 0x41, 0x74, 0xd8, 29, 0, 0xd8, 29, 0])
        #expect(vm.holds("local a, b, c = ... return a == c and b.t == a", bytes))
    }

    @Test("F46: a long string travels without a copy, and whole", arguments: [65535, 65536, 65537, 8 << 20])
    func longStrings(count: Int) throws {
        let vm = try TestVM()
        let value = head(2, count) + [UInt8](repeating: 0x61, count: count)
        #expect(vm.evaluate("return ...", [0x81] + value).bytes == [0x81] + value)
        let twice = vm.evaluate("local s = ... return {s, s, x = s}, 1, s", [0x81] + value).bytes
        #expect(
            twice == [0x83, 0x83] + value + value + [0xd9, 0xf1, 0xe0, 0xa1, 0x41, 0x78] + value + [1] + value)
    }

    @Test("F42: metamethods are not asked")
    func rawAccess() throws {
        let vm = try TestVM()
        let source = """
            local function no() error("asked") end
            local m = {__index = no, __newindex = no, __pairs = no, __len = no, __gc = nil, __name = "x", __eq = no}
            return setmetatable({1, a = setmetatable({}, m)}, m)
            """
        #expect(vm.evaluate(source).bytes == [0x81, 0x82, 1, 0xd9, 0xf1, 0xe0, 0xa1, 0x41, 0x61, 0x80])
    }
}
