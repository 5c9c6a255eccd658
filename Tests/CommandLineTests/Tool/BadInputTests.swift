// Every option of `run` wrong in the ways a person gets it wrong: one line, status 255, nothing run.
import Testing

@testable import luafleet

@Suite struct BadInputTests {
    private static let size = "not a size (write 64M, 1G, 512K or a number of bytes)"
    private static let duration = "not a duration (write seconds: 10 or 0.5; or 1m30s, 2h, 1d)"
    private static let seeRun = "(see luafleet help run)"

    @Test(arguments: [
        // Names
        ("--jbos 2", "unknown option '--jbos': did you mean '--jobs'? \(seeRun)"),
        ("--job-log x", "unknown option '--job-log': did you mean '--joblog'? \(seeRun)"),
        ("--resume-faild", "unknown option '--resume-faild': did you mean '--resume-failed'? \(seeRun)"),
        ("--memroy 1G", "unknown option '--memroy': did you mean '--memory'? \(seeRun)"),
        ("--time-out 3", "unknown option '--time-out': did you mean '--timeout'? \(seeRun)"),
        ("--dry-rnu", "unknown option '--dry-rnu': did you mean '--dry-run'? \(seeRun)"),
        ("--linebuffer", "unknown option '--linebuffer': did you mean '--line-buffer'? \(seeRun)"),
        ("--frobnicate", "unknown option '--frobnicate' \(seeRun)"),
        ("-z", "unknown option '-z' \(seeRun)"),
        // Missing values
        ("--joblog", "missing value for '--joblog <file>' \(seeRun)"),
        ("--halt", "missing value for '--halt <when,why=n>' \(seeRun)"),
        ("--memory", "missing value for '--memory <size>' \(seeRun)"),
        ("-j", "missing value for '-j' \(seeRun)"),
        // Values where none belongs
        ("--tag=x", "the option '--tag' does not take any value, but 'x' was specified \(seeRun)"),
        // Empty ones
        ("--joblog=", "missing value for '--joblog <file>' \(seeRun)"),
        ("--timeout=", "missing value for '--timeout <seconds>' \(seeRun)"),
        // Numbers
        ("-j 0", "-j 0: at least 1 task has to run at a time"),
        ("-j 1.5", "-j 1.5: not a number of tasks (write 4, 50%, +1 or -1)"),
        ("-j 70000", "-j 70000: at most 65536 tasks can run at a time"),
        ("-j 50%%", "-j 50%%: not a percentage of the processors (write 50%)"),
        ("-n 0", "-n 0: has to be at least 1"), ("-n -1", "-n -1: not a whole number"),
        ("-n x", "-n x: not a whole number"),
        ("--retries -1", "--retries -1: not a whole number"), ("--retries many", "--retries many: not a whole number"),
        ("--max-tasks 0", "--max-tasks 0: has to be at least 1"),
        ("--instructions 1e9", "--instructions 1e9: not a whole number"),
        ("--instructions 0", "--instructions 0: has to be at least 1"),
        ("--seed x", "--seed x: not a whole number from 0 to 18446744073709551615"),
        ("--seed -1", "--seed -1: not a whole number from 0 to 18446744073709551615"),
        ("--load 0", "--load 0: at least 1 process has to run at a time"),
        ("--load high", "--load high: not a number of processes (write 4, 50%, +1 or -1)"),
        // Sizes
        ("--memory 64X", "--memory 64X: \(size)"), ("--memory 64MB", "--memory 64MB: \(size)"),
        ("--memory 0", "--memory 0: at least 1 byte"),
        ("--memory -1", "--memory -1: \(size)"),
        ("--memory 99999999T", "--memory 99999999T: more than any machine has"),
        ("--output-limit lots", "--output-limit lots: \(size)"),
        ("--result-limit 1,5M", "--result-limit 1,5M: \(size)"),
        ("--memfree half", "--memfree half: \(size)"),
        // Times
        ("--timeout 5x", "--timeout 5x: \(duration)"), ("--timeout 0", "--timeout 0: has to be more than 0 seconds"),
        ("--grace 0", "--grace 0: has to be more than 0 seconds"), ("--grace x", "--grace x: \(duration)"),
        ("--grace 0.0001", "--grace 0.0001: has to be at least 0.001 seconds"),
        ("--timeout -3", "--timeout -3: \(duration)"), ("--cpu-time soon", "--cpu-time soon: \(duration)"),
        ("--delay 1,5", "--delay 1,5: \(duration)"), ("--timeout 99999d", "--timeout 99999d: more than a century"),
        // Words
        ("--isolation fresh_process", "--isolation fresh_process: no such level: did you mean fresh-process?"),
        ("--isolation vm", "--isolation vm: no such level: there are shared, fresh-state, fresh-process"),
        ("--sandbox lockd", "--sandbox lockd: no such level: did you mean locked?"),
        ("--sandbox yes", "--sandbox yes: no such level: there are none, safe, locked"),
        ("--halt now,fail", "--halt now,fail: not a condition (write now,fail=1 or soon,success=10%)"),
        ("--halt nwo,fail=1", "--halt nwo,fail=1: 'nwo' is no time: did you mean now?"),
        ("--header 1", "--header 1: only ':' is known, for the first input of each source"),
        ("-d ab", "-d ab: not one byte (write ',', '\\t', '\\0' or '\\x1e')"),
        ("--colsep [", "--colsep [: not a regular expression: Invalid regular expression"),
        ("--colsep x*", "--colsep x*: matches nothing at all, which separates nothing"),
        ("--csv --colsep ab", "--colsep ab: with --csv, one character such as ';' or '\\t'"),
        // What does not go together
        ("--line-buffer --ungroup", "--line-buffer and --ungroup do not go together"),
        ("--group -u", "--group and --ungroup do not go together"),
        ("--tag --tagstring x", "--tag and --tagstring do not go together"),
        ("--ungroup --tag", "--ungroup and --tag do not go together: tags are of whole lines (--line-buffer)"),
        ("--json-output --tag", "--json-output and --tag do not go together: the input stands in it"),
        ("--json-output --lb", "--json-output and --line-buffer do not go together: an object is of a whole task"),
        ("--json-output --results x", "--json-output and --results do not go together (write --results out.jsonl)"),
        ("--results x --lb", "--line-buffer and --results do not go together"),
        ("--json --csv", "--json and --csv do not go together"), ("-0 -d ,", "-0 and -d do not go together"),
        ("--resume", "--resume needs --joblog: what has been done stands there"),
        ("--resume-failed", "--resume-failed needs --joblog: what has been done stands there"),
    ])
    func `a wrong option is one line`(options: String, message: String) {
        let words = ["run", "t.lua"] + options.split(separator: " ").map(String.init)
        // An option without its value stands last; the others have inputs behind them.
        let line = message.hasPrefix("missing") ? words : words + [":::", "1"]
        #expect(throws: UsageError(message)) { try Invocation(line.map { Bytes($0.utf8) }) }
    }

