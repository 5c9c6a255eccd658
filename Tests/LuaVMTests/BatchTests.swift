// Many tasks in one call: each has its own arguments, index, output, answer and failure.
import LuaVM
import Testing

/// What a batch called back, in order.
private final class Journal {
    var outcomes: [TestVM.Outcome] = []
    /// Standard output as it was when each task was answered.
    var output: [String] = []
    var begun = 0
    /// The task that is recalled, and all after it.
    var recalledFrom = UInt32.max
    /// Called as each task begins.
    var beginning: (UInt32) -> Void = { _ in }
    let told: TestVM.Told

    init(_ told: TestVM.Told) { self.told = told }
}

extension TestVM {
    /// Runs a batch whose arguments are `messages` back to back, then `garbage`.
    @discardableResult
    fileprivate func batch(
        id: UInt32 = 1, _ function: String?, _ messages: [[UInt8]], garbage: [UInt8] = [], setArg: Bool = false,
        index: UInt64 = 1, attempt: UInt32 = 1, recalledFrom: UInt32 = .max,
        beginning: @escaping (UInt32) -> Void = { _ in }
    ) -> Journal {
        let journal = Journal(told)
        journal.recalledFrom = recalledFrom
        journal.beginning = beginning
        let bytes = messages.flatMap { $0 } + garbage
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        defer { copy.deallocate() }
        copy.initialize(from: bytes, count: bytes.count)
        var callbacks = lfvm_batch_callbacks(
            context: Unmanaged.passUnretained(journal).toOpaque(),
            begin: { context, offset in
                let journal = Unmanaged<Journal>.fromOpaque(context!).takeUnretainedValue()
                guard offset < journal.recalledFrom else { return false }
                #expect(Int(offset) == journal.outcomes.count && journal.begun == journal.outcomes.count)
                journal.begun += 1
                journal.beginning(offset)
                return true
            },
            answer: { context, offset, status, message in
                let journal = Unmanaged<Journal>.fromOpaque(context!).takeUnretainedValue()
                #expect(Int(offset) == journal.outcomes.count && journal.begun == journal.outcomes.count + 1)
                journal.outcomes.append(.init(status: status, bytes: TestVM.bytes(of: message.pointee)))
                journal.output.append(String(decoding: journal.told.output, as: UTF8.self))
            })
        let name = function.map { Array($0.utf8CString) }
        let answered = (name ?? []).withUnsafeBufferPointer { name in
            var batch = lfvm_batch(
                script: id, function: function == nil ? nil : name.baseAddress,
                function_count: max(0, name.count - 1), arguments: copy, arguments_count: bytes.count,
                count: UInt32(messages.count), set_arg: setArg, first: lfvm_task(index: index, attempt: attempt))
            return lfvm_run_batch(vm, &batch, &callbacks)
        }
        #expect(Int(answered) == journal.outcomes.count)
        return journal
    }
}

private func ok(_ items: [UInt8]...) -> TestVM.Outcome {
    .init(status: LFVM_OK, bytes: head(4, items.count) + items.flatMap { $0 })
}

@Suite(.serialized) struct BatchTests {
    private func numbers(_ count: Int) -> [[UInt8]] { (1...count).map { [0x81] + head(0, $0) } }

