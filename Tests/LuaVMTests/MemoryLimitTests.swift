// The memory limit: a clean failure, and a VM that goes on.
import LuaVM
import Testing

@Suite struct MemoryLimitTests {
    @Test(
        "F27: a script that asks for too much memory fails with memory limit, and the VM is usable",
        arguments: [
            "return ('x'):rep(1e10)", "local t = {} for i = 1, math.huge do t[i] = i end",
            "local s = 'x' while true do s = s .. s end", "local t = {} while true do t = {t} end",
            "return coroutine.wrap(function() return ('x'):rep(1e9) end)()",
            "local ok, why = pcall(string.rep, 'x', 1e9) error(why, 0)",
            "local t = {} for i = 1, 1e6 do t[i] = 'key' .. i end",
            "local function f() return 1 + f() end f()",
        ])
    func recovers(source: String) throws {
        let vm = try TestVM(memoryLimit: 8 << 20)
        for _ in 0..<3 {
            let outcome = vm.evaluate(source)
            #expect(outcome.status == LFVM_MEMORY_LIMIT)
            #expect(outcome.message == "not enough memory (the limit is 8 MiB)")
            #expect(vm.holds("return #('x'):rep(1e6) == 1000000"))
        }
        #expect(lfvm_memory_peak(vm.vm) <= 8 << 20)
        #expect(lfvm_memory_used(vm.vm) <= lfvm_memory_peak(vm.vm))
    }

    @Test("F27: a script may catch the error and go on")
    func caught() throws {
        let vm = try TestVM(memoryLimit: 8 << 20)
        #expect(vm.holds("local ok, why = pcall(string.rep, 'x', 1e9) return not ok and why == 'not enough memory'"))
        #expect(vm.evaluate("error('not enough memory: mine', 0)").status == LFVM_SCRIPT_ERROR)
        #expect(try TestVM().evaluate("return ('x'):rep(1e10)").status == LFVM_SCRIPT_ERROR)
    }

    @Test("F27: arguments and results count against the limit")
    func messages() throws {
        let vm = try TestVM(memoryLimit: 2 << 20)
        vm.define("return ...")
        #expect(vm.run([0x81] + head(2, 3 << 20) + [UInt8](repeating: 0, count: 3 << 20)).status == LFVM_MEMORY_LIMIT)
        #expect(vm.run([0x81, 0x9a, 0, 3, 0, 0] + [UInt8](repeating: 0, count: 3 << 16)).status == LFVM_MEMORY_LIMIT)
        // A table of 1.2 MB whose encoding has no room beside it.
        let outcome = vm.evaluate("local s, t = ('x'):rep(60000), {} for i = 1, 50 do t[i] = s end return t")
        #expect(outcome.status == LFVM_MEMORY_LIMIT)
        #expect(vm.run([0x81, 5]).bytes == [0x81, 5])
    }

    @Test("F27: a limit too small for the libraries makes no VM, one that just suffices makes one")
    func smallLimits() {
        var options = lfvm_options()
        var smallest = 0
        for limit in stride(from: 100, to: 200_000, by: 97) {
            options.memory_limit = limit
            guard let vm = lfvm_create(&options) else { continue }
            lfvm_destroy(vm)
            smallest = smallest == 0 ? limit : smallest
        }
        #expect((10_000..<60_000).contains(smallest))
    }
}
