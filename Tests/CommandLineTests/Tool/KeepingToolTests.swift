// The joblog and resuming, on real runs: also one that is killed.
import Glibc
import Testing

@testable import luafleet

@Suite struct KeepingToolTests {
    /// The fields of every line but the header.
    private func log(_ scratch: Scratch, _ name: String = "log") -> [[String]] {
        scratch.read(name).split(separator: "\n").dropFirst().map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }

    private func failing() -> Scratch {
        let scratch = Scratch()
        scratch.write(
            "t.lua",
            """
            local x = ...
            if x == "bad" and not io.open("mended") then error("bad", 0) end
            if x == "exit" then os.exit(3) end
            print(x)
            """)
        return scratch
    }

    @Test func `F59: --joblog has a line a task, GNU parallel's columns first`() {
        let scratch = failing()
        let result = scratch.luafleet(
            "run", "-j1", "--timeout", "9", "--joblog", "log", "t.lua", ":::", "a b", "bad", "exit")
        #expect(result.status == 2)
        #expect(scratch.read("log").hasPrefix(JobLogLine.header))
        let lines = log(scratch)
        #expect(
            lines.map { [$0[0], $0[1], $0[5], $0[6], $0[7], $0[8], $0[9], $0[11], $0[12]] } == [
                ["1", ":", "4", "0", "0", "t.lua 'a b'", "1", "ok", "0"],
                ["2", ":", "0", "1", "0", "t.lua bad", "1", "script", "0"],
                ["3", ":", "0", "3", "0", "t.lua exit", "1", "worker_died", "0"],
            ])
        #expect(Set(lines.map { $0[13] }).count == 3)
    }

    @Test
    func `F59: results that have no room end the run with a line; with room again nothing is lost and nothing doubled`()
    {
        let scratch = Scratch()
        scratch.write("t.lua", "local n = ... io.write(n, ':', ('x'):rep(400000), '\\n')")
        let run = "$LUAFLEET run -j 2 --joblog log --results r.jsonl"
        // 5 MB: the pool's own memory has room in that, 16 results have none.
        let full = scratch.shell("ulimit -f 10000; \(run) t.lua ::: $(seq 16)")
        #expect(
            full
                == ToolResult(
                    output: "", errors: "luafleet: --results r.jsonl: cannot be written: File too large\n", status: 255)
        )
        let again = scratch.shell("\(run) --resume t.lua ::: $(seq 16)")
        #expect(again.status == 0)
        let lines = scratch.read("r.jsonl").split(separator: "\n")
        #expect(lines.count == 16 && lines.allSatisfy { $0.hasPrefix("{\"index\"") && $0.hasSuffix("}") })
    }

    @Test func `F59: --resume and --resume-failed say and do what is left`() {
        let scratch = failing()
        let arguments = ["run", "-k", "--joblog", "log"]
        func run(_ rest: String...) -> ToolResult {
            scratch.shell((["$LUAFLEET"] + arguments + rest).joined(separator: " "))
        }
        #expect(run("t.lua ::: a bad").status == 1)
        let again = run("--resume t.lua ::: a bad c")
        #expect(again == ToolResult(output: "c\n", errors: "luafleet: log: 2 skipped, 0 changed, 1 left\n", status: 0))
        scratch.write("mended", "")
        let failed = run("--resume-failed t.lua ::: a bad c")
        #expect(
            failed == ToolResult(output: "bad\n", errors: "luafleet: log: 2 skipped, 0 changed, 1 left\n", status: 0))
        let nothing = run("--resume-failed t.lua ::: a bad c")
        #expect(nothing == ToolResult(output: "", errors: "luafleet: log: 3 skipped, 0 changed, 0 left\n", status: 0))
        #expect(log(scratch).map { $0[12] } == ["0", "0", "0", "1"])
    }

    @Test func `F59: one input, the script or a limit changes, and only that runs again`() {
        let scratch = failing()
        func run(_ rest: String) -> ToolResult { scratch.shell("$LUAFLEET run -k --joblog log --resume \(rest)") }
        _ = run("t.lua ::: a b c")
        #expect(
            run("t.lua ::: a x c")
                == ToolResult(output: "x\n", errors: "luafleet: log: 2 skipped, 1 changed, 1 left\n", status: 0))
        #expect(run("--timeout 50 t.lua ::: a").errors == "luafleet: log: 0 skipped, 1 changed, 1 left\n")
        #expect(run("t.lua -- v ::: a").errors == "luafleet: log: 0 skipped, 1 changed, 1 left\n")
        scratch.write("t.lua", "print('new', ...)")
        #expect(
            run("t.lua ::: a b")
                == ToolResult(
                    output: "new\ta\nnew\tb\n", errors: "luafleet: log: 0 skipped, 2 changed, 2 left\n", status: 0))
        #expect(run("t.lua ::: b a").output == "")
    }

    @Test func `without --resume the log begins anew`() {
        let scratch = failing()
        for _ in 1...2 { _ = scratch.luafleet("run", "--joblog", "log", "t.lua", ":::", "a", "b") }
        #expect(log(scratch).count == 2)
    }

    @Test func `F59: killed at any moment, a resumed run completes without loss`() {
        let scratch = Scratch()
        scratch.write("t.lua", "local f = io.open('ran', 'a') f:write(..., '\\n') f:close() print(...)")
        var kills = 0
        // Each round is killed when the log has grown by some lines; the last one comes to its end.
        for round in 1...6 {
            let tool = scratch.start(
                "run", "-j2", "--joblog", "log", "--resume", "t.lua", "::::",
                scratch.write("in", (1...300).map { "\($0)\n" }.joined()))
            waitUntil {
                log(scratch).count >= round * 30 || kill(tool.pid, 0) != 0 || tool.errors.contains(" 0 left")
            }
            tool.signal(SIGKILL)
            if tool.end().status == 128 + SIGKILL { kills += 1 }
        }
        let last = scratch.luafleet("run", "-j2", "--joblog", "log", "--resume", "t.lua", "::::", "in")
        #expect(last.status == 0)
        #expect(kills > 0)
        let sequences = log(scratch).compactMap { Int($0[0]) }
        #expect(sequences.sorted() == Array(1...300))
        // What ran twice was running, or just ended, at a kill: at most two tasks each.
        let ran = scratch.read("ran").split(separator: "\n").map(String.init)
        #expect(Set(ran).count == 300)
        #expect(ran.count <= 300 + 3 * kills)
    }

    @Test func `F59: a log that was cut in its last line is mended, and says so`() {
        let scratch = failing()
        _ = scratch.luafleet("run", "-j1", "--joblog", "log", "t.lua", ":::", "a", "b")
        let whole = scratch.read("log")
        for cut in [1, 20, 60] {
            scratch.write("log", String(whole.dropLast(cut)))
            let result = scratch.luafleet("run", "--joblog", "log", "--resume", "t.lua", ":::", "a", "b")
            #expect(
                result
                    == ToolResult(
                        output: "b\n",
                        errors:
                            "luafleet: log: line 3 is cut off: its task runs again\nluafleet: log: 1 skipped, 0 changed, 1 left\n",
                        status: 0))
            #expect(log(scratch).count == 2)
        }
        scratch.write("log", String(JobLogLine.header.prefix(9)))
        #expect(scratch.luafleet("run", "--joblog", "log", "--resume", "t.lua", ":::", "a").status == 0)
        #expect(log(scratch).count == 1)
    }

    @Test func `logs that are none, or another run's, are one line, and nothing runs`() {
        let scratch = failing()
        scratch.write("data.csv", "precious\n")
        func run(_ log: String, _ options: String..., script: String = "t.lua") -> ToolResult {
            scratch.shell("$LUAFLEET run --joblog \(log) \(options.joined(separator: " ")) \(script) ::: a; exit $?")
        }
        func refused(_ message: String) -> ToolResult {
            ToolResult(output: "", errors: "luafleet: --joblog \(message)\n", status: 255)
        }
        #expect(run("data.csv") == refused("data.csv: exists and is no joblog: it is left alone"))
        #expect(run("data.csv", "--resume") == refused("data.csv: exists and is no joblog: it is left alone"))
        #expect(scratch.read("data.csv") == "precious\n")
        _ = run("log")
        let middle = scratch.read("log")
        scratch.write("log", middle + "7\t:\tcut\n" + middle.split(separator: "\n")[1] + "\n")
        #expect(run("log", "--resume") == refused(#"log: line 3: no line of a joblog: '7\t:\tcut'"#))
        scratch.write("log", middle)
        scratch.write("other.lua", "print(1)")
        #expect(
            run("log", "--resume", script: "other.lua")
                == refused("log: of another run: it has 't.lua a', and nothing of this script"))
        scratch.write("gnu", "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n")
        #expect(run("gnu", "--resume").errors.contains("its columns are not ours"))
        #expect(run("none/log") == refused("none/log: cannot be written: No such file or directory"))
    }

    @Test func `two runs do not share a log`() {
        let scratch = Scratch()
        scratch.write("wait.lua", "io.open('started', 'w'):close() while not io.open('go') do fleet.sleep(0.01) end")
        let first = scratch.start("run", "--joblog", "log", "wait.lua")
        waitUntil { scratch.exists("started") }
        let second = scratch.luafleet("run", "--joblog", "log", "wait.lua")
        #expect(
            second
                == ToolResult(output: "", errors: "luafleet: --joblog log: another run is writing to it\n", status: 255)
        )
        scratch.write("go", "")
        #expect(first.end().status == 0)
    }
}
