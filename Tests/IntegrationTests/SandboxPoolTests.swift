// F31, F35: pools at the sandbox levels: what they promise, what they refuse, what they report.
import Foundation
import LuaFleet
import Testing

func withSandbox<R: Sendable>(
    _ sandbox: LuaSandbox, workers: Int = 2, _ change: (inout LuaPoolConfiguration) -> Void = { _ in },
    _ body: (LuaPool) async throws -> R
) async throws -> R {
    var configuration = LuaPoolConfiguration(workers: workers)
    configuration.sandbox = sandbox
    change(&configuration)
    return try await withLuaPool(configuration, body)
}

@Suite
struct SandboxPoolTests {
    @Test func `F31: a locked pool runs tasks, each in an executed process of its own that the report describes`()
        async throws
    {
        try await withSandbox(.locked) { pool in
            let report = await pool.sandbox
            #expect(report.present == LuaSandboxLayer.allCases && report.missing.isEmpty)
            let pids: [Int32] = try await pool.map(.source("return fleet.worker.pid"), 1...20)
            #expect(Set(pids).count == 20)
            let counts: [Int] = try await pool.map(
                .source("n = (n or 0) + 1 fleet.state.n = (fleet.state.n or 0) + 1 return n + fleet.state.n - 1"),
                1...10)
            #expect(counts == Array(repeating: 1, count: 10))
            let sum: Double = try await pool.call(
                .source("local t = ... return t.a + #t.b"), ["a": 1.5, "b": [1, 2, 3]] as LuaValue)
            #expect(sum == 4.5)
            let run = await pool.run(
                .source("print('hello') print(os.date('%Y') >= '2024', math.random(6) <= 6) return 'x', nil, 2.5"))
            #expect(run.output == "hello\ntrue\ttrue\n" && run.values?.count == 3)
        }
    }

    @Test func `a locked worker is nobody, has no rights, no environment, and no descriptors but its own`() async throws
    {
        setenv("LUAFLEET_OTHER_CANARY", "canary-\(getpid())", 1)
        try await withSandbox(.locked, workers: 1) { pool in
            #expect(await eventually { await pool.workerPids.count == 1 })
            let pid = try #require(await pool.workerPids.first)
            func read(_ name: String) -> String {
                (try? String(contentsOfFile: "/proc/\(pid)/\(name)", encoding: .utf8)) ?? ""
            }
            let status = Dictionary(
                uniqueKeysWithValues: read("status").split(separator: "\n").map {
                    let parts = $0.split(separator: ":", maxSplits: 1)
                    return (String(parts[0]), parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : "")
                })
            #expect(status["NoNewPrivs"] == "1" && status["Seccomp"] == "2")
            // Of the signals that programs know; whoever runs the tests may ignore others.
            let ignored = status["SigIgn"].flatMap { UInt64($0, radix: 16) }.map { $0 & 0x7FFF_FFFF }
            #expect(ignored == 1 << (SIGXFSZ - 1))
            #expect(status["CapEff"] == "0000000000000000" && status["Threads"] == "1")
            if geteuid() == 0 { #expect(status["Uid"]?.split(separator: "\t").allSatisfy { $0 == "65534" } == true) }
            if geteuid() == 0 {  // it is not dumpable: nobody else may look
                #expect(!read("environ").contains("canary") && !read("cmdline").contains("canary"))
                let fds = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
                #expect(fds.sorted() == ["0", "1", "2", "3"])
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd") == "/")
            }
            let limits = read("limits")
            for line in [
                "Max processes             0                    0", "Max file size             0",
                "Max core file size        0",
            ] {
                #expect(limits.contains(line), "\(limits)")
            }
        }
    }

    @Test func `F31: the environment at safe is a list`() async throws {
        setenv("LUAFLEET_CANARY", "canary", 1)
        let script = LuaScript.source("return os.getenv('LUAFLEET_CANARY') or 'none', os.getenv('MINE') or 'none'")
        func seen(_ sandbox: LuaSandbox, _ environment: LuaEnvironment?) async throws -> [String] {
            try await withSandbox(sandbox, workers: 1, { $0.environment = environment }) { pool in
                try #require(await pool.run(script).values).compactMap(\.string).map { "\($0)" }
            }
        }
        #expect(try await seen(.none, nil) == ["canary", "none"])
        #expect(try await seen(.safe, nil) == ["none", "none"])
        #expect(try await seen(.safe, .only(["LUAFLEET_CANARY"])) == ["canary", "none"])
        #expect(try await seen(.none, ["MINE": "yes"]) == ["none", "yes"])
        #expect(try await seen(.safe, .inherited) == ["canary", "none"])
    }

    @Test func `a directory to work in, and one that is not there`() async throws {
        try await withFolder { folder in
            let path = folder.resolvingSymlinksInPath().path
            for method in LuaStartMethod.allCases {
                try await withSandbox(
                    .none, workers: 1,
                    {
                        $0.workingDirectory = path; $0.startMethod = method
                    }
                ) { pool in
                    #expect(await pool.run(.source("os.execute('pwd')")).output == path + "\n")
                }
            }
            #expect(FileManager.default.currentDirectoryPath != path, "the host stays where it is")
            await #expect {
                try await withSandbox(.none, { $0.workingDirectory = path + "/none" }) { _ in }
            } throws: { ($0 as? LuaFleetError)?.message.contains(path + "/none: No such file") == true }
        }
    }

