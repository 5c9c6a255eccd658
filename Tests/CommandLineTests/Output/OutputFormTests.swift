// Tags before lines, output as it comes, and the files of --results.
import LuaFleet
import Testing

@testable import luafleet

private func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }
private func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

@Suite struct LineTagTests {
    @Test(arguments: [
        ("a\nb\n", "t\ta\nt\tb\n"), ("a\nb", "t\ta\nt\tb"), ("\n", "t\t\n"), ("\n\nx\n", "t\t\nt\t\nt\tx\n"), ("", ""),
    ])
    func `F56: every line has its tag, and none is added or lost`(output: String, tagged: String) {
        #expect(text(bytes(output).tagged(bytes("t"))) == tagged)
        #expect(text(bytes(output).tagged(nil)) == output)
    }
}

@Suite struct LiveOutputTests {
    private let one = LiveOutput.Stream(task: 1, isError: false)
    private let two = LiveOutput.Stream(task: 2, isError: false)

    @Test func `F56: --line-buffer prints whole lines, whose parts come when they like`() {
        var live = LiveOutput(.line)
        #expect(text(live.wrote(bytes("ab"), to: one, tag: nil)) == "")
        #expect(text(live.wrote(bytes("x\ny"), to: two, tag: bytes("2"))) == "2\tx\n")
        #expect(text(live.wrote(bytes("c\nd\ne"), to: one, tag: bytes("1"))) == "1\tabc\n1\td\n")
        #expect(text(live.ended(one, tag: bytes("1"))) == "1\te\n")
        #expect(text(live.ended(one, tag: bytes("1"))) == "")
        #expect(text(live.ended(two, tag: bytes("2"))) == "2\ty\n")
    }

    @Test func `F56: any way of cutting a task's output gives the same lines`() {
        let whole = "one\ntwo\n\nthree"
        for size in 1...whole.count {
            var live = LiveOutput(.line)
            var printed = ""
            var rest = bytes(whole)[...]
            while !rest.isEmpty {
                printed += text(live.wrote(Bytes(rest.prefix(size)), to: one, tag: bytes("t")))
                rest = rest.dropFirst(size)
            }
            printed += text(live.ended(one, tag: bytes("t")))
            #expect(printed == "t\tone\nt\ttwo\nt\t\nt\tthree\n", "\(size)")
        }
    }

    @Test func `--ungroup prints what comes`() {
        var live = LiveOutput(.none)
        #expect(text(live.wrote(bytes("ab"), to: one, tag: nil)) == "ab")
        #expect(text(live.ended(one, tag: nil)) == "")
    }

    @Test func `a line without end does not fill the memory`() {
        var live = LiveOutput(.line)
        let part = Bytes(repeating: 0x78, count: LiveOutput.lineLimit)
        #expect(live.wrote(part, to: one, tag: nil).isEmpty)
        #expect(live.wrote(part, to: one, tag: nil).count == 2 * LiveOutput.lineLimit)
        #expect(live.ended(one, tag: nil).isEmpty)
    }
}

@Suite struct ResultsLayoutTests {
    private func folder(_ input: String..., names: [String] = []) -> String {
        let task = TaskReport(
            index: 1, script: "d/t.lua", input: input.map { .text(bytes($0)) }, outcome: .values([]), seconds: 0,
            worker: 1, pid: 1)
        return text(
            ResultsLayout.folder(of: task, columnNames: names.map(bytes)).joined(separator: [UInt8(ascii: "|")]))
    }

    @Test func `F65: a folder for every column and its value, as GNU parallel names them`() {
        #expect(folder("I", "III") == "1|I|2|III")
        #expect(folder("I", "III", names: ["a", "b"]) == "a|I|b|III")
        #expect(folder("a/b", "t\tx\\y") == #"1|a\_b|2|t\tx\\y"#)
        #expect(folder() == #"1|d\_t.lua"#)
    }

    @Test func `no value leaves the folder, or is too long for a name`() {
        #expect(folder("..", ".") == #"1|\..|2|\."#)
        #expect(folder("") == #"1|\e"#)
        let (long, other) = (String(repeating: "x", count: 300), String(repeating: "x", count: 301))
        #expect(folder(long).count == 2 + 255)
        #expect(folder(long) != folder(other))
        #expect(folder(long) == folder(long))
    }

    @Test func `F65: a table has GNU parallel's columns, then ours, and quotes what needs it`() {
        var table = ResultsTable(separator: UInt8(ascii: ","))
        var task = TaskReport(
            index: 2, script: "t.lua", input: [.text(bytes("a\"b")), .text(bytes("c"))],
            outcome: .values([1, "x"]), standardOutput: bytes("out\n"), standardError: bytes("e,"), seconds: 0.5,
            worker: 1, pid: 1)
        task.endTime = 100.75
        let line = JobLogLine(task, command: "t.lua 'a\"b' c")
        #expect(
            text(table.row(line, task)) == """
                Seq,Host,Starttime,JobRuntime,Send,Receive,Exitval,Signal,Command,V1,V2,Stdout,Stderr,Value,Reason
                2,:,100.250,0.500,0,4,0,0,"t.lua 'a""b' c","a""b",c,"out
                ","e,","1\tx
                ",ok

                """)
        task.input = [.text(bytes("d"))]
        #expect(text(table.row(line, task)).contains(",d,,\"out\n"))
    }
}
