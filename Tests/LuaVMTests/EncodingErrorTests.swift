// What cannot be sent is refused with the place where it is, and the VM goes on.
import LuaVM
import Testing

@Suite struct EncodingErrorTests {
    @Test(
        "F44: what has no meaning elsewhere is refused with its path",
        arguments: [
            ("return io.stdout", "cannot send result 1: userdata (FILE*)"),
            ("return 1, coroutine.create(print)", "cannot send result 2: coroutine"),
            (
                "return {handlers = {on_close = io.stdout}}",
                "cannot send result 1: .handlers.on_close: userdata (FILE*)"
            ),
            ("return {a = {['on close'] = io.stdout}}", "cannot send result 1: .a[\"on close\"]: userdata (FILE*)"),
            ("return {1, {2, 3, coroutine.create(print)}}", "cannot send result 1: [2][3]: coroutine"),
            (
                "local t = {} for i = 3, 1, -1 do t[i] = i == 2 and io.stdout end return t",
                "cannot send result 1: [2]: userdata (FILE*)"
            ),
            (
                "return {[1.5] = {[true] = {[-3] = io.stdout}}}",
                "cannot send result 1: [1.5][true][-3]: userdata (FILE*)"
            ),
            ("return {x = {[io.stdout] = 1}}", "cannot send result 1: .x[key]: userdata (FILE*)"),
            ("return {[{io.stdout}] = 1}", "cannot send result 1: [key][1]: userdata (FILE*)"),
            ("return {[{}] = io.stdout}", "cannot send result 1: [a table]: userdata (FILE*)"),
            (
                "return {['a\\\"\\\\\\n\\0'] = io.stdout}",
                "cannot send result 1: [\"a\\\"\\\\\\n\\x00\"]: userdata (FILE*)"
            ),
            ("return {['1x'] = io.stdout}", "cannot send result 1: [\"1x\"]: userdata (FILE*)"),
            (
                "return {[('é'):rep(100)] = io.stdout}",
                "cannot send result 1: [\"\(String(repeating: "é", count: 20))…\"]: userdata (FILE*)"
            ),
            (
                "local t = {io.stdout} return {t, t}", "cannot send result 1: [1][1]: userdata (FILE*)"
            ),
        ])
    func paths(source: String, message: String) throws {
        let vm = try TestVM()
        let outcome = vm.evaluate(source)
        #expect(outcome.status == LFVM_NOT_ENCODABLE)
        #expect(outcome.message == message)
        #expect(vm.holds("return true"))
    }

    @Test("F43: nesting to the cap is sent and read, one level more is an error with the path")
    func depth() throws {
        let vm = try TestVM(depth: 50)
        let source = "local t = {} local root = t for i = 2, ... do t.a = {} t = t.a end return root"
        let deepest = vm.evaluate(source, [0x81, 50])
        #expect(deepest.status == LFVM_OK)
        #expect(vm.evaluate("return ...", deepest.bytes) == deepest)
        let deeper = vm.evaluate(source, [0x81, 0x18, 51])
        #expect(deeper.status == LFVM_RESULT_LIMIT)
        #expect(
            deeper.message
                == "cannot send result 1: \(String(repeating: ".a", count: 50)): nested deeper than 50 levels")
        let read = vm.evaluate("return 1", [0x81] + [UInt8](repeating: 0x81, count: 50) + [0x80])
        #expect(read.status == LFVM_BAD_MESSAGE)
        #expect(read.message == "malformed message: nested deeper than 50 levels")
        #expect(vm.holds("return true", [0x81] + [UInt8](repeating: 0x81, count: 49) + [0x80]))
    }

    @Test("F43: a linked list of 100,000 is an error with a path, not a stack overflow")
    func linkedList() throws {
        let vm = try TestVM()
        let outcome = vm.evaluate("local t for i = 1, 100000 do t = {next = t} end return t")
        #expect(outcome.status == LFVM_RESULT_LIMIT)
        #expect(outcome.message.hasPrefix("cannot send result 1: .next.next"))
        #expect(outcome.message.hasSuffix("….next: nested deeper than 1000 levels"))
        #expect(outcome.message.utf8.count < 600)
    }

    @Test("F43: a depth cap of 100,000 holds without using the C stack")
    func deepCap() throws {
        let vm = try TestVM(depth: 100_000)
        let outcome = vm.evaluate("local t for i = 1, 100000 do t = {t} end return t")
        #expect(outcome.status == LFVM_OK)
        #expect(vm.evaluate("return ...", outcome.bytes) == outcome)
    }

    @Test("F46: a message over the cap of bytes is an error, exactly at the cap it is sent")
    func bytes() throws {
        let vm = try TestVM(bytes: 1000)
        #expect(vm.evaluate("return ('x'):rep(996)").bytes.count == 1000)
        let over = vm.evaluate("return ('x'):rep(997)")
        #expect(over.status == LFVM_RESULT_LIMIT)
        #expect(over.message == "cannot send: the message is larger than 1000 bytes")
        let table = vm.evaluate("local t = {} for i = 1, 9000 do t[i] = 1 end return {x = t}")
        #expect(table.status == LFVM_RESULT_LIMIT)
        #expect(table.message.hasPrefix("cannot send result 1: .x["))
        let long = vm.evaluate("return {1, ('x'):rep(1 << 20)}")
        #expect(long.message == "cannot send result 1: [2]: the message is larger than 1000 bytes")
        #expect(
            vm.evaluate("return 1", [0x81] + head(2, 997) + [UInt8](repeating: 0, count: 997)).status
                == LFVM_BAD_MESSAGE)
        #expect(vm.holds("return #... == 996", [0x81] + head(2, 996) + [UInt8](repeating: 0, count: 996)))
    }

    @Test("F46: a message over the cap of elements is an error")
    func elements() throws {
        let vm = try TestVM(elements: 10)
        #expect(vm.evaluate("return {1, 2, 3, 4, 5, 6, 7, 8, 9}").status == LFVM_OK)
        let over = vm.evaluate("return {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}")
        #expect(over.status == LFVM_RESULT_LIMIT)
        #expect(over.message == "cannot send result 1: [10]: more than 10 elements")
        #expect(vm.evaluate("return 1", [0x81, 0x8a] + [UInt8](repeating: 1, count: 10)).status == LFVM_BAD_MESSAGE)
        #expect(vm.holds("return true", [0x81, 0x89] + [UInt8](repeating: 1, count: 9)))
    }
}
