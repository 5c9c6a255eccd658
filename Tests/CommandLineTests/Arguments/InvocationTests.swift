// Whole command lines: what they ask for, or the one line that says what is wrong.
import LuaFleet
import Testing

@testable import luafleet

private func invocation(_ line: String) throws(UsageError) -> Invocation {
    try Invocation(line.split(separator: " ").map { Bytes($0.utf8) })
}

private func request(_ line: String) throws -> RunRequest {
    guard case .run(let request) = try invocation(line) else { throw UsageError("not a run") }
    return request
}

@Suite struct InvocationTests {
    @Test func `run with everything`() throws {
        let request = try request(
            "run t.lua -j 50% -k --call f --timeout 1.5 --grace 2 --json-output --isolation fresh-state -- -x {} ::: a b"
        )
        #expect(request.scripts == ["t.lua"])
        #expect(request.function == "f")
        #expect(request.jobs == .percent(50))
        #expect(request.isolation == .freshState)
        #expect(request.timeout == .milliseconds(1500) && request.grace == .seconds(2))
        #expect(request.keepsOrder && request.printsJSON)
        #expect(request.arguments == [Bytes("-x".utf8), Bytes("{}".utf8)])
        #expect(request.inputs?.sources == [words("a", "b")])
    }

    @Test func `defaults: a process a task, with --call shared workers`() throws {
        #expect(try request("run a.lua b.lua").isolation == .freshProcess)
        #expect(try request("run a.lua b.lua").inputs == nil)
        #expect(try request("run a.lua --call f ::: 1").isolation == .shared)
        #expect(try request("run a.lua").jobs == .all)
        #expect(try request("run a.lua").timeout == nil)
    }

    @Test(arguments: ["-j4", "-j 4", "--jobs 4", "--jobs=4"])
    func `spellings of -j`(option: String) throws {
        #expect(try request("run a.lua \(option)").jobs == .exactly(4))
    }

    @Test func `signs of -j`() throws {
        #expect(try request("run -j -1 a.lua").jobs == .fewer(1))
        #expect(try request("run -j-1 a.lua").jobs == .fewer(1))
        #expect(try request("run -j +2 a.lua").jobs == .more(2))
    }

    @Test func `sources: -a, - and ::: in that order`() throws {
        let sources = try request("run t.lua - -a f.txt -a g.txt ::: x").inputs?.sources
        #expect(sources == [file("f.txt"), file("g.txt"), .standardInput, words("x")])
    }

    @Test func `formats of inputs`() throws {
        #expect(try request("run t.lua -0 -").inputs?.delimiter == 0)
        #expect(try request("run t.lua -d , -").inputs?.delimiter == UInt8(ascii: ","))
        #expect(try request("run t.lua -d \\x1e -").inputs?.delimiter == 0x1E)
        #expect(try request("run t.lua --csv --header : -a f").inputs?.format == .csv(UInt8(ascii: ",")))
        #expect(try request("run t.lua --csv --colsep ; -a f").inputs?.format == .csv(UInt8(ascii: ";")))
        #expect(try request("run t.lua --colsep \\t -a f").inputs?.format == .columns("\\t"))
        #expect(try request("run t.lua --json ::: 1").inputs?.format == .json)
        #expect(try request("run t.lua -n2 ::: 1 2").inputs?.recordsPerTask == 2)
        #expect(try request("run t.lua --shuf --seed 7 ::: 1 2").inputs?.shuffleSeed == 7)
        #expect(try request("run t.lua --link ::: 1 ::: 2").inputs?.isLinked == true)
    }

    @Test func `a pipe is offered as input to one script only`() throws {
        #expect(try request("run t.lua").offeredInputs?.sources == [.standardInput])
        #expect(try request("run t.lua ::: 1").offeredInputs == nil)
        #expect(try request("run a.lua b.lua").offeredInputs == nil)
    }

    @Test(arguments: [
        ("rnu x.lua", "unknown command 'rnu': did you mean 'run'? (see luafleet help)"),
        ("x.lua", "unknown command 'x.lua': did you mean 'luafleet run x.lua'?"),
        ("frobnicate", "unknown command 'frobnicate' (see luafleet help)"),
        ("run", "no script to run (see luafleet help run)"),
        ("run -", "no script to run (see luafleet help run)"),
        ("run -j 0 a.lua", "-j 0: at least 1 task has to run at a time"),
        ("run -j x a.lua", "-j x: not a number of tasks (write 4, 50%, +1 or -1)"),
        ("run --kep-order a.lua", "unknown option '--kep-order': did you mean '--keep-order'? (see luafleet help run)"),
        ("run a.lua --timeout", "missing value for '--timeout <seconds>' (see luafleet help run)"),
        ("run a.lua b.lua ::: 1", "inputs go to one script, and there are 2: a.lua, b.lua"),
        ("run a.lua --isolation freshprocess", "--isolation freshprocess: no such level: did you mean fresh-process?"),
        ("run a.lua - -a -", "standard input can be read once, and it is named 2 times"),
        ("run a.lua :::+ 1", ":::+ links to the inputs before it, and there are none"),
        ("run a.lua --json --csv -", "--json and --csv do not go together"),
        ("run a.lua -0 -d , -", "-0 and -d do not go together"),
        ("run a.lua -d ab -", "-d ab: not one byte (write ',', '\\t', '\\0' or '\\x1e')"),
        ("run a.lua --header x -", "--header x: only ':' is known, for the first input of each source"),
        ("run a.lua -n 0 ::: 1", "-n 0: has to be at least 1"),
        ("demo isolaton", "demo isolaton: no such demo: did you mean isolation?"),
        ("doctor now", "unexpected argument 'now' (see luafleet help doctor)"),
        ("bench W3 --runs 0", "--runs 0: has to be at least 1"),
    ])
    func `mistakes are one line`(line: String, message: String) {
        #expect(throws: UsageError(message)) { try invocation(line) }
    }

    @Test func `help, also of commands`() throws {
        for line in [
            "", "help", "--help", "help run", "run --help", "run -h", "demo --help", "help bench", "--version",
        ] {
            guard case .text(let text) = try invocation(line) else {
                Issue.record("\(line): no text")
                continue
            }
            #expect(!text.isEmpty)
            if line.contains("run") { #expect(text.contains("--keep-order"), "\(line)") }
        }
    }

    @Test func `bench and its workloads`() throws {
        #expect(
            try invocation("bench W3 w5 --json") == .bench(BenchRequest(workloads: ["W3", "W5"], printsJSON: true)))
        guard case .bench(let all) = try invocation("bench") else { throw UsageError("not a bench") }
        #expect(all.workloads.count == Workload.all.count)
        guard case .bench(let pair) = try invocation("bench W1 --runs 1") else { throw UsageError("not a bench") }
        #expect(pair == BenchRequest(workloads: ["W1a", "W1b"], runs: 1))
    }
}
