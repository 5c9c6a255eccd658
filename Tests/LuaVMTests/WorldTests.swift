// Hazard 25: at safe, a task finds nothing of the task before it, in whatever place that left something.
import LuaVM
import Testing

@Suite struct WorldTests {
    /// What a task leaves, and an expression that is true in a state where nobody left it.
    private static let traces: [(leave: String, isClean: String)] = [
        ("mark = 1", "mark == nil"),
        ("_G.mark = 1", "rawget(_G, 'mark') == nil"),
        ("setmetatable(_G, {__index = function() return 1 end})", "mark == nil and getmetatable(_G) == nil"),
        ("string.mark = 1", "string.mark == nil and ('').mark == nil"),
        ("string.rep = nil", "string.rep ~= nil and ('x'):rep(2) == 'xx'"),
        ("getmetatable('').__index.mark = 1", "('').mark == nil"),
        ("getmetatable('').__add = nil getmetatable('').mark = 1", "'1' + '2' == 3 and getmetatable('').mark == nil"),
        ("getmetatable('').__metatable = 1", "type(getmetatable('')) == 'table'"),
        (
            "math.mark = 1 table.mark = 1 utf8.mark = 1 os.mark = 1 coroutine.mark = 1",
            "(math.mark or table.mark or utf8.mark or os.mark or coroutine.mark) == nil"
        ),
        ("math.pi = 3", "math.pi > 3.1"),
        ("print = nil pairs = nil", "print ~= nil and pairs ~= nil"),
        ("package.loaded.mark = {}", "package.loaded.mark == nil"),
        ("package.preload.mark = function() end", "package.preload.mark == nil"),
        ("package.path = '' package.searchers[1] = nil", "package.path ~= '' and package.searchers[1] ~= nil"),
        ("package.loaded.string.mark = 1", "string.mark == nil"),
        ("debug.mark = 1", "debug.mark == nil"),
        (
            "fleet.mark = 1 fleet.worker.mark = 1 fleet.task.mark = 1",
            "(fleet.mark or fleet.worker.mark or fleet.task.mark) == nil"
        ),
        ("fleet.send = nil fleet.task = nil", "fleet.send ~= nil and fleet.task.index ~= nil and fleet.attempt == 1"),
        ("fleet.register('mark', {})", "pcall(fleet.register, 'mark', {})"),
        ("getmetatable(fleet.null).__tostring = function() return 'mark' end", "tostring(fleet.null) == 'null'"),
        ("math.randomseed(1)", "math.random(2^53) ~= expected"),
        ("warn('@on')", "true"),
        (
            "collectgarbage('stop') collectgarbage('generational')",
            "collectgarbage('isrunning') and collectgarbage('incremental') == 'incremental'"
        ),
        ("arg = {'mark'}", "arg == nil"),
        (
            "setmetatable({}, {__gc = function() mark = 1 string.mark = 1 getmetatable('').__index.mark = 1 end})",
            "mark == nil and string.mark == nil and ('').mark == nil"
        ),
        (
            "setmetatable({}, {__gc = function() getmetatable('').__index = {} end}) collectgarbage()",
            "('x'):rep(2) == 'xx'"
        ),
        (
            "co = coroutine.create(function() coroutine.yield() mark = 1 end) coroutine.resume(co)",
            "co == nil and mark == nil"
        ),
        ("local up = 0 function bump() up = up + 1 end bump()", "bump == nil"),
        ("load('mark = 1')()", "mark == nil"),
        ("_ENV = {mark = 1}", "mark == nil"),
        ("rawset(_G, '_G', nil) _VERSION = nil", "_G ~= nil and _VERSION ~= nil"),
        ("error('mark')", "mark == nil"),
    ]