    @Test("F13: each task of a batch has its own arguments, answer, index and attempt")
    func values() throws {
        let vm = try TestVM()
        vm.define("return {f = function(n, ...) return n * n, fleet.task.index, fleet.task.attempt, ... end}")
        let journal = vm.batch("f", numbers(50), index: 100, attempt: 3)
        #expect(journal.outcomes.count == 50)
        for (i, outcome) in journal.outcomes.enumerated() {
            #expect(outcome == ok(head(0, (i + 1) * (i + 1)), head(0, 100 + i), [3]))
        }
        // Messages of all shapes stand back to back.
        let shapes: [[UInt8]] = [
            [0x80], [0x81, 0x9f, 1, 0xbf, 0x41, 0x61, 0x80, 0xff, 0xff], [0x82] + string("a") + double(2.5),
            [0x81, 0x82, 1, 0xd9, 0xf1, 0xe0, 0xa1, 0x41, 0x62, 2], [0x82, 0xd8, 28, 0x80, 0xd8, 29, 0],
        ]
        vm.define(id: 2, "return {n = function(...) return select('#', ...) end}")
        #expect(vm.batch(id: 2, "n", shapes).outcomes == [ok([0]), ok([1]), ok([2]), ok([1]), ok([2])])
        for shape in shapes {
            #expect(lfvm_message_size(shape + [0x80], shape.count + 1) == shape.count)
            for count in 0..<shape.count { #expect(lfvm_message_size(shape, count) == 0) }
        }
    }

    @Test("F13: a chunk runs for each task of a batch, with its own arg")
    func chunk() throws {
        let vm = try TestVM()
        vm.define("runs = (runs or 0) + 1 return runs, #arg, arg[1], ...")
        let journal = vm.batch(nil, numbers(3), setArg: true)
        #expect(journal.outcomes == (1...3).map { ok([UInt8($0)], [1], [UInt8($0)], [UInt8($0)]) })
    }

    @Test("F13: the function is looked up once a batch, and the chunk runs once")
    func lookup() throws {
        let vm = try TestVM()
        vm.define("chunks = (chunks or 0) + 1 return {f = function() f = nil return chunks end}")
        #expect(vm.batch("f", numbers(3)).outcomes == [ok([1]), ok([1]), ok([1])])
    }

    @Test("F21: a task that fails in the middle takes no other with it")
    func errors() throws {
        let vm = try TestVM()
        vm.define(
            """
            return {f = function(n)
                if n == 2 then error('boom ' .. n, 0) end
                if n == 4 then return coroutine.create(print) end
                if n == 6 then local function deep() return deep() + 1 end deep() end
                if n == 7 then error({code = n}) end
                return n
            end}
            """)
        let outcomes = vm.batch("f", numbers(9)).outcomes
        #expect(
            outcomes.map(\.status) == [
                LFVM_OK, LFVM_SCRIPT_ERROR, LFVM_OK, LFVM_NOT_ENCODABLE, LFVM_OK, LFVM_SCRIPT_ERROR, LFVM_SCRIPT_ERROR,
                LFVM_OK, LFVM_OK,
            ])
        for n in [1, 3, 5, 8, 9] { #expect(outcomes[n - 1] == ok([UInt8(n)])) }
        #expect(outcomes[1].message == "boom 2" && outcomes[1].traceback?.contains("test.lua") == true)
        #expect(outcomes[3].message == "cannot send result 1: coroutine")
        #expect(outcomes[6].errorValue == [0xa1] + string("code") + [7])
    }

    @Test("F21: where the function cannot be had, every task says so")
    func noFunction() throws {
        let vm = try TestVM()
        vm.define(
            "runs = (runs or 0) + 1 if runs < 3 then error('not yet', 0) end return {f = function(n) return n end}")
        let outcomes = vm.batch("f", numbers(5)).outcomes
        #expect(outcomes[0].message == "not yet" && outcomes[1].message == "not yet")
        #expect(outcomes[2...] == [ok([3]), ok([4]), ok([5])])
        #expect(vm.batch("g", numbers(3)).outcomes.allSatisfy { $0.status == LFVM_NO_FUNCTION })
        #expect(vm.batch(id: 9, "g", numbers(3)).outcomes.allSatisfy { $0.status == LFVM_NO_FUNCTION })
    }

    @Test("F13: what is recalled does not run, wherever in the batch it begins", arguments: 0...4)
    func recall(from: UInt32) throws {
        let vm = try TestVM()
        vm.define("return {f = function(n) ran = n if n == 3 then error('x') end return n end}")
        let journal = vm.batch("f", numbers(4), recalledFrom: from)
        #expect(journal.outcomes.count == Int(from) && journal.begun == Int(from))
        #expect(vm.evaluate("return ran or 0") == ok([UInt8(from)]))
    }

    @Test("F06: what a task prints is handed on before its answer, also an unfinished line")
    func output() throws {
        let vm = try TestVM(output: true)
        vm.define(
            """
            print('loaded')
            return {f = function(n)
                if n == 2 then io.write('two') end
                if n == 3 then print('three') error('x') end
                if n == 5 then io.write('five') error('x') end
            end}
            """)
        #expect(
            vm.batch("f", numbers(6)).output == [
                "loaded\n", "loaded\ntwo", "loaded\ntwothree\n", "loaded\ntwothree\n", "loaded\ntwothree\nfive",
                "loaded\ntwothree\nfive",
            ])
    }

