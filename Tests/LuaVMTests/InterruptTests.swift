// F26: an error that a signal raises: in the coroutine that runs, once, and in no task but the one that was meant.
import Glibc
import LuaFleetWire
import LuaVM
import Synchronization
import Testing

/// A VM whose tasks are interrupted, on this thread or from another.
private final class InterruptedVM {
    /// One word for the process, as in a worker.
    private static let page = {
        let page = WorkerPage(start: .allocate(byteCount: WorkerPage.size, alignment: 4096))
        page.initialize()
        #expect(lfvm_catch_interrupts(page.interruptWord) == 0)
        return page
    }()
    /// No two tasks of the process have the same number.
    private static let numbers = Atomic<UInt32>(1)

    let vm: TestVM
    let task = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)

    init(level: lfvm_level = LFVM_NONE, instructions: UInt64 = 0) throws {
        vm = try TestVM(level: level, instructions: instructions, interruptible: true)
        task.initialize(to: 0)
        _ = Self.page
        lfvm_set_running_task(vm.vm, task)
        // Threads of Swift's runtime block signals.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, lfvm_interrupt_signal())
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    deinit { task.deallocate() }

    func nextTask() {
        task.pointee = Self.numbers.wrappingAdd(1, ordering: .relaxed).newValue
    }

    static func ask(_ task: UInt32, _ reason: InterruptReason = .cancelled) {
        page.askForInterrupt(of: task, reason)
    }

    /// Runs a script that is interrupted when it calls `fleet.send("now")`.
    func run(_ source: String, _ reason: InterruptReason = .cancelled) -> TestVM.Outcome {
        nextTask()
        vm.told.messages = []
        vm.told.onMessage = { [task] message in
            guard message.bytes == [0x81] + string("now") else { return }
            Self.ask(task.pointee, reason)
            raise(lfvm_interrupt_signal())
        }
        return vm.evaluate(source)
    }

    var said: [String] {
        // One string each, with one or two bytes in front of it.
        vm.told.messages.map { String(decoding: $0.bytes.dropFirst($0.bytes[1] == 0x58 ? 3 : 2), as: UTF8.self) }
    }

    static var stage: WorkerPage.Interrupt.Stage? { page.interrupt?.stage }
}

@Suite(.serialized) struct InterruptTests {
    private static let levels = [LFVM_NONE, LFVM_SAFE, LFVM_LOCKED]