    @Test func `at safe, whatever a task leaves, the next one is clean, a thousand times`() throws {
        let vm = try TestVM(level: LFVM_SAFE)
        for round in 0..<1000 {
            let (leave, isClean) = Self.traces[round % Self.traces.count]
            vm.define(id: 1, "math.randomseed(1) local expected = math.random(2^53) \(leave)")
            vm.define(id: 2, "local expected = 4503599627370496 return \(isClean)")
            _ = vm.run(id: 1)
            let outcome = vm.run(id: 2)
            #expect(outcome == .init(status: LFVM_OK, bytes: [0x81, 0xF5]), "\(leave): \(outcome.message)")
            #expect(!lfvm_is_tainted(vm.vm))
        }
        // Nothing piles up either.
        let held = lfvm_memory_used(vm.vm)
        for round in 0..<1000 { _ = vm.run(id: UInt32(1 + round % 2)) }
        #expect(lfvm_memory_used(vm.vm) < held + 200_000)
    }

    @Test func `the same traces are found at none, so the check can fail`() throws {
        let vm = try TestVM()
        var found = 0
        for (leave, isClean) in Self.traces {
            vm.define(id: 1, leave)
            vm.define(id: 2, "return \(isClean)")
            _ = vm.run(id: 1)
            if vm.run(id: 2) != .init(status: LFVM_OK, bytes: [0x81, 0xF5]) { found += 1 }
        }
        #expect(found > 15)
    }

    @Test func `at safe, a function of a script starts from its script each time, and its variables with it`() throws {
        let vm = try TestVM(level: LFVM_SAFE)
        vm.define("local n = 0 total = 0 return {count = function() n = n + 1 total = total + 1 return n + total end}")
        for _ in 0..<5 { #expect(vm.run(function: "count").bytes == [0x81, 2]) }
        vm.define(id: 2, "function bump() calls = (calls or 0) + 1 return calls end")
        for _ in 0..<5 { #expect(vm.run(id: 2, function: "bump").bytes == [0x81, 1]) }
    }

    @Test func `fleet.state is what a task passes on when it means to`() throws {
        let vm = try TestVM(level: LFVM_SAFE)
        vm.define("local s = fleet.state s.n = (s.n or 0) + 1 s.f = s.f or function() return s.n end return s.f()")
        for count in 1...10 { #expect(vm.run().bytes == [0x81, UInt8(count)]) }
        vm.define(id: 2, "fleet.state = {n = 40}")
        _ = vm.run(id: 2)
        #expect(vm.run().bytes == [0x81, 24, 41])
    }

    @Test func `finalizers without end make the state useless for others, and it says so`() throws {
        let vm = try TestVM(level: LFVM_SAFE)
        #expect(
            vm.evaluate("local function again() setmetatable({}, {__gc = again}) end again() return 7").bytes == [
                0x81, 7,
            ])
        #expect(lfvm_is_tainted(vm.vm))
    }

    @Test(arguments: [LFVM_NONE, LFVM_SAFE, LFVM_LOCKED])
    func `F34: what a preloaded script leaves is there for every task`(_ level: lfvm_level) throws {
        let vm = try TestVM(memoryLimit: 1 << 20, level: level)
        let source = Array(
            "big = ('x'):rep(4 << 20) string.twice = function(s) return s .. s end return {seven = 7}".utf8)
        var failure = lfvm_message()
        #expect(lfvm_preload(vm.vm, "=lib", source, source.count, false, "lib", 3, &failure) == LFVM_OK)
        #expect(lfvm_end_preload(vm.vm, &failure) == LFVM_OK)
        let lib = level == LFVM_LOCKED ? "lib" : "require('lib')"
        for _ in 0..<5 {
            #expect(vm.holds("mark = (mark or 0) + 1 return mark == 1 or \(level == LFVM_NONE)"))
            #expect(vm.holds("return #big == 4 << 20 and ('a'):twice() == 'aa' and \(lib).seven == 7"))
            #expect(vm.evaluate("return ('x'):rep(2 << 20)").status == LFVM_MEMORY_LIMIT, "the limit is a task's")
        }
        let broken = Array("error('no such luck')".utf8)
        #expect(lfvm_preload(vm.vm, "=lib", broken, broken.count, false, "lib", 3, &failure) == LFVM_SCRIPT_ERROR)
        #expect(FailureMessage(TestVM.bytes(of: failure)).message.hasSuffix("no such luck"))
    }
}
