// Scripts and the functions that they offer.
import LuaVM
import Testing

@Suite struct ScriptTests {
    @Test("F16: functions are found in the returned table, then among the globals, also by a path")
    func lookup() throws {
        let vm = try TestVM()
        vm.define(
            """
            function global(x) return x + 100 end
            ns = {deep = {f = function() return 'deep' end}}
            return {
                square = function(x) return x * x end, lib = {add = function(a, b) return a + b end},
                object = setmetatable({}, {__call = function(_, x) return x end}),
            }
            """)
        #expect(vm.run(function: "square", [0x81, 5]).bytes == [0x81, 0x18, 25])
        #expect(vm.run(function: "lib.add", [0x82, 5, 6]).bytes == [0x81, 11])
        #expect(vm.run(function: "global", [0x81, 5]).bytes == [0x81, 0x18, 105])
        #expect(vm.run(function: "ns.deep.f").bytes == [0x81] + string("deep"))
        #expect(vm.run(function: "object", [0x81, 5]).bytes == [0x81, 5])
        #expect(vm.run(function: "square", [0x81, 6]).bytes == [0x81, 0x18, 36])
    }

    @Test(
        "F16: a function that is not there is an error that says what is",
        arguments: [
            (
                "return {slow = print, square = print, n = 1}", "nope",
                "test.lua: no function \"nope\" (the script returned a table with: slow, square)"
            ),
            ("return {}", "nope", "test.lua: no function \"nope\" (the script returned a table without functions)"),
            ("", "a.b", "test.lua: no function \"a.b\" (the script returned nothing, and there is no such global)"),
            (
                "return 5", "f",
                "test.lua: no function \"f\" (the script returned a number, and there is no such global)"
            ),
            ("return {version = 5}", "version", "\"version\" is a number, not a function"),
        ])
    func notFound(source: String, function: String, message: String) throws {
        let vm = try TestVM()
        vm.define(source)
        let outcome = vm.run(function: function)
        #expect(outcome.status == LFVM_NO_FUNCTION)
        #expect(outcome.message == message)
    }

    @Test("F16: a script with a strict environment can miss a function too")
    func strictGlobals() throws {
        let vm = try TestVM()
        vm.define(
            "setmetatable(_G, {__index = function(_, k) error('no global ' .. k) end, __newindex = error}) return {}")
        #expect(vm.run(function: "f").status == LFVM_NO_FUNCTION)
        #expect(vm.run(id: 1, setArg: true).status == LFVM_OK)
    }

    @Test("F37: the chunk runs once for all its functions, and again after it was defined anew")
    func chunkRunsOnce() throws {
        let vm = try TestVM()
        let source = "count = (count or 0) + 1 return {count = function() return count end}"
        vm.define(source)
        #expect(vm.run(function: "count").bytes == [0x81, 1])
        #expect(vm.run(function: "count").bytes == [0x81, 1])
        vm.define(source)
        #expect(vm.run(function: "count").bytes == [0x81, 2])
        vm.define(id: 2, source)
        #expect(vm.run(id: 2, function: "count").bytes == [0x81, 3])
        #expect(vm.run(id: 1, function: "count").bytes == [0x81, 3])
    }

    @Test("F16: a chunk that raised runs again for the next task")
    func chunkRaises() throws {
        let vm = try TestVM()
        vm.define(
            "count = (count or 0) + 1 if count < 3 then error('not yet', 0) end return {f = function() return count end}"
        )
        #expect(vm.run(function: "f").status == LFVM_SCRIPT_ERROR)
        #expect(vm.run(function: "f").message == "not yet")
        #expect(vm.run(function: "f").bytes == [0x81, 3])
        #expect(vm.run(function: "f").bytes == [0x81, 3])
    }

    @Test("F16: a forgotten script is gone, an unknown id is no trouble")
    func forget() throws {
        let vm = try TestVM()
        vm.define("return 1")
        lfvm_forget(vm.vm, 1)
        lfvm_forget(vm.vm, 77)
        let outcome = vm.run()
        #expect(outcome.status == LFVM_NO_FUNCTION)
        #expect(outcome.message == "script 1 is not defined")
    }

    @Test("F16: a chunk gets its arguments as ... and, where asked, in arg")
    func arg() throws {
        let vm = try TestVM()
        vm.define(id: 1, "return select('#', ...), arg and arg[0], arg and arg[1], arg and #arg", name: "@dir/a.lua")
        let arguments: [UInt8] = [0x82] + string("x") + [2]
        #expect(vm.run(arguments).bytes == [0x84, 2, 0xf6, 0xf6, 0xf6])
        #expect(vm.run(arguments, setArg: true).bytes == [0x84, 2] + string("dir/a.lua") + string("x") + [2])
    }

    @Test("F27: scripts that come and go leave no memory behind")
    func noGrowth() throws {
        let vm = try TestVM()
        func used() -> Int {
            _ = vm.evaluate("collectgarbage() collectgarbage()")
            return lfvm_memory_used(vm.vm)
        }
        func round() {
            vm.define(id: 5, "return {f = function(x) return x end, g = function() error('x') end}")
            for name in ["f", "g", "missing"] { _ = vm.run(id: 5, function: name, [0x81, 1]) }
            lfvm_forget(vm.vm, 5)
        }
        round()
        let before = used()
        for _ in 0..<500 { round() }
        #expect(used() <= before + 2000)
    }
}
