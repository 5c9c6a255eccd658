// What a script raises becomes a failure message, whatever it is.
import LuaVM
import Testing

@Suite struct ErrorTests {
    @Test(
        "F25: every error value becomes a message, and a value where it can be sent",
        arguments: [
            ("error('boom')", "test.lua:1: boom", []), ("error('boom', 0)", "boom", []),
            ("error({code = 5})", "(error object is a table value)", [0xa1] + string("code") + [5]),
            ("error(nil)", "(error object is a nil value)", [0xf6]),
            ("error()", "(error object is a nil value)", [0xf6]),
            ("error(42)", "42", [0x18, 42]), ("error(1.5)", "1.5", double(1.5)),
            ("error(true)", "(error object is a boolean value)", [0xf5]), ("error(fleet.null)", "null", [0xf7]),
            ("error(setmetatable({}, {__tostring = function() return 'mine' end}))", "mine", [0x80]),
            (
                "error(setmetatable({}, {__tostring = function() error('no') end}))", "(error object is a table value)",
                [0x80]
            ),
            (
                "error(setmetatable({}, {__tostring = function() return 1 end}))", "(error object is a table value)",
                [0x80]
            ),
            ("error(coroutine.create(print))", "(error object is a thread value)", []),
            (
                "local t = {} t.t = t error(t)", "(error object is a table value)",
                [0xd8, 28, 0xa1, 0x41, 0x74, 0xd8, 29, 0]
            ),
            ("error({io.stdout})", "(error object is a table value)", []),
            ("local t for i = 1, 1e5 do t = {t} end error(t)", "(error object is a table value)", []),
            ("local x = nil; x.y = 1", "test.lua:1: attempt to index a nil value (local 'x')", []),
            (
                "local t <close> = setmetatable({}, {__close = function() error('closing', 0) end}) error('first')",
                "closing", []
            ),
            ("string.rep()", "test.lua:1: bad argument #1 to 'rep' (string expected, got no value)", []),
            ("coroutine.wrap(function() error('inside', 0) end)()", "test.lua:1: inside", []),
            ("coroutine.yield(1)", "attempt to yield from outside a coroutine", []),
        ] as [(String, String, [UInt8])])
    func errorValues(source: String, message: String, value: [UInt8]) throws {
        let vm = try TestVM()
        let outcome = vm.evaluate(source)
        #expect(outcome.status == LFVM_SCRIPT_ERROR)
        #expect(outcome.message == message)
        #expect(outcome.traceback?.hasPrefix("stack traceback:\n") == true)
        #expect(outcome.errorValue == value)
        #expect(vm.holds("return true"))
    }

    @Test("F25: userdata as error is shown as text")
    func userdata() throws {
        let vm = try TestVM()
        let outcome = vm.evaluate("error(io.stdout)")
        #expect(outcome.message.hasPrefix("file (0x"))
        #expect(outcome.errorValue == [])
    }

    @Test("F25: the traceback names the script's functions and nothing of the machinery above them")
    func traceback() throws {
        let vm = try TestVM()
        let outcome = vm.evaluate("local function inner() error('x') end\nfunction outer() inner() end\nouter()")
        #expect(
            outcome.traceback == """
                stack traceback:
                \t[C]: in function 'error'
                \ttest.lua:1: in upvalue 'inner'
                \ttest.lua:2: in function 'outer'
                \ttest.lua:3: in main chunk
                \t[C]: in ?
                """)
    }

    @Test("F25: message and traceback are cut at 64 KiB")
    func longMessage() throws {
        let vm = try TestVM()
        let outcome = vm.evaluate("error(('x'):rep(1000000), 0)")
        #expect(outcome.message.utf8.count == 65536)
    }

    @Test("F25: an error in every place where the handler could fail is still an answer")
    func hostileErrors() throws {
        let vm = try TestVM()
        for source in [
            "local function f() return 1 + f() end return f()",  // Lua's stack
            "local function f() return (string.gsub('x', 'x', f)) end return f()",  // C's stack
            "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x.y",
            "local m = {} m.__index = function(t, k) return t[k] end return setmetatable({}, m).x",
            "local function f() error(setmetatable({}, {__tostring = f})) end f()",
            "local m = {} m.__tostring = function(t) error(t) end error(setmetatable({}, m))",
            "local m = {} m.__tostring = function(t) return tostring(t) end error(setmetatable({}, m))",
            "debug.traceback = nil; debug = nil; error = nil; error('x')",
            "package.loaded = setmetatable({}, {__index = error, __pairs = error}) local x = nil + 1",
            "for k in pairs(package.loaded) do package.loaded[k] = nil end error('x')",
            "debug.getregistry()._LOADED = 1; error('x')",
        ] {
            let vm = try TestVM()
            let outcome = vm.evaluate(source)
            #expect(outcome.status == LFVM_SCRIPT_ERROR, "\(source): \(outcome.status)")
            #expect(!outcome.message.isEmpty, "\(source)")
            #expect(vm.holds("return true"), "\(source)")
        }
        #expect(vm.holds("return true"))
    }

    @Test("F25: stack overflow is reported with a traceback")
    func stackOverflow() throws {
        let vm = try TestVM()
        let outcome = vm.evaluate("local function f() return 1 + f() end return f()")
        #expect(outcome.message.contains("stack overflow"))
        #expect(outcome.traceback?.contains("in upvalue 'f'") == true)
    }

    @Test("F25: what a finalizer or __close sends after the error does not damage its description")
    func messageAfterError() throws {
        let vm = try TestVM()
        let outcome = vm.evaluate(
            """
            local t <close> = setmetatable({}, {__close = function() fleet.send({('y'):rep(1000)}) end})
            error('first', 0)
            """)
        #expect(outcome.message == "first")
        #expect(vm.told.messages.count == 1)
    }

    @Test("F16: a script that does not compile is a load error that names the line")
    func loadErrors() throws {
        let vm = try TestVM()
        let outcome = vm.define("x = = 1")
        #expect(outcome.status == LFVM_LOAD_ERROR)
        #expect(outcome.message == "test.lua:1: unexpected symbol near '='")
        #expect(outcome.traceback == nil)
        #expect(vm.define("\u{feff}#!/usr/bin/lua\nx = = 1").message == "test.lua:2: unexpected symbol near '='")
        #expect(vm.evaluate("#!/usr/bin/lua\nreturn 5").bytes == [0x81, 5])
        #expect(vm.evaluate("\u{feff}return 5").bytes == [0x81, 5])
        #expect(vm.evaluate("#").bytes == [0x80])
        #expect(vm.evaluate("").bytes == [0x80])
    }

    @Test("F31: bytecode is loaded only where it is allowed, also after a first line with #")
    func bytecode() throws {
        let vm = try TestVM()
        let dumped = Array(vm.evaluate("return string.dump(load('return 7'))").bytes.dropFirst(3))
        #expect(vm.define(id: 1, dumped).message.contains("attempt to load a binary chunk"))
        for source in [dumped, Array("#!x\n".utf8) + dumped] {
            #expect(vm.define(id: 1, source, allowBytecode: true).status == LFVM_OK)
            #expect(vm.run().bytes == [0x81, 7])
        }
    }
}