    @Test(arguments: [
        ("--joblog", "--joblog: the file's name is empty"), ("--results", "--results: the name is empty"),
        ("--call", "--call: the function's name is empty"), ("--preload", "--preload: the file's name is empty"),
        ("--timeout", "--timeout : \(duration)"), ("--memory", "--memory : \(size)"),
        ("--retries", "--retries : not a whole number"),
        ("--halt", "--halt : not a condition (write now,fail=1 or soon,success=10%)"),
        ("--sandbox", "--sandbox : no such level: there are none, safe, locked"),
        ("--colsep", "--colsep : matches nothing at all, which separates nothing"),
    ])
    func `an empty value is one line`(option: String, message: String) {
        let words = ["run", "t.lua", option, "", ":::", "1"]
        #expect(throws: UsageError(message)) { try Invocation(words.map { Bytes($0.utf8) }) }
    }

    @Test(arguments: [
        ("--memory 64X t.lua ::: 1", "--memory 64X: not a size (write 64M, 1G, 512K or a number of bytes)"),
        ("--jbos 2 t.lua ::: 1", "unknown option '--jbos': did you mean '--jobs'? (see luafleet help run)"),
        ("none.lua ::: 1", "cannot read script none.lua: No such file or directory"),
        (". ::: 1", "cannot read script .: Is a directory"),
        ("t.lua :::: none", "none: cannot be read: No such file or directory"),
        ("t.lua :::: .", ".: cannot be read: Is a directory"), ("t.lua -a empty", "no input: empty has none"),
        ("t.lua --csv :::: bad.csv", "bad.csv: line 3: 1 column, but the first line has 2"),
        ("t.lua --csv - < bad.csv", "standard input: line 3: 1 column, but the first line has 2"),
        ("t.lua --csv :::: quote.csv", "quote.csv: line 2: a quoted field never ends"),
        ("t.lua --json :::: bad.jsonl", "bad.jsonl: line 3, column 6: malformed JSON: expected a value"),
        (
            "t.lua --json ::: 1 '{' ",
            "input 2 ({): line 1, column 2: malformed JSON: expected a string as name of a member"
        ),
        ("t.lua --results empty ::: 1", "--results empty: cannot be written: Not a directory"),
        ("t.lua --joblog empty/log ::: 1", "--joblog empty/log: cannot be written: Not a directory"),
        ("t.lua --joblog bad.csv ::: 1", "--joblog bad.csv: exists and is no joblog: it is left alone"),
    ])
    func `nothing runs, and the status is 255`(line: String, message: String) {
        let scratch = Scratch()
        scratch.write("t.lua", "io.open('ran', 'w'):close()")
        scratch.write("empty", "")
        scratch.write("bad.csv", "a,b\nc,d\ne\nf,g\n")
        scratch.write("quote.csv", "a,b\n\"c,d\n")
        scratch.write("bad.jsonl", "1\n[2]\n{\"a\":}\n4\n")
        let result = scratch.shell("$LUAFLEET run \(line)")
        #expect(result == ToolResult(output: "", errors: "luafleet: \(message)\n", status: 255))
        #expect(!scratch.exists("ran"))
    }
}
