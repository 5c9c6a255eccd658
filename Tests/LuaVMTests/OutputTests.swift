// What scripts print reaches the callback of the VM that runs.
import Foundation
import LuaVM
import Testing

@Suite(.serialized) struct OutputTests {
    @Test("F06: print, io.write and io.stderr reach the output callback, stdout a line at a time")
    func capture() throws {
        let vm = try TestVM(output: true)
        #expect(
            vm.evaluate(
                "print('a', 1) io.write('b\\n', 'c') io.stdout:write('d') io.stderr:write('e') warn('@on') warn('f')"
            ).status == LFVM_OK)
        #expect(vm.told.output == Array("a\t1\nb\ncd".utf8))
        #expect(vm.told.calls == ["a\t1\n", "b\n", "cd"])  // the unfinished line at the end of the task
        #expect(vm.told.errorOutput == Array("eLua warning: f\n".utf8))
    }

    @Test("F32: VMs one after another in one process each get their own output")
    func freshStates() throws {
        for n in 1...3 {
            let vm = try TestVM(output: true)
            _ = vm.evaluate("print(\(n)) io.stdout:setvbuf('full') io.write('rest')")
            lfvm_flush(vm.vm)
            #expect(vm.told.output == Array("\(n)\nrest".utf8))
        }
        let vm = try TestVM(output: true)
        _ = vm.evaluate("print('x')")
        #expect(vm.told.output == Array("x\n".utf8))
    }

    @Test("F30: a megabyte passes whole")
    func large() throws {
        let vm = try TestVM(output: true)
        _ = vm.evaluate("for i = 1, 100 do io.write(('x'):rep(10000), i % 2 == 0 and '\\n' or '') end")
        lfvm_flush(vm.vm)
        #expect(vm.told.output.count == 1_000_050)
    }

    @Test("F35: after a change of callbacks the new ones are called")
    func setCallbacks() throws {
        let vm = try TestVM(output: true)
        let other = TestVM.Told()
        var callbacks = lfvm_callbacks()
        callbacks.context = Unmanaged.passUnretained(other).toOpaque()
        callbacks.output = { context, _, bytes, count in
            Unmanaged<TestVM.Told>.fromOpaque(context!).takeUnretainedValue().output += UnsafeRawBufferPointer(
                start: bytes, count: count)
        }
        lfvm_set_callbacks(vm.vm, &callbacks)
        _ = vm.evaluate("print('x')")
        #expect(other.output == Array("x\n".utf8))
        #expect(vm.told.output.isEmpty)
    }

    @Test("F06: opening /dev/stdout to write does not empty the file behind it")
    func standardStreams() throws {
        let vm = try TestVM()
        // A copy of the descriptor, put back at the end, so that the test's own output is not lost.
        let saved = dup(1)
        defer { close(saved) }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("luavm-\(getpid())").path
        try "before\n".write(toFile: path, atomically: false, encoding: .utf8)
        let file = open(path, O_RDWR)
        dup2(file, 1)
        let outcome = vm.evaluate(
            """
            for _, name in ipairs {'/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'} do
                local f = assert(io.open(name, 'w')) f:write(name, '\\n') f:close()
            end
            local before = io.output() io.output('/dev/stdout') io.write('output\\n') io.close() io.output(before)
            """)
        dup2(saved, 1)
        close(file)
        #expect(outcome.status == LFVM_OK)
        #expect(
            try String(contentsOfFile: path, encoding: .utf8)
                == "before\n/dev/stdout\n/dev/fd/1\n/proc/self/fd/1\noutput\n")
        try FileManager.default.removeItem(atPath: path)
    }
}
