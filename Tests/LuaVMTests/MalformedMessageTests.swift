// Messages that nobody should send: each is refused, none is believed, and the VM goes on.
import LuaVM
import Testing

@Suite struct MalformedMessageTests {
    @Test("F46: a message cut at any byte is refused")
    func truncation() throws {
        let vm = try TestVM()
        vm.define("return ...")
        let whole: [UInt8] =
            [0x88, 0x18, 200, 0x3b, 0, 0, 0, 0, 0, 0, 0, 1, 0xd8, 28, 0x9f, 1] + double(2.5) + string("hello")
            + [0xd9, 0xf1, 0xe0, 0xbf, 0x41, 0x61, 0xd8, 29, 0, 0xff, 0xff] + [0xa1, 0x81, 1, 0x82, 2, 3]
            + [0xf9, 0x3c, 0, 0xfa, 0, 0, 0, 0, 0xf6, 0x61, 0x61]
        #expect(vm.run(whole).status == LFVM_OK)
        for count in 0..<whole.count {
            let outcome = vm.run(Array(whole[..<count]))
            #expect(outcome.status == LFVM_BAD_MESSAGE, "\(count) bytes")
            #expect(outcome.message.hasPrefix("malformed message: "), "\(count) bytes")
        }
        #expect(vm.run(whole + [0]).message == "malformed message: 1 bytes after the end")
    }

    @Test(
        "F46: malformed messages are refused",
        arguments: [
            "reserved": [0x81, 0x1c], "reserved length": [0x81, 0x5d], "reserved simple": [0x81, 0xfc],
            "break": [0x81, 0xff], "break in a definite array": [0x81, 0x81, 0xff],
            "break for a value": [0x81, 0xbf, 1, 0xff], "simple 0": [0x81, 0xe0], "simple 19": [0x81, 0xf3],
            "simple 24": [0x81, 0xf8, 20], "undefined tag": [0x81, 0xc0, 1], "tag 61921": [0x81, 0xd9, 0xf1, 0xe1, 1],
            "tag of indefinite length": [0x81, 0xdf, 1], "integer of indefinite length": [0x81, 0x1f],
            "bytes of indefinite length": [0x81, 0x5f, 0x41, 1, 0xff], "text of indefinite length": [0x81, 0x7f, 0xff],
            "2^63": [0x81, 0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0], "-2^63-1": [0x81, 0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0],
            "2^64-1 bytes": [0x81, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255],
            "2^64-1 items": [0x81, 0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
            "2^63 entries": [0x81, 0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 1],
            "2^31 arguments": [0x9a, 0x80, 0, 0, 0],
            "2^64-1 arguments": [0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
            "lengths that fit alone, not together": [0x81, 0x83, 0x83, 1, 1],
            "null key": [0x81, 0xa1, 0xf6, 1], "NaN key": [0x81, 0xa1, 0xf9, 0x7e, 0, 1],
            "reference to nothing": [0x81, 0xd8, 29, 0], "reference ahead": [0x82, 0xd8, 29, 1, 0xd8, 28, 0x80],
            "negative reference": [0x82, 0xd8, 28, 0x80, 0xd8, 29, 0x20],
            "shared number": [0x81, 0xd8, 28, 1], "shared twice": [0x81, 0xd8, 28, 0xd8, 28, 0x80],
            "shared reference": [0x82, 0xd8, 28, 0x80, 0xd8, 28, 0xd8, 29, 0],
            "rest alone": [0x81, 0xd9, 0xf1, 0xe0, 0xa0],
            "rest in the middle": [0x81, 0x82, 0xd9, 0xf1, 0xe0, 0xa0, 1],
            "rest in the middle, indefinite": [0x81, 0x9f, 0xd9, 0xf1, 0xe0, 0xa0, 1, 0xff],
            "rest twice": [0x81, 0x9f, 0xd9, 0xf1, 0xe0, 0xa0, 0xd9, 0xf1, 0xe0, 0xa0, 0xff],
            "rest in a map": [0x81, 0xa1, 1, 0xd9, 0xf1, 0xe0, 0xa0],
            "rest that is an array": [0x81, 0x81, 0xd9, 0xf1, 0xe0, 0x80],
            "rest in a rest": [0x81, 0x81, 0xd9, 0xf1, 0xe0, 0xa1, 1, 0xd9, 0xf1, 0xe0, 0xa0],
            "shared rest": [0x81, 0x81, 0xd8, 28, 0xd9, 0xf1, 0xe0, 0xa0],
            "rest that is shared": [0x81, 0x81, 0xd9, 0xf1, 0xe0, 0xd8, 28, 0xa0],
            "no array": [0x01], "map": [0xa0], "indefinite": [0x9f, 0xff], "nothing": [], "two messages": [0x80, 0x80],
        ] as [String: [UInt8]])
    func malformed(name: String, bytes: [UInt8]) throws {
        let vm = try TestVM()
        let outcome = vm.evaluate("return ...", bytes)
        #expect(outcome.status == LFVM_BAD_MESSAGE)
        #expect(outcome.message.hasPrefix("malformed message: "))
        #expect(vm.holds("return true"))
    }

    @Test("F46: a huge declared length allocates nothing")
    func hugeLengths() throws {
        let vm = try TestVM(memoryLimit: 1 << 20)
        vm.define("return ...")
        for major in [0x80, 0xa0, 0x40] as [UInt8] {
            #expect(vm.run([0x81, major | 26, 0x7f, 255, 255, 255]).status == LFVM_BAD_MESSAGE)
        }
        let nested = (0..<500).flatMap { _ in [0x99, 0x03, 0xe8] as [UInt8] }
        #expect(vm.run([0x81] + nested + [UInt8](repeating: 0, count: 1200)).status == LFVM_BAD_MESSAGE)
    }

    @Test("F46: too many arguments for Lua's stack are an error")
    func manyArguments() throws {
        let vm = try TestVM()
        vm.define("return select('#', ...)")
        let outcome = vm.run([0x9a, 0, 0x20, 0, 0] + [UInt8](repeating: 1, count: 0x20_0000))
        #expect(outcome.status == LFVM_BAD_MESSAGE)
        #expect(outcome.message == "malformed message: too many values: 2097152")
        #expect(vm.run([0x9a, 0, 1, 0, 0] + [UInt8](repeating: 1, count: 65536)).bytes == [0x81, 0x1a, 0, 1, 0, 0])
    }
}
