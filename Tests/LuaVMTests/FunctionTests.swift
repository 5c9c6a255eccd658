// Functions as values: by value with their upvalues, or by the name of their library.
import LuaVM
import Testing

@Suite struct FunctionTests {
    /// Sends what `source` returns into another VM, where `check` must return true for it.
    func travels(_ source: String, _ check: String) throws -> Bool {
        let sent = try TestVM().evaluate(source)
        #expect(sent.status == LFVM_OK, "\(sent.message)")
        let receiver = try TestVM()
        #expect(receiver.holds(check, sent.bytes), "\(receiver.evaluate(check, sent.bytes).message)")
        // And back through the receiver, which writes what it got.
        let again = receiver.evaluate("return ...", sent.bytes)
        return try TestVM().holds(check, again.bytes)
    }

    @Test(
        "F44: Lua functions travel with their upvalues",
        arguments: [
            ("return function(x) return x * x end", "return (...)(7) == 49"),
            (
                "local n, s, t = 5, 'x', {1} return function() return n, s, t[1] end",
                "local n, s, t = (...)() return n == 5 and s == 'x' and t == 1"
            ),
            ("local function fact(n) return n < 2 and 1 or n * fact(n - 1) end return fact", "return (...)(5) == 120"),
            (
                """
                local even, odd
                function even(n) return n == 0 or odd(n - 1) end
                function odd(n) return n ~= 0 and even(n - 1) end
                return even, odd
                """, "local even, odd = ... return even(10) and odd(7) and not odd(4)"
            ),
            (
                "local n = 0 return {up = function() n = n + 1 end, get = function() return n end}",
                "local c = ... c.up() c.up() return c.get() == 2"
            ),
            (
                "local n = 0 return function() n = n + 1 return n end, function() return n end, {function() return n end}",
                "local up, get, t = ... up() return get() == 1 and t[1]() == 1"
            ),
            (
                "local function counter() local n = 0 return function() n = n + 1 return n end end return counter(), counter()",
                "local a, b = ... a() a() return a() == 3 and b() == 1"
            ),
            ("local f = function() end return f, {f, f}", "local f, t = ... return f == t[1] and f == t[2]"),
            ("local t = {} t.f = function() return t end return t", "local t = ... return t.f() == t"),
            (
                "return {[print] = 1, [function() return 5 end] = 2}",
                "local t = ... for k, v in pairs(t) do if v == 2 and k() ~= 5 then return false end end return t[print] == 1"
            ),
            (
                "local a, b = nil, false return function() return a, b end",
                "local a, b = (...)() return a == nil and b == false"
            ),
            ("return function(...) return select('#', ...), ... end", "return (...)(1, nil) == 2"),
            ("return load('return 1, ...')", "return select(2, (...)(5)) == 5"),
            (
                "local nest = 0 for i = 1, 50 do local inner = nest nest = function() return inner end end return nest",
                "local f = ... for i = 1, 50 do f = f() end return f == 0"
            ),
        ])
    func luaFunctions(source: String, check: String) throws {
        #expect(try travels(source, check))
    }

