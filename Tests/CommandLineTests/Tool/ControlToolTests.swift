// When tasks start and stop, on real runs: --halt, --retries, --delay, --dry-run, signals.
import Glibc
import Testing

@Suite struct ControlToolTests {
    private func scripts() -> Scratch {
        let scratch = Scratch()
        scratch.write("t.lua", "local x = ... print(x) if x:match('bad') then error('no', 0) end")
        // Says that it has begun, and goes on when it is told to.
        scratch.write(
            "wait.lua",
            """
            local x = ...
            local f = io.open("started" .. x, "w") f:write(fleet.worker.pid) f:close()
            while not io.open("go" .. x) do fleet.sleep(0.005) end
            print("done " .. x)
            """)
        return scratch
    }

    @Test(arguments: [
        ("now,fail=1", "a\nbad1\n", 1), ("soon,fail=2", "a\nbad1\nb\nbad2\n", 2), ("soon,success=2", "a\nbad1\nb\n", 0),
        ("now,done=3", "a\nbad1\nb\n", 1), ("soon,fail=40%", "a\nbad1\nb\nbad2\n", 2),
        ("never", "a\nbad1\nb\nbad2\nc\n", 2),
    ])
    func `F64: --halt stops where it says`(policy: String, output: String, status: Int) {
        let result = scripts().luafleet(
            "run", "-j1", "--halt", policy, "t.lua", ":::", "a", "bad1", "b", "bad2", "c")
        #expect(result.output == output)
        #expect(result.status == status)
    }

    @Test func `F64: --halt now kills what runs, soon lets it finish`() {
        let scratch = scripts()
        scratch.write(
            "fail.lua",
            """
            local x = ...
            if x == "slow" then
                io.open("slow", "w"):close()
                while not io.open("go") do fleet.sleep(0.005) end
                print("slow done")
            else
                while not io.open("slow") do fleet.sleep(0.005) end
                error("no", 0)
            end
            """)
        let now = scratch.luafleet("run", "-j2", "--halt", "now,fail=1", "fail.lua", ":::", "slow", "x", "never")
        #expect(now.output == "" && now.status == 1)
        _ = scratch.shell("rm -f slow")
        let soon = scratch.start("run", "-j2", "--halt", "soon,fail=1", "fail.lua", ":::", "slow", "x", "never")
        waitUntil { soon.errors.contains("script error: no") }
        scratch.write("go", "")
        let result = soon.end()
        #expect(result.output == "slow done\n" && result.status == 1)
    }