    @Test(
        "F26: what a script does ends with the error, wherever it does it",
        arguments: [
            "fleet.send('now') while true do end",
            "fleet.send('now') for i = 1, math.huge do end",
            "fleet.send('now') local function f() return f() end f()",
            "coroutine.wrap(function() fleet.send('now') while true do end end)()",
            "local co = coroutine.create(function() fleet.send('now') while true do end end) coroutine.resume(co) while true do end",
            "local co = coroutine.create(function() while true do fleet.send('now') coroutine.yield() end end) while true do coroutine.resume(co) end",
            "local co = coroutine.create(function() end) fleet.send('now') while true do coroutine.resume(co) end",
            """
            local function deep(n) return coroutine.wrap(function() if n == 0 then fleet.send('now') while true do end end deep(n - 1)() end) end
            deep(20)()
            """,
            "table.sort({3, 1, 2}, function() fleet.send('now') while true do end end)",
            "string.gsub('x', 'x', function() fleet.send('now') while true do end end)",
            "setmetatable({}, {__index = function() fleet.send('now') while true do end end}).x()",
            """
            local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() fleet.send('now') while true do end end}) coroutine.yield() end)
            coroutine.resume(co) coroutine.close(co) while true do end
            """,
            "fleet.send('now') fleet.sleep(1e9)", "fleet.send('now') pcall(fleet.sleep, 1e9) while true do end",
            "fleet.send('now') return 1 + 1 + 1",
        ])
    func ends(source: String) throws {
        for level in Self.levels {
            for instructions: UInt64 in [0, 1 << 40] {
                let interrupted = try InterruptedVM(level: level, instructions: instructions)
                for _ in 0..<2 {
                    let outcome = interrupted.run(source)
                    #expect(outcome.status == LFVM_SCRIPT_ERROR)
                    #expect(outcome.message.hasSuffix("cancelled"), "\(outcome.message)")
                    #expect(outcome.message.hasPrefix("test.lua:"), "\(outcome.message)")
                    // The next task is not touched.
                    interrupted.nextTask()
                    #expect(
                        interrupted.vm.holds(
                            "local n = 0 for i = 1, 10000 do n = n + 1 end return coroutine.wrap(function() return n == 10000 end)()"
                        ))
                }
            }
        }
    }

    @Test func `F26: clean-up runs, in the coroutine and in those that resumed it, and the error says why`() throws {
        for level in Self.levels {
            let interrupted = try InterruptedVM(level: level)
            let source = """
                local function note(name) return setmetatable({}, {__close = function(_, e) fleet.send(name .. ": " .. tostring(e)) end}) end
                local outer <close> = note("outer")
                local co = coroutine.create(function()
                    local inner <close> = note("inner")
                    local ok = pcall(function() local middle <close> = note("caught") fleet.send("now") while true do end end)
                    error("after " .. tostring(ok))
                end)
                coroutine.resume(co)
                """
            let outcome = interrupted.run(source, .deadline)
            // It was caught, and what came after is the coroutine's own affair: its resumer hears of it all the same.
            #expect(outcome.message == "test.lua:6: after false")
            #expect(
                interrupted.said == [
                    "now", "caught: test.lua:5: deadline", "inner: test.lua:6: after false",
                    "outer: test.lua:6: after false",
                ])
        }
    }

    @Test func `F26: the error comes once: who catches it goes on`() throws {
        for level in Self.levels {
            let interrupted = try InterruptedVM(level: level)
            let outcome = interrupted.run(
                """
                local ok, why = pcall(function() fleet.send("now") while true do end end)
                for i = 1, 100000 do end
                local co = coroutine.create(function() for i = 1, 100000 do end error("own") end)
                local resumed, own = coroutine.resume(co)
                fleet.send("now")
                for i = 1, 100000 do end
                return not ok and why == "test.lua:1: cancelled" and not resumed and own == "test.lua:3: own"
                """)
            #expect(outcome == .init(status: LFVM_OK, bytes: [0x81, 0xf5]))
        }
    }

    @Test func `F26: an interrupt that is asked for before the task begins ends it`() throws {
        let interrupted = try InterruptedVM()
        interrupted.nextTask()
        InterruptedVM.ask(interrupted.task.pointee)
        #expect(interrupted.vm.evaluate("while true do end").message == "test.lua:1: cancelled")
    }

    @Test func `F26: what was asked for a task that is over is withdrawn, and its signal hits nobody`() throws {
        let interrupted = try InterruptedVM()
        interrupted.nextTask()
        let former = interrupted.task.pointee
        #expect(interrupted.vm.holds("return true"))
        InterruptedVM.ask(former)
        #expect(InterruptedVM.stage == .asked)
        interrupted.nextTask()
        interrupted.vm.told.onMessage = { _ in raise(lfvm_interrupt_signal()) }
        #expect(interrupted.vm.holds("fleet.send(1) for i = 1, 100000 do end return true"))
        #expect(InterruptedVM.stage == .withdrawn)
    }

    @Test func `F26: a finalizer is not interrupted, what follows it is`() throws {
        let interrupted = try InterruptedVM()
        let outcome = interrupted.run(
            """
            setmetatable({}, {__gc = function() fleet.send("now") for i = 1, 1e5 do end fleet.send("whole") end})
            collectgarbage() fleet.send("after")
            """)
        #expect(outcome.message.hasSuffix("cancelled"))
        #expect(interrupted.said == ["now", "whole"])
    }

    @Test func `F28: the instruction budget counts on after an interrupt that was caught`() throws {
        let interrupted = try InterruptedVM(instructions: 100_000)
        let source = "pcall(function() fleet.send('now') while true do end end) while true do end"
        #expect(interrupted.run(source).status == LFVM_INSTRUCTION_LIMIT)
        #expect(interrupted.run("coroutine.wrap(function() \(source) end)()").status == LFVM_INSTRUCTION_LIMIT)
    }

    @Test func `coroutines do what Lua's own do`() throws {
        let interrupted = try InterruptedVM()
        let plain = try TestVM()
        let scripts = [
            "return pcall(coroutine.resume)", "return pcall(coroutine.wrap, 1)", "return pcall(coroutine.close, {})",
            "return coroutine.resume(coroutine.create(function(...) return ... end), 1, nil, 3)",
            "local co = coroutine.create(function(a) local b = coroutine.yield(a, 2) return b end) local r = {coroutine.resume(co, 1)} return r[2], r[3], select(2, coroutine.resume(co, 'b')), coroutine.resume(co)",
            "local w = coroutine.wrap(function() error('x') end) return pcall(w)",
            "local w = coroutine.wrap(function() error({}) end) return type(select(2, pcall(w)))",
            "local w = coroutine.wrap(function() end) w() return pcall(w)",
            "local co co = coroutine.create(function() return pcall(coroutine.close, co) end) return coroutine.resume(co)",
            "local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co)",
            "local co co = coroutine.create(function() coroutine.close(co) end) return coroutine.resume(co)",
            "local co co = coroutine.create(function() coroutine.wrap(function() coroutine.close(co) end)() end) return coroutine.resume(co)",
            "local co = coroutine.create(print) return coroutine.close(co), coroutine.status(co), coroutine.close(co)",
            "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() error('c') end}) coroutine.yield() end) coroutine.resume(co) return coroutine.close(co)",
            "local co = coroutine.create(function() error('x') end) coroutine.resume(co) return coroutine.close(co)",
            "local co = coroutine.wrap(function() return pcall(function() coroutine.yield(1) error('y') end) end) return co(), co()",
            "return coroutine.resume(coroutine.create(function() return string.rep end), table.unpack({}, 1, 1e5))",
            "for i in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do last = i end return last",
            "return coroutine.isyieldable(), select(2, coroutine.running())",
        ]
        for script in scripts {
            interrupted.nextTask()
            #expect(interrupted.vm.evaluate(script) == plain.evaluate(script), "\(script)")
        }
    }

    /// Gives up when the signal must have been lost.
    private static let patience = "local clock, start = os.clock, os.clock()\n"

    @Test(
        "F26: at whatever moment the signal comes, the task ends",
        arguments: [
            "while true do if clock() - start > 20 then return 'lost' end end",
            "local function f(n) return n > 0 and f(n - 1) end while true do f(10) if clock() - start > 20 then return 'lost' end end",
            // Everything that switches from one coroutine to another.
            """
            local function worker() local n = 0 while true do n = n + 1 if n % 3 == 0 then coroutine.yield(n) end end end
            local created, wrapped, dead = coroutine.create(worker), coroutine.wrap(worker), coroutine.create(function() end)
            coroutine.resume(dead)
            local i = 0
            while true do
                coroutine.resume(created) wrapped() coroutine.resume(dead)
                coroutine.close(coroutine.create(worker))
                coroutine.wrap(function(...) return ... end)(1, 2)
                local t = {} for k = 1, 5 do t[k] = tostring(k) .. "x" end
                table.sort(t, function(a, b) return a > b end)
                i = i + 1
                if i % 1000 == 0 and clock() - start > 20 then return "lost" end
            end
            """,
        ])
    func anyMoment(source: String) throws {
        var dice = Dice()
        let interrupted = try InterruptedVM()
        #expect(interrupted.vm.define(Self.patience + source).status == LFVM_OK)
        let sender = Sender()
        defer { sender.stop() }
        for round in 0..<1000 {
            interrupted.nextTask()
            sender.send(to: interrupted.task.pointee, after: dice.next(below: 60_000))
            let outcome = interrupted.vm.run()
            try #require(
                outcome.status == LFVM_SCRIPT_ERROR && outcome.message.hasSuffix("cancelled"), "round \(round)")
            sender.wait()
        }
    }

    /// Random numbers whose seed is printed.
    private struct Dice {
        private var state = UInt64.random(in: 1 ... .max)

        init() { print("seed of the moments: \(state)") }

        mutating func next(below bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
    }

    /// A thread that interrupts the one that made it.
    private final class Sender: @unchecked Sendable {  // what both threads use is atomic
        private let wanted = Atomic<UInt64>(0)
        private let isStopped = Atomic<Bool>(false)
        private let target = pthread_self()
        private var thread = pthread_t()

        init() {
            let context = Unmanaged.passRetained(self).toOpaque()
            pthread_create(
                &thread, nil,
                { context in
                    Unmanaged<Sender>.fromOpaque(context!).takeRetainedValue().run()  // given below
                    return nil
                }, context)
        }

        private func run() {
            while !isStopped.load(ordering: .acquiring) {
                let word = wanted.load(ordering: .acquiring)
                guard word != 0 else {
                    sched_yield()
                    continue
                }
                var left = word >> 32
                while left > 0 { left -= 1 }
                InterruptedVM.ask(UInt32(truncatingIfNeeded: word))
                pthread_kill(target, lfvm_interrupt_signal())
                wanted.store(0, ordering: .releasing)
            }
        }

        func send(to task: UInt32, after loops: UInt64) {
            wanted.store(UInt64(task) | loops << 32, ordering: .releasing)
        }

        func wait() {
            while wanted.load(ordering: .acquiring) != 0 { sched_yield() }
        }

        func stop() {
            isStopped.store(true, ordering: .releasing)
            pthread_join(thread, nil)
        }
    }
}
