// F04, F05, F06: what a pool leaves behind in its app and in the system: nothing.
import Foundation
import LuaFleet
import Testing

@Suite
struct GuestTests {
    @Test func `F04: when the host is killed no worker and no child of one is left, whatever they were doing`()
        async throws
    {
        let host = Process()
        let pipe = Pipe()
        host.executableURL = testHost
        host.arguments = ["busy"]
        host.standardOutput = pipe
        try host.run()
        var line = ""
        while !line.hasSuffix("\n"), let byte = try pipe.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
            line += String(decoding: byte, as: UTF8.self)
        }
        let pids = line.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
        #expect(pids.count == 5 && pids.allSatisfy(isRunning), "\(line)")
        // The fork server is their parent; children of theirs stand in their groups.
        let family = members(parents: pids) + pids
        #expect(family.count > 5)
        kill(host.processIdentifier, SIGKILL)
        host.waitUntilExit()
        #expect(await eventually { !family.contains(where: isRunning) }, "\(family.filter(isRunning)) live on")
    }

    /// The parents and the children of processes.
    private func members(parents pids: [Int32]) -> [Int32] {
        var found: [Int32] = []
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(entry), let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { continue }
            let parent = stat[end...].split(separator: " ").dropFirst(2).first.flatMap { Int32($0) } ?? 0
            if pids.contains(parent) { found.append(pid) }
            if pids.first == pid { found.append(parent) }
        }
        return found
    }

    @Test
    func `F05: 50 pools that are closed, terminated or dropped leave no descriptor, no child, no zombie and no thread`()
        throws
    {
        let host = Process()
        let pipe = Pipe()
        host.executableURL = testHost
        host.arguments = ["cycles"]
        host.standardOutput = pipe
        try host.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        host.waitUntilExit()
        #expect(host.terminationStatus == 0, "\(String(decoding: output, as: UTF8.self))")
    }

    @Test
    func
        `hazard 39: an app without free descriptors gets an error instead of a pool, and a pool when there are some again`()
        throws
    {
        let host = Process()
        let pipe = Pipe()
        host.executableURL = testHost
        host.arguments = ["descriptors"]
        host.standardOutput = pipe
        try host.run()
        let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        host.waitUntilExit()
        #expect(host.terminationReason == .exit && host.terminationStatus == 0, "\(output)")
        #expect(output.hasPrefix("setup ") && output.contains("Too many open files"), "\(output)")
        #expect(output.hasSuffix("\n3 6\n"), "\(output)")
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F06: a worker has descriptors 0 to 3, the protocol is not among 0 to 2, and no signal is blocked or ignored`(
        _ isolation: LuaIsolation
    ) async throws {
        let leak = open("/dev/zero", O_RDONLY)  // not close-on-exec
        defer { close(leak) }
        try await withPool(1, isolation: isolation) { pool in
            let report = await pool.run(
                .source("os.execute('ls -l /proc/$PPID/fd | sed -n \"s/.* \\\\([0-9]* -> .*\\\\)/\\\\1/p\"')"))
            let lines = report.output.split(separator: "\n").map(String.init)
            #expect(lines.map { $0.prefix(1) } == ["0", "1", "2", "3"], "\(report.output) \(report.errors)")
            #expect(lines.first == "0 -> /dev/null" && lines.last?.hasPrefix("3 -> socket:") == true)
            #expect(lines.dropFirst().dropLast().allSatisfy { !$0.contains("socket:") })
            let status = await pool.run(
                .source(
                    "for line in io.lines('/proc/self/status') do if line:match('^Sig[BI]') then print((line:gsub('%s+', ' '))) end end"
                ))
            // glibc's posix_spawn leaves its own two, 32 and 33, ignored where defaults are asked for.
            #expect(
                status.output.replacing("0000000180000000", with: "0000000000000000")
                    == "SigBlk: 0000000000000000\nSigIgn: 0000000000000000\n")
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F06: junk on every descriptor that a child of a task can reach breaks nothing and is captured`(
        _ isolation: LuaIsolation
    )
        async throws
    {
        try await withPool(1, isolation: isolation) { pool in
            for round in 1...5 {
                let report = await pool.run(
                    .source(
                        "os.execute('echo junk >&1; echo junk2 >&2; for n in 3 4 5 6 7 8 9; do (echo junk >&$n) 2>/dev/null; done') return ..."
                    ),
                    .integer(Int64(round)))
                #expect(
                    report.values == [.integer(Int64(round))] && report.output == "junk\n" && report.errors == "junk2\n"
                )
            }
        }
    }

    @Test func `F06: the app's own child remains waitable, and directory, mask and environment stay`() async throws {
        let directory = FileManager.default.currentDirectoryPath
        // Other tests run at the same time, and set variables of theirs.
        func environment() -> [String: String] {
            ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("LUAFLEET_") }
        }
        let before = environment()
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup("exit 7"), nil]
        defer { for argument in arguments { free(argument) } }
        #expect(posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0)
        try await withPool(2) { pool in
            _ = await pool.run(.source("os.execute('kill -KILL $PPID')"))
            let values: [Int] = try await pool.map(.source("return ..."), 1...20)
            #expect(values.count == 20)
        }
        var status: Int32 = 0
        #expect(waitpid(pid, &status, 0) == pid && (status >> 8) & 0xFF == 7)
        #expect(FileManager.default.currentDirectoryPath == directory && environment() == before)
    }

    @Test func `what a task leaves running in the background is gone when the pool is closed`() async throws {
        let pid: Int = try await withPool(1) { pool in
            let report = await pool.run(.source("os.execute('sleep 1000 & echo $!')"))
            let pid = try #require(Int(report.output.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(isRunning(Int32(pid)))
            return pid
        }
        #expect(await eventually { !isRunning(Int32(pid)) })
    }

    @Test func `a file that a fresh-process task left open is complete on disk`() async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("out").path
            try await withPool(1, isolation: .freshProcess) { pool in
                let _: LuaResults = try await pool.call(
                    .source("f = io.open(..., 'w') for i = 1, 5000 do f:write(i, '\\n') end"), path)
                let text = try String(contentsOfFile: path, encoding: .utf8)
                #expect(text == (1...5000).map { "\($0)\n" }.joined())
            }
        }
    }
}
