// `luafleet run` on real workers: whole outputs and exit statuses.
import Testing

@Suite struct RunToolTests {
    @Test func `scripts once each, in order with -k`() {
        let scratch = Scratch()
        scratch.write("a.lua", "print('a', arg[0], ...)")
        scratch.write("b.lua", "return 1, 2.0, nil, 'x'")
        scratch.write("c.lua", "io.write('no line end')")
        #expect(
            scratch.luafleet("run", "-k", "a.lua", "b.lua", "c.lua", "--", "-v")
                == ToolResult(output: "a\ta.lua\t-v\n1\t2.0\tnil\tx\nno line end", errors: "", status: 0))
    }

    @Test func `F55: an input arrives unchanged, no shell sees it`() {
        let scratch = Scratch()
        scratch.write("t.lua", "local a = ...; io.write(#arg, ' ', a == arg[1] and a or '?', '\\n')")
        let nasty = "$(rm -rf x); 'q\" \\n *"
        #expect(
            scratch.luafleet("run", "t.lua", ":::", nasty) == ToolResult(output: "1 \(nasty)\n", errors: "", status: 0))
    }

    @Test func `inputs from standard input, from files, and combined`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print(...)")
        scratch.write("in.txt", "x\ny")
        #expect(scratch.luafleet("run", "-k", "t.lua", "-", input: "1\n2\n3").output == "1\n2\n3\n")
        #expect(
            scratch.luafleet("run", "-k", "t.lua", "::::", "in.txt", ":::", "1", "2").output
                == "x\t1\nx\t2\ny\t1\ny\t2\n")
        #expect(scratch.luafleet("run", "-k", "t.lua", "-a", "in.txt", ":::+", "1", "2").output == "x\t1\ny\t2\n")
        #expect(scratch.shell("printf '1\\n2\\n' | $LUAFLEET run -k t.lua").output == "1\n2\n")
        #expect(scratch.shell("true | $LUAFLEET run t.lua").output == "\n")
        #expect(
            scratch.luafleet("run", "-k", "t.lua", "--", "-i", "{}", "-o", "{.}.out", ":::", "d/a.txt").output
                == "-i\td/a.txt\t-o\td/a.out\n")
    }

    @Test func `functions and JSON values`() {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            "return {kind = function(x) return math.type(x) or type(x), x end, len = function(t) return #t end}")
        #expect(
            scratch.luafleet("run", "-k", "--call", "kind", "--json", "t.lua", ":::", "1", "1.0", "\"a\"", "true")
                .output
                == "integer\t1\nfloat\t1.0\nstring\ta\nboolean\ttrue\n")
        #expect(
            scratch.luafleet("run", "-k", "--call", "len", "--json", "t.lua", "-", input: "[1,2]\n[]\n").output
                == "2\n0\n")
    }

    @Test func `F64: the status is the number of failures; each failure is a line`() {
        let scratch = Scratch()
        scratch.write("ok.lua", "print('ok')")
        scratch.write("boom.lua", "error('boom')")
        scratch.write("broken.lua", "x = = 1")
        scratch.write("exit.lua", "os.exit(3)")
        let result = scratch.luafleet("run", "-k", "ok.lua", "boom.lua", "none.lua", "broken.lua", "exit.lua", "ok.lua")
        #expect(result.status == 4)
        #expect(result.output == "ok\nok\n")
        let lines = result.errors.split(separator: "\n").filter { $0.hasPrefix("luafleet: ") }
        #expect(lines.count == 5)
        #expect(lines.first == "luafleet: task 2 (boom.lua): script error: boom.lua:1: boom")
        #expect(
            lines.contains {
                $0.hasPrefix("luafleet: task 3 (none.lua): setup failed: cannot read script none.lua: No such file")
            })
        #expect(
            lines.contains {
                $0.hasPrefix("luafleet: task 4 (broken.lua): script error: broken.lua:1: unexpected symbol")
            })
        #expect(lines[3].hasPrefix("luafleet: task 5 (exit.lua): worker died: "))
        #expect(lines[4] == "luafleet: 4 of 6 tasks failed: 2 script error, 1 worker died, 1 setup failed")
    }

    @Test func `F64: more than a hundred failures are 101`() {
        let scratch = Scratch()
        scratch.write("t.lua", "error('no')")
        #expect(scratch.luafleet("run", "t.lua", "-", input: String(repeating: "x\n", count: 102)).status == 101)
    }

    @Test func `a deadline ends what runs for ever`() {
        let scratch = Scratch()
        scratch.write("t.lua", "if ... == 'loop' then while true do end end print(...)")
        let result = scratch.luafleet("run", "-k", "--timeout", "0.3", "t.lua", ":::", "a", "loop", "b")
        #expect(result.output == "a\nb\n")
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("luafleet: task 2 (t.lua loop): timeout: "))
    }

    @Test func `--json-output is one object a task`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print('out') io.stderr:write('err') return ...")
        let result = scratch.luafleet("run", "--json-output", "t.lua", ":::", "x")
        #expect(result.status == 0)
        #expect(result.errors == "")
        #expect(
            result.output.hasPrefix(
                #"{"index":1,"script":"t.lua","input":["x"],"ok":true,"values":["x"],"stdout":"out\n","stderr":"err","seconds":"#
            ))
        #expect(result.output.hasSuffix("}\n"))
    }

    @Test(arguments: [
        (["run"], "luafleet: no script to run (see luafleet help run)\n"),
        (["run", "-j", "0", "t.lua"], "luafleet: -j 0: at least 1 task has to run at a time\n"),
        (["run", "none.lua", ":::", "1"], "luafleet: cannot read script none.lua: No such file or directory\n"),
        (["run", "t.lua", "-"], "luafleet: no input: standard input has none\n"),
        (["run", "t.lua", "-a", "none.txt"], "luafleet: none.txt: cannot be read: No such file or directory\n"),
        (["run", "t.lua", ":::"], "luafleet: no input: nothing follows :::\n"),
    ])
    func `usage errors are one line and status 255`(arguments: [String], line: String) {
        let scratch = Scratch()
        scratch.write("t.lua", "print(1)")
        let shellWords = arguments.map { "'\($0)'" }.joined(separator: " ")
        #expect(
            scratch.shell("$LUAFLEET \(shellWords) </dev/null") == ToolResult(output: "", errors: line, status: 255))
    }

    @Test func `a reader that leaves early ends the run quietly`() {
        let scratch = Scratch()
        scratch.write("t.lua", "function f(x) print(x) end")
        let result = scratch.shell("yes 2>/dev/null | $LUAFLEET run --call f t.lua - | head -n 3")
        #expect(result == ToolResult(output: "y\ny\ny\n", errors: "", status: 0))
    }

    @Test func `F11: 100,000 lines through a pipe stay in flat memory`() {
        let scratch = Scratch()
        scratch.write("t.lua", "function f() end")
        let result = scratch.shell(
            """
            yes 2>/dev/null | head -n 100000 | { exec 3<&0; $LUAFLEET run --call f t.lua - <&3 & pid=$!; peak=0
            while kill -0 $pid 2>/dev/null; do
                now=$(awk '/VmRSS/ {print $2}' /proc/$pid/status 2>/dev/null || echo 0)
                [ "${now:-0}" -gt $peak ] && peak=$now; sleep 0.05
            done; wait $pid && [ $peak -lt 65536 ] && echo flat || echo $peak; }
            """)
        #expect(result == ToolResult(output: "flat\n", errors: "", status: 0))
    }
}