    @Test func `at safe tasks find nothing of each other, and finalizers without end cost a worker, not a task`()
        async throws
    {
        try await withSandbox(.safe, workers: 1) { pool in
            for _ in 0..<20 {
                _ = await pool.run(
                    .source("mark = 1 string.mark = 1 package.loaded.mark = 1 getmetatable('').__index.mark = 1"))
                let clean: Bool = try await pool.call(
                    .source(
                        "return mark == nil and string.mark == nil and package.loaded.mark == nil and ('').mark == nil")
                )
                #expect(clean)
            }
            let first: Int = try await pool.call(
                .source("local function again() setmetatable({}, {__gc = again}) end again() return 7"))
            let second: Int = try await pool.call(.source("return 8"))
            #expect(first == 7 && second == 8)
            let states: [Int] = try await pool.map(
                .source("fleet.state.n = (fleet.state.n or 0) + 1 return fleet.state.n"), 1...5)
            #expect(states == [1, 2, 3, 4, 5])
            #expect(await pool.sandbox.present == [.resourceLimits, .noNewPrivileges, .landlockScope])
        }
    }

    @Test func `spawned workers do all that forked ones do`() async throws {
        try await withSandbox(.none, { $0.startMethod = .spawn }) { pool in
            let squares: [Int] = try await pool.map(.source("return (...) ^ 2 // 1 | 0"), 1...100)
            #expect(squares == (1...100).map { $0 * $0 })
            let died = await pool.run(.source("print('before') os.execute('echo x; kill -SEGV $PPID')"))
            #expect(died.code == .workerDied(.signal(SIGSEGV)) && died.output == "before\nx\n")
            #expect(await pool.run(.source("os.exit(3)")).code == .workerDied(.status(3)))
            let seven: Int = try await pool.call(.source("return 7"))
            #expect(seven == 7)
        }
        try await withSandbox(
            .none,
            {
                $0.startMethod = .spawn; $0.isolation = .freshProcess
            }
        ) { pool in
            let pids: [Int32] = try await pool.map(.source("return fleet.worker.pid"), 1...10)
            #expect(Set(pids).count == 10)
        }
    }

    @Test func `spawned workers share no addresses, forked ones do`() async throws {
        let script = LuaScript.source("return tostring(print):match('0x%x+') .. tostring({}):match('0x%x+')")
        let locked: [String] = try await withSandbox(.locked) { try await $0.map(script, 1...20) }
        #expect(Set(locked).count == 20)
        let forked: [String] = try await withSandbox(.none, { $0.isolation = .freshProcess }) {
            try await $0.map(script, 1...20)
        }
        #expect(Set(forked.map { $0.prefix(14) }).count == 1)
    }

