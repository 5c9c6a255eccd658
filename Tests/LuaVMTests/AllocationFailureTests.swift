// Every allocation fails once: no crash, no leak, and the VM goes on.
import LuaVM
import Testing

@Suite struct AllocationFailureTests {
    static let script = """
        if not Point then
            Point = {__index = {}}
            Odd = {}
            fleet.register('Point', Point)
            fleet.register('Odd', Odd, {encode = function(o) return {o.v} end, decode = function(s) return setmetatable({v = s[1]}, Odd) end})
        end
        local n = 0
        local shared = {1, 2, 3}
        local function up() n = n + 1 return up end
        local t = {shared, shared, up, function() return n end, print, string, x = {y = {z = ('s'):rep(100)}}, [{}] = 2.5}
        for i = 1, 40 do t['key' .. i] = {i, i + 0.5} end
        t.self = t
        t.point = setmetatable({x = 1}, Point)
        t.odd = setmetatable({v = 2}, Odd)
        t.long = ('x'):rep(70000)
        fleet.send(shared)
        return {
            make = function(...) return t, ... end,
            fail = function(v) error(setmetatable({v}, {__tostring = function() return 'mine' end})) end,
        }
        """

    /// Does `work` again and again, each time with the next allocation refused, until none was.
    func each(_ limit: Int = 100_000, in vm: TestVM, count: Int, _ work: () -> lfvm_status) {
        var last = LFVM_MEMORY_LIMIT
        for n in 1...limit {
            lfvm_refuse_allocations(vm.vm, n, count)
            last = work()
            let made = lfvm_refuse_allocations(vm.vm, 0, 0)
            if made < n { break }
            // With an emergency collection in between Lua may well succeed.
            #expect([LFVM_OK, LFVM_MEMORY_LIMIT, LFVM_SCRIPT_ERROR].contains(last), "allocation \(n): \(last)")
        }
        #expect(last == LFVM_OK || last == LFVM_SCRIPT_ERROR)
    }

    @Test("F27: every allocation of define, run, encode and decode fails once", arguments: [1, 2, Int.max])
    func everyAllocation(count: Int) throws {
        let vm = try TestVM()
        #expect(vm.define(Self.script).status == LFVM_OK)
        let made = vm.run(function: "make")
        #expect(made.status == LFVM_OK, "\(made.message)")
        each(in: vm, count: count) { vm.define(id: 2, Self.script).status }
        each(in: vm, count: count) {
            vm.define(id: 2, Self.script)
            return vm.run(id: 2, function: "make").status
        }
        each(in: vm, count: count) { vm.run(function: "make", made.bytes).status }
        each(in: vm, count: count) { vm.run(function: "fail", made.bytes).status }
        each(in: vm, count: count) {
            var failure = lfvm_message()
            let function = vm.told.function
            return lfvm_define_function(vm.vm, 7, function, function.count, &failure)
        }
        #expect(vm.run(function: "make").status == LFVM_OK)
        let again = vm.run(function: "make", made.bytes)
        #expect(again.status == LFVM_OK)
        #expect(
            vm.holds(
                "local t = ... return t.self == t and t[1] == t[2] and t.odd.v == 2 and t[3]() == t[3] and t[4]() == 1",
                made.bytes))
    }

    @Test("F27: failures leave nothing behind")
    func noGrowth() throws {
        let vm = try TestVM()
        vm.define(Self.script)
        func used() -> Int {
            _ = vm.evaluate("collectgarbage() collectgarbage()")
            return lfvm_memory_used(vm.vm)
        }
        func round() {
            for n in 1...300 {
                lfvm_refuse_allocations(vm.vm, n, 2)
                _ = vm.run(function: "make")
                lfvm_refuse_allocations(vm.vm, 0, 0)
            }
        }
        round()
        let before = used()
        for _ in 0..<10 { round() }
        #expect(used() <= before + 4096)
    }
}

extension TestVM.Told {
    /// A function by value, as a message.
    fileprivate var function: [UInt8] {
        guard let vm = try? TestVM() else { return [] }
        return vm.evaluate("local n = {1} return function() return n end").bytes
    }
}
