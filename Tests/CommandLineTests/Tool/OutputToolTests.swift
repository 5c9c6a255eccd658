// What `luafleet run` prints and writes, whole: tags, quiet, --results, closed pipes.
import Testing

@Suite struct OutputToolTests {
    private func chatty() -> Scratch {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            """
            local x = ...
            print("one " .. x)
            io.stderr:write("err " .. x .. "\\n")
            if x == "bad" then error("no good", 0) end
            io.write("two")
            return #x, x
            """)
        return scratch
    }

    @Test func `F56: --tag says whose every line is, on both streams`() {
        let result = chatty().luafleet("run", "-k", "--tag", "t.lua", ":::", "aa", "b c")
        #expect(
            result
                == ToolResult(
                    output: "aa\tone aa\naa\ttwo2\taa\nb c\tone b c\nb c\ttwo3\tb c\n",
                    errors: "aa\terr aa\nb c\terr b c\n", status: 0))
    }

    @Test func `F56: --tagstring fills in placeholders`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print('x')")
        #expect(
            scratch.luafleet("run", "-k", "--tagstring", "{#}:{1/.}-{2}\\t", "t.lua", ":::", "d/a.txt", ":::", "1", "2")
                .output == "1:a-1\t\tx\n2:a-2\t\tx\n")
        #expect(scratch.luafleet("run", "--tag", "t.lua").output == "t.lua\tx\n")
    }

    @Test func `F56: --line-buffer ends a task's last line, --ungroup leaves it as it is`() {
        let lines = chatty().luafleet("run", "-j1", "-k", "--line-buffer", "--tag", "t.lua", ":::", "a", "b")
        #expect(
            lines
                == ToolResult(
                    output: "a\tone a\na\ttwo\na\t1\ta\nb\tone b\nb\ttwo\nb\t1\tb\n", errors: "a\terr a\nb\terr b\n",
                    status: 0))
        let raw = chatty().luafleet("run", "--ungroup", "t.lua", ":::", "a")
        #expect(raw == ToolResult(output: "one a\ntwo1\ta\n", errors: "err a\n", status: 0))
    }

    @Test func `--quiet leaves the tasks' output and the status`() {
        let result = chatty().luafleet("run", "-k", "--quiet", "t.lua", ":::", "bad", "bad", "ok")
        #expect(
            result
                == ToolResult(
                    output: "one bad\none bad\none ok\ntwo2\tok\n", errors: "err bad\nerr bad\nerr ok\n", status: 2))
    }

    @Test func `F65: --results makes GNU parallel's folders, and value`() {
        let scratch = chatty()
        let result = scratch.luafleet("run", "-k", "--results", "new/out", "t.lua", ":::", "a/b", "bad")
        #expect(result.output == "")
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("luafleet: task 2 (t.lua bad): script error: no good\n"))
        let folders = ["new/out/1/a\\_b", "new/out/1/bad"]
        #expect(
            scratch.files(below: "new")
                == folders.flatMap { folder in ["seq", "stderr", "stdout", "value"].map { folder + "/" + $0 } })
        func content(_ folder: String) -> [String] {
            ["seq", "stdout", "value", "stderr"].map { scratch.read(folder + "/" + $0) }
        }
        #expect(content(folders[0]) == ["1", "one a/b\ntwo", "3\ta/b\n", "err a/b\n"])
        let failed = content(folders[1])
        #expect(failed[..<3] == ["2", "one bad\n", ""])
        #expect(failed[3].hasPrefix("err bad\nluafleet: task 2 (t.lua bad): script error: no good\n"))
    }

    @Test func `F65: --results with names of columns, and for scripts without inputs`() {
        let scratch = Scratch()
        scratch.write("t.lua", "return 1")
        _ = scratch.luafleet("run", "--header", ":", "--results", "o", "t.lua", ":::", "who", "ann", ":::", "what", "x")
        #expect(scratch.read("o/who/ann/what/x/value") == "1\n")
        _ = scratch.luafleet("run", "--results", "p", "t.lua", "t.lua")
        #expect(scratch.files(below: "p").count == 4)
    }

    @Test func `F65: --results as a table and as lines of JSON`() {
        let scratch = Scratch()
        scratch.write("t.lua", "io.write('o\\n') return ...")
        #expect(scratch.luafleet("run", "-k", "--results", "o.csv", "t.lua", ":::", "a\"", "b").output == "")
        let rows = scratch.read("o.csv").replacing(/[0-9]+\.[0-9]{3}/, with: "T")
        #expect(
            rows == """
                Seq,Host,Starttime,JobRuntime,Send,Receive,Exitval,Signal,Command,V1,Stdout,Stderr,Value,Reason
                1,:,T,T,0,2,0,0,"t.lua 'a""'","a""\","o
                ",,"a""
                ",ok
                2,:,T,T,0,2,0,0,t.lua b,b,"o
                ",,"b
                ",ok

                """)
        #expect(scratch.luafleet("run", "-k", "--results", "o.jsonl", "t.lua", ":::", "x", "y").output == "")
        let lines = scratch.read("o.jsonl").split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines.first?.hasPrefix(
                #"{"index":1,"script":"t.lua","input":["x"],"ok":true,"values":["x"],"stdout":"o\n","stderr":"","seconds":"#
            )
                == true)
        #expect(
            scratch.luafleet("run", "--results", "-.tsv", "t.lua", ":::", "x").output.contains(
                "\tt.lua x\tx\t\"o\n\"\t"))
    }

    @Test(arguments: [
        ("file", "luafleet: --results file: cannot be written: Not a directory\n"),
        ("file/x", "luafleet: --results file: cannot be written: Not a directory\n"),
        ("/proc/none/x", "luafleet: --results /proc/none: cannot be written: No such file or directory\n"),
        ("none/x.csv", "luafleet: --results none/x.csv: cannot be written: No such file or directory\n"),
        ("/proc/x.jsonl", "luafleet: --results /proc/x.jsonl: cannot be written: No such file or directory\n"),
    ])
    func `F65: results that cannot be written are found before anything runs`(target: String, line: String) {
        let scratch = Scratch()
        scratch.write("file", "")
        scratch.write("t.lua", "io.open('ran', 'w'):close()")
        let result = scratch.luafleet("run", "--results", target, "t.lua", ":::", "1")
        #expect(result == ToolResult(output: "", errors: line, status: 255))
        #expect(!scratch.exists("ran"))
    }

    @Test func `redirected output has no control codes, whatever is asked for`() {
        let result = chatty().luafleet("run", "--bar", "--eta", "--stats", "t.lua", ":::", "a", "bad", "bad")
        #expect(!result.output.contains("\u{1B}") && !result.errors.contains("\u{1B}") && !result.errors.contains("\r"))
    }

    @Test func `a full disk is an error, and a reader that leaves is none; neither is logged as done`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print(...)")
        #expect(
            scratch.shell("$LUAFLEET run --joblog log t.lua ::: 1 >/dev/full")
                == ToolResult(output: "", errors: "luafleet: standard output: No space left on device\n", status: 255))
        #expect(scratch.read("log").split(separator: "\n").count == 1)
        let left = scratch.shell("{ $LUAFLEET run -j1 --joblog log t.lua ::: 1 2 3; echo $? >&2; } | true")
        #expect(left.errors == "0\n")
        #expect(scratch.shell("$LUAFLEET run -k --joblog log --resume --quiet t.lua ::: 1 2 3").output.hasSuffix("3\n"))
    }

    @Test func `the first result is there before the last input`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print(...)")
        // The second line comes only when the first one's output has been seen.
        let result = scratch.shell(
            """
            mkfifo in; exec 3<>in; $LUAFLEET run t.lua - <in >out & echo one >&3
            until grep -q one out; do sleep 0.01; done; echo two >&3; until grep -q two out; do sleep 0.01; done
            kill -TERM $!; wait $!; echo $?; cat out
            """)
        #expect(result.output == "130\none\ntwo\n")
    }

    @Test func `-k with --line-buffer: lines of a later task wait for their turn`() {
        let scratch = Scratch()
        // The first task writes when the second one has.
        scratch.write(
            "t.lua",
            """
            local x = ...
            while x == "a" and not io.open("go") do fleet.sleep(0.01) end
            print(x, 1)
            print(x, 2)
            if x == "b" then io.open("go", "w"):close() end
            """)
        let result = scratch.shell("$LUAFLEET run -j 2 -k --line-buffer t.lua ::: a b </dev/null")
        #expect(result == ToolResult(output: "a\t1\na\t2\nb\t1\nb\t2\n", errors: "", status: 0))
    }
}
