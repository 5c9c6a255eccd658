// What tasks are told of themselves and how they end, on real runs: --retries, --max-tasks, --grace, and what the pool has ahead of need.
import Glibc
import Testing

@Suite struct TaskLifeToolTests {
    @Test(arguments: [["--isolation", "shared"], ["--isolation", "fresh-state"], [], ["--call", "f"]])
    func `F23: a task that is tried again knows which try and which task it is`(options: [String]) {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            """
            local function f(x)
                print(x, fleet.task.index, fleet.task.attempt, fleet.attempt)
                if x == "bad" and fleet.task.attempt < 3 then error("no", 0) end
                if x == "dead" and fleet.task.attempt < 3 then os.exit(1) end
            end
            if ... then f(...) end
            return {f = f}
            """)
        // Of a task that runs the chunk the values are printed, too.
        let result = scratch.luafleet(
            ["run", "-k", "-j2", "--retries", "3"] + options + ["t.lua", ":::", "a", "bad", "dead", "b"])
        let lines = result.output.split(separator: "\n").filter { !$0.hasPrefix("table") }
        #expect(lines == ["a\t1\t1\t1", "bad\t2\t3\t3", "dead\t3\t3\t3", "b\t4\t1\t1"], "\(result.output)")
        #expect(result.errors == "" || options.isEmpty)
    }

    @Test func `F38: --max-tasks replaces a worker after exactly so many tasks`() {
        let scratch = Scratch()
        scratch.write("t.lua", "fleet.state.n = (fleet.state.n or 0) + 1 print(fleet.worker.pid, fleet.state.n)")
        for options in [[], ["--call", "f"]] {
            scratch.write(
                "t.lua",
                """
                local function f() fleet.state.n = (fleet.state.n or 0) + 1 print(fleet.worker.pid, fleet.state.n) end
                \(options.isEmpty ? "f()" : "return {f = f}")
                """)
            let result = scratch.luafleet(
                ["run", "-k", "-j1", "--isolation", "shared", "--max-tasks", "3"] + options + ["t.lua", ":::"]
                    + (1...10).map { "\($0)" })
            let lines = result.output.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
            #expect(lines.map { $0.last } == ["1", "2", "3", "1", "2", "3", "1", "2", "3", "1"])
            #expect(Set(lines.map { $0.first }).count == 4 && result.status == 0)
        }
    }

    @Test func `F67: Ctrl-C takes back what the pool had ahead of need`() {
        let scratch = Scratch()
        // Short tasks first: from then on the worker has many ahead. One of them waits, with all the others behind it.
        scratch.write(
            "t.lua",
            """
            local function f(x)
                if x == "5000" then
                    io.open("begun", "w"):close()
                    while not io.open("go") do fleet.sleep(0.005) end
                end
                if tonumber(x) > 5000 then io.open("later", "w"):close() end
                return x
            end
            return {f = f}
            """)
        let inputs = (1...6000).map { "\($0)" }
        let tool = scratch.start(["run", "-j1", "-k", "--call", "f", "t.lua", ":::"] + inputs)
        waitUntil { scratch.exists("begun") }
        tool.signal(SIGINT)
        waitUntil { tool.errors.contains("interrupted: waiting for 1 running task; a second time kills it\n") }
        scratch.write("go", "")
        let result = tool.end()
        #expect(result.status == 130)
        #expect(result.output.split(separator: "\n") == inputs.prefix(5000).map { $0[...] })
        #expect(!scratch.exists("later"))
        #expect(result.errors.contains("luafleet: interrupted: 5000 done, 0 failed"))
    }

    private static let closing = """
        local x = ...
        local t <close> = setmetatable({}, {__close = function(_, e)
            local f = io.open("closed" .. x, "w") f:write(tostring(e):match("%a+$")) f:close()
        end})
        io.open("begun" .. x, "w"):close()

        """

    @Test(arguments: [["--isolation", "shared"], ["--isolation", "fresh-state"], []])
    func `F26: --grace lets a task over its time tidy up, and kills one that does not end`(options: [String]) {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            Self.closing
                + "if x == 'deaf' then while true do pcall(function() while true do end end) end end while true do end")
        for (word, grace) in [("good", "200"), ("deaf", "0.1")] {
            let result = scratch.luafleet(
                ["run", "--timeout", "0.2", "--grace", grace] + options + ["t.lua", ":::", word])
            #expect(result.status == 1 && result.output == "")
            #expect(result.errors.hasPrefix("luafleet: task 1 (t.lua \(word)): timeout: timed out after 0.2 s\n"))
        }
        // A very busy machine may not come so far in that time.
        #expect(scratch.read("closedgood") == (scratch.exists("begungood") ? "deadline" : ""))
    }

    @Test(arguments: [["--grace", "100"], []])
    func `F26: --halt now gives the grace that was asked for`(options: [String]) {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            Self.closing
                + """
                if x == "bad" then
                    while not io.open("begunlong") do fleet.sleep(0.005) end
                    error("no", 0)
                end
                while true do end
                """)
        let result = scratch.luafleet(
            ["run", "-j2", "--halt", "now,fail=1"] + options + ["t.lua", ":::", "long", "bad"])
        #expect(result.status == 1 && result.output == "")
        #expect(scratch.read("closedlong") == (options.isEmpty ? "" : "cancelled"))
    }
}