    @Test(arguments: [LuaSandbox.none, .safe, .locked])
    func `F34: preloaded scripts are there, with what they cost; a broken one stops the start with its name`(
        _ sandbox: LuaSandbox
    ) async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("lib.lua").path
            try Data("big = ('x'):rep(1 << 20) return {seven = function() return 7 end}".utf8).write(
                to: URL(fileURLWithPath: path))
            try await withSandbox(sandbox, { $0.preload = [.file(path), .source("answer = 42", name: "answers")] }) {
                pool in
                let lib = sandbox == .locked ? "lib" : "require('lib')"
                let values: [Int] = try await pool.map(.source("return \(lib).seven() * #big + answer"), 1...6)
                #expect(
                    values == Array(repeating: 7 << 20 + 42, count: 6)
                        || values == Array(repeating: 7 * (1 << 20) + 42, count: 6))
                let reports = await pool.preloadReports
                #expect(
                    reports.map(\.name) == [path, "answers"] && reports[0].bytes > 1 << 20 && reports[0].bytes < 3 << 20
                )
            }
            await #expect {
                try await withSandbox(sandbox, { $0.preload = [.source("error('no such luck')", name: "broken")] }) {
                    _ in
                }
            } throws: {
                let message = ($0 as? LuaFleetError)?.message ?? ""
                return message.contains("cannot preload broken") && message.contains("no such luck")
            }
            await #expect {
                try await withSandbox(sandbox, { $0.preload = [.module("luafleet.none")] }) { _ in }
            } throws: { ($0 as? LuaFleetError)?.message.contains("luafleet.none") == true }
        }
    }

    @Test(arguments: ["landlock", "seccomp"])
    func `F31: where the kernel lacks a layer, locked refuses and names it, unless it is waived; the others go on`(
        _ hidden: String
    ) async throws {
        try await withFolder { folder in
            let built = testHost.deletingLastPathComponent().path
            let path = folder.appendingPathComponent("worker").path
            let text = "#!/bin/sh\nexec '\(built)/sandbox-probe' hide \(hidden) '\(built)/luafleet-worker' \"$@\"\n"
            #expect(
                FileManager.default.createFile(
                    atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o755]))
            // Some other test was just spawning a process while the script was being written, and that one held it open.
            #expect(
                await eventually {
                    let process = Process()
                    process.executableURL = URL(fileURLWithPath: path)
                    process.arguments = ["--version"]
                    process.standardOutput = FileHandle.nullDevice
                    guard (try? process.run()) != nil else { return false }
                    process.waitUntilExit()
                    return process.terminationStatus == 0
                })
            let name = hidden == "landlock" ? "landlock-files" : hidden
            await #expect {
                try await withSandbox(.locked, { $0.workerExecutable = path }) { _ in }
            } throws: {
                let error = $0 as? LuaFleetError
                return error?.code == .setup && error?.message.contains("the layer \(name) is missing") == true
            }
            let lacking: [LuaSandboxLayer] =
                hidden == "landlock" ? [.landlockFiles, .landlockNetwork, .landlockScope] : [.seccomp]
            let change: (inout LuaPoolConfiguration) -> Void = {
                $0.workerExecutable = path
                $0.waive = Set(lacking)
            }
            for sandbox in LuaSandbox.allCases {
                try await withSandbox(sandbox, change) { pool in
                    let seven: Int = try await pool.call(.source("return 7"))
                    #expect(seven == 7)
                    let missing = await pool.sandbox.missing
                    #expect(
                        missing
                            == (sandbox == .none ? [] : lacking.filter { sandbox == .locked || $0 == .landlockScope }))
                }
            }
        }
    }

    @Test(arguments: ["memfd", "close_range", "pidfd"])
    func `F35: on a kernel without one of the newer calls, pools of each level and shared memory work all the same`(
        _ hidden: String
    ) throws {
        let (process, output) = (Process(), Pipe())
        process.executableURL = testHost.deletingLastPathComponent().appendingPathComponent("sandbox-probe")
        process.arguments = ["hide", hidden, testHost.path, "levels"]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(text == "none 385 abc\nsafe 385 abc\nlocked 385 abc\n" && process.terminationStatus == 0)
    }

    @Test(arguments: [LuaSandbox.safe, .locked])
    func `F31: shared objects work inside the sandbox: queues, locks, values, memory, lists, tables`(
        _ sandbox: LuaSandbox
    )
        async throws
    {
        try await withSandbox(sandbox) { pool in
            let (tasks, results, lock) = (try LuaQueue(), try LuaQueue(), try LuaLock())
            let (count, squares) = (try SharedValue<Int>(0), try SharedArray<Int>(count: 20))
            let (memory, table) = (try SharedMemory(size: 64), try SharedTable())
            for number in 1...20 { try await tasks.put(number) }
            let script = LuaScript.source(
                """
                local tasks, results, lock, count, squares, memory, table = ...
                local n = tasks:get(60)
                squares[n] = n * n
                lock:with(function() count:set(count:get() + 1) end)
                table['n' .. n] = n
                memory:write(n, string.char(64 + n))
                results:put(n)
                return n
                """)
            let objects: [any LuaSharedObject] = [tasks, results, lock, count, squares, memory, table]
            let jobs = (1...20).map { _ in LuaJob(script, objects.map(\.value)) }
            for try await report in pool.reports(of: jobs) {
                #expect(report.values?.count == 1, "\(report.result)")
            }
            var seen: Set<Int> = []
            for _ in 1...20 { seen.insert(try #require(try await results.get(Int.self))) }
            #expect(seen == Set(1...20))
            #expect(try count.get() == 20)
            #expect(try table.entries.count == 20)
            #expect(try squares.elements == (1...20).map { $0 * $0 })
            #expect(try memory.read(0..<20) == (1...20).map { UInt8(64 + $0) })
            // Made in the sandbox, at a name; used by the next one.
            let first = await pool.run(
                .source("local q = fleet.Queue{name = 'sandboxed', capacity = 3} q:put('hello')"))
            let second = await pool.run(.source("return fleet.Queue{name = 'sandboxed', capacity = 3}:get(60)"))
            #expect(
                first.luaError == nil && second.values?.first?.string.map { "\($0)" } == "hello", "\(second.result)")
        }
    }

    @Test func `limits that make no sense are refused`() async {
        let wrong: [(inout LuaLimits) -> Void] = [
            { $0.memory = 1000 }, { $0.cpuTime = .zero }, { $0.instructions = 0 }, { $0.output = 0 },
            { $0.result = -1 },
        ]
        for change in wrong {
            await #expect(throws: LuaFleetError.self) { try await withSandbox(.none, { change(&$0.limits) }) { _ in } }
        }
    }
}