    @Test func `F23: --retries is the number of tries, and only the last one is told`() {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            """
            local name = "tries" .. (...)
            local f = io.open(name, "a") f:write("x") f:close()
            local n = #io.open(name):read("a")
            print("try " .. n)
            if n < 3 or ... == "never" then error("no", 0) end
            """)
        let result = scratch.luafleet("run", "-k", "-j1", "--retries", "3", "t.lua", ":::", "a", "never", "b")
        #expect(result.output == "try 3\ntry 3\ntry 3\n")
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("luafleet: task 2 (t.lua never): script error: no\n"))
        #expect(scratch.read("triesnever") == "xxx")
        let endless = scratch.luafleet("run", "--json-output", "--retries", "0", "t.lua", ":::", "c")
        #expect(endless.output.contains(#""ok":true"#) && endless.output.contains(#""attempts":3"#))
    }

    @Test(arguments: ["", "--call f", "--isolation fresh-state", "--isolation shared", "--retries 3"])
    func `F69: --seed gives every task the same random numbers, for any -j`(options: String) {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            """
            #!/usr/bin/env lua
            local function draw(x)
                local number = math.random(1000000)
                if x == "3" then error("no", 0) end
                return arg and #arg or 0, x, number, math.random()
            end
            if ... then return draw(...) end
            return {f = draw}
            """)
        func run(_ jobs: Int, _ seed: Int, _ inputs: String = "$(seq 20)") -> ToolResult {
            scratch.shell("$LUAFLEET run t.lua -k -j\(jobs) --seed \(seed) \(options) ::: \(inputs)")
        }
        let one = run(1, 5)
        #expect(one.output == run(4, 5).output)
        #expect(one.output.hasPrefix(run(3, 5, "1 2").output))
        #expect(one.output != run(1, 6).output)
        let lines = one.output.split(separator: "\n")
        #expect(lines.count == 19)
        #expect(Set(lines.map { $0.split(separator: "\t")[2] }).count > 10)
    }

    @Test func `--seed leaves messages and arguments as they are`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print(arg[0], #arg, ...)\nif ... == 'bad' then error('boom \u{E9}') end")
        scratch.write("broken.lua", "x = = 1")
        scratch.write("empty.lua", "")
        let result = scratch.luafleet("run", "-k", "--seed", "1", "t.lua", ":::", "a", "bad")
        #expect(result.output == "t.lua\t1\ta\nt.lua\t1\tbad\n")
        #expect(result.errors.hasPrefix("luafleet: task 2 (t.lua bad): script error: t.lua:2: boom \u{E9}\n"))
        #expect(
            scratch.luafleet("run", "--seed", "1", "broken.lua").errors.hasPrefix(
                "luafleet: task 1 (broken.lua): script error: broken.lua:1: unexpected symbol near '='\n"))
        #expect(
            scratch.luafleet("run", "--seed", "1", "--call", "none", "empty.lua", ":::", "1").errors.hasPrefix(
                "luafleet: task 1 (empty.lua 1): script error: empty.lua: no function \"none\"\n"))
        #expect(
            scratch.luafleet("run", "--seed", "1", "--dry-run", "--call", "f", "t.lua", ":::", "1").output
                == "t.lua:f 1\n")
        #expect(scratch.luafleet("run", "--seed", "1", "none.lua").errors.contains("cannot read script none.lua"))
    }

    @Test func `F61: --dry-run prints the exact argument vectors, and runs nothing`() {
        let scratch = Scratch()
        scratch.write("t.lua", "io.open('ran', 'w'):close()")
        let result = scratch.luafleet(
            "run", "--dry-run", "--call", "f", "t.lua", "--", "-o", "{.}.out", "{#}", "{}", ":::", "a b.txt", "$(x)'")
        #expect(
            result
                == ToolResult(
                    output: "t.lua:f -o 'a b.out' 1 'a b.txt'\nt.lua:f -o '$(x)'\\''.out' 2 '$(x)'\\'''\n", errors: "",
                    status: 0))
        #expect(scratch.luafleet("run", "--dry-run", "t.lua", "t.lua", "--", "x").output == "t.lua x\nt.lua x\n")
        #expect(
            scratch.luafleet("run", "--dry-run", "--json", "t.lua", ":::", "1", "\"1\"", "[1,\"a\"]").output
                == "t.lua 1\nt.lua '\"1\"'\nt.lua '[1,\"a\"]'\n")
        #expect(!scratch.exists("ran"))
    }

    @Test func `{%} is the place a task runs in, never two tasks' at a time`() {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            "io.open('at' .. (...), 'w'):close() while not io.open('at' .. (3 - ...)) do fleet.sleep(0.005) end")
        let result = scratch.luafleet("run", "-k", "-j2", "--tagstring", "{%}", "t.lua", "--", "{%}", ":::", "x", "y")
        #expect(result == ToolResult(output: "", errors: "", status: 0))
    }

    @Test func `F61: --load and --memfree start nothing while the machine is busy, and go on when it is not`() {
        let scratch = scripts()
        #expect(scratch.luafleet("run", "--load", "60000", "--memfree", "1", "t.lua", ":::", "a").output == "a\n")
        let never = scratch.start("run", "--memfree", "4000000G", "t.lua", ":::", "a")
        // It answers, so it is past its beginning; only a signal ends it.
        waitUntil {
            never.signal(SIGUSR1)
            return never.errors.contains("luafleet: 0 running, 0 done\n")
        }
        never.signal(SIGTERM)
        let ended = never.end()
        #expect(ended.output == "" && ended.status == 130)
        #expect(ended.errors.hasSuffix("luafleet: interrupted: 0 done, 0 failed, 1 not started\n"))
    }

    @Test(arguments: [SIGTERM, SIGHUP, SIGINT])
    func `F67: a signal lets running tasks finish and starts no other`(signal: Int32) {
        let scratch = scripts()
        let tool = scratch.start("run", "-j1", "--bar", "wait.lua", ":::", "1", "2", "3")
        waitUntil { scratch.exists("started1") }
        tool.signal(signal)
        waitUntil { tool.errors.contains("interrupted: waiting for 1 running task; a second time kills it\n") }
        scratch.write("go1", "")
        let result = tool.end()
        #expect(result.output == "done 1\n")
        #expect(result.status == 130)
        #expect(result.errors.hasSuffix("luafleet: interrupted: 1 done, 0 failed, 2 not started\n"))
        #expect(result.errors.split(separator: "\n").count <= 3)
        #expect(!scratch.exists("started2"))
    }

    @Test func `F67: the second signal kills, and no process is left`() {
        let scratch = scripts()
        let tool = scratch.start("run", "-j2", "wait.lua", ":::", "1", "2", "3")
        waitUntil { !scratch.read("started1").isEmpty && !scratch.read("started2").isEmpty }
        tool.signal(SIGINT)
        waitUntil { tool.errors.contains("interrupted") }
        tool.signal(SIGTERM)
        let result = tool.end()
        #expect(result.status == 130 && result.output == "")
        #expect(result.errors.hasSuffix("luafleet: killed 2 running tasks\n"))
        for name in ["started1", "started2"] {
            let pid = pid_t(scratch.read(name)) ?? 0
            #expect(pid > 0)
            waitUntil { kill(pid, 0) != 0 }
        }
    }

    @Test func `F67: signals work while nobody reads what is printed`() {
        let scratch = scripts()
        scratch.write("much.lua", "io.write(('x'):rep(1000000)) io.open('written', 'w'):close()")
        // The pipe is full and open, and its reader never reads; what is written past it stands still.
        let result = scratch.shell(
            """
            mkfifo p; exec 3<>p; $LUAFLEET run -j1 much.lua ::: 1 2 3 >p 2>err & pid=$!
            until [ -e written ]; do sleep 0.01; done
            kill -USR1 $pid; until grep -q ' running, ' err; do sleep 0.01; done
            kill -TERM $pid; until grep -q interrupted err; do sleep 0.01; done
            kill -TERM $pid; wait $pid; echo $?
            """)
        #expect(result.output == "130\n")
    }

    @Test func `a signal that was ignored stays ignored: nohup`() {
        let scratch = scripts()
        let result = scratch.shell(
            """
            (trap '' HUP INT; exec $LUAFLEET run wait.lua ::: 1) & pid=$!
            until [ -s started1 ]; do sleep 0.01; done; kill -HUP $pid; kill -INT $pid; : > go1; wait $pid; echo $?
            """)
        #expect(result == ToolResult(output: "done 1\n0\n", errors: "", status: 0))
    }

    @Test func `F67: a drained run has a joblog that goes on`() {
        let scratch = scripts()
        let tool = scratch.start("run", "-j1", "--joblog", "log", "wait.lua", ":::", "1", "2")
        waitUntil { scratch.exists("started1") }
        tool.signal(SIGTERM)
        waitUntil { tool.errors.contains("interrupted") }
        scratch.write("go1", "")
        scratch.write("go2", "")
        #expect(tool.end().status == 130)
        let result = scratch.luafleet("run", "-j1", "--joblog", "log", "--resume", "wait.lua", ":::", "1", "2")
        #expect(result.output == "done 2\n")
    }

    @Test func `F60: SIGUSR1 prints what runs, where and for how long`() {
        let scratch = scripts()
        let tool = scratch.start("run", "-j2", "wait.lua", ":::", "1", "2")
        waitUntil { scratch.exists("started1") && scratch.exists("started2") }
        tool.signal(SIGUSR1)
        waitUntil { tool.errors.split(separator: "\n").count == 3 }
        let lines = tool.errors.replacing(/[0-9]+\.[0-9]{3}/, with: "T").split(separator: "\n")
        #expect(
            lines == [
                "luafleet: 2 running, 0 done",
                "luafleet: place 1: task 1 (wait.lua 1) for T s, pid \(scratch.read("started1"))",
                "luafleet: place 2: task 2 (wait.lua 2) for T s, pid \(scratch.read("started2"))",
            ])
        scratch.write("go1", "")
        scratch.write("go2", "")
        #expect(tool.end().status == 0)
    }

    @Test func `F58: --stats names workers, percentiles and the slowest tasks`() {
        let result = scripts().luafleet("run", "-j1", "--isolation", "shared", "--stats", "t.lua", ":::", "a", "b")
        let lines = result.errors.replacing(/[0-9]+\.[0-9]{3}/, with: "T").replacing(/\([0-9]+%\)/, with: "(P)").split(
            separator: "\n")
        #expect(lines.count == 5)
        #expect(lines.first == "luafleet: 2 tasks in T s")
        #expect(lines.contains("luafleet: task time, ms: mean T, p50 T, p90 T, p99 T, p99.9 T, max T"))
        #expect(lines.contains("luafleet: worker 1: 2 tasks, busy T s (P)"))
        #expect(lines.contains("luafleet: slow: T ms task 2 (t.lua b)"))
    }
}
