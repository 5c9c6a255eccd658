// Budgets and sandbox levels as options, and output that comes while a task runs, on real runs.
import Glibc
import Testing

@Suite struct LimitToolTests {
    @Test(arguments: [
        (["--memory", "16M"], "local t = {} for i = 1, 1e9 do t[i] = i end", "memory limit"),
        (["--cpu-time", "0.2"], "while true do end", "CPU limit"),
        (["--instructions", "100000"], "while true do pcall(error) end", "instruction limit"),
        (["--output-limit", "1k"], "while true do print('x') end", "output limit"),
        (["--result-limit", "1k"], "return ('x'):rep(10000)", "result limit"),
        (["--sandbox", "safe"], "return io.open('/etc/passwd'):read()", "script error"),
    ])
    func `F27, F28, F29, F30, F31: each budget ends a script that is over it, with its own word`(
        options: [String], source: String, word: String
    ) {
        let scratch = Scratch()
        scratch.write("t.lua", source)
        let result = scratch.luafleet(["run"] + options + ["t.lua"])
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("luafleet: task 1 (t.lua): \(word): "), "\(result.errors)")
    }

    @Test func `F34: --preload runs a script once for all, and what it defines is there`() {
        let scratch = Scratch()
        scratch.write("lib.lua", "function double(x) return 2 * x end")
        scratch.write("t.lua", "return double(...)")
        let result = scratch.luafleet("run", "-k", "--preload", "lib.lua", "t.lua", ":::", "1", "2")
        #expect(result.output == "2\n4\n" && result.status == 0)
        let missing = scratch.luafleet("run", "--preload", "none.lua", "t.lua", ":::", "1")
        #expect(missing.status == 255 && missing.output == "" && missing.errors.contains("none.lua"))
    }

    @Test(arguments: [["--line-buffer"]])
    func `F56: a line is printed while its task runs, tagged where that was asked for`(_ options: [String]) {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            """
            print("first")
            while not io.open("go") do fleet.sleep(0.005) end
            io.write("last")
            """)
        let tool = scratch.start(["run"] + options + ["--tag", "t.lua", ":::", "a"])
        waitUntil { tool.output == "a\tfirst\n" }
        scratch.write("go", "")
        let result = tool.end()
        #expect(result.output.hasPrefix("a\tfirst\na\tlast") && result.status == 0)
    }
}
