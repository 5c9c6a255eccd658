// Shared values, arrays, memory and lists between real workers and the host.
import Foundation
import LuaFleet
import Testing

@Suite
struct MemoryTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F50: 4 workers add 100,000 times each, and nothing is lost`(_ isolation: LuaIsolation) async throws {
        try await withPool(4, isolation: isolation) { pool in
            let value = try SharedValue<Int64>(0)
            let array = try SharedArray<Double>(count: 3)
            let script = LuaScript.source(
                "local v, a = ... for i = 1, 100000 do v:add(1) end for i = 1, 1000 do a:add(2, 0.5) end return v:get() > 0"
            )
            try await withThrowingTaskGroup(of: LuaResults.self) { group in
                for _ in 0..<4 { group.addTask { try await pool.call(script, value, array) } }
                for try await _ in group {}
            }
            #expect(try value.get() == 400_000)
            #expect(try array.elements == [0, 2000, 0])
        }
    }

    @Test func `F50: every type keeps its limits, and errors name the object`() async throws {
        let lines = try await transcript(
            """
            for _, t in ipairs{{"i8", -128, 127}, {"i16", -32768, 32767}, {"i32", -2147483648, 2147483647}, {"u8", 0, 255}, {"u16", 0, 65535}, {"u32", 0, 4294967295}} do
                local v = fleet.Value(t[1], t[2])
                local ok = v:get() == t[2]
                v:set(t[3]) ok = ok and v:get() == t[3]
                text(t[1], ok, select("#", pcall(v.set, v, t[3] + 1)), pcall(function() v:add(1) end))
            end
            local i = fleet.Value("i64", math.maxinteger) text(i:add(1) == math.mininteger, math.type(i:get()))
            local u = fleet.Value("u64", -1) text(u:get(), u:add(2))
            local f = fleet.Value("f32", 0.1) text(f:get() == 0.1, f:get() > 0.0999, f:add(1.5))
            local d = fleet.Value("f64", 0.1) text(d:get(), d:cas(0.1, 7), d:get(), d:cas(0.1, 8))
            local b = fleet.Value("bool", true) text(b:get(), b:cas(true, false), b:get(), pcall(function() b:set(1) end))
            text(pcall(function() i:set("x") end)) text(pcall(function() i:set(1.5) end)) text(pcall(fleet.Value, "i8", 300))
            text(pcall(fleet.Value, "i99", 0))
            local a = fleet.Array("i32", {1, 2, 3})
            a[2] = 20
            text(#a, a[1], a[2], a[3], a:add(3, 5), a:cas(1, 1, 9), a[1])
            text(pcall(function() return a[0] end)) text(pcall(function() a[4] = 1 end)) text(pcall(function() return a[1.5] end))
            text(table.concat(a:read(2), ","), table.concat(a:read(1, 2), ",")) a:write(2, {7, 8}) text(table.concat(a:read(), ","))
            text(pcall(function() a:write(3, {1, 2}) end)) text(pcall(fleet.Array, "i32", 0))
            text(a:with(function() return a[1] end))
            text(fleet.Value{name = "hits of test", type = "i64"} == fleet.Value{name = "hits of test", type = "i64"})
            text(pcall(fleet.Value, {name = "hits of test", type = "i32"}))
            """)
        #expect(
            lines == """
                i8 true 2 false shared value #N: the sum has no place in a i8
                i16 true 2 false shared value #N: the sum has no place in a i16
                i32 true 2 false shared value #N: the sum has no place in a i32
                u8 true 2 false shared value #N: the sum has no place in a u8
                u16 true 2 false shared value #N: the sum has no place in a u16
                u32 true 2 false shared value #N: the sum has no place in a u32
                true integer
                -1 1
                false true 1.6000000238419
                0.1 true 7.0 false 7.0
                true true false false shared value #N: 1 has no place in a bool
                false shared value #N: string has no place in a i64
                false shared value #N: 1.5 has no place in a i64
                false shared value: 300 has no place in a i8
                false shared value: the type is one of i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool, not i99
                3 1 20 3 8 true 9
                false shared array #N: index 0 is outside of 1…3
                false shared array #N: index 4 is outside of 1…3
                false shared array #N: an index is an integer, not a number
                20,8 9,20
                9,7,8
                false shared array #N: 2 elements from 3 on are outside of 1…3
                false shared array: a length has to be at least 1, not 0
                9
                true
                false shared value hits of test: it holds i64, not i32
                """, "\(lines)")
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F51: what one writes all read, and nothing is left in dev shm`(_ isolation: LuaIsolation) async throws {
        let before = try FileManager.default.contentsOfDirectory(atPath: "/dev/shm").sorted()
        try await withPool(2, isolation: isolation) { pool in
            let memory = try SharedMemory(size: 1 << 20)
            try memory.write(Array("from the host".utf8), at: 100)
            let results: LuaResults = try await pool.call(
                .source(
                    """
                    local m = ...
                    m:write(1, "\\0\\1\\0")
                    m:set_numbers("f64", 3, {1.5, -2})
                    local files = io.open("/proc/self/maps"):read("a")
                    return m:read(101, 13), #m, m:numbers("f64", 3, 2)[2], files:find("/dev/shm", 1, true), pcall(m.read, m, 1 << 20, 2)
                    """), memory)
            #expect(
                results[0] == "from the host" && results[1] == .integer(1 << 20) && results[2] == -2.0
                    && results[3] == nil)
            #expect(results[5].string?.contains("are outside of 1…1048576") == true)
            #expect(try memory.read(0..<3) == [0, 1, 0])
            try memory.withBytes { bytes in
                #expect(bytes.loadUnaligned(fromByteOffset: 16, as: Double.self) == 1.5)
            }
            #expect(throws: LuaFleetError.self) { try memory.read(0..<(1 << 20) + 1) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: "/dev/shm").sorted() == before)
        }
    }

    @Test func `F52: a shareable list gives back what was put in, and says what does not fit`() async throws {
        try await withPool(1) { pool in
            let list = try ShareableList([.string(LuaString(bytes: [0, 1, 0])), nil, 7, 0.5, true, "text"], room: 8)
            let results: LuaResults = try await pool.call(
                .source(
                    """
                    local l = ...
                    local before = {l[1], l[2], l[3], l[4], l[5], l[6]}
                    l[2] = "\\0\\1\\0" l[3] = math.mininteger l[6] = nil
                    local made = fleet.ShareableList({"abc", false, 1.5, fleet.null}, 4)
                    return before[1] == "\\0\\1\\0", math.type(before[3]), before[4], #l, made, pcall(function() l[1] = ("x"):rep(9) end)
                    """), list)
            #expect(results[0] == true && results[1] == "integer" && results[2] == 0.5 && results[3] == 6)
            #expect(
                results[6].string?.contains("a string of 9 bytes has no place in slot 1, which has room for 8") == true)
            #expect(
                try list.get(1) == .string(LuaString(bytes: [0, 1, 0])) && list.get(2) == .integer(.min)
                    && list.get(5) == nil)
            let made = try results.decode(ShareableList.self, at: 4)
            #expect(try (0..<4).map { try made.get($0) } == ["abc", false, 1.5, nil])
            #expect(throws: LuaFleetError.self) { try made.get(4) }
            #expect(throws: LuaFleetError.self) { try made.set(0, "abcde") }
            #expect(throws: LuaFleetError.self) { try made.set(0, [1]) }
        }
    }

    @Test func `a shared value in Swift is of its type only`() throws {
        let value = try SharedValue<Int8>(-128)
        #expect(throws: LuaFleetError.self) { try value.add(-1) }
        #expect(try value.add(1) == -127)
        #expect(try value.compareAndSet(-127, 5) && value.get() == 5)
        #expect(throws: LuaFleetError.self) { try SharedValue<Int64>(value.handle) }
        #expect(throws: LuaFleetError.self) { try SharedArray<Int8>(value.handle) }
        let array = try SharedArray<Bool>([true, false])
        #expect(throws: LuaFleetError.self) { try array.get(2) }
        #expect(throws: LuaFleetError.self) { try SharedArray<Int8>(count: 0) }
        #expect(try array.elements == [true, false])
    }
}