    @Test("F46: a malformed message fails its task; where its end cannot be found, also those after it")
    func garbage() throws {
        let vm = try TestVM()
        vm.define("return {f = function(...) return ... end}")
        // A reference to nothing: well-formed CBOR, so the next message can be found.
        let bent: [UInt8] = [0x81, 0xd8, 29, 0]
        #expect(
            vm.batch("f", [[0x81, 1], bent, [0x81, 3]]).outcomes.map(\.status) == [LFVM_OK, LFVM_BAD_MESSAGE, LFVM_OK])
        let torn: [UInt8] = [0x81, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255]
        #expect(
            vm.batch("f", [[0x81, 1], torn, [0x81, 3], [0x81, 4]]).outcomes.map(\.status) == [
                LFVM_OK, LFVM_BAD_MESSAGE, LFVM_BAD_MESSAGE, LFVM_BAD_MESSAGE,
            ])
        let behind = vm.batch("f", [[0x81, 1], [0x81, 2]], garbage: [0x80]).outcomes
        #expect(behind[0] == ok([1]) && behind[1].message == "malformed message: 1 bytes after the end")
        #expect(vm.batch("f", [[0x81, 1], []]).outcomes.map(\.status) == [LFVM_OK, LFVM_BAD_MESSAGE])
        #expect(vm.holds("return true"))
    }

    @Test("F46: the cap of bytes is a message's, not a batch's")
    func caps() throws {
        let vm = try TestVM(bytes: 100)
        vm.define("return {f = function(s) return #s end}")
        func message(_ count: Int) -> [UInt8] { [0x81] + head(2, count) + [UInt8](repeating: 65, count: count) }
        let outcomes = vm.batch("f", [message(60), message(90), message(101), message(70)]).outcomes
        #expect(outcomes.map(\.status) == [LFVM_OK, LFVM_OK, LFVM_BAD_MESSAGE, LFVM_OK])
    }

    @Test(
        "F27: a task that runs out of memory in the middle of a batch is the only one to fail",
        arguments: [1, 2, Int.max])
    func memory(count: Int) throws {
        let vm = try TestVM()
        vm.define(
            "return {f = function(n, t) local s = {} for i = 1, 20 do s[i] = ('x'):rep(i) end return n, t, s end}")
        let messages: [[UInt8]] = (1...3).map { [0x82, UInt8($0)] + [0xa1, 0x41, 0x6b, 0x81] + string("v\($0)") }
        let expected = vm.batch("f", messages).outcomes
        #expect(expected.allSatisfy { $0.status == LFVM_OK })
        for refused in 1...10_000 {
            var made = 0
            let outcomes = vm.batch("f", messages) { offset in
                if offset == 1 { lfvm_refuse_allocations(vm.vm, refused, count) }
                if offset == 2 { made = lfvm_refuse_allocations(vm.vm, 0, 0) }
            }.outcomes
            #expect(
                outcomes.count == 3 && outcomes[0] == expected[0] && outcomes[2] == expected[2], "allocation \(refused)"
            )
            #expect([LFVM_OK, LFVM_MEMORY_LIMIT].contains(outcomes[1].status), "allocation \(refused)")
            if outcomes[1].status == LFVM_OK { #expect(outcomes[1] == expected[1]) }
            if made < refused { return }
        }
        Issue.record("never without a refusal")
    }

    @Test("F27: every allocation of a batch fails once; each task is answered all the same")
    func everyAllocation() throws {
        let vm = try TestVM()
        vm.define(AllocationFailureTests.script)
        for count in [1, 2, Int.max] {
            for refused in 1...10_000 {
                lfvm_refuse_allocations(vm.vm, refused, count)
                let outcomes = vm.batch("make", [[0x81, 1], [0x81, 2]]).outcomes
                let made = lfvm_refuse_allocations(vm.vm, 0, 0)
                #expect(outcomes.count == 2)
                #expect(
                    outcomes.allSatisfy { [LFVM_OK, LFVM_MEMORY_LIMIT, LFVM_SCRIPT_ERROR].contains($0.status) },
                    "allocation \(refused)")
                if made < refused { break }
            }
        }
        #expect(vm.batch("make", [[0x80], [0x80]]).outcomes.allSatisfy { $0.status == LFVM_OK })
    }

    @Test("F46: a result too long to be copied is whole when it is answered, and let go of afterwards")
    func longResults() throws {
        let vm = try TestVM()
        vm.define("return {f = function(n) return ('x'):rep(100000 + n) end}")
        let outcomes = vm.batch("f", numbers(20)).outcomes
        #expect(outcomes.enumerated().allSatisfy { $1.bytes.count == 100_000 + $0 + 1 + 6 })
        _ = vm.evaluate("collectgarbage() collectgarbage()")
        #expect(lfvm_memory_used(vm.vm) < 500_000)
    }
}

