// The module `fleet` and the functions of Lua's libraries that differ in a worker.
import Glibc
import LuaVM
import Testing

@Suite struct FleetModuleTests {
    @Test("F37: fleet.worker, fleet.task, fleet.attempt and fleet.state say what they should")
    func fields() throws {
        let vm = try TestVM()
        lfvm_set_worker(vm.vm, 3, 4711)
        vm.define(
            "local s = fleet.state s.n = (s.n or 0) + 1 return fleet.worker.id, fleet.worker.pid, fleet.task, fleet.attempt, s.n"
        )
        func task(_ index: UInt8, _ attempt: UInt8) -> [UInt8] {
            [0xa2] + string("index") + [index] + string("attempt") + [attempt]
        }
        #expect(vm.holds("return require('fleet') == fleet"))
        for (n, (index, attempt)) in ([(7, 1), (8, 2), (9, 2), (10, 1)] as [(UInt8, UInt8)]).enumerated() {
            #expect(vm.run(index: UInt64(index), attempt: UInt32(attempt)).status == LFVM_OK)
            vm.define(
                id: 2,
                "return fleet.worker.id, fleet.worker.pid, fleet.task.index, fleet.task.attempt, fleet.attempt, fleet.state.n"
            )
            let expected: [UInt8] = [0x86, 3, 0x19, 0x12, 0x67, index, attempt, attempt, UInt8(n + 1)]
            #expect(vm.run(id: 2, index: UInt64(index), attempt: UInt32(attempt)).bytes == expected)
        }
    }

    @Test("F25: fleet.progress, fleet.send and fleet.log reach the host while the script runs")
    func messages() throws {
        let vm = try TestVM()
        let outcome = vm.evaluate(
            "fleet.progress(1, 10) fleet.progress(0.5) fleet.send({1}) fleet.send(nil) fleet.log('info', 'text') fleet.log('a', 'b', {k = 1})"
        )
        #expect(outcome.status == LFVM_OK)
        #expect(vm.told.messages.map(\.kind) == [1, 1, 2, 2, 3, 3])
        #expect(
            vm.told.messages.map(\.bytes) == [
                [0x82, 1, 10], [0x81] + double(0.5), [0x81, 0x81, 1], [0x81, 0xf6],
                [0x82] + string("info") + string("text"),
                [0x83, 0x41, 0x61, 0x41, 0x62, 0xa1, 0x41, 0x6b, 1],
            ])
    }

    @Test("F25: a long string is sent in one piece too")
    func longMessage() throws {
        let vm = try TestVM()
        #expect(vm.evaluate("fleet.send(('x'):rep(100000))").status == LFVM_OK)
        #expect(vm.told.messages[0].bytes == [0x81] + head(2, 100_000) + [UInt8](repeating: 0x78, count: 100_000))
    }

    @Test(
        "F44: what cannot be sent is an ordinary error for the script",
        arguments: [
            ("fleet.send({a = io.stdout})", "test.lua:1: cannot send argument 1: .a: userdata (FILE*)"),
            ("fleet.send()", "test.lua:1: bad argument #1 to 'send' (value expected)"),
            ("fleet.log('info')", "test.lua:1: bad argument #2 to 'log' (string expected, got no value)"),
            ("fleet.progress('x')", "test.lua:1: bad argument #1 to 'progress' (number expected, got string)"),
            ("fleet.sleep(-1)", "test.lua:1: bad argument #1 to 'sleep' (a number of seconds, 0 or more, expected)"),
            ("fleet.sleep(0/0)", "test.lua:1: bad argument #1 to 'sleep' (a number of seconds, 0 or more, expected)"),
            ("fleet.sleep()", "test.lua:1: bad argument #1 to 'sleep' (number expected, got no value)"),
        ])
    func argumentErrors(source: String, message: String) throws {
        let vm = try TestVM()
        #expect(vm.evaluate("return select(2, pcall(function(...) \(source) end))").bytes == [0x81] + string(message))
        #expect(vm.evaluate(source).message == message)
        #expect(vm.told.messages.isEmpty)
    }

    @Test("F29: fleet.sleep sleeps, and uses no processor time")
    func sleep() throws {
        let vm = try TestVM()
        let clock = ContinuousClock()
        // This thread's own: `os.clock` counts every test that runs beside this one.
        let before = threadTime()
        let elapsed = clock.measure { #expect(vm.holds("fleet.sleep(0.05) fleet.sleep(0) return true")) }
        #expect(elapsed >= .milliseconds(50))
        #expect(threadTime() - before < 40_000_000)
    }

    @Test("F35: math.random follows the seed, and math.randomseed() takes a fresh one")
    func random() throws {
        let source = "return math.random(0), math.random(0)"
        let a = try TestVM(seed: (1, 2)).evaluate(source)
        #expect(a == (try TestVM(seed: (1, 2)).evaluate(source)))
        #expect(a != (try TestVM(seed: (1, 3)).evaluate(source)))
        let vm = try TestVM()
        lfvm_reseed(vm.vm, [1, 2])
        #expect(vm.evaluate(source) == a)
        #expect(vm.holds("math.randomseed(5) local a = math.random(0) math.randomseed(5) return a == math.random(0)"))
        let fresh = (0..<100).map { _ in vm.evaluate("math.randomseed() return math.random(0)").bytes }
        #expect(Set(fresh).count == 100)
    }

    @Test(
        "F06: wrapped functions keep their names in error messages",
        arguments: [
            ("io.open()", "test.lua:1: bad argument #1 to 'open' (string expected, got no value)"),
            ("io.open('x', 'q')", "test.lua:1: bad argument #2 to 'open' (invalid mode)"),
            ("os.exit({})", "test.lua:1: bad argument #1 to 'exit' (number expected, got table)"),
            ("math.randomseed('x')", "test.lua:1: bad argument #1 to 'randomseed' (number expected, got string)"),
        ])
    func wrappers(source: String, message: String) throws {
        #expect(try TestVM().evaluate(source).message == message)
    }

    @Test("F06: io.open and io.output still work on files")
    func files() throws {
        let vm = try TestVM()
        #expect(
            vm.holds(
                """
                local path = os.tmpname()
                local f = assert(io.open(path, 'w')) f:write('one') f:close()
                local before = io.output() io.output(path) io.write('two') io.close() io.output(before)
                f = assert(io.open(path, 'rb')) local text = f:read('a') f:close() os.remove(path)
                local none, why, code = io.open('/nonexistent/x')
                return text == 'two' and none == nil and why == '/nonexistent/x: No such file or directory' and code == 2
                """))
    }
}

/// Nanoseconds of processor time that the calling thread has used (clock_gettime(2), CLOCK_THREAD_CPUTIME_ID).
private func threadTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