    @Test("F44: _ENV is that of the destination, also where a function only passes it on")
    func environment() throws {
        let sender = try TestVM()
        let sent = sender.evaluate(
            "place = 'sender' local G = _G return function() return place, G.place, G == _G, string.upper('x') end")
        let receiver = try TestVM()
        #expect(
            receiver.holds(
                "place = 'receiver' local a, b, c, d = (...)() return a == 'receiver' and b == 'receiver' and c and d == 'X'",
                sent.bytes))
        #expect(
            try travels("return function() return function() return math.pi end end", "return (...)()() == math.pi"))
        #expect(try travels("local _ENV = {x = 5} return function() return x end", "return (...)() == 5"))
    }

    @Test("F44: functions and tables of the libraries travel by name")
    func names() throws {
        let vm = try TestVM()
        let bytes = vm.evaluate("return print, string.format, io.open, string, _G, fleet.send, coroutine.wrap, fleet")
            .bytes
        let names = ["print", "string.format", "io.open", "string", "_G", "fleet.send", "coroutine.wrap", "fleet"]
        #expect(bytes == [0x88] + names.flatMap { [0xd9, 0xf1, 0xe3] + string($0) })
        #expect(
            vm.holds(
                "local p, f, o, s, g, fs, w, fl = ... return p == print and f == string.format and o == io.open and s == string and g == _G and fs == fleet.send and w == coroutine.wrap and fl == fleet",
                bytes))
        #expect(
            try travels("local upper = string.upper return function(s) return upper(s) end", "return (...)('x') == 'X'")
        )
    }

    @Test("F44: a module that lends a library's function gives it no name, a C module of its own does")
    func modules() throws {
        let vm = try TestVM()
        #expect(
            vm.evaluate("package.loaded.mine = {floor = math.floor} return math.floor").bytes == [
                0x81, 0xd9, 0xf1, 0xe3,
            ] + string("math.floor"))
        // A function that only this module has: a closure of C.
        _ = vm.evaluate("package.loaded.cmod = {next_word = ('a b'):gmatch('%a')}")
        let sent = vm.evaluate("return package.loaded.cmod.next_word")
        #expect(sent.bytes == [0x81, 0xd9, 0xf1, 0xe3] + string("cmod.next_word"))
        #expect(vm.holds("return ... == package.loaded.cmod.next_word", sent.bytes))
    }

    @Test(
        "F44: what a function holds that cannot be sent is named with the upvalue",
        arguments: [
            (
                "local fd = io.stdout return function() return fd end",
                "cannot send result 1: upvalue \"fd\": userdata (FILE*)"
            ),
            (
                "local t = {co = coroutine.create(print)} return {f = function() return t end}",
                "cannot send result 1: .f upvalue \"t\".co: coroutine"
            ),
            ("return ('x'):gmatch('.')", "cannot send result 1: C function that no library has"),
            ("return {coroutine.wrap(print)}", "cannot send result 1: [1]: C function that no library has"),
        ])
    func refused(source: String, message: String) throws {
        let outcome = try TestVM().evaluate(source)
        #expect(outcome.status == LFVM_NOT_ENCODABLE)
        #expect(outcome.message == message)
    }

    @Test("F31, F44: where functions cross by name only, no bytecode is written or read")
    func byNameOnly() throws {
        let sender = try TestVM()
        let sent = sender.evaluate("return function() end").bytes
        let vm = try TestVM(byNameOnly: true)
        #expect(
            vm.evaluate("return ...", sent).message.hasPrefix(
                "malformed message: a function by value, which a sandbox does not take"))
        #expect(
            vm.evaluate("return {f = function() end}").message
                == "cannot send result 1: .f: Lua function without a name: in a sandbox functions cross by name only")
        #expect(vm.evaluate("return print").bytes == [0x81, 0xd9, 0xf1, 0xe3] + string("print"))
        let global = vm.evaluate(
            "function named() return 5 end package.loaded.m = {f = named, g = function() return 6 end} return named, package.loaded.m.g"
        )
        #expect(global.bytes == [0x82, 0xd9, 0xf1, 0xe3] + string("named") + [0xd9, 0xf1, 0xe3] + string("m.g"))
        #expect(vm.holds("local f, g = ... return f() == 5 and g() == 6", global.bytes))
        let other = try TestVM(byNameOnly: true)
        #expect(
            other.evaluate("return 1", global.bytes).message == "malformed message: nothing here has the name \"named\""
        )
    }

    @Test("F16: a function value is run as a task")
    func defineFunction() throws {
        let sent = try TestVM().evaluate("local factor = 3 return function(x) return x * factor end").bytes
        let vm = try TestVM()
        func define(_ bytes: [UInt8]) -> (lfvm_status, String) {
            var failure = lfvm_message()
            let status = lfvm_define_function(vm.vm, 9, bytes, bytes.count, &failure)
            return (status, status == LFVM_OK ? "" : FailureMessage(TestVM.bytes(of: failure)).message)
        }
        #expect(define(sent).0 == LFVM_OK)
        #expect(vm.run(id: 9, [0x81, 5]).bytes == [0x81, 15])
        #expect(vm.run(id: 9, [0x81, 6]).bytes == [0x81, 18])
        #expect(define([0x81, 0xd9, 0xf1, 0xe3] + string("math.abs")).0 == LFVM_OK)
        #expect(vm.run(id: 9, [0x81, 0x24]).bytes == [0x81, 5])
        #expect(define([0x81, 5]) == (LFVM_NO_FUNCTION, "the message is not one function"))
        #expect(define([0x80]) == (LFVM_NO_FUNCTION, "the message is not one function"))
        #expect(define(Array(sent.dropLast())).0 == LFVM_BAD_MESSAGE)
        #expect(vm.run(id: 9, [0x81, 0x24]).bytes == [0x81, 5])
    }

    @Test("F46: malformed functions are refused")
    func malformed() throws {
        let vm = try TestVM()
        let sent = vm.evaluate("local a, b = 1, 2 return function() return a, b end").bytes
        for count in 0..<sent.count {
            #expect(vm.evaluate("return 1", Array(sent[..<count])).status == LFVM_BAD_MESSAGE, "\(count) bytes")
        }
        let tag: [UInt8] = [0x81, 0xd9, 0xf1, 0xe2]
        let code = Array(vm.evaluate("return string.dump(function() end)").bytes.dropFirst())
        #expect(vm.evaluate("return type(...)", tag + [0x81] + code).bytes == [0x81] + string("function"))
        for bad in [
            [0x80], [0x81, 1], [0x82] + code + [0x81, 1], [0x82] + code + [0], [0x81, 0x41, 0x78], [0xa0], [0x40],
            [0x9f] + code + [0xff],
            [0x81] + string("return 1"),
        ] as [[UInt8]] {
            #expect(vm.evaluate("return 1", tag + bad).status == LFVM_BAD_MESSAGE, "\(bad)")
        }
        let cells = Array(sent.dropFirst(4)).dropLast(4)  // without the two variables
        for bad in [[0, 0], [0x81, 1, 1], [0x81, 1, 2], [0x82, 1, 1, 0], [0x81, 1, 0xf6]] as [[UInt8]] {
            #expect(vm.evaluate("return 1", tag + cells + bad).status == LFVM_BAD_MESSAGE, "\(bad)")
        }
        #expect(vm.holds("local a, b = (...)() return a == 1 and b == 1", tag + cells + [0x81, 1, 0]))
    }
}