@Suite struct ReachTests {
    @Test("F06: a VM knows whether its scripts have opened files, or may write past its streams")
    func reach() throws {
        let files = LFVM_OPENED_FILES.rawValue
        let past = LFVM_WROTE_PAST.rawValue
        let cases: [(String, UInt32)] = [
            ("print('x') io.write('y') io.stderr:write('z') return #_VERSION", 0),
            ("io.open('/proc/self/status'):close() for _ in io.lines('/proc/self/status') do end", 0),
            ("io.open('/no/such/file', 'w')", 0), ("os.execute()", 0), ("pcall(require, 'no.such.module')", 0),
            ("io.open('/dev/zero', 'w')", files), ("io.open('/dev/zero', 'r+')", files),
            ("io.output('/dev/zero')", files),
            ("io.tmpfile()", files), ("os.execute('true')", past), ("io.popen('true'):close()", files | past),
            ("package.loadlib('/no/such/library.so', '*')", files | past),
        ]
        for (script, expected) in cases {
            let vm = try TestVM()
            #expect(lfvm_reach_of(vm.vm) == 0)
            #expect(vm.evaluate(script).status == LFVM_OK, "\(script)")
            #expect(lfvm_reach_of(vm.vm) == expected, "\(script)")
        }
    }

    @Test("F06: the functions that are watched keep their names in error messages")
    func names() throws {
        let vm = try TestVM()
        for (call, message) in [
            ("os.execute({})", "bad argument #1 to 'execute' (string expected, got table)"),
            ("io.popen()", "bad argument #1 to 'popen' (string expected, got no value)"),
            ("io.popen('true', 'x')", "bad argument #2 to 'popen' (invalid mode)"),
            ("package.loadlib('x')", "bad argument #2 to 'loadlib' (string expected, got no value)"),
        ] {
            #expect(
                vm.evaluate("local ok, e = pcall(function() \(call) end) assert(e:find(\"\(message)\", 1, true), e)")
                    .status == LFVM_OK)
        }
    }
}
