// F28: the instruction budget: nothing swallows it, and without one there is no hook.
import LuaVM
import Testing

@Suite struct InstructionBudgetTests {
    @Test(
        "F28: a task that uses too many instructions ends, whatever it catches",
        arguments: [
            "while true do end", "while true do pcall(function() while true do end end) end",
            "local function f() return f() end f()", "for i = 1, math.huge do pcall(error) end",
            "while true do xpcall(function() while true do end end, function() while true do end end) end",
            "while true do coroutine.wrap(function() end)() end",
            "while true do pcall(coroutine.wrap(function() while true do end end)) end",
            "local co = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(co) end",
            "return pcall(function() while true do end end)",
            "return pcall(pcall, function() while true do end end)",
            "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() return t[1] end) end",
            "xpcall(function() while true do end end, function() while true do end end) while true do end",
            "table.sort({3, 1, 2}, function() while true do end end)",
            "string.gsub(('x'):rep(100), 'x', function() while true do end end)",
            "local t <close> = setmetatable({}, {__close = function() while true do end end}) error('x')",
            "while true do load('while true do end')() end",
        ])
    func ends(source: String) throws {
        for level in [LFVM_NONE, LFVM_SAFE, LFVM_LOCKED] {
            let vm = try TestVM(level: level, instructions: 100_000)
            for _ in 0..<2 {
                let outcome = vm.evaluate(source)
                #expect(outcome.status == LFVM_INSTRUCTION_LIMIT)
                #expect(outcome.message == "used up its budget of 100000 instructions")
                #expect(lfvm_task_usage(vm.vm).instructions >= 100_000)
                #expect(vm.holds("local n = 0 for i = 1, 10000 do n = n + 1 end return n == 10000"))
                #expect((1000..<100_000).contains(lfvm_task_usage(vm.vm).instructions))
            }
        }
    }

    @Test func `F28: a budget too small for one look still counts`() throws {
        let vm = try TestVM(instructions: 10)
        #expect(vm.evaluate("return 1").status == LFVM_OK)
        #expect(vm.evaluate("for i = 1, 100 do end").status == LFVM_INSTRUCTION_LIMIT)
    }

    @Test func `F28: xpcall works as ever under a budget`() throws {
        let vm = try TestVM(instructions: 100_000)
        #expect(
            vm.holds(
                "local ok, what = xpcall(error, function(e) return e .. '!' end, 'x') return not ok and what == 'x!'"))
        #expect(vm.holds("return select(2, xpcall(function(...) return select('#', ...) end, print, 1, nil, 3)) == 3"))
        #expect(
            vm.holds(
                "local co = coroutine.wrap(function() return select(2, xpcall(coroutine.yield, print, 1)) end) return co() == 1 and co(2) == 2"
            ))
        #expect(vm.evaluate("xpcall(print)").status == LFVM_SCRIPT_ERROR)
    }

    @Test func `F28: the hook cannot be taken away, and without a budget there is none`() throws {
        let counted = try TestVM(instructions: 100_000)
        #expect(counted.evaluate("pcall(debug.sethook) while true do end").status == LFVM_INSTRUCTION_LIMIT)
        #expect(counted.evaluate("debug.sethook(print, 'l')").message.contains("taken by the instruction budget"))
        let free = try TestVM()
        #expect(free.holds("return debug.gethook() == nil"))
        #expect(
            free.holds(
                "local n = 0 debug.sethook(function() n = n + 1 end, '', 10) for i = 1, 1000 do end debug.sethook() return n > 10"
            ))
        #expect(lfvm_task_usage(free.vm).instructions == 0)
    }

    @Test func `F35: a coroutine that was made before the tasks counts like others`() throws {
        let vm = try TestVM(instructions: 100_000)
        let source = Array("old = coroutine.create(function() while true do end end)".utf8)
        var failure = lfvm_message()
        #expect(lfvm_preload(vm.vm, "=lib", source, source.count, false, "lib", 3, &failure) == LFVM_OK)
        #expect(vm.evaluate("coroutine.resume(old)").status == LFVM_INSTRUCTION_LIMIT)
    }
}
